#include "core/billing/minute_window.hpp"

#include <boost/test/unit_test.hpp>

using namespace callboard::billing;
using namespace std::chrono_literals;

namespace {

/// In the middle of a slice.
constexpr minute_window::time_point start{1000h + 2s};

} // namespace

BOOST_AUTO_TEST_SUITE(minute_window_test)

BOOST_AUTO_TEST_CASE(a_use_counts_for_a_minute_and_is_forgotten_with_its_slice) {
  minute_window x;
  BOOST_TEST(x.used(start) == 0);
  x.add(3, start);
  BOOST_TEST(x.used(start) == 3);
  BOOST_TEST(x.used(start + 60s) == 3);
  BOOST_TEST(x.used(start + 62s) == 3);
  BOOST_TEST(x.used(start + 63s) == 0);
}

BOOST_AUTO_TEST_CASE(uses_of_different_times_leave_one_by_one) {
  minute_window x;
  x.add(1, start);
  x.add(2, start + 10s);
  x.add(4, start + 30s);
  BOOST_TEST(x.used(start + 59s) == 7);
  BOOST_TEST(x.used(start + 65s) == 6);
  BOOST_TEST(x.used(start + 75s) == 4);
  BOOST_TEST(x.used(start + 95s) == 0);
}

BOOST_AUTO_TEST_CASE(a_long_silence_empties_it) {
  minute_window x;
  x.add(5, start);
  BOOST_TEST(x.used(start + 24h) == 0);
  x.add(2, start + 24h);
  BOOST_TEST(x.used(start + 24h) == 2);
}

BOOST_AUTO_TEST_CASE(it_says_how_long_until_there_is_room) {
  minute_window x;
  BOOST_TEST((x.until(0, start) == 0ms));
  x.add(1, start);
  x.add(2, start + 10s);
  auto now = start + 20s;
  BOOST_TEST((x.until(3, now) == 0ms));
  BOOST_TEST((x.until(2, now) == 43s));
  BOOST_TEST((x.until(1, now) == 53s));
  BOOST_TEST((x.until(0, now) == 53s));
  BOOST_TEST((x.until(-7, now) == 53s));
}

BOOST_AUTO_TEST_CASE(what_was_not_used_is_taken_off_its_own_slice) {
  minute_window x;
  x.add(10, start);
  x.add(10, start + 20s);
  x.take_off(4, start, start + 30s);
  BOOST_TEST(x.used(start + 30s) == 16);
  BOOST_TEST(x.used(start + 63s) == 10);
  x.take_off(100, start + 20s, start + 63s); // never below nothing
  BOOST_TEST(x.used(start + 63s) == 0);
}

BOOST_AUTO_TEST_CASE(nothing_is_taken_off_a_use_that_is_forgotten) {
  minute_window x;
  x.add(10, start);
  x.add(3, start + 65s); // the same slot
  x.take_off(10, start, start + 65s);
  BOOST_TEST(x.used(start + 65s) == 3);
  x.take_off(1, start + 200s, start + 65s); // from the future: a mistake, without effect
  BOOST_TEST(x.used(start + 65s) == 3);
}

BOOST_AUTO_TEST_SUITE_END()
