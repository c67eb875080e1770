#pragma once

#include <chrono>

namespace callboard {

/// How long others were waited for. Of waits at the same time each moment counts once. Time is the
/// caller's.
class wait_meter {
public:
  using time_point = std::chrono::steady_clock::time_point;

  void begin(time_point now) {
    if (open_++ == 0)
      since_ = now;
  }

  /// Ends one of the open waits; without one nothing happens.
  void end(time_point now) {
    if (open_ == 0 || --open_ > 0)
      return;
    total_ += now - since_;
  }

  /// All waits so far, the open ones included.
  std::chrono::microseconds total(time_point now) const {
    auto x = open_ > 0 ? total_ + (now - since_) : total_;
    return std::chrono::duration_cast<std::chrono::microseconds>(x);
  }

private:
  int open_ = 0;
  time_point since_{};
  time_point::duration total_{0};
};

} // namespace callboard
