#include "actors/terminator.hpp"

#include "core/base/limits.hpp"

namespace callboard {
namespace {

constexpr auto look_interval = std::chrono::milliseconds{50};

/// What is left after the drain gets that long to send its last words.
constexpr auto force_timeout = std::chrono::seconds{2};

} // namespace

void terminator_state::start_drain() {
  deadline = self->clock().now() + args.drain_timeout;
  self->send(args.directory, atom::drain_v);
  self->send(args.dispatcher, atom::drain_v);
  look();
}

void terminator_state::look() {
  self->request(args.front, limits::actor_timeout, atom::drain_v)
    .then(
      [this](std::int64_t running) {
        if (running == 0)
          return finish(!forced);
        if (self->clock().now() < deadline) {
          self->delayed_send(self, look_interval, atom::tick_v);
          return;
        }
        forced ? finish(false) : force();
      },
      [this](const caf::error&) { finish(false); });
}

void terminator_state::force() {
  forced = true;
  deadline = self->clock().now() + force_timeout;
  self->send(args.directory, atom::stop_v);
  self->delayed_send(self, look_interval, atom::tick_v);
}

void terminator_state::finish(bool complete) {
  self->send_exit(args.front, caf::exit_reason::user_shutdown);
  // Attempts under way are given back, for the next node or start.
  self->send_exit(args.dispatcher, caf::exit_reason::user_shutdown);
  self->monitor(args.directory);
  self->send_exit(args.directory, caf::exit_reason::user_shutdown);
  finished = complete;
  self->delayed_send(self, force_timeout, atom::tick_v);
}

void terminator_state::tick() {
  if (finished)
    tell();
  else
    look();
}

void terminator_state::tell() {
  if (promise.pending())
    promise.deliver(*finished);
}

terminator_actor::behavior_type
terminator(terminator_actor::stateful_pointer<terminator_state> self, terminator_args args) {
  self->state.args = std::move(args);
  // The directory is the last to go: what its actors had to say is on its way to the store then.
  self->set_down_handler([self](const caf::down_msg&) { self->state.tell(); });
  return {
    [self](atom::stop) -> caf::result<bool> {
      self->state.promise = self->make_response_promise<bool>();
      self->state.start_drain();
      return self->state.promise;
    },
    [self](atom::tick) { self->state.tick(); },
  };
}

} // namespace callboard
