#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

namespace callboard::sandbox {

/// Runs work later, on a thread of its own. Thread-safe.
class timetable {
public:
  timetable();

  /// Drops what is still waiting.
  ~timetable();

  timetable(const timetable&) = delete;
  timetable& operator=(const timetable&) = delete;

  /// Runs `work` after `pause`; equal times run in the order of the calls.
  void later(std::chrono::milliseconds pause, std::function<void()> work);

private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<std::chrono::steady_clock::time_point, std::function<void()>> waiting_;
  bool stopped_ = false;
  std::thread thread_;
};

} // namespace callboard::sandbox
