#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "actors/activity.hpp"
#include "actors/interfaces.hpp"
#include "actors/node.hpp"

namespace callboard {

/// Delivers what waits for the endpoints of platforms: takes deliveries that are due from the
/// database under a lease, posts them signed, and records the outcome, which says when to try
/// again. One per node; whoever claims a delivery first sends it, and the leases of a dead node run
/// out. A delivery may arrive twice, with the same webhook-id.
using dispatcher_actor = caf::typed_actor<
  // INTERNAL: look for deliveries that are due.
  caf::reacts_to<atom::tick>,
  // The node shuts down: nothing new is taken.
  caf::reacts_to<atom::drain>,
  // Conforms to status_actor.
  caf::replies_to<atom::status>::with<std::string>>;

struct dispatcher_state {
  explicit dispatcher_state(dispatcher_actor::pointer selfptr) : self(selfptr) {}
  static inline const char* name = "dispatcher";

  /// An attempt under way.
  struct attempt {
    std::string delivery;
    std::string claim;
    std::string endpoint;
    /// Attempts that failed before.
    std::int64_t failed = 0;
    caf::actor_clock::time_point began_at{};
  };

  /// What was claimed and is to be sent.
  struct outgoing {
    attempt x;
    std::string url;
    std::string message;
    std::string body;
  };

  void claim();
  void claimed(const std::string& token, const store_rows& rows);
  /// Sends what is due at one endpoint.
  void open_secret(const std::string& endpoint, std::vector<outgoing> due);
  void send(outgoing what, const std::string& secret);
  void finished(const attempt& x, int status, std::string problem);
  void recorded(const attempt& x, const std::string& code);
  /// Gives back what is under way.
  void close();
  json::object report() const;

  dispatcher_actor::pointer self;
  node_parts parts;
  activity seen;
  /// Attempts under way by delivery, and how many each endpoint has.
  std::unordered_map<std::string, attempt> under_way;
  std::unordered_map<std::string, std::size_t> busy;
  std::uint64_t fetches = 0;
  /// A claim is being asked for.
  bool claiming = false;
  /// The latest claim took as much as it was allowed to: more may be due.
  bool more_due = false;
  bool draining = false;
  std::int64_t delivered_total = 0;
  std::int64_t failed_total = 0;
};

/// See dispatcher_actor.
dispatcher_actor::behavior_type
dispatcher(dispatcher_actor::stateful_pointer<dispatcher_state> self, node_parts parts);

} // namespace callboard
