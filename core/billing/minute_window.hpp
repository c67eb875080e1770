#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace callboard::billing {

/// How much was used in the last minute. Time is cut into slices, so that a user costs the same few
/// bytes whatever the limit; a use is forgotten with its whole slice, between 60 and 65 seconds
/// after it. Hence a limit on used() holds in every 60 seconds, however they are cut, and a use
/// never counts longer than 65.
///
/// Not thread-safe; time is the caller's and does not run backwards.
class minute_window {
public:
  using time_point = std::chrono::steady_clock::time_point;

  static constexpr std::chrono::seconds span{60};
  /// Finer slices give a user back what is free sooner, and cost memory: 13 of these are 104 bytes.
  static constexpr std::chrono::seconds slice{5};

  void add(std::int64_t amount, time_point now);

  /// Takes off what turned out not to be used of a use at `at`; nothing when that is forgotten, and
  /// never more than its slice has.
  void take_off(std::int64_t amount, time_point at, time_point now);

  std::int64_t used(time_point now);

  /// How long until no more than `most` counts, if nothing is added; 0 when so now. A negative
  /// `most` stands for 0.
  std::chrono::milliseconds until(std::int64_t most, time_point now);

private:
  /// One more than fit into the span: the present slice is only begun.
  static constexpr std::size_t slots = static_cast<std::size_t>(span / slice) + 1;

  static std::int64_t number_of(time_point x) { return x.time_since_epoch() / slice; }
  static std::size_t slot_of(std::int64_t number) {
    return static_cast<std::size_t>(number) % slots;
  }
  void forget_until(time_point now);

  std::array<std::int64_t, slots> amounts_{};
  std::int64_t used_ = 0;
  /// The number of the present slice.
  std::int64_t present_ = 0;
};

} // namespace callboard::billing
