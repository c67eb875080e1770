#pragma once

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

  void sweep(std::string statement, bool again);

  sweeper_actor::pointer self;
  node_parts parts;
};

/// See sweeper_actor.
sweeper_actor::behavior_type sweeper(sweeper_actor::stateful_pointer<sweeper_state> self,
                                     node_parts parts);

} // namespace callboard
