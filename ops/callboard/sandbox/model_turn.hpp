#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "ops/callboard/sandbox/answer.hpp"

namespace callboard::sandbox {

/// A request to the model, checked as strictly as OpenAI does.
struct chat_request {
  std::string model;
  json::array messages;
  /// Names of the offered tools; none when tool_choice is "none".
  std::vector<std::string> tools;
  /// Their JSON Schemas, by name.
  json::object parameters;
  bool stream = false;
  bool include_usage = false;

  /// Whether that tool describes an argument of that name.
  bool takes(std::string_view tool, std::string_view argument) const;

  /// The text of the last message of the user.
  std::string last_user_text() const;

  /// The texts of the tool messages behind the last message of the user, oldest first.
  std::vector<std::string> tool_results() const;
};

/// Reads a body of POST /chat/completions. errc::invalid_field with the parameter at fault; also
/// for tool messages that answer no call, calls that stay without an answer, and bad tool names.
result<chat_request> parse_chat_request(const json::object& body);

/// One tool call of the model.
struct model_call {
  std::string name;
  /// JSON text, or what a bad script makes of it.
  std::string arguments;
};

/// How an answer departs from OpenAI's (facts responses.md 9.2). By name after "+" in the model's
/// name, or for all models by configure {"quirks": [...]}.
struct wire_quirks {
  /// "usage-in-choice": the usage comes in the chunk with the finish reason.
  bool usage_in_choice = false;
  /// "no-index": tool deltas have no index.
  bool no_index = false;
  /// "same-index": parallel calls all have index 0.
  bool same_index = false;
  /// "whole-calls": each tool call comes in one delta.
  bool whole_calls = false;
  /// "finish-stop": the finish reason of a tool turn is "stop".
  bool finish_stop = false;
  /// "crlf": lines end in CR LF.
  bool crlf = false;
  /// "comments": comment lines between the events.
  bool comments = false;
  /// "one-byte": every byte is written on its own.
  bool one_byte = false;
  /// "empty-choices": the first chunk has no choice.
  bool empty_choices = false;
  /// "no-done": the stream ends without [DONE].
  bool no_done = false;
  /// "no-finish": no chunk has a finish reason.
  bool no_finish = false;
};

/// Sets the quirk of that name; false when there is none.
bool set_quirk(wire_quirks& quirks, std::string_view name);

/// Token counts of a turn.
struct model_usage {
  std::int64_t prompt_tokens = 0;
  std::int64_t completion_tokens = 0;
};

/// What the model says in one turn, and how the line treats it.
struct model_turn {
  std::string text;
  std::string reasoning;
  std::string refusal;
  std::vector<model_call> calls;
  /// Empty: "tool_calls" when there are calls, else "stop".
  std::string finish_reason;
  bool no_usage = false;
  /// Instead of the computed numbers.
  std::optional<model_usage> usage;
  /// Pause before each chunk.
  std::chrono::milliseconds pause{0};
  /// After half of the chunks: nothing more, or the end of the connection.
  ending end = ending::complete;
  /// After half of the chunks comes an error event.
  bool error_midstream = false;
  wire_quirks quirks;
};

/// Prompt: bytes of the messages as compact JSON; completion: bytes of text, names and arguments;
/// four bytes a token, rounded up.
model_usage count_usage(const chat_request& x, const model_turn& turn);

/// The turn as an answer, streamed or whole. `id` and `created` are those of the completion.
answer render_turn(const chat_request& x, const model_turn& turn, const std::string& id,
                   std::int64_t created);

/// An error answer as OpenAI writes it.
answer model_problem(int status, std::string_view message, std::string_view type,
                     std::string_view code, std::string_view param = {});

} // namespace callboard::sandbox
