#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/billing/minute_window.hpp"

namespace callboard::billing {

/// Of a UTC day; the calendar here has no leap seconds.
inline constexpr std::int64_t day_seconds = 24 * 60 * 60;

/// What an end user may do (I35); nothing stands for no limit.
struct request_limits {
  std::optional<std::int64_t> requests_per_minute;
  std::optional<std::int64_t> tokens_per_minute;
  /// Days are UTC.
  std::optional<std::int64_t> requests_per_day;

  bool none() const { return !requests_per_minute && !tokens_per_minute && !requests_per_day; }
  bool operator==(const request_limits&) const = default;
};

/// Now, by both clocks: minutes go by the steady one, days by the calendar.
struct moment {
  minute_window::time_point now;
  std::int64_t unix_seconds = 0;
};

/// What an admission has counted, so that it can be put right later.
struct counted_use {
  /// Of the steady clock, since its beginning.
  std::chrono::nanoseconds at{0};
  /// Days since 1970.
  std::int64_t day = 0;
  /// 1, or 0 for a later turn of a request.
  std::int64_t requests = 0;
  /// As estimated.
  std::int64_t tokens = 0;
};

/// Which limit is in the way.
enum class limit_kind : std::uint8_t { requests_per_minute, tokens_per_minute, requests_per_day };

/// The limit's name in the API: "rpm_limit", "tpm_limit", "rpd_limit".
std::string_view to_string(limit_kind x);

/// Why a request is not admitted.
struct limit_refusal {
  limit_kind limit = limit_kind::requests_per_minute;
  /// After that long the same request would be admitted, if nothing else comes; at least 1.
  std::int64_t retry_after_seconds = 1;
};

/// Where a user stands with one kind of limit.
struct limit_standing {
  /// -1: there is no limit.
  std::int64_t limit = -1;
  std::int64_t remaining = 0;
  /// Until everything is there again, if nothing else comes.
  std::int64_t reset_seconds = 0;

  bool is_set() const { return limit >= 0; }
};

/// Where a user stands.
struct limits_standing {
  /// Of the minute and the day, the one with less left.
  limit_standing requests;
  limit_standing tokens;
};

/// The rate limits of one end user and what was used of them.
///
/// A request is admitted when each of its limits has room. Of tokens, an estimate is counted at
/// first and the real number put in its place by correct(); a request whose estimate is larger than
/// the whole limit goes when nothing is counted. What turns out to be more than the estimate counts
/// from when it is known, and later requests wait for it: so the limit holds over time, although
/// one minute may overshoot by what running requests use beyond their estimates.
///
/// Requests of the day are counted while there is a limit of them, here and, by other writers,
/// elsewhere (storage rate_limit/sync). Not thread-safe.
class request_allowance {
public:
  /// Changed limits hold at once for what was counted before.
  void set(const request_limits& limits) { limits_ = limits; }
  const request_limits& limits() const noexcept { return limits_; }

  /// Counts a request with its first tokens, or says why not; then nothing is counted.
  std::optional<limit_refusal> take(counted_use& use, const moment& x);

  /// Counts without asking: a request that was admitted is not broken off by its later turns.
  void add(counted_use& use, const moment& x);

  /// The request did not happen after all.
  void give_back(const counted_use& use, const moment& x);

  /// Puts the real number of tokens in place of the estimate.
  void correct(const counted_use& use, std::int64_t tokens, const moment& x);

  limits_standing standing(const moment& x);

  /// What others have counted on that day; news of another day than today is ignored.
  void note_others(std::int64_t day, std::int64_t requests, const moment& x);
  /// What was counted and stored here on that day, before this object was made.
  void restore(std::int64_t day, std::int64_t requests, const moment& x);
  /// What was counted here today.
  std::int64_t requests_today(const moment& x);
  std::int64_t today(const moment& x);

  /// Nothing is counted that is not stored elsewhere: forgetting this user gives nothing away.
  bool at_rest(const moment& x);

  /// What of today's requests is not stored yet.
  bool unsaved() const noexcept { return own_ != saved_; }
  /// That many of that day are stored.
  void saved(std::int64_t day, std::int64_t requests);

private:
  void turn_day(const moment& x);

  request_limits limits_;
  minute_window requests_;
  minute_window tokens_;
  /// A calendar that is set back does not give the day again.
  std::int64_t day_ = 0;
  std::int64_t own_ = 0;
  std::int64_t saved_ = 0;
  std::int64_t others_ = 0;
};

/// "59s", "1m0s", "13h4m5s", as OpenAI writes the time until a limit is reset.
std::string format_reset(std::int64_t seconds);

} // namespace callboard::billing
