#include <vector>

#include <boost/test/unit_test.hpp>
#include <rapidcheck.h>

#include "core/billing/request_limits.hpp"

using namespace callboard::billing;
using namespace std::chrono_literals;

namespace {

/// A request that went through, as the model of the tests remembers it.
struct use {
  std::chrono::milliseconds at;
  std::int64_t tokens;
};

moment at(std::chrono::milliseconds time) {
  return {minute_window::time_point{time},
          std::chrono::duration_cast<std::chrono::seconds>(time).count()};
}

std::optional<limit_refusal> take(request_allowance& x, std::chrono::milliseconds time,
                                  std::int64_t tokens, counted_use& counted) {
  counted = {};
  counted.requests = 1;
  counted.tokens = tokens;
  return x.take(counted, at(time));
}

std::chrono::milliseconds step() {
  return std::chrono::milliseconds{
    *rc::gen::weightedOneOf<int>({{6, rc::gen::inRange(0, 2000)},
                                  {2, rc::gen::inRange(0, 30'000)},
                                  {1, rc::gen::inRange(0, 200'000)}})};
}

} // namespace

BOOST_AUTO_TEST_SUITE(request_limits_property_test)

BOOST_AUTO_TEST_CASE(no_sixty_seconds_see_more_than_the_limit) {
  bool ok = rc::check("requests and tokens of any 60 s stay within the limits", [] {
    auto requests = *rc::gen::inRange<std::int64_t>(1, 8);
    auto tokens = *rc::gen::inRange<std::int64_t>(1, 2000);
    request_allowance x;
    x.set({requests, tokens, {}});
    std::vector<use> passed;
    auto time = std::chrono::milliseconds{*rc::gen::inRange(0, 10'000)};
    for (int i = 0; i < 100; ++i) {
      time += step();
      auto wanted = *rc::gen::inRange<std::int64_t>(0, tokens + 1);
      counted_use counted;
      auto refused = take(x, time, wanted, counted);
      if (!refused) {
        // The real number is never above the estimate here.
        auto real = *rc::gen::inRange<std::int64_t>(0, wanted + 1);
        x.correct(counted, real, at(time));
        passed.push_back({time, real});
      }
      std::int64_t count = 0;
      std::int64_t sum = 0;
      for (auto& past : passed)
        if (past.at > time - 60s) {
          ++count;
          sum += past.tokens;
        }
      RC_ASSERT(count <= requests);
      RC_ASSERT(sum <= tokens);
    }
  });
  BOOST_TEST(ok);
}

BOOST_AUTO_TEST_CASE(nobody_is_refused_who_has_room_for_sixty_five_seconds) {
  bool ok = rc::check("a refusal has a reason, and its waiting time is right", [] {
    auto requests = *rc::gen::inRange<std::int64_t>(1, 8);
    auto tokens = *rc::gen::inRange<std::int64_t>(1, 2000);
    request_allowance x;
    x.set({requests, tokens, {}});
    std::vector<use> passed;
    auto time = std::chrono::milliseconds{*rc::gen::inRange(0, 10'000)};
    for (int i = 0; i < 100; ++i) {
      time += step();
      auto wanted = *rc::gen::inRange<std::int64_t>(0, 3000);
      counted_use counted;
      auto refused = take(x, time, wanted, counted);
      if (!refused) {
        passed.push_back({time, wanted});
        continue;
      }
      std::int64_t count = 0;
      std::int64_t sum = 0;
      for (auto& past : passed)
        if (past.at > time - 65s) {
          ++count;
          sum += past.tokens;
        }
      RC_ASSERT(count >= requests || (sum > 0 && sum + wanted > tokens));
      RC_ASSERT(refused->retry_after_seconds >= 1);
      RC_ASSERT(refused->retry_after_seconds <= 65);
      auto later = x;
      auto soon = time + std::chrono::seconds{refused->retry_after_seconds};
      RC_ASSERT(!take(later, soon, wanted, counted));
      // A second earlier was too early.
      auto sooner = x;
      if (refused->retry_after_seconds > 1)
        RC_ASSERT(!!take(sooner, soon - 1001ms, wanted, counted));
    }
  });
  BOOST_TEST(ok);
}

BOOST_AUTO_TEST_CASE(a_day_lets_exactly_its_number_through) {
  bool ok = rc::check("whatever is given back, a day's requests are its limit", [] {
    auto most = *rc::gen::inRange<std::int64_t>(1, 20);
    request_allowance x;
    x.set({{}, {}, most});
    std::chrono::milliseconds time = 0h;
    std::int64_t day = 0;
    std::int64_t happened = 0;
    for (int i = 0; i < 200; ++i) {
      time += std::chrono::minutes{*rc::gen::inRange(0, 30)};
      if (auto today = time / 24h; today != day) {
        day = today;
        happened = 0;
      }
      counted_use counted;
      bool passed = !take(x, time, 0, counted);
      RC_ASSERT(passed == (happened < most));
      if (!passed)
        continue;
      if (*rc::gen::weightedElement<bool>({{4, false}, {1, true}}))
        x.give_back(counted, at(time));
      else
        ++happened;
    }
  });
  BOOST_TEST(ok);
}

BOOST_AUTO_TEST_CASE(corrections_add_up_to_what_was_used) {
  bool ok = rc::check("within a minute the sum is the real one, whatever was estimated", [] {
    request_allowance x;
    x.set({{}, 1'000'000'000, {}});
    std::vector<std::pair<counted_use, std::int64_t>> open;
    std::int64_t expected = 0;
    std::chrono::milliseconds time = 1h;
    for (int i = 0; i < 40; ++i) {
      time += std::chrono::milliseconds{*rc::gen::inRange(0, 1000)};
      counted_use counted;
      RC_ASSERT(!take(x, time, *rc::gen::inRange<std::int64_t>(0, 5000), counted));
      open.push_back({counted, *rc::gen::inRange<std::int64_t>(0, 8000)});
      if (*rc::gen::arbitrary<bool>())
        continue;
      auto [use, real] = open.back();
      open.pop_back();
      x.correct(use, real, at(time));
      expected += real;
    }
    for (auto& [use, real] : open) {
      x.correct(use, real, at(time));
      expected += real;
    }
    RC_ASSERT(x.standing(at(time)).tokens.remaining == 1'000'000'000 - expected);
  });
  BOOST_TEST(ok);
}

BOOST_AUTO_TEST_SUITE_END()
