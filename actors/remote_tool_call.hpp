#pragma once

#include "actors/interfaces.hpp"
#include "actors/node.hpp"

namespace callboard {

/// A tool call of a loop at a remote MCP server: a tool_call_actor for the loop, a listener for the
/// server's actor.
using remote_tool_call_actor = tool_call_actor::extend<
  // Conforms to relay_listener_actor.
  caf::reacts_to<atom::relay_note, std::uint64_t, std::string, std::string>,
  caf::reacts_to<atom::relay_ask, std::uint64_t, std::string, std::string, std::string>,
  caf::reacts_to<atom::relay_done, std::uint64_t, std::string, relay_bill>,
  caf::reacts_to<atom::relay_fail, std::uint64_t, relay_failure>>;

struct remote_tool_call_args {
  node_parts parts;
};

struct remote_tool_call_state {
  explicit remote_tool_call_state(remote_tool_call_actor::pointer selfptr) : self(selfptr) {}
  static inline const char* name = "remote_tool_call";

  void start(const tool_job& wanted);
  void refuse_question(const std::string& ask);
  void answered(const std::string& result, const relay_bill& bill);
  void failed(const relay_failure& failure);
  void deliver(result<tool_result> outcome);
  void cancel(const caf::error& why);

  remote_tool_call_actor::pointer self;
  remote_tool_call_args args;
  caf::typed_response_promise<tool_result> promise;
  upstream_actor upstream;
};

/// See remote_tool_call_actor. The server's actor pays for the call. Nobody can answer questions of
/// the server, so they are declined.
remote_tool_call_actor::behavior_type
remote_tool_call(remote_tool_call_actor::stateful_pointer<remote_tool_call_state> self,
                 remote_tool_call_args args);

} // namespace callboard
