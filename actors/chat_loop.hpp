#pragma once

#include <optional>
#include <string>

#include "actors/activity.hpp"
#include "actors/answer_headers.hpp"
#include "actors/interfaces.hpp"
#include "actors/model_turn.hpp"
#include "actors/node.hpp"
#include "core/responses/chat_completion.hpp"

namespace callboard {

struct chat_loop_args {
  node_parts parts;
  principal who;
  http_call_ptr call;
  responses::chat_completion_request request;
};

struct chat_loop_state {
  explicit chat_loop_state(loop_actor::pointer selfptr) : self(selfptr) {}
  static inline const char* name = "chat_loop";

  void find_model();
  void begin(const model_info& model);
  void refuse(const caf::error& problem);
  void deliver(std::vector<std::string> frames);
  void ended(const caf::error& transport);
  void answer(responses::chat_relay::ending end);
  void client_left();
  /// Stops the model and ends the hold; then the actor ends.
  void stop_work(const char* status, bool charge);
  void shut_down();
  /// Whether the request has an Idempotency-Key.
  bool keyed() const { return !call->idempotency.empty(); }
  answer_facts facts() const;

  loop_actor::pointer self;
  node_parts parts;
  principal who;
  http_call_ptr call;
  responses::chat_completion_request request;
  activity seen;
  loop_id id;
  std::optional<model_turn> turn;
  std::optional<responses::chat_relay> relay;
  json::object body;
  bool streaming = false;
  /// The turn was admitted: money has moved.
  bool admitted = false;
  bool left = false;
  bool over = false;
};

/// The actor of one POST /v1/chat/completions: one turn, passed through and paid for.
loop_actor::behavior_type chat_loop(loop_actor::stateful_pointer<chat_loop_state> self,
                                    chat_loop_args args);

} // namespace callboard
