#include "http/client/http_client.hpp"

#include <utility>

#include <caf/actor_cast.hpp>
#include <caf/response_promise.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>

#include "http/client/fetch_engine.hpp"

namespace callboard {
namespace {

/// Answers a request from the engine's thread. The promise itself may only be used within its
/// actor, and a message through the actor would cost a hop for each request.
class remote_promise {
public:
  remote_promise(caf::strong_actor_ptr self, const caf::response_promise& promise)
      : self_(std::move(self)), receiver_(promise.source()), id_(promise.id()) {}

  void deliver(result<http_response> outcome) const {
    if (!receiver_ || !id_.is_request())
      return;
    auto message = outcome ? caf::make_message(std::move(*outcome))
                           : caf::make_message(std::move(outcome.error()));
    receiver_->enqueue(self_, id_.response_id(), std::move(message), nullptr);
  }

private:
  caf::strong_actor_ptr self_;
  caf::strong_actor_ptr receiver_;
  caf::message_id id_;
};

} // namespace

http_client_state::http_client_state(http_client_actor::pointer selfptr) : self(selfptr) {}

http_client_state::~http_client_state() = default;

void http_client_state::start_stream(fetch_request& request, const fetch_listener_actor& listener) {
  for (auto over : finished->take())
    forget_stream(over);
  auto id = request.id;
  auto address = listener.address();
  if (streams[address].empty())
    self->monitor(listener);
  streams[address].insert(id);
  listeners[id] = address;
  fetch_callbacks callbacks;
  callbacks.head = [listener, id](http_response head) {
    caf::anon_send(listener, atom::head_v, id, std::move(head));
  };
  callbacks.chunk = [listener, id](std::string piece) {
    caf::anon_send(listener, atom::chunk_v, id, std::move(piece));
  };
  callbacks.done = [listener, id, over = finished](result<http_response> outcome) {
    auto error = outcome ? caf::error{} : std::move(outcome.error());
    caf::anon_send(listener, atom::done_v, id, std::move(error));
    over->put(id);
  };
  engine->submit(std::move(request), std::move(callbacks));
}

void http_client_state::forget_stream(fetch_id id) {
  auto found = listeners.find(id);
  if (found == listeners.end())
    return;
  auto address = found->second;
  listeners.erase(found);
  auto& ids = streams[address];
  ids.erase(id);
  if (!ids.empty())
    return;
  streams.erase(address);
  self->demonitor(address);
}

void http_client_state::listener_down(const caf::actor_addr& address) {
  auto found = streams.find(address);
  if (found == streams.end())
    return;
  for (auto id : found->second) {
    listeners.erase(id);
    engine->cancel(id);
  }
  streams.erase(found);
}

http_client_actor::behavior_type
http_client(http_client_actor::stateful_pointer<http_client_state> self, http_client_args args) {
  if (!args.counters)
    args.counters = std::make_shared<http_client_counters>();
  self->state.engine = std::make_unique<fetch_engine>(std::move(args));
  self->set_down_handler(
    [self](const caf::down_msg& msg) { self->state.listener_down(msg.source); });
  return {
    [self](atom::fetch, fetch_request& request) -> caf::result<http_response> {
      auto promise = self->make_response_promise<http_response>();
      remote_promise remote{caf::actor_cast<caf::strong_actor_ptr>(self),
                            static_cast<caf::response_promise&>(promise)};
      fetch_callbacks callbacks;
      callbacks.done = [remote = std::move(remote)](result<http_response> outcome) {
        remote.deliver(std::move(outcome));
      };
      self->state.engine->submit(std::move(request), std::move(callbacks));
      return promise;
    },
    [self](atom::stream, fetch_request& request, const fetch_listener_actor& listener) {
      self->state.start_stream(request, listener);
    },
    [self](atom::cancel, fetch_id id) {
      self->state.forget_stream(id);
      self->state.engine->cancel(id);
    },
  };
}

} // namespace callboard
