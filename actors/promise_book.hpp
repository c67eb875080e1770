#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <utility>

#include <caf/typed_response_promise.hpp>

#include "core/base/error.hpp"

namespace callboard {

/// The error for everybody who waits for an actor that ends.
inline caf::error ending() {
  return make_problem(errc::shutting_down, "The node is shutting down. Try again.");
}

/// Promises that an actor has given and not kept yet, so that its end can answer them: CAF does not
/// (STYLE.md section 4). Used by one actor only.
template <class T>
class promise_book {
public:
  using number = std::uint64_t;

  number add(caf::typed_response_promise<T> promise) {
    open_.emplace(++last_, std::move(promise));
    return last_;
  }

  /// Keeps a promise; one that was kept already is ignored.
  void deliver(number which, result<T> outcome) {
    auto node = open_.extract(which);
    if (node.empty())
      return;
    if (outcome)
      node.mapped().deliver(std::move(*outcome));
    else
      node.mapped().deliver(std::move(outcome.error()));
  }

  /// Refuses all that are open.
  void refuse_all(const caf::error& why) {
    for (auto& [which, promise] : std::exchange(open_, {}))
      promise.deliver(why);
  }

  std::size_t size() const noexcept { return open_.size(); }

private:
  std::unordered_map<number, caf::typed_response_promise<T>> open_;
  number last_ = 0;
};

} // namespace callboard
