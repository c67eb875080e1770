#include "core/billing/allowance_book.hpp"

#include <boost/test/unit_test.hpp>
#include <rapidcheck.h>

using namespace callboard;
using namespace callboard::billing;
using namespace std::chrono_literals;

namespace {

moment at(std::chrono::milliseconds time) {
  return {minute_window::time_point{1000h + time},
          1'000'000 + std::chrono::duration_cast<std::chrono::seconds>(time).count()};
}

end_user_id user(int n) { return {"user-" + std::to_string(n)}; }

/// One request of a user: whether it passed.
bool take(allowance_book& book, int n, std::chrono::milliseconds time) {
  if (!book.find(user(n))) {
    if (!book.make_room(at(time)))
      return false;
    book.at(user(n)).rule.set({2, {}, {}});
  }
  counted_use use;
  use.requests = 1;
  return !book.find(user(n))->rule.take(use, at(time));
}

} // namespace

BOOST_AUTO_TEST_SUITE(allowance_book_test)

BOOST_AUTO_TEST_CASE(a_full_book_forgets_those_at_rest_and_nobody_else) {
  allowance_book book{2};
  BOOST_TEST(take(book, 1, 0s));
  BOOST_TEST(take(book, 2, 40s));
  BOOST_TEST(!take(book, 3, 41s)); // both are within their minute
  BOOST_TEST(book.size() == 2u);
  BOOST_TEST(take(book, 3, 66s));
  BOOST_TEST(!book.find(user(1)));
  BOOST_TEST(book.find(user(2)));
  BOOST_TEST(book.size() == 2u);
}

BOOST_AUTO_TEST_CASE(a_pinned_user_stays) {
  allowance_book book{1};
  BOOST_TEST(take(book, 1, 0s));
  book.find(user(1))->is_pinned = true;
  BOOST_TEST(!take(book, 2, 300s));
  book.find(user(1))->is_pinned = false;
  BOOST_TEST(take(book, 2, 302s));
}

BOOST_AUTO_TEST_CASE(a_day_that_is_not_stored_keeps_its_user) {
  allowance_book book{1};
  book.at(user(1)).rule.set({{}, {}, 100});
  counted_use use;
  use.requests = 1;
  BOOST_TEST(!book.find(user(1))->rule.take(use, at(0s)));
  BOOST_TEST(!book.make_room(at(300s)));
  book.find(user(1))->rule.saved(use.day, 1);
  BOOST_TEST(book.make_room(at(302s)));
  BOOST_TEST(book.size() == 0u);
}

BOOST_AUTO_TEST_CASE(looking_for_room_is_done_once_a_second) {
  allowance_book book{1};
  BOOST_TEST(take(book, 1, 0s));
  BOOST_TEST(!book.make_room(at(64'900ms)));
  BOOST_TEST(!book.make_room(at(65'100ms))); // there would be room by now
  BOOST_TEST(book.make_room(at(66s)));
}

BOOST_AUTO_TEST_CASE(no_crowd_gives_anybody_a_fresh_minute) {
  bool ok = rc::check("nobody passes more than the limit in 60 s, however full it is", [] {
    allowance_book book{3};
    std::vector<std::pair<int, std::chrono::milliseconds>> passed;
    std::chrono::milliseconds time = 0s;
    for (int i = 0; i < 150; ++i) {
      time += std::chrono::milliseconds{*rc::gen::inRange(0, 8000)};
      auto n = *rc::gen::inRange(0, 6);
      if (take(book, n, time))
        passed.emplace_back(n, time);
      int count = 0;
      for (auto& [who, when] : passed)
        count += who == n && when > time - 60s;
      RC_ASSERT(count <= 2);
      RC_ASSERT(book.size() <= 3u);
    }
  });
  BOOST_TEST(ok);
}

BOOST_AUTO_TEST_SUITE_END()
