#pragma once

#include <chrono>
#include <cstdint>

#include "core/base/money.hpp"

namespace callboard::billing {

/// What the owner of a wallet last heard about it. Old or missing news never decide whether money
/// is spent, only which way a call takes.
class standing {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// News older than this are asked for again before a call is admitted in memory: as long may a
  /// new budget or a changed setting go unnoticed by a node that spends from its blocks.
  static constexpr auto fresh_for = std::chrono::seconds{1};

  void note(micro_usd available, std::int64_t free_left, std::int64_t rules, time_point now) {
    available_ = available;
    free_left_ = free_left;
    rules_ = rules;
    until_ = now + fresh_for;
    known_ = true;
  }

  /// Nothing is known any more.
  void forget() { known_ = false; }

  bool known() const noexcept { return known_; }
  bool is_fresh(time_point now) const noexcept { return known_ && now < until_; }
  /// What no hold and no block has taken.
  micro_usd available() const noexcept { return available_; }
  /// Whether the next tool call may find a free slot.
  bool maybe_free() const noexcept { return !known_ || free_left_ > 0; }
  /// Rises when budgets or settings change.
  std::int64_t rules() const noexcept { return rules_; }

private:
  bool known_ = false;
  micro_usd available_;
  std::int64_t free_left_ = 0;
  std::int64_t rules_ = 0;
  time_point until_{};
};

} // namespace callboard::billing
