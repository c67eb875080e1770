#include "actors/memory_return.hpp"

#include <algorithm>

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>
#include <malloc.h>

namespace callboard {

void memory_return::note(std::size_t live) noexcept { most_ = std::max(most_, live); }

bool memory_return::is_due(std::size_t live) noexcept {
  note(live);
  if (most_ - live < std::max(ended_min, most_ / part_min))
    return false;
  most_ = live;
  return true;
}

void return_memory(caf::actor_system& system) {
  system.spawn<caf::detached>([] { malloc_trim(0); });
}

} // namespace callboard
