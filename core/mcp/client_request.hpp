#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/http_message.hpp"
#include "core/mcp/json_rpc.hpp"
#include "core/mcp/version.hpp"

/// What a client of a remote MCP server sends, both eras.
namespace callboard::mcp {

/// How a server wants to be spoken to.
enum class server_era : std::uint8_t {
  /// 2024-11-05 to 2025-11-25: initialize, session, GET stream.
  session,
  /// 2026-07-28: every request describes itself.
  stateless
};

/// Members of `_meta` that belong to one hop and are never passed on.
namespace meta {
inline constexpr std::string_view version = "io.modelcontextprotocol/protocolVersion";
inline constexpr std::string_view client = "io.modelcontextprotocol/clientInfo";
inline constexpr std::string_view capabilities = "io.modelcontextprotocol/clientCapabilities";
inline constexpr std::string_view log_level = "io.modelcontextprotocol/logLevel";
inline constexpr std::string_view subscription = "io.modelcontextprotocol/subscriptionId";
inline constexpr std::string_view progress_token = "progressToken";
} // namespace meta

/// A request of a client, before it is put into the words of a server's era.
struct outgoing_request {
  std::string method;
  /// Text of an object, or empty.
  std::string params;
  /// Under which progress is wanted; nothing when it is not.
  std::optional<std::int64_t> progress_token;
  /// Text of an object, or empty.
  std::string capabilities;
  std::string client;
  /// Empty for no log messages.
  std::string log_level;
};

/// The JSON text of the client's own progress token in `params`, or empty.
std::string progress_token_of(std::string_view params);

/// Params for the server: the client's with the hop's members of `_meta` replaced. All others stay
/// as they are. Empty when nothing is left to say.
std::string encode_params(const outgoing_request& x, server_era era,
                          std::string_view version = stateless_version);

/// `{"jsonrpc":"2.0","id":..,"method":..,"params":..}` with params as text; left out when empty.
std::string encode_request_text(const rpc_id& id, std::string_view method, std::string_view params);

/// Likewise without an id.
std::string encode_notification_text(std::string_view method, std::string_view params);

/// The error answer to a request of the server; `data` is JSON text, or empty.
std::string encode_error_text(const rpc_id& id, std::int64_t code, std::string_view message,
                              std::string_view data);

/// Params of `initialize`.
std::string initialize_params_text(session_version version, std::string_view capabilities,
                                   std::string_view client);

/// Headers that every POST has: forms and type.
http_headers post_headers();

/// Headers of a request in the stateless era: version, Mcp-Method, and Mcp-Name where the method
/// has one. `params` is the text that is sent.
http_headers stateless_headers(std::string_view method, std::string_view params,
                               std::string_view version = stateless_version);

/// Headers of the session era after `initialize`; `session` may be empty.
http_headers session_headers(std::string_view session, std::string_view version);

} // namespace callboard::mcp
