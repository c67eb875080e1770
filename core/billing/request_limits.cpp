#include "core/billing/request_limits.hpp"

#include <algorithm>

namespace callboard::billing {
namespace {

std::int64_t in_seconds(std::chrono::milliseconds x) {
  return std::chrono::ceil<std::chrono::seconds>(x).count();
}

std::int64_t until_tomorrow(const moment& x) { return day_seconds - x.unix_seconds % day_seconds; }

} // namespace

std::string_view to_string(limit_kind x) {
  switch (x) {
  case limit_kind::requests_per_minute:
    return "rpm_limit";
  case limit_kind::tokens_per_minute:
    return "tpm_limit";
  case limit_kind::requests_per_day:
    return "rpd_limit";
  }
  return "rpm_limit";
}

void request_allowance::turn_day(const moment& x) {
  auto day = x.unix_seconds / day_seconds;
  if (day <= day_)
    return;
  day_ = day;
  own_ = saved_ = others_ = 0;
}

std::optional<limit_refusal> request_allowance::take(counted_use& use, const moment& x) {
  turn_day(x);
  std::optional<limit_refusal> worst;
  auto wait = [&worst](limit_kind limit, std::int64_t seconds) {
    if (seconds > 0 && (!worst || seconds > worst->retry_after_seconds))
      worst = limit_refusal{limit, seconds};
  };
  // Written as "has room for", so that the largest numbers do not overflow.
  if (auto most = limits_.requests_per_minute)
    wait(limit_kind::requests_per_minute, in_seconds(requests_.until(*most - use.requests, x.now)));
  if (auto most = limits_.tokens_per_minute; most && use.tokens > 0)
    wait(limit_kind::tokens_per_minute, in_seconds(tokens_.until(*most - use.tokens, x.now)));
  if (auto most = limits_.requests_per_day; most && own_ + others_ > *most - use.requests)
    wait(limit_kind::requests_per_day, until_tomorrow(x));
  if (!worst)
    add(use, x);
  return worst;
}

void request_allowance::add(counted_use& use, const moment& x) {
  turn_day(x);
  use.at = x.now.time_since_epoch();
  use.day = day_;
  requests_.add(use.requests, x.now);
  tokens_.add(use.tokens, x.now);
  if (limits_.requests_per_day)
    own_ += use.requests;
}

void request_allowance::give_back(const counted_use& use, const moment& x) {
  turn_day(x);
  minute_window::time_point at{use.at};
  requests_.take_off(use.requests, at, x.now);
  tokens_.take_off(use.tokens, at, x.now);
  if (use.day == day_)
    own_ = std::max<std::int64_t>(own_ - use.requests, 0);
}

void request_allowance::correct(const counted_use& use, std::int64_t tokens, const moment& x) {
  if (tokens > use.tokens)
    tokens_.add(tokens - use.tokens, x.now);
  else
    tokens_.take_off(use.tokens - tokens, minute_window::time_point{use.at}, x.now);
}

limits_standing request_allowance::standing(const moment& x) {
  turn_day(x);
  limits_standing out;
  if (auto most = limits_.requests_per_minute)
    out.requests = {*most, std::max<std::int64_t>(*most - requests_.used(x.now), 0),
                    in_seconds(requests_.until(0, x.now))};
  if (auto most = limits_.requests_per_day) {
    auto left = std::max<std::int64_t>(*most - own_ - others_, 0);
    // Of two that have as little left, the day is the one that stays so.
    if (!out.requests.is_set() || left <= out.requests.remaining)
      out.requests = {*most, left, until_tomorrow(x)};
  }
  if (auto most = limits_.tokens_per_minute)
    out.tokens = {*most, std::max<std::int64_t>(*most - tokens_.used(x.now), 0),
                  in_seconds(tokens_.until(0, x.now))};
  return out;
}

void request_allowance::note_others(std::int64_t day, std::int64_t requests, const moment& x) {
  turn_day(x);
  if (day == day_)
    others_ = requests;
}

void request_allowance::restore(std::int64_t day, std::int64_t requests, const moment& x) {
  turn_day(x);
  if (day == day_)
    own_ = saved_ = requests;
}

std::int64_t request_allowance::requests_today(const moment& x) {
  turn_day(x);
  return own_;
}

std::int64_t request_allowance::today(const moment& x) {
  turn_day(x);
  return day_;
}

bool request_allowance::at_rest(const moment& x) {
  turn_day(x);
  return !unsaved() && requests_.used(x.now) == 0 && tokens_.used(x.now) == 0;
}

void request_allowance::saved(std::int64_t day, std::int64_t requests) {
  if (day == day_)
    saved_ = requests;
}

std::string format_reset(std::int64_t seconds) {
  constexpr std::int64_t minute = 60;
  constexpr std::int64_t hour = 60 * minute;
  std::string out;
  if (seconds >= hour)
    out += std::to_string(seconds / hour) + 'h';
  if (seconds >= minute)
    out += std::to_string(seconds % hour / minute) + 'm';
  return out + std::to_string(seconds % minute) + 's';
}

} // namespace callboard::billing
