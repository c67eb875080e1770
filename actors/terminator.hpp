#pragma once

#include <chrono>

#include <optional>

#include "actors/dispatcher.hpp"
#include "actors/interfaces.hpp"

namespace callboard {

struct terminator_args {
  front_actor front;
  directory_actor directory;
  /// How long running requests may go on.
  std::chrono::milliseconds drain_timeout;
  dispatcher_actor dispatcher;
};

struct terminator_state {
  explicit terminator_state(terminator_actor::pointer selfptr) : self(selfptr) {}
  static inline const char* name = "terminator";

  void start_drain();
  void look();
  void force();
  void finish(bool complete);
  void tick();
  void tell();

  terminator_actor::pointer self;
  terminator_args args;
  caf::typed_response_promise<bool> promise;
  caf::actor_clock::time_point deadline{};
  bool forced = false;
  /// How the drain ended, while the last actors go.
  std::optional<bool> finished;
};

/// See terminator_actor.
terminator_actor::behavior_type
terminator(terminator_actor::stateful_pointer<terminator_state> self, terminator_args args);

} // namespace callboard
