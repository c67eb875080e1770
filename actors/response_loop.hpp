#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "actors/activity.hpp"
#include "actors/answer_headers.hpp"
#include "actors/interfaces.hpp"
#include "actors/model_turn.hpp"
#include "actors/node.hpp"
#include "core/responses/chat_stream.hpp"
#include "core/responses/loop.hpp"
#include "core/responses/request.hpp"

namespace callboard {

struct response_loop_args {
  node_parts parts;
  principal who;
  http_call_ptr call;
  responses::request request;
};

struct response_loop_state {
  explicit response_loop_state(loop_actor::pointer selfptr) : self(selfptr) {}
  static inline const char* name = "response_loop";

  // -- before the first turn: each step goes on to the next or refuses --------

  void check_authorizations(std::size_t next);
  void check_connections();
  void load_history();
  void find_model();
  void begin(const model_info& model);
  void refuse(const caf::error& problem);

  // -- the loop ---------------------------------------------------------------

  void perform(responses::effects effects);
  void perform_one(responses::effect& x);
  void list_tools(const responses::list_tools& x);
  void list_remote_tools(std::size_t server, const std::string& label);
  void invoke(responses::invoke_model& x);
  void model_refused(int status, const std::string& body);
  void model_bytes(const std::string& bytes);
  void model_ended(const caf::error& transport);
  void turn_over(responses::turn x);
  void run_tool(const responses::run_tool& x);
  void tool_failed(std::size_t call, const caf::error& why);
  void fail_after_tools();
  void tell_whether_final(const caf::error& problem);
  void deliver_frame(std::string frame);
  void succeed(const responses::succeed& x);
  void fail(const responses::fail& x);
  void store_response(const json::object& response, std::function<void()> then);
  void end_answer();
  answer_facts facts() const;
  /// A tool call has ended that waited that long.
  void note_wait(std::chrono::microseconds waited);
  void client_left();
  /// Stops what is under way and ends the turn's hold; then the actor ends.
  void stop_work(const char* status, bool charge);
  void shut_down();
  void quit_when_settled();
  std::int64_t now() const { return parts.unix_time(); }
  /// Whether the request has an Idempotency-Key.
  bool keyed() const { return !call->idempotency.empty(); }

  loop_actor::pointer self;
  node_parts parts;
  principal who;
  http_call_ptr call;
  responses::request request;
  activity seen;
  loop_id id;
  std::string response_id;
  std::optional<model_turn> turn;
  json::array history;
  std::optional<responses::loop> rules;
  /// Effects that wait for the one being performed.
  std::deque<responses::effect> queue;
  bool performing = false;
  json::object body;
  std::optional<responses::chat_stream> stream;
  /// Frames before the first admission: a refusal is still an HTTP status then (I82).
  std::vector<std::string> held_frames;
  bool streaming = false;
  /// The first turn was admitted: money has moved.
  bool admitted = false;
  /// Running tool calls, by their number in the loop.
  std::unordered_map<std::size_t, tool_call_actor> tools;
  /// Why the loop ends when they have ended.
  std::optional<caf::error> fatal;
  std::int64_t tools_total = 0;
  micro_usd tools_charged;
  /// How long providers were waited for: of calls that run together, the longest wait.
  std::chrono::microseconds tools_waited{0};
  std::chrono::microseconds longest_wait{0};
  bool left = false;
  bool over = false;
};

/// The actor of one POST /v1/responses: it does what core/responses' loop says.
loop_actor::behavior_type response_loop(loop_actor::stateful_pointer<response_loop_state> self,
                                        response_loop_args args);

} // namespace callboard
