#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "core/base/ids.hpp"
#include "core/billing/request_limits.hpp"

namespace callboard::billing {

/// The allowances of a platform's end users, at most so many. A user is forgotten only when that
/// gives nothing away: its minute is over and its day is stored. Not thread-safe.
class allowance_book {
public:
  struct entry {
    request_allowance rule;
    /// Whoever keeps the book is not done with this user.
    bool is_pinned = false;
    /// Under which version of everybody's limits its own were read, and when.
    std::int64_t version = 0;
    minute_window::time_point read_at{};
  };

  explicit allowance_book(std::size_t users_max) : users_max_(users_max) {}

  /// Null for users who are not in the book. The entry stays where it is until it is forgotten.
  entry* find(const end_user_id& id);
  const entry* find(const end_user_id& id) const;

  /// The user's entry, made when there is none. @pre make_room() was asked
  entry& at(const end_user_id& id) { return users_[id]; }

  /// Whether one more user may be added, after forgetting those at rest if need be.
  bool make_room(const moment& x);

  std::size_t size() const noexcept { return users_.size(); }

  /// Calls `visit(id, entry)` for everybody.
  template <class Visit>
  void for_each(Visit visit) {
    for (auto& [id, x] : users_)
      visit(id, x);
  }

private:
  std::size_t users_max_;
  std::unordered_map<end_user_id, entry> users_;
  minute_window::time_point cleared_at_{};
};

} // namespace callboard::billing
