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
  /// What is at work when a batch might start.
  struct load {
    std::size_t waiting;
    std::size_t batches_under_way;
  };

  struct rules {
    /// Items of a batch.
    std::size_t items_max;
    /// Batches under way at once.
    std::size_t batches_max = 1;
    /// Asked before a batch starts. After a yes while none is under way the owner calls
    /// look_again() in time.
    std::function<bool(load)> should_wait{};
  };

  /// `run` starts a batch, never empty; its end is told by done().
  group_commit(rules x, std::function<void(std::vector<Item>)> run)
      : rules_(std::move(x)), run_(std::move(run)) {}

  void add(Item x) {
    waiting_.push_back(std::move(x));
    pump();
  }

  /// A batch has ended, however.
  void done() {
    --under_way_;
    pump();
  }

  /// Runs items of a batch that came to nothing once more, now and as a batch of their own, which
  /// done() ends as well.
  void run_again(std::vector<Item> items) { launch(std::move(items)); }

  /// What waits for more may start.
  void look_again() { pump(); }

  /// Starts everything that waits, beside what is under way: nobody will be there to call done().
  void flush() {
    while (!waiting_.empty())
      start();
  }

private:
  void pump() {
    while (under_way_ < rules_.batches_max && !waiting_.empty() && !should_wait())
      start();
  }

  bool should_wait() const {
    return rules_.should_wait && rules_.should_wait({waiting_.size(), under_way_});
  }

  void start() {
    auto end =
      waiting_.begin() + static_cast<std::ptrdiff_t>(std::min(waiting_.size(), rules_.items_max));
    std::vector<Item> batch{std::make_move_iterator(waiting_.begin()),
                            std::make_move_iterator(end)};
    waiting_.erase(waiting_.begin(), end);
    launch(std::move(batch));
  }

  void launch(std::vector<Item> batch) {
    ++under_way_;
    run_(std::move(batch));
  }

  rules rules_;
  std::function<void(std::vector<Item>)> run_;
  std::deque<Item> waiting_;
  std::size_t under_way_ = 0;
};

} // namespace callboard
