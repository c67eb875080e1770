#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/activity.hpp"
#include "actors/interfaces.hpp"
#include "actors/node.hpp"
#include "core/mcp/messages.hpp"
#include "core/mcp/version.hpp"

namespace callboard {

/// A row of the session table.
struct session_record {
  /// SHA-256 of the session id, in hexadecimal.
  std::string id_hash;
  platform_id platform;
  end_user_id end_user;
  key_id key;
  std::string app;
  mcp::session_version version = mcp::session_version_assumed;
};

/// Reads a row of session/find.
session_record read_session(const platform_id& platform, const store_row& row);

struct session_args {
  node_parts parts;
  session_record record;
};

struct session_state {
  explicit session_state(session_actor::pointer selfptr) : self(selfptr) {}
  static inline const char* name = "session";

  /// One POST that has answers to come.
  struct exchange {
    mcp_post_ptr post;
    mcp::session_version version;
    std::size_t missing = 0;
    std::vector<std::string> answers;
    /// Of the answer, beside the usual ones.
    http_headers headers;
    /// The worst status of its answers; 200 unless something went wrong on our side.
    int status = 200;
  };
  using exchange_ptr = std::shared_ptr<exchange>;

  /// A tool call under way.
  struct running {
    tool_call_actor actor;
    exchange_ptr origin;
    mcp::rpc_id id;
  };

  /// The client's stream for messages of the server.
  struct event_stream {
    std::uint64_t number = 0;
    http_call_ptr call;
  };

  void touch();
  void take(const mcp_post_ptr& post);
  void process(const mcp_post_ptr& post);
  void handle(const exchange_ptr& x, const mcp::rpc_message& message);
  void handle_request(const exchange_ptr& x, const mcp::rpc_request& request);
  void handle_notification(const mcp::rpc_notification& notification);
  void call_tool(const exchange_ptr& x, const mcp::rpc_request& request);
  void tool_answered(const exchange_ptr& x, const mcp::rpc_id& id, const tool_result& result);
  void tool_failed(const exchange_ptr& x, const mcp::rpc_id& id, const caf::error& why);
  void answer(const exchange_ptr& x, std::string message, int status = 200);
  void open(const http_call_ptr& call);
  void open_stream(const http_call_ptr& call);
  void stop_calls(const caf::error& why);
  void keep_stream_alive(std::uint64_t number);
  void close_stream();
  void revalidate(std::function<void(caf::error)> next);
  void check_stream_key();
  void tick();
  void end(std::function<void(bool)> done);
  /// The session is over; the actor stays a moment for messages that are on their way.
  void retire();
  http_headers answer_headers() const;

  session_actor::pointer self;
  session_args args;
  activity seen;
  caf::actor_clock::time_point expires_at{};
  /// When the row was last told that the session is in use.
  std::optional<caf::actor_clock::time_point> stored_at;
  /// By the id's JSON text.
  std::map<std::string, running> calls;
  std::optional<event_stream> stream;
  std::uint64_t streams_total = 0;
  /// Something that the session depends on may have changed: look at the row before the next
  /// message.
  bool doubtful = false;
  /// Ended: whoever still asks is told so.
  bool gone = false;
};

/// See session_actor. @pre `args.parts.settings->session_ttl > 0`
session_actor::behavior_type session(session_actor::stateful_pointer<session_state> self,
                                     session_args args);

} // namespace callboard
