#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/responses/item.hpp"
#include "core/responses/request.hpp"

namespace callboard::responses {

/// A tool of an MCP server, as listed by it.
struct mcp_tool {
  std::string server_label;
  std::string name;
  std::string description;
  /// A JSON Schema of type object.
  json::object input_schema;
  json::object annotations;
};

/// Reads the tools of a remote server: JSON text of an array of MCP tools. Those with a name that
/// model APIs refuse (other than 1 to 64 letters, digits, `_` and `-`) are left out, since one of
/// them would fail the whole request.
std::vector<mcp_tool> remote_tools_from(const std::string& label, std::string_view tools);

/// The tools of `server` that its item of the request allows (I79), in the listed order.
std::vector<mcp_tool> allowed_tools(const mcp_server& server, const std::vector<mcp_tool>& listed);

/// Checks what needs the tool lists: a name that two tools share (I78, param `tools[i]` of the
/// later item) and a `tool_choice` that names no existing tool (param `tool_choice`).
/// errc::invalid_field.
caf::error check_tools(const request& x, const std::vector<mcp_tool>& tools);

/// Whether the request's `tool_choice` lets the model call a tool: an MCP tool, or a function when
/// `label` is empty. Some model servers ignore `tool_choice`, so calls are checked as well.
bool may_call(const tool_choice& choice, std::string_view label, std::string_view name);

/// How a model server wants to be asked.
struct chat_options {
  /// The upstream's name of the model.
  std::string model;
  /// The upper bound of the tokens of one turn; always sent, so that a hold is an upper bound
  /// (I18). A smaller `max_output_tokens` of the request wins.
  std::int64_t output_tokens_max = 4096;
  /// Send the bound as `max_completion_tokens` (OpenAI's newer models) instead of `max_tokens`.
  bool use_max_completion_tokens = false;
};

/// Where the loop is.
struct chat_round {
  /// A forced tool_choice holds for the first round only; otherwise the loop would never end.
  bool first = true;
  /// Tokens that earlier rounds used of the request's `max_output_tokens`.
  std::int64_t output_tokens_used = 0;
  /// The model may not call tools any more (`max_tool_calls` is used up).
  bool no_more_tools = false;
};

/// The body of the upstream `POST /chat/completions`: streamed, with usage. Calls of one turn stand
/// in one assistant message, directly followed by their tool messages, whatever their order in
/// `items`. Nothing secret is in it (I85).
/// @pre check_pairing(items) and check_tools(x, tools) found nothing
json::object chat_body(const request& x, const conversation& items,
                       const std::vector<mcp_tool>& tools, const chat_options& options,
                       const chat_round& round);

/// The tokens that the body asks for at most.
std::int64_t output_tokens_bound(const json::object& chat_body);

} // namespace callboard::responses
