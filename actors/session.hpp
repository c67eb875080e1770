#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/activity.hpp"
#include "actors/interfaces.hpp"
#include "actors/node.hpp"
#include "core/mcp/event_ring.hpp"
#include "core/mcp/http_rules.hpp"
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
  /// What the client declared, JSON text.
  std::string capabilities;
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
    /// Where the answer goes; null while the client is away.
    http_call_ptr call;
    /// Names that connection, once it is watched.
    std::uint64_t connection = 0;
    /// Its stream, once it is answered as one; 0 before.
    std::uint64_t stream = 0;
  };
  using exchange_ptr = std::shared_ptr<exchange>;

  /// A request under way.
  struct running {
    /// A call of a tool of the catalogue, or else an errand.
    tool_call_actor actor;
    exchange_ptr origin;
    mcp::rpc_id id;
    errand_actor errand;
    std::uint64_t errand_number = 0;
  };

  /// The client's stream for messages that belong to no request.
  struct event_stream {
    /// Of the stream; goes on when a client resumes it.
    std::uint64_t number = 0;
    /// Of the connection.
    std::uint64_t connection = 0;
    /// Null while the client is away.
    http_call_ptr call;
    principal who;
    /// Of the list of tools as last told.
    std::string tools_digest;
  };

  /// A question to the client that is not answered yet.
  struct question {
    std::uint64_t errand_number = 0;
    std::string ask;
    errand_actor errand;
  };

  /// An answer that nobody was there to take.
  struct kept_answer {
    std::string id;
    std::string digest;
    std::string message;
  };

  // -- life and messages: session.cpp -----------------------------------------

  void touch();
  void take(const mcp_post_ptr& post);
  void process(const mcp_post_ptr& post);
  void handle(const exchange_ptr& x, const mcp::rpc_message& message);
  void handle_request(const exchange_ptr& x, const mcp::rpc_request& request);
  void handle_notification(const mcp::rpc_notification& notification);
  void set_level(const exchange_ptr& x, const mcp::rpc_request& request);
  bool refuse_id(const exchange_ptr& x, const mcp::rpc_request& request);
  void call_tool(const exchange_ptr& x, const mcp::rpc_request& request);
  void tell_bill(const exchange_ptr& x, const relay_bill& bill);
  void tool_answered(const exchange_ptr& x, const mcp::rpc_id& id, const tool_result& result);
  void request_failed(const mcp::rpc_id& id, const caf::error& why);
  void stop_calls(const caf::error& why);
  void revalidate(std::function<void(caf::error)> next);
  void tick();
  void end(std::function<void(bool)> done);
  /// The session is over; the actor stays a moment for messages that are on their way.
  void retire();
  /// Ends the actor; nobody finds it any more.
  void leave();
  bool is_catalogue() const;

  // -- answers and streams: session_streams.cpp -------------------------------

  void answer(const exchange_ptr& x, std::string message, int status = 200);
  void finish(const exchange_ptr& x);
  void watch(const exchange_ptr& x);
  void begin_stream(const exchange_ptr& x);
  void emit(std::uint64_t stream_number, const http_call_ptr& call, const std::string& message);
  void prime(std::uint64_t stream_number, const http_call_ptr& call, mcp::session_version version);
  void keep(const exchange_ptr& x, const std::string& message);
  bool answer_again(const exchange_ptr& x, const mcp::rpc_request& request);
  std::uint64_t next_number();
  mcp::event_ring& events();
  void open(const http_call_ptr& call, const principal& who);
  void open_stream(const http_call_ptr& call, const principal& who);
  bool resume(const mcp::event_id& last, const http_call_ptr& call, const principal& who);
  void begin_answer(const http_call_ptr& call, std::uint64_t connection);
  void replay(const mcp::event_id& last, const http_call_ptr& call);
  void keep_stream_alive(std::uint64_t connection);
  void close_stream();
  void client_left(std::uint64_t connection);
  void notify(const std::string& message);
  void check_stream_key();
  void look_for_news();

  // -- remote servers: session_errands.cpp ------------------------------------

  void send_errand(const exchange_ptr& x, const mcp::rpc_request& request);
  relay_request errand_for(const principal& who, std::string method, std::string params);
  running* running_errand(std::uint64_t number);
  void on_note(std::uint64_t number, const std::string& method, const std::string& params);
  void on_ask(std::uint64_t number, const std::string& ask, const std::string& method,
              const std::string& params);
  void on_done(std::uint64_t number, const std::string& result, const relay_bill& bill);
  void on_fail(std::uint64_t number, const relay_failure& why);
  void handle_response(const mcp::rpc_response& response);
  void refuse_ask(const errand_actor& errand, std::uint64_t number, const std::string& ask,
                  const std::string& why);
  void subscribe(const exchange_ptr& x, const mcp::rpc_request& request, bool wanted);
  void listen();

  session_actor::pointer self;
  session_args args;
  activity seen;
  caf::actor_clock::time_point expires_at{};
  /// When the row was last told that the session is in use.
  std::optional<caf::actor_clock::time_point> stored_at;
  /// By the id's JSON text.
  std::map<std::string, running> calls;
  /// POSTs that are watched, by connection.
  std::map<std::uint64_t, exchange_ptr> posts;
  std::optional<event_stream> stream;
  /// Made with the first event.
  std::unique_ptr<mcp::event_ring> ring;
  std::vector<kept_answer> kept;
  /// Numbers of streams, connections, errands and questions: never the same twice, not even after
  /// the session was activated anew.
  std::uint64_t numbers = 0;
  /// By the id that the client answers with.
  std::map<std::string, question> questions;
  /// The least severe log message that the client wants.
  mcp::log_level level = mcp::log_level::info;
  /// Brings news of remote servers while somebody wants them.
  errand_actor listener;
  std::uint64_t listener_number = 0;
  /// Resources that the client subscribed to.
  std::vector<std::string> subscribed;
  /// How many changes the address book had when the session was last known to be good.
  std::uint64_t changes_seen = 0;
  /// Something that the session depends on may have changed: look at the row before the next
  /// message.
  bool doubtful = false;
  /// Ended: whoever still asks is told so.
  bool gone = false;
};

/// What whoever asks a session that is over is told.
caf::error session_over();

/// Answers a request that the session cannot take.
void refuse_call(const http_call& call, const caf::error& why);

/// The header fields of an answer in JSON.
http_headers json_headers();

/// See session_actor. @pre `args.parts.settings->session_ttl > 0`
session_actor::behavior_type session(session_actor::stateful_pointer<session_state> self,
                                     session_args args);

} // namespace callboard
