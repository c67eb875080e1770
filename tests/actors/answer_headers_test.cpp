#include "actors/answer_headers.hpp"

#include <boost/test/unit_test.hpp>

using namespace callboard;
using namespace std::chrono_literals;

namespace {

std::string text_of(const http_headers& headers) {
  std::string out;
  for (auto& [name, value] : headers)
    out += name + ": " + value + "\n";
  return out;
}

std::string text_of(const answer_facts& facts) {
  http_headers headers;
  add_headers(headers, facts);
  return text_of(headers);
}

caf::error limited(const char* details) {
  return with_details(make_problem(errc::rate_limited, "Slow down."), details);
}

} // namespace

BOOST_AUTO_TEST_SUITE(answer_headers_test)

BOOST_AUTO_TEST_CASE(what_is_not_known_is_not_said) { BOOST_TEST(text_of(answer_facts{}) == ""); }

BOOST_AUTO_TEST_CASE(facts_are_written_exactly) {
  answer_facts x;
  x.cost = micro_usd{1};
  x.balance = micro_usd{-1'500'000};
  x.overhead = 12'034us;
  x.limits.requests = {60, 59, 61};
  x.limits.tokens = {1000, 0, 5};
  BOOST_TEST(text_of(x)
             == "x-callboard-cost-usd: 0.000001\n"
                "x-callboard-balance-usd: -1.500000\n"
                "x-callboard-overhead-ms: 12.034\n"
                "x-ratelimit-limit-requests: 60\n"
                "x-ratelimit-remaining-requests: 59\n"
                "x-ratelimit-reset-requests: 1m1s\n"
                "x-ratelimit-limit-tokens: 1000\n"
                "x-ratelimit-remaining-tokens: 0\n"
                "x-ratelimit-reset-tokens: 5s\n");
}

BOOST_AUTO_TEST_CASE(a_bill_says_whether_the_call_was_made_before) {
  std::chrono::steady_clock::time_point start{100h};
  tool_result x;
  x.paid.charged = {1500};
  for (bool repeated : {false, true}) {
    x.repeated = repeated;
    http_headers headers;
    add_bill(headers, bill_of(x), start, start + 1ms);
    BOOST_TEST(text_of(headers)
               == std::string{"x-callboard-cost-usd: 0.001500\nx-callboard-overhead-ms: 1.000\n"}
                    + (repeated ? "Idempotent-Replayed: true\n" : ""));
  }
  http_headers headers;
  add_bill(headers, {}, start, start);
  BOOST_TEST(headers.empty());
}

BOOST_AUTO_TEST_CASE(overhead_is_what_is_left_of_the_time_and_never_negative) {
  std::chrono::steady_clock::time_point start{100h};
  BOOST_TEST((overhead_since(start, start + 5s, 4s) == 1s));
  BOOST_TEST((overhead_since(start, start + 5s, 6s) == 0s));
}

BOOST_AUTO_TEST_CASE(a_refusal_says_when_to_come_back) {
  http_headers headers;
  add_retry_headers(headers, limited(R"({"retry_after":60,"rate_limits":{"requests":
    {"limit":2,"remaining":0,"reset_seconds":60},"tokens":null}})"));
  BOOST_TEST(text_of(headers)
             == "Retry-After: 60\n"
                "x-ratelimit-limit-requests: 2\n"
                "x-ratelimit-remaining-requests: 0\n"
                "x-ratelimit-reset-requests: 1m0s\n");
}

BOOST_AUTO_TEST_CASE(nobody_retries_tomorrow) {
  http_headers headers;
  add_retry_headers(headers, limited(R"({"retry_after":61})"));
  BOOST_TEST(text_of(headers) == "Retry-After: 61\nx-should-retry: false\n");
}

BOOST_AUTO_TEST_CASE(other_errors_are_left_alone) {
  http_headers headers;
  // The model server's own limit: it does not say when.
  add_retry_headers(headers, make_problem(errc::rate_limited, "The model server is busy."));
  add_retry_headers(headers, make_problem(errc::store_unavailable, "x"));
  BOOST_TEST(text_of(headers) == "");
  add_retry_headers(
    headers, with_details(make_problem(errc::budget_exhausted, "x"), R"({"retry_after":3600})"));
  BOOST_TEST(text_of(headers) == "Retry-After: 3600\n");
}

BOOST_AUTO_TEST_SUITE_END()
