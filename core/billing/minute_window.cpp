#include "core/billing/minute_window.hpp"

#include <algorithm>
#include <utility>

namespace callboard::billing {

void minute_window::forget_until(time_point now) {
  auto number = number_of(now);
  auto steps = std::min(number - present_, static_cast<std::int64_t>(slots));
  for (std::int64_t i = 0; i < steps; ++i)
    used_ -= std::exchange(amounts_[slot_of(number - i)], 0);
  present_ = std::max(present_, number);
}

void minute_window::add(std::int64_t amount, time_point now) {
  forget_until(now);
  amounts_[slot_of(present_)] += amount;
  used_ += amount;
}

void minute_window::take_off(std::int64_t amount, time_point at, time_point now) {
  forget_until(now);
  auto number = number_of(at);
  if (number > present_ || number <= present_ - static_cast<std::int64_t>(slots))
    return;
  auto& counted = amounts_[slot_of(number)];
  auto less = std::min(amount, counted);
  counted -= less;
  used_ -= less;
}

std::int64_t minute_window::used(time_point now) {
  forget_until(now);
  return used_;
}

std::chrono::milliseconds minute_window::until(std::int64_t most, time_point now) {
  forget_until(now);
  most = std::max<std::int64_t>(most, 0);
  auto left = used_;
  auto oldest = present_ - static_cast<std::int64_t>(slots) + 1;
  for (auto number = std::max<std::int64_t>(oldest, 0); left > most && number <= present_;
       ++number) {
    left -= amounts_[slot_of(number)];
    if (left > most)
      continue;
    auto gone_at = time_point{(number + static_cast<std::int64_t>(slots)) * slice};
    return std::chrono::ceil<std::chrono::milliseconds>(gone_at - now);
  }
  return std::chrono::milliseconds{0};
}

} // namespace callboard::billing
