#include "core/billing/request_limits.hpp"

#include <boost/test/unit_test.hpp>

using namespace callboard::billing;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t midnight = 20'000 * std::int64_t{86'400};

struct limits_fixture {
  moment now() const { return {minute_window::time_point{} + 1000h + passed, noon + seconds()}; }
  std::int64_t seconds() const {
    return std::chrono::duration_cast<std::chrono::seconds>(passed).count();
  }

  std::optional<limit_refusal> take(std::int64_t tokens = 0) {
    latest = {};
    latest.requests = 1;
    latest.tokens = tokens;
    return x.take(latest, now());
  }

  bool passes(std::int64_t tokens = 0) { return !take(tokens); }

  std::int64_t noon = midnight + 43'200;
  std::chrono::milliseconds passed{0};
  counted_use latest;
  request_allowance x;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(request_limits_test, limits_fixture)

BOOST_AUTO_TEST_CASE(without_limits_everything_passes_and_nothing_is_told) {
  for (int i = 0; i < 1000; ++i)
    BOOST_REQUIRE(passes(1'000'000));
  BOOST_TEST(!x.standing(now()).requests.is_set());
  BOOST_TEST(!x.standing(now()).tokens.is_set());
}

BOOST_AUTO_TEST_CASE(a_minute_has_so_many_requests_and_the_next_one_says_when) {
  x.set({2, {}, {}});
  BOOST_TEST(passes());
  passed = 20s;
  BOOST_TEST(passes());
  auto refused = take();
  BOOST_REQUIRE(refused.has_value());
  BOOST_TEST((refused->limit == limit_kind::requests_per_minute));
  BOOST_TEST(refused->retry_after_seconds == 45);
  passed = 20s + 45s;
  BOOST_TEST(passes());
  BOOST_TEST(!passes());
}

BOOST_AUTO_TEST_CASE(a_refused_request_is_not_counted) {
  x.set({1, {}, 10});
  BOOST_TEST(passes());
  BOOST_TEST(x.requests_today(now()) == 1);
  for (int i = 0; i < 50; ++i)
    BOOST_TEST(!passes());
  BOOST_TEST(x.requests_today(now()) == 1);
  passed = 65s;
  BOOST_TEST(passes());
}

BOOST_AUTO_TEST_CASE(waiting_times_are_rounded_up_to_whole_seconds) {
  x.set({1, {}, {}});
  BOOST_TEST(passes());
  passed = 64'999ms;
  auto refused = take();
  BOOST_REQUIRE(refused.has_value());
  BOOST_TEST(refused->retry_after_seconds == 1);
}

BOOST_AUTO_TEST_CASE(tokens_are_estimated_first_and_put_right_later) {
  x.set({{}, 1000, {}});
  BOOST_TEST(passes(600));
  auto first = latest;
  auto refused = take(600);
  BOOST_REQUIRE(refused.has_value());
  BOOST_TEST((refused->limit == limit_kind::tokens_per_minute));
  x.correct(first, 100, now());
  BOOST_TEST(x.standing(now()).tokens.remaining == 900);
  BOOST_TEST(passes(600));
  x.correct(latest, 5000, now()); // far more than estimated: later ones wait
  BOOST_TEST(x.standing(now()).tokens.remaining == 0);
  BOOST_TEST(!passes(1));
  passed = 65s;
  BOOST_TEST(passes(1));
}

BOOST_AUTO_TEST_CASE(tokens_beyond_the_estimate_count_from_when_they_are_known) {
  x.set({{}, 1000, {}});
  BOOST_TEST(passes(10));
  passed = 300s; // the turn took five minutes
  x.correct(latest, 2000, now());
  BOOST_TEST(!passes(1));
  passed += 65s;
  BOOST_TEST(passes(1));
}

BOOST_AUTO_TEST_CASE(an_estimate_above_the_limit_goes_through_an_empty_window) {
  x.set({{}, 100, {}});
  BOOST_TEST(passes(5000));
  BOOST_TEST(!passes(1));
  passed = 65s;
  BOOST_TEST(passes(1));
  BOOST_TEST(!passes(5000));
}

BOOST_AUTO_TEST_CASE(a_request_without_tokens_does_not_wait_for_the_token_limit) {
  x.set({{}, 100, {}});
  BOOST_TEST(passes(5000));
  BOOST_TEST(passes(0));
}

BOOST_AUTO_TEST_CASE(later_turns_count_tokens_and_are_never_refused) {
  x.set({1, 100, 1});
  BOOST_TEST(passes(90));
  counted_use turn;
  turn.tokens = 400;
  x.add(turn, now());
  BOOST_TEST(x.requests_today(now()) == 1);
  BOOST_TEST(x.standing(now()).tokens.remaining == 0);
  BOOST_TEST(x.standing(now()).requests.remaining == 0);
}

BOOST_AUTO_TEST_CASE(a_day_ends_at_midnight_utc) {
  x.set({{}, {}, 2});
  BOOST_TEST(passes());
  passed = 11h;
  BOOST_TEST(passes());
  auto refused = take();
  BOOST_REQUIRE(refused.has_value());
  BOOST_TEST((refused->limit == limit_kind::requests_per_day));
  BOOST_TEST(refused->retry_after_seconds == 3600);
  passed = 12h - 1s;
  BOOST_TEST(!passes());
  passed = 12h;
  BOOST_TEST(passes());
  BOOST_TEST(x.requests_today(now()) == 1);
}

BOOST_AUTO_TEST_CASE(a_calendar_that_is_set_back_gives_no_second_day) {
  x.set({{}, {}, 1});
  BOOST_TEST(passes());
  noon -= 86'400;
  BOOST_TEST(!passes());
}

BOOST_AUTO_TEST_CASE(what_others_count_is_part_of_the_day) {
  x.set({{}, {}, 10});
  x.note_others(20'000, 8, now());
  BOOST_TEST(passes());
  BOOST_TEST(x.standing(now()).requests.remaining == 1);
  BOOST_TEST(passes());
  BOOST_TEST(!passes());
  BOOST_TEST(x.requests_today(now()) == 2);
  x.note_others(19'999, 0, now()); // yesterday's news
  BOOST_TEST(!passes());
}

BOOST_AUTO_TEST_CASE(a_forgotten_user_goes_on_where_it_was) {
  x.set({{}, {}, 10});
  x.restore(20'000, 9, now());
  x.restore(19'999, 0, now());
  BOOST_TEST(!x.unsaved());
  BOOST_TEST(passes());
  BOOST_TEST(x.unsaved());
  BOOST_TEST(x.requests_today(now()) == 10);
  BOOST_TEST(!passes());
}

BOOST_AUTO_TEST_CASE(a_day_without_a_limit_is_not_counted) {
  x.set({10, {}, {}});
  BOOST_TEST(passes());
  BOOST_TEST(!x.unsaved());
  BOOST_TEST(x.requests_today(now()) == 0);
}

BOOST_AUTO_TEST_CASE(what_did_not_happen_is_given_back) {
  x.set({1, 100, 1});
  BOOST_TEST(passes(100));
  x.give_back(latest, now());
  BOOST_TEST(x.requests_today(now()) == 0);
  BOOST_TEST(passes(100));
  passed = 13h;
  BOOST_TEST(passes(100));
  auto today = latest;
  today.day -= 1; // admitted before midnight: today's count is not its
  x.give_back(today, now());
  BOOST_TEST(x.requests_today(now()) == 1);
}

BOOST_AUTO_TEST_CASE(the_longest_wait_is_the_one_told) {
  x.set({1, 10, 1});
  BOOST_TEST(passes(10));
  auto refused = take(10);
  BOOST_REQUIRE(refused.has_value());
  BOOST_TEST((refused->limit == limit_kind::requests_per_day));
  BOOST_TEST(refused->retry_after_seconds == 43'200);
}

BOOST_AUTO_TEST_CASE(of_two_request_limits_the_one_with_less_left_is_shown) {
  x.set({10, 500, 4});
  BOOST_TEST(passes(50));
  auto seen = x.standing(now());
  BOOST_TEST(seen.requests.limit == 4);
  BOOST_TEST(seen.requests.remaining == 3);
  BOOST_TEST(seen.requests.reset_seconds == 43'200);
  BOOST_TEST(seen.tokens.limit == 500);
  BOOST_TEST(seen.tokens.remaining == 450);
  BOOST_TEST(seen.tokens.reset_seconds == 65);
  x.set({2, {}, 4});
  seen = x.standing(now());
  BOOST_TEST(seen.requests.limit == 2);
  BOOST_TEST(seen.requests.remaining == 1);
  BOOST_TEST(seen.requests.reset_seconds == 65);
  BOOST_TEST(!seen.tokens.is_set());
}

BOOST_AUTO_TEST_CASE(changed_limits_hold_for_what_was_counted_before) {
  x.set({10, {}, {}});
  for (int i = 0; i < 5; ++i)
    BOOST_TEST(passes());
  x.set({5, {}, {}});
  BOOST_TEST(!passes());
  x.set({6, {}, {}});
  BOOST_TEST(passes());
  x.set({});
  BOOST_TEST(passes());
}

BOOST_AUTO_TEST_CASE(a_user_may_be_forgotten_when_all_is_stored_and_the_minute_is_over) {
  x.set({10, 100, 100});
  BOOST_TEST(x.at_rest(now()));
  BOOST_TEST(passes(5));
  BOOST_TEST(!x.at_rest(now()));
  passed = 65s;
  BOOST_TEST(!x.at_rest(now()));
  BOOST_TEST(x.unsaved());
  x.saved(20'000, 1);
  BOOST_TEST(x.at_rest(now()));
  passed = 12h; // a day that is over needs no storing
  BOOST_TEST(x.at_rest(now()));
}

BOOST_AUTO_TEST_CASE(resets_are_written_as_openai_writes_them) {
  BOOST_TEST(format_reset(0) == "0s");
  BOOST_TEST(format_reset(59) == "59s");
  BOOST_TEST(format_reset(60) == "1m0s");
  BOOST_TEST(format_reset(13 * 3600 + 4 * 60 + 5) == "13h4m5s");
  BOOST_TEST(format_reset(3600) == "1h0m0s");
}

BOOST_AUTO_TEST_SUITE_END()
