#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "actors/activity.hpp"
#include "actors/interfaces.hpp"
#include "actors/node.hpp"
#include "core/mcp/http_rules.hpp"
#include "core/mcp/request_state.hpp"
#include "core/mcp/stateless.hpp"

namespace callboard {

/// A request of the stateless era, checked, and where its answer goes.
struct stateless_post {
  http_call_ptr call;
  principal who;
  /// A slug, or "*".
  std::string app;
  mcp::stateless_request request;
  mcp::answer_forms forms;
};

struct exchange_args {
  node_parts parts;
  stateless_post_ptr post;
};

struct exchange_state {
  explicit exchange_state(exchange_actor::pointer selfptr) : self(selfptr) {}
  static inline const char* name = "exchange";

  /// A question of the server to the client.
  struct question {
    std::string method;
    json::object params;
  };

  // -- beginning --------------------------------------------------------------

  void start();
  void discover();
  void list_catalogue();
  void call_catalogue();
  void with_input();
  void resume_other(std::uint64_t exchange);
  void send_errand(json::object params);

  // -- subscriptions ----------------------------------------------------------

  void listen();
  void acknowledge(const json::object& capabilities);
  void look_for_news();
  void check_key(std::function<void()> then);

  // -- what comes back --------------------------------------------------------

  void on_note(const std::string& method, const std::string& params);
  void on_ask(const std::string& ask, const std::string& method, const std::string& params);
  void lacks(std::string_view capability);
  void on_done(const std::string& result, const relay_bill& bill);
  void tell_bill(const relay_bill& bill);
  void on_fail(const relay_failure& why);
  void tool_failed(const caf::error& why);

  // -- questions --------------------------------------------------------------

  void ask_client();
  void take_answers(const stateless_post_ptr& next);
  mcp::state_scope scope() const;
  void seal(json::object& result) const;

  // -- answering --------------------------------------------------------------

  void attend(const stateless_post_ptr& next);
  void start_stream();
  void send(const std::string& message);
  void finish(int status, std::string message, http_headers headers = {});
  void finish_result(std::string_view result);
  void fail(const caf::error& why);
  void client_left(std::uint64_t number);
  void end_listening();
  void tick();
  void stop_work();
  bool is_catalogue() const;
  const mcp::stateless_request& request() const { return post->request; }

  exchange_actor::pointer self;
  node_parts parts;
  stateless_post_ptr post;
  activity seen;
  errand_actor worker;
  tool_call_actor tool;
  /// Counts the POSTs that it answers: the first, and one for each round of input.
  std::uint64_t posts = 0;
  /// The present POST has no whole answer yet.
  bool open = false;
  bool streaming = false;
  /// What the answer's header fields tell of cost and limits.
  http_headers facts;
  /// Params of the first POST in the form that a repetition must have.
  std::string digest;
  /// Open questions by their key.
  std::map<std::string, question> questions;
  caf::actor_clock::time_point wait_until{};
  /// The end of the request, when it came while nobody was there to take it.
  std::function<void()> late;
  bool listening = false;
  mcp::listen_filter filter;
  /// Of the list of tools as last told.
  std::string tools_digest;
};

/// See exchange_actor.
exchange_actor::behavior_type exchange(exchange_actor::stateful_pointer<exchange_state> self,
                                       exchange_args args);

} // namespace callboard
