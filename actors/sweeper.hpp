#pragma once

#include <set>
#include <string>

#include "actors/interfaces.hpp"
#include "actors/node.hpp"

namespace callboard {

/// Ends what nobody ended: expired holds, sessions, OAuth states and stored responses. One per
/// node; several nodes sweeping at once do no harm, since each statement takes its rows once.
using sweeper_actor = caf::typed_actor<
  // INTERNAL: sweep now.
  caf::reacts_to<atom::tick>>;

struct sweeper_state {
  explicit sweeper_state(sweeper_actor::pointer selfptr) : self(selfptr) {}
  static inline const char* name = "sweeper";

  /// Begins unless it is going on.
  void begin(const std::string& statement);
  void sweep(const std::string& statement);

  sweeper_actor::pointer self;
  node_parts parts;
  /// Statements that are not through: a tick need not begin them again.
  std::set<std::string> going_on;
};

/// See sweeper_actor.
sweeper_actor::behavior_type sweeper(sweeper_actor::stateful_pointer<sweeper_state> self,
                                     node_parts parts);

} // namespace callboard
