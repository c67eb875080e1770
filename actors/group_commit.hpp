#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <functional>
#include <iterator>
#include <utility>
#include <vector>

namespace callboard {

/// Adaptive group commit: an item that comes while nothing is under way goes at once; while one
/// batch is under way, the next collects. Under load a batch grows to what arrives in one round
/// trip. An owner that knows of more to come soon may let a batch wait for it. Used by one actor
/// only.
template <class Item>
class group_commit {
public:
  /// `run` starts a batch, never empty; its end is told by done(). `should_wait` is asked with the
  /// number of items before a batch starts; after a yes the owner calls look_again() in time.
  group_commit(std::size_t items_max, std::function<void(std::vector<Item>)> run,
               std::function<bool(std::size_t)> should_wait = {})
      : items_max_(items_max), run_(std::move(run)), should_wait_(std::move(should_wait)) {}

  void add(Item x) {
    waiting_.push_back(std::move(x));
    pump();
  }

  /// The batch under way has ended, however.
  void done() {
    busy_ = false;
    pump();
  }

  /// What waits for more may start.
  void look_again() { pump(); }

  /// Starts everything that waits, beside what is under way: nobody will be there to call done().
  void flush() {
    while (!waiting_.empty())
      start();
  }

  std::size_t size() const noexcept { return waiting_.size(); }

private:
  void pump() {
    if (!busy_ && !waiting_.empty() && !(should_wait_ && should_wait_(waiting_.size())))
      start();
  }

  void start() {
    busy_ = true;
    auto end =
      waiting_.begin() + static_cast<std::ptrdiff_t>(std::min(waiting_.size(), items_max_));
    std::vector<Item> batch{std::make_move_iterator(waiting_.begin()),
                            std::make_move_iterator(end)};
    waiting_.erase(waiting_.begin(), end);
    run_(std::move(batch));
  }

  std::size_t items_max_;
  std::function<void(std::vector<Item>)> run_;
  std::function<bool(std::size_t)> should_wait_;
  std::deque<Item> waiting_;
  bool busy_ = false;
};

} // namespace callboard
