#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/base/limits.hpp"
#include "core/responses/chat_request.hpp"
#include "core/responses/chat_stream.hpp"
#include "core/responses/output_log.hpp"
#include "core/responses/request.hpp"
#include "core/responses/wire.hpp"

namespace callboard::responses {

/// Effect: send this to the client (one write). Only for streamed requests.
struct emit {
  std::string frame;
};

/// Effect: list the tools of server `server` (index into request::servers); answer with
/// loop::tools_listed or loop::tools_failed.
struct list_tools {
  std::size_t server = 0;
  std::string label;
};

/// Effect: admit and run a model turn; answer with loop::text, then loop::turn_finished.
struct invoke_model {
  /// From 1.
  int iteration = 0;
  /// The upstream's body.
  json::object body;
  /// For the hold (I18).
  std::int64_t input_tokens_estimate = 0;
  std::int64_t output_tokens_max = 0;
};

/// Effect: run an MCP call; answer with loop::tool_finished. All calls of a turn come at once and
/// may run at the same time (I77).
struct run_tool {
  /// Names the call within the response, from 0, never used twice.
  std::size_t call = 0;
  /// Id of its `mcp_call` item.
  std::string item_id;
  std::string label;
  std::string name;
  json::object arguments;
};

/// Effect, the last one: the answer. Status "completed" or "incomplete"; HTTP 200.
struct succeed {
  json::object response;
};

/// Effect, the last one: the request failed. Before the first byte of a stream, and when not
/// streaming, it is an HTTP error (I82): status_of(code_of(problem)) and error_body(problem, id).
/// Otherwise the frames that came before this effect have told the client already.
struct fail {
  /// Money that ran out after the first turn is errc::payment_required (C27).
  caf::error problem;
  /// The Response object with status "failed", for storing.
  json::object response;
};

using effect = std::variant<emit, list_tools, invoke_model, run_tool, succeed, fail>;
using effects = std::vector<effect>;

/// What an MCP call gave. An answer that is a tool-level error, a timeout and an unreachable
/// provider are `failed` with a text that the model can use (C29).
struct tool_outcome {
  bool failed = false;
  std::string text;
};

struct loop_args {
  std::string response_id;
  /// Seconds since the epoch.
  std::int64_t created_at = 0;
  /// The model's slug as the client knows it.
  std::string model;
  responses::request request;
  /// The conversation that `previous_response_id` stands for (load_history).
  conversation history;
  chat_options chat;
  int iterations_max = limits::loop_iterations_max;
  std::size_t turn_calls_max = limits::turn_tool_calls_max;
  std::size_t output_bytes_max = limits::tool_output_bytes_max;
};

/// The rules of one `/v1/responses` call as a state machine (section 3.8, C24-C31, I77-I83). Every
/// input answers with what is to be done, in this order. `now` is in seconds since the epoch.
/// Streamed and not streamed differ only in `emit`.
///
/// Frames may be sent at once. To answer failures before the first model turn with an HTTP status
/// (I82), hold back the frames until the first invoke_model was admitted.
///
/// A model that calls a tool which was never offered gets an error as that call's output; such a
/// call is no item of the response, since it belongs to no server.
///
/// Inputs after the end, and outcomes of calls that are not running, are ignored. Not thread-safe.
class loop {
public:
  explicit loop(loop_args args);

  /// Begins. A conversation whose tool calls and outputs do not match fails at once.
  effects start(std::int64_t now);

  /// A server's tools, as it lists them; what the request does not allow is left out here.
  effects tools_listed(std::size_t server, std::vector<mcp_tool> tools, std::int64_t now);

  /// A server's tools cannot be listed: the request fails with `problem`, which is
  /// errc::mcp_unreachable or more specific (R129).
  effects tools_failed(std::size_t server, caf::error problem, std::int64_t now);

  /// Text of the running turn, as chat_stream hands it out. Optional: what was not passed here is
  /// taken from the turn, whose text begins with what was.
  effects text(const text_delta& delta);

  /// The running turn ended, or failed (turn::error). Usage that is not reported is estimated.
  effects turn_finished(turn x, std::int64_t now);

  /// A call of the turn ended.
  effects tool_finished(std::size_t call, tool_outcome outcome, std::int64_t now);

  /// Ends the request with an error that is not the model's or a tool's: admission refused, time
  /// is up, shutting down. Open items are closed first.
  effects failed(caf::error problem, std::int64_t now);

  /// Whether it has ended.
  bool ended() const noexcept { return phase_ == phase::ended; }

  /// The sum over all finished turns (C26).
  const token_usage& usage() const noexcept { return usage_; }

  /// Model turns begun so far.
  int iterations() const noexcept { return iteration_; }

private:
  enum class phase { idle, listing, thinking, calling, ended };

  struct call_state {
    tool_call call;
    std::string item_id;
    std::string label;
    bool announced = false;
    std::optional<tool_outcome> outcome;
  };

  void announce_lists(effects& out, std::int64_t now);
  void begin_turn(effects& out, std::int64_t now);
  void finish_text(const turn& x);
  void make_ids_unique(turn& x);
  void return_functions(const turn& x, effects& out, std::int64_t now);
  void begin_calls(const turn& x, effects& out, std::int64_t now);
  void plan_call(const tool_call& call, effects& runs);
  void announce_calls();
  void close_call(const call_state& x);
  void end_round(effects& out, std::int64_t now);
  void complete(std::string status, std::string reason, effects& out, std::int64_t now);
  void end_with(caf::error problem, effects& out, std::int64_t now);
  void flush(effects& out);
  bool is_function(std::string_view name) const;
  bool is_cut(const turn& x) const;
  const mcp_tool* find_tool(std::string_view name) const;

  loop_args args_;
  response_state state_;
  output_log log_;
  phase phase_ = phase::idle;
  int iteration_ = 0;
  int turns_finished_ = 0;
  token_usage usage_;
  /// Bytes of the running turn that were passed on already.
  std::size_t text_seen_ = 0;
  std::size_t refusal_seen_ = 0;
  conversation items_;
  std::set<std::string> call_ids_;
  std::vector<std::optional<std::vector<mcp_tool>>> listed_;
  std::size_t lists_closed_ = 0;
  std::vector<mcp_tool> tools_;
  json::object body_;
  std::vector<call_state> calls_;
  std::size_t calls_base_ = 0;
  std::size_t calls_closed_ = 0;
  std::int64_t tool_calls_run_ = 0;
};

} // namespace callboard::responses
