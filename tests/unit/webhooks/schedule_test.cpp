#include "core/webhooks/schedule.hpp"

#include <boost/test/unit_test.hpp>

using namespace callboard::webhooks;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(schedule_test)

BOOST_AUTO_TEST_CASE(eight_attempts_with_growing_pauses) {
  const std::chrono::milliseconds pauses[]{5s, 5min, 30min, 2h, 5h, 10h, 10h};
  std::int64_t failed = 0;
  for (auto pause : pauses)
    BOOST_TEST((delay_after(++failed) == pause), failed);
  BOOST_TEST((delay_after(8) == std::nullopt));
}

BOOST_AUTO_TEST_CASE(other_counts_have_no_next_attempt) {
  for (std::int64_t count : {-1, 0, 9, 1'000'000})
    BOOST_TEST((delay_after(count) == std::nullopt), count);
}

BOOST_AUTO_TEST_CASE(only_success_is_success) {
  for (int status : {200, 201, 202, 204, 299})
    BOOST_TEST(is_taken(status), status);
  for (int status : {0, 100, 199, 300, 301, 302, 304, 307, 400, 404, 410, 429, 500, 503})
    BOOST_TEST(!is_taken(status), status);
}

BOOST_AUTO_TEST_SUITE_END()
