#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "actors/interfaces.hpp"
#include "actors/node.hpp"
#include "core/billing/allowance_book.hpp"

namespace callboard {

/// The rate limits of a platform's end users as its tenant actor counts them (I35). Minutes live
/// here only. Requests of the day are stored once a second and read back when a user is met first,
/// so that a restart costs at most the last second of them. A user's limits come with the same
/// statement; no request waits for it but a user's first, and the first after a change.
///
/// Part of its actor and used on its thread only. Every callback is called exactly once, now or
/// later, unless the actor ends before.
class request_limiter {
public:
  request_limiter(tenant_actor::pointer self, node_parts parts, platform_id platform);

  /// Whether `what` may be counted now. Users of whom nothing is known must be learned first;
  /// platform keys have no limits.
  bool is_ready_for(const admission& what) const;

  /// Reads the limits of `what`'s user. errc::store_unavailable, over_limit.
  void learn(const admission& what, std::function<void(const caf::error&)> then);

  /// Counts what is to be admitted and notes it on its ticket; or errc::rate_limited, with
  /// "retry_after", "limit" and "rate_limits" as details, and nothing is counted.
  /// @pre is_ready_for(what)
  caf::error count(const admission& what, hold_ticket& ticket);

  /// What was counted did not happen after all.
  void give_back(const end_user_id& user, const billing::counted_use& counted);

  /// Puts a turn's real tokens in place of the estimate.
  void correct(const settlement& end);

  /// Limits have changed: everybody's are read again before the next request.
  void forget() { ++version_; }

  /// Stores what is not stored yet.
  void tick();

  /// The actor ends: stores without waiting for the answer.
  void close();

  /// For operators.
  json::object report() const;

private:
  /// A pinned one is in touched_.
  using user = billing::allowance_book::entry;
  using learner = std::function<void(const caf::error&)>;

  /// What a statement asks and stores.
  struct question {
    /// Users, with the requests to store of those who have any.
    std::unordered_map<end_user_id, std::optional<std::int64_t>> users;
    std::int64_t day = 0;
    /// Of everybody's limits, when it was asked.
    std::int64_t version = 0;
  };

  billing::moment now() const;
  void touch(const end_user_id& id, user& x);
  void ask();
  void read(const question& x, const store_row& row);
  void answered(const store_rows& rows);
  void not_answered(const caf::error& why);
  void wake(const end_user_id& id, const caf::error& problem);
  void arm_timer();

  tenant_actor::pointer self_;
  node_parts parts_;
  platform_id platform_;
  /// Names the rows of this life of the actor in the store.
  std::string writer_;
  billing::allowance_book users_;
  std::unordered_map<end_user_id, std::vector<learner>> learners_;
  /// Users who did something since they were last in a statement.
  std::vector<end_user_id> touched_;
  /// Users of the next statement.
  std::unordered_set<end_user_id> wanted_;
  /// The statement under way; there is one at a time.
  std::optional<question> asked_;
  bool timer_armed_ = false;
  std::int64_t version_ = 1;
  std::int64_t refused_total_ = 0;
};

} // namespace callboard
