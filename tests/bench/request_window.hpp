#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

#include <caf/actor_system.hpp>
#include <caf/event_based_actor.hpp>

namespace callboard::bench {

/// Starts one unit of work on the actor; calls `done(ok)` once, later.
using window_step = std::function<void(caf::event_based_actor* self, std::uint64_t index,
                                       std::function<void(bool)> done)>;

/// What a window of work came to.
struct window_result {
  std::uint64_t good = 0;
  std::uint64_t bad = 0;
  double seconds = 0;
};

/// Keeps `width` units of work running from one actor until `count` are done or `length` is over.
/// Blocks.
window_result run_window(caf::actor_system& system, std::uint64_t width, std::uint64_t count,
                         std::chrono::milliseconds length, window_step step);

} // namespace callboard::bench
