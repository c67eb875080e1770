#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "actors/interfaces.hpp"
#include "actors/node.hpp"

namespace callboard {

struct front_state {
  explicit front_state(front_actor::pointer selfptr) : self(selfptr) {}
  static inline const char* name = "front";

  http_call_ptr counted(http_call_ptr call);

  front_actor::pointer self;
  node_parts parts;
  /// Requests that are not answered yet: as long as anybody holds the call.
  std::shared_ptr<std::atomic<std::int64_t>> running =
    std::make_shared<std::atomic<std::int64_t>>(0);
};

/// See front_actor.
front_actor::behavior_type front(front_actor::stateful_pointer<front_state> self, node_parts parts);

} // namespace callboard
