#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/mcp/json_rpc.hpp"
#include "core/mcp/version.hpp"

/// Messages of the session era, 2024-11-05 to 2025-11-25. Malformed params are errc::invalid_params
/// (-32602) throughout.
namespace callboard::mcp {

/// Methods and notifications that the gateway knows.
namespace method {
inline constexpr std::string_view initialize = "initialize";
inline constexpr std::string_view ping = "ping";
inline constexpr std::string_view tools_list = "tools/list";
inline constexpr std::string_view tools_call = "tools/call";
inline constexpr std::string_view set_level = "logging/setLevel";
inline constexpr std::string_view initialized = "notifications/initialized";
inline constexpr std::string_view cancelled = "notifications/cancelled";
inline constexpr std::string_view progress = "notifications/progress";
inline constexpr std::string_view log = "notifications/message";
inline constexpr std::string_view tools_changed = "notifications/tools/list_changed";
} // namespace method

// -- initialize ---------------------------------------------------------------

/// What a client says when it opens a session.
struct initialize_params {
  /// As the client asked for it.
  std::string requested_version;
  /// What the session speaks.
  session_version version = session_version_newest;
  /// Unknown members are kept and ignored.
  json::object capabilities;
  /// May be empty.
  std::string client_name;
  std::string client_version;
};

/// Reads the params of `initialize`. protocolVersion is required; capabilities and clientInfo may
/// be absent, but not of another type.
result<initialize_params> parse_initialize(json::object params);

/// Who we are.
struct server_info {
  std::string name = "callboard";
  std::string title = "Callboard";
  std::string version;
  /// For the model; left out when empty.
  std::string instructions;
};

/// What we offer.
struct server_capabilities {
  /// Offers tools and tells when their list changes.
  bool tools_changed = true;
  bool logging = true;
};

/// The result of `initialize` (I60).
json::object initialize_result(session_version version, const server_info& server,
                               const server_capabilities& offered);

/// Likewise with `capabilities` as they are, for what servers behind us offer.
json::object initialize_result_with(session_version version, const server_info& server,
                                    json::object capabilities);

// -- tools --------------------------------------------------------------------

/// The result of `tools/list`: all tools in one page (I69). `tools` are MCP Tool objects (name,
/// title, description, inputSchema, annotations); members that the version does not know are left
/// out.
json::object tools_list_result(const std::vector<json::object>& tools, session_version version);

/// Checks the `cursor` of a list request: absent, null or empty is the first page, anything else is
/// invalid since there is no second page (L17).
result<void> check_cursor(const json::object& params);

/// The token under which a client wants progress: a string or a whole number, which may be 0 (L15).
using progress_token = rpc_id;

/// What a client wants to be called.
struct tool_call {
  std::string name;
  /// Empty when absent.
  json::object arguments;
  std::optional<progress_token> progress;
  /// `_meta`, empty when absent.
  json::object meta;
};

/// Reads the params of `tools/call`.
result<tool_call> parse_tool_call(json::object params);

/// The error for a tool that is not there: -32602 (C4).
caf::error unknown_tool(std::string_view name);

/// What a tool call gives.
struct tool_result {
  std::string text;
  bool is_error = false;
  /// Sent as structuredContent to versions that know it: the text of a JSON object, or empty.
  std::string structured;
};

/// CallToolResult as JSON text: one text item, structuredContent, isError.
std::string call_tool_result(const tool_result& x, session_version version);

// -- others -------------------------------------------------------------------

/// The id of the request to cancel, or nothing when the notification is malformed (it is ignored
/// then, L13).
std::optional<rpc_id> cancelled_request(const json::object& params);

/// Syslog severities, least severe first.
enum class log_level : std::uint8_t {
  debug,
  info,
  notice,
  warning,
  error,
  critical,
  alert,
  emergency
};

/// The wire name.
std::string_view to_string(log_level x);

/// Reads the params of `logging/setLevel` (L16).
result<log_level> parse_set_level(const json::object& params);

/// An encoded `notifications/message`; the caller compares levels.
std::string encode_log(log_level level, std::string_view logger, const json::value& data);

/// An encoded `notifications/progress`. `progress` must rise from one to the next (L15). `total` 0
/// is unknown and left out; `message` is left out when empty or unknown to the version.
std::string encode_progress(const progress_token& token, std::int64_t progress, std::int64_t total,
                            std::string_view message, session_version version);

} // namespace callboard::mcp
