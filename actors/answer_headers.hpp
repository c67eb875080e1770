#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "actors/interfaces.hpp"
#include "core/base/error.hpp"
#include "core/base/http_message.hpp"
#include "core/base/money.hpp"
#include "core/billing/request_limits.hpp"

namespace callboard {

/// What the wallet had left when the answer was given.
inline constexpr std::string_view balance_header = "x-callboard-balance-usd";

/// What the header fields of an answer tell about the request (README, "Headers").
struct answer_facts {
  /// What the request has cost, when it is known.
  std::optional<micro_usd> cost;
  /// What the wallet has left. For platform keys only: a wallet is no business of end users.
  std::optional<micro_usd> balance;
  /// How long the request was here, without the time that a provider or a model was waited for.
  std::optional<std::chrono::microseconds> overhead;
  /// Where the end user's rate limits stand.
  billing::limits_standing limits{};
};

/// answer_facts::overhead of a request that came at `received` and waited for others that long.
std::chrono::microseconds overhead_since(std::chrono::steady_clock::time_point received,
                                         std::chrono::steady_clock::time_point now,
                                         std::chrono::microseconds waited);

/// Adds x-callboard-cost-usd, x-callboard-balance-usd, x-callboard-overhead-ms and
/// x-ratelimit-{limit,remaining,reset}-{requests,tokens}, each when there is something to say.
void add_headers(http_headers& headers, const answer_facts& facts);

/// The bill of a tool of ours.
relay_bill bill_of(const tool_result& x);

/// add_headers() of what a tools/call that came at `received` came to; nothing of other requests.
void add_bill(http_headers& headers, const relay_bill& bill,
              std::chrono::steady_clock::time_point received,
              std::chrono::steady_clock::time_point now);

/// The seconds that an error tells its caller to wait.
std::optional<std::int64_t> retry_after_of(const caf::error& problem);

/// Adds x-ratelimit-* of a refusal by a rate limit; nothing for other errors.
void add_limit_headers(http_headers& headers, const caf::error& problem);

/// Adds Retry-After, and for a refusal by a rate limit x-ratelimit-*. With a wait that no client
/// library sits out, x-should-retry says not to try.
void add_retry_headers(http_headers& headers, const caf::error& problem);

} // namespace callboard
