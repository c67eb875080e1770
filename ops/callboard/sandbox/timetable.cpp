#include "ops/callboard/sandbox/timetable.hpp"

#include <utility>

namespace callboard::sandbox {

timetable::timetable() : thread_([this] { run(); }) {}

timetable::~timetable() {
  {
    std::lock_guard guard{mutex_};
    stopped_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void timetable::later(std::chrono::milliseconds pause, std::function<void()> work) {
  {
    std::lock_guard guard{mutex_};
    waiting_.emplace(std::chrono::steady_clock::now() + pause, std::move(work));
  }
  changed_.notify_all();
}

void timetable::run() {
  std::unique_lock guard{mutex_};
  while (!stopped_) {
    if (waiting_.empty()) {
      changed_.wait(guard);
      continue;
    }
    const auto first = waiting_.begin();
    if (first->first > std::chrono::steady_clock::now()) {
      changed_.wait_until(guard, first->first);
      continue;
    }
    auto work = std::move(first->second);
    waiting_.erase(first);
    guard.unlock();
    work();
    work = nullptr;
    guard.lock();
  }
}

} // namespace callboard::sandbox
