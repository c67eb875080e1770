#pragma once

#include <optional>
#include <string>

#include "actors/interfaces.hpp"
#include "actors/node.hpp"
#include "core/base/wait_meter.hpp"
#include "core/connectors/render.hpp"
#include "core/connectors/shape.hpp"

namespace callboard {

struct tool_call_args {
  node_parts parts;
};

struct tool_call_state {
  explicit tool_call_state(tool_call_actor::pointer selfptr) : self(selfptr) {}
  static inline const char* name = "tool_call";

  void start(tool_job wanted);
  void prepare(const credentials& opened);
  void admit();
  void take_ticket(const hold_ticket& ticket);
  void repeat();
  void send();
  /// The same once more.
  void send_again();
  void answered(const http_response& answer);
  void no_answer(const caf::error& why);
  void refresh_and_resend(connectors::outcome seen);
  bool resend_soon(const connectors::outcome& seen, bool harmless);
  void conclude(connectors::outcome seen);
  void settle(connectors::outcome outcome);
  void deliver(const connectors::outcome& seen, const receipt& paid);
  void fail(const caf::error& why);
  void cancel(const caf::error& why);

  tool_call_actor::pointer self;
  tool_call_args args;
  tool_job job;
  caf::typed_response_promise<tool_result> promise;
  json::object arguments;
  /// What a keyed call is recognised by.
  std::string request_hash;
  connection_actor connection;
  tenant_actor tenant;
  std::string access_token;
  std::optional<connectors::call_plan> plan;
  std::optional<hold_ticket> hold;
  /// What came of it, while it is being paid.
  connectors::outcome gave;
  /// The request on its way, or 0.
  fetch_id fetching = 0;
  std::uint64_t fetches = 0;
  /// Tries at a keyed call whose holds had ended without a charge.
  int tries = 0;
  wait_meter waits;
  bool refreshed = false;
  bool resent = false;
  /// How often the provider was asked again, for either reason.
  std::int64_t resends = 0;
  /// It was made and paid for before.
  bool repeated = false;
  bool finished = false;
  caf::actor_clock::time_point begun{};
};

/// See tool_call_actor: looks the tool up, checks its arguments, gets a token, takes a hold, calls
/// the provider, settles, answers. Nothing is held or charged for what never reaches the provider
/// (I25).
tool_call_actor::behavior_type tool_call(tool_call_actor::stateful_pointer<tool_call_state> self,
                                         tool_call_args args);

} // namespace callboard
