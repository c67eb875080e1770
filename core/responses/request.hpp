#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/responses/item.hpp"

namespace callboard::responses {

/// An item `{"type":"mcp"}` of `tools` (R109-R114).
struct mcp_server {
  /// Position in `tools`, for error paths.
  std::size_t index = 0;
  /// The app's slug.
  std::string label;
  std::string url;
  /// The key without `Bearer `. The caller checks that it is the end user's own, otherwise
  /// errc::invalid_authorization with authorization_path(index). Never echoed, stored or put into a
  /// prompt (I74, I85).
  std::string authorization;
  std::string description;
  /// Only these tools; nothing means all of them (I79).
  std::optional<std::vector<std::string>> allowed_tools;
  /// Only tools whose annotations say `readOnlyHint: true`.
  bool read_only = false;
};

/// An item `{"type":"function"}` of `tools`, from either form (C22).
struct function_tool {
  std::size_t index = 0;
  std::string name;
  std::string description;
  /// A JSON Schema, or nothing when the function takes no arguments.
  std::optional<json::object> parameters;
  std::optional<bool> strict;
};

/// `tool_choice` in all its forms.
struct tool_choice {
  enum class mode {
    automatic,
    none,
    required,
    /// The function `name`.
    function,
    /// The tool `name` of server `label`, or any tool of it when `name` is empty.
    mcp,
  };
  /// One entry of `allowed_tools`: a function by name, or a server's tool (all of them when `name`
  /// is empty).
  struct reference {
    std::string label;
    std::string name;
  };

  mode as = mode::automatic;
  std::string name;
  std::string label;
  /// Only these tools are offered (`{"type":"allowed_tools"}`); nothing means all.
  std::optional<std::vector<reference>> allowed;
  /// As it was sent, in Responses form, for the echo.
  json::value echo = "auto";
};

/// A valid `POST /v1/responses`.
struct request {
  /// Empty: the platform's default model (C21).
  std::string model;
  parsed_items input;
  std::optional<std::string> instructions;
  std::vector<mcp_server> servers;
  std::vector<function_tool> functions;
  tool_choice choice;
  std::optional<std::string> previous_response_id;
  bool stream = false;
  bool store = true;
  bool parallel_tool_calls = true;
  std::optional<double> temperature;
  std::optional<double> top_p;
  std::optional<double> presence_penalty;
  std::optional<double> frequency_penalty;
  std::optional<std::int64_t> top_logprobs;
  std::optional<std::int64_t> max_output_tokens;
  std::optional<std::int64_t> max_tool_calls;
  json::object metadata;
  /// `text.format` in Responses form; `{"type":"text"}` by default.
  json::object text_format;
  /// `text.verbosity`, or empty.
  std::string verbosity;
  /// `reasoning.effort` and `.summary`, or empty.
  std::string reasoning_effort;
  std::string reasoning_summary;
  std::string truncation = "disabled";
  std::string user;
  std::string safety_identifier;
  std::string prompt_cache_key;
};

/// What validation must know about this installation.
struct request_context {
  /// Our own MCP base URL, e.g. "https://mcp.example.com": a server_url must be below it (C19).
  std::string mcp_url;
  /// Whether a slug is an app that we know.
  std::function<bool(std::string_view)> knows_app;
};

/// Validates a body. Unknown fields are ignored (I39). Every bad value is errc::invalid_field with
/// the path of the field, e.g. `tools[0].require_approval`, `input[2].content`. The pairing of
/// calls and outputs is not checked here, because it needs the history: see check_pairing.
result<request> parse_request(const json::object& body, const request_context& context);

/// "tools[<index>].authorization".
std::string authorization_path(std::size_t index);

/// The `tools` array as it is echoed and stored: flat functions; mcp items without authorization
/// and with `headers: null` (I74).
json::array echoed_tools(const request& x);

} // namespace callboard::responses
