#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include <caf/actor_clock.hpp>

#include "core/base/json.hpp"

namespace callboard {

/// What an inspectable actor notes of itself, a few bytes each. Touched only by its actor.
struct activity {
  /// "tenant", "session", ...
  std::string kind;
  /// The id under which operators look for it; never a secret.
  std::string key;
  caf::actor_clock::time_point born{};
  std::uint64_t messages = 0;
  /// Name of the latest message; static storage.
  const char* last_message = "";

  /// Notes that a message of that name is being handled.
  void note(const char* message) {
    ++messages;
    last_message = message;
  }

  /// The status object of an actor: the common members, then `state`. Call it from the actor's
  /// status handler.
  template <class Self>
  std::string report(Self* self, json::object state) {
    auto age = std::chrono::duration_cast<std::chrono::milliseconds>(self->clock().now() - born);
    json::object object{{"kind", kind},
                        {"key", key},
                        {"actor_id", self->id()},
                        {"age_ms", age.count()},
                        {"messages", messages},
                        {"last_message", last_message},
                        {"mailbox", self->mailbox().size()}};
    object["state"] = std::move(state);
    return json::serialize(object);
  }
};

} // namespace callboard
