#include "actors/answer_headers.hpp"

#include <algorithm>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "core/base/error_body.hpp"
#include "core/base/idempotency.hpp"
#include "core/base/json.hpp"

namespace callboard {
namespace {

/// Official SDKs wait as long as Retry-After says up to a minute, and beyond it retry at once.
constexpr std::int64_t retried_wait_max_seconds = 60;

void add_standing(http_headers& headers, std::string_view what,
                  const billing::limit_standing& standing) {
  if (!standing.is_set())
    return;
  auto name = [what](const char* part) { return fmt::format("x-ratelimit-{}-{}", part, what); };
  headers.push_back({name("limit"), std::to_string(standing.limit)});
  headers.push_back({name("remaining"), std::to_string(standing.remaining)});
  headers.push_back({name("reset"), billing::format_reset(standing.reset_seconds)});
}

json::object details_object(const caf::error& problem) {
  json::object details;
  merge_details(details, problem);
  return details;
}

billing::limit_standing read_standing(const json::object& limits, std::string_view what) {
  auto* x = find_object(limits, what);
  if (!x)
    return {};
  return {find_integer(*x, "limit").value_or(-1), find_integer(*x, "remaining").value_or(0),
          find_integer(*x, "reset_seconds").value_or(0)};
}

} // namespace

std::chrono::microseconds overhead_since(std::chrono::steady_clock::time_point received,
                                         std::chrono::steady_clock::time_point now,
                                         std::chrono::microseconds waited) {
  auto spent = std::chrono::duration_cast<std::chrono::microseconds>(now - received) - waited;
  return std::max(spent, std::chrono::microseconds{0});
}

void add_headers(http_headers& headers, const answer_facts& facts) {
  if (facts.cost)
    headers.push_back({"x-callboard-cost-usd", format_usd(*facts.cost)});
  if (facts.balance)
    headers.push_back({std::string{balance_header}, format_usd(*facts.balance)});
  if (facts.overhead) {
    constexpr std::int64_t micros = 1000;
    auto x = facts.overhead->count();
    headers.push_back({"x-callboard-overhead-ms", fmt::format("{}.{:03}", x / micros, x % micros)});
  }
  add_standing(headers, "requests", facts.limits.requests);
  add_standing(headers, "tokens", facts.limits.tokens);
}

relay_bill bill_of(const tool_result& x) {
  return {true, x.paid.charged, x.waited, x.limits, x.repeated};
}

void add_bill(http_headers& headers, const relay_bill& bill,
              std::chrono::steady_clock::time_point received,
              std::chrono::steady_clock::time_point now) {
  if (!bill.known)
    return;
  add_headers(
    headers, {bill.charged, std::nullopt, overhead_since(received, now, bill.waited), bill.limits});
  if (bill.repeated)
    headers.push_back({std::string{idempotency::replayed_header}, "true"});
}

std::optional<std::int64_t> retry_after_of(const caf::error& problem) {
  auto wait = find_integer(details_object(problem), "retry_after");
  return wait ? std::optional{*wait} : std::nullopt;
}

void add_limit_headers(http_headers& headers, const caf::error& problem) {
  auto details = details_object(problem);
  auto* limits = find_object(details, "rate_limits");
  if (!limits)
    return;
  add_standing(headers, "requests", read_standing(*limits, "requests"));
  add_standing(headers, "tokens", read_standing(*limits, "tokens"));
}

void add_retry_headers(http_headers& headers, const caf::error& problem) {
  auto wait = retry_after_of(problem);
  if (!wait)
    return;
  headers.push_back({"Retry-After", std::to_string(*wait)});
  if (code_of(problem) == errc::rate_limited && *wait > retried_wait_max_seconds)
    headers.push_back({"x-should-retry", "false"});
  add_limit_headers(headers, problem);
}

} // namespace callboard
