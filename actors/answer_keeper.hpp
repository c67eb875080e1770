#pragma once

#include <memory>
#include <optional>
#include <string>

#include "actors/calls/table.hpp"

namespace callboard {

/// What a keyed request's handler has answered so far; written by its sink, then read by the keeper
/// after the sink's message.
struct keyed_answer {
  reply given;
  bool streamed = false;
  /// The stream ended as it should.
  bool clean = true;
  /// Whether it ends the operation, when its handler said so.
  std::optional<bool> final = {};
  /// All of it is here: it stayed below limits::kept_answer_bytes_max.
  bool whole = true;
};

/// Keeps the answer to one request with an Idempotency-Key (I33): claims are renewed while it runs,
/// and the client gets the answer when it is stored.
using answer_keeper_actor = caf::typed_actor<
  // The answer is complete.
  caf::reacts_to<atom::done>,
  // The handler went without an answer.
  caf::reacts_to<atom::drop>,
  // INTERNAL: renew the claim.
  caf::reacts_to<atom::tick>>;

struct answer_keeper_args {
  node_parts parts;
  platform_id platform;
  /// As the edge handed it on, with the client's sink.
  http_call_ptr call;
  /// The operation, and who may put its answer in.
  std::string operation;
  std::string attempt;
  std::shared_ptr<keyed_answer> answer;
};

struct answer_keeper_state {
  explicit answer_keeper_state(answer_keeper_actor::pointer selfptr) : self(selfptr) {}
  static inline const char* name = "answer_keeper";

  void keep();
  void release();
  void renew();
  void deliver();

  answer_keeper_actor::pointer self;
  answer_keeper_args args;
};

/// See answer_keeper_actor.
answer_keeper_actor::behavior_type
answer_keeper(answer_keeper_actor::stateful_pointer<answer_keeper_state> self,
              answer_keeper_args args);

/// Runs the rule's handler for a call with that key, or answers what it answered before. The work
/// then goes on when the client leaves: who gives a key comes back for the answer.
void run_once(call_self self, const call_rule& rule, const std::string& key);

} // namespace callboard
