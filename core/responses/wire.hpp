#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/responses/chat_request.hpp"
#include "core/responses/request.hpp"
#include "core/responses/token_usage.hpp"

namespace callboard::responses {

/// Kinds of things with an id in the API.
enum class id_kind { list_tools, mcp_call, message, function_call, call };

/// Makes the ids of one response: unique within it, and across responses since each carries the
/// response's own random part. The same sequence of calls gives the same ids.
class id_source {
public:
  /// `response_id` is "resp_" and a random part.
  explicit id_source(std::string_view response_id);

  /// "mcpl_...", "mcp_...", "msg_...", "fc_..." or "call_...".
  std::string next(id_kind kind);

private:
  std::string stem_;
  std::uint64_t count_ = 0;
};

/// "resp_" and 32 hexadecimal digits of the 16 random bytes given.
std::string make_response_id(std::string_view random_bytes);

/// An `mcp_list_tools` item. Descriptions and annotations are always there and never null.
json::object list_tools_json(std::string_view id, std::string_view label,
                             const std::vector<mcp_tool>& tools);

/// An `mcp_call` item without output and error.
json::object mcp_call_json(std::string_view id, std::string_view label, std::string_view name,
                           std::string_view arguments, std::string_view status);

/// A `message` item.
json::object message_json(std::string_view id, json::array content, std::string_view status);

/// A `function_call` item.
json::object function_call_json(std::string_view id, std::string_view call_id,
                                std::string_view name, std::string_view arguments,
                                std::string_view status);

/// A content part `output_text`.
json::object output_text_json(std::string_view text);

/// A content part `refusal`.
json::object refusal_json(std::string_view text);

/// What the fields of a Response object depend on besides the request.
struct response_state {
  std::string id;
  std::int64_t created_at = 0;
  /// The model's slug as the client knows it.
  std::string model;
  /// "in_progress", "completed", "incomplete" or "failed".
  std::string status = "in_progress";
  std::int64_t completed_at = 0;
  /// "max_output_tokens" or "content_filter", for status "incomplete".
  std::string incomplete_reason;
  /// For status "failed".
  caf::error error;
  json::array output;
  /// Null until the end.
  bool with_usage = false;
  token_usage usage;
};

/// A Response object with every field that any typed client or the Open Responses schema requires
/// (I73; facts responses.md 2).
json::object response_json(const request& x, const response_state& state);

/// Writes the events of one stream: counts sequence numbers and frames.
class event_writer {
public:
  /// One event: `type` and `sequence_number` are put before `fields`. Event and data in one string,
  /// for one write.
  std::string frame(std::string_view type, const json::object& fields);

  /// The error event in the form that every client reads: flat and nested (facts responses.md 5.2).
  std::string error_frame(const caf::error& problem);

private:
  std::int64_t next_ = 0;
};

/// `data: [DONE]`, the last frame of a stream (I81).
std::string done_frame();

} // namespace callboard::responses
