#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/http_message.hpp"
#include "core/base/json.hpp"
#include "core/mcp/json_rpc.hpp"
#include "core/mcp/messages.hpp"

/// The stateless era, 2026-07-28: every request describes itself in `params._meta` and in header
/// fields. Numbers N1 to N23 are those of the specification digest.
namespace callboard::mcp {

/// Header fields and body disagree (N4 to N6).
inline constexpr int code_header_mismatch = -32020;
/// The client did not declare a capability that the answer needs (N8).
inline constexpr int code_missing_capability = -32021;
/// A protocol version that we do not speak (N3).
inline constexpr int code_unsupported_version = -32022;

/// Members of `_meta` that the protocol defines.
namespace envelope {
inline constexpr std::string_view client_capabilities =
  "io.modelcontextprotocol/clientCapabilities";
inline constexpr std::string_view client_info = "io.modelcontextprotocol/clientInfo";
inline constexpr std::string_view log_level = "io.modelcontextprotocol/logLevel";
inline constexpr std::string_view server_info = "io.modelcontextprotocol/serverInfo";
inline constexpr std::string_view subscription = "io.modelcontextprotocol/subscriptionId";
} // namespace envelope

/// Methods of the stateless era and of servers behind the gateway.
namespace method {
inline constexpr std::string_view discover = "server/discover";
inline constexpr std::string_view listen = "subscriptions/listen";
inline constexpr std::string_view prompts_list = "prompts/list";
inline constexpr std::string_view prompts_get = "prompts/get";
inline constexpr std::string_view resources_list = "resources/list";
inline constexpr std::string_view templates_list = "resources/templates/list";
inline constexpr std::string_view resources_read = "resources/read";
inline constexpr std::string_view resources_subscribe = "resources/subscribe";
inline constexpr std::string_view resources_unsubscribe = "resources/unsubscribe";
inline constexpr std::string_view complete = "completion/complete";
inline constexpr std::string_view acknowledged = "notifications/subscriptions/acknowledged";
inline constexpr std::string_view prompts_changed = "notifications/prompts/list_changed";
inline constexpr std::string_view resources_changed = "notifications/resources/list_changed";
inline constexpr std::string_view resource_updated = "notifications/resources/updated";
inline constexpr std::string_view elicit = "elicitation/create";
inline constexpr std::string_view sample = "sampling/createMessage";
inline constexpr std::string_view list_roots = "roots/list";
} // namespace method

/// How long a client may keep a list: short enough that a changed allow-list shows soon.
inline constexpr std::int64_t list_ttl_ms = 60'000;

// -- requests -----------------------------------------------------------------

/// What a request says of its sender.
struct stateless_client {
  json::object capabilities;
  /// Empty when absent.
  json::object info;
  /// Log messages are sent only when a level is given (N16).
  std::optional<log_level> level;
};

/// A request whose envelope and header fields were checked.
struct stateless_request {
  rpc_id id;
  std::string method;
  json::object params;
  stateless_client client;
  std::optional<progress_token> progress;
};

/// A message that wants no answer but 202.
struct stateless_notice {
  std::string method;
};

/// A POST that is answered before anybody looks at its method.
struct refusal {
  int status = 400;
  int code = code_invalid_request;
  std::string message;
  std::optional<rpc_id> id;
  json::value data;
};

/// The refusal as an encoded JSON-RPC error.
std::string encode_error(const refusal& x);

/// A POST of either era: messages of the session era, or one of the stateless era.
using routed_post = std::variant<rpc_body, stateless_request, stateless_notice, refusal>;

/// Decides the era of a POST by its body, and checks what the stateless era demands of envelope and
/// header fields (facts mcp.md 3.1; N2 to N5, N16, N19). The headers never decide; they are only
/// compared.
routed_post route_post(const http_headers& headers, std::string_view body);

/// The HTTP status of an error in the stateless era: 404 for an unknown method (N7), 400 for what
/// is wrong with the request as a whole, 200 for errors of handlers (N9).
int stateless_status_of(int rpc_code);

/// The error for a method that does not exist (N7).
refusal unknown_stateless_method(const rpc_id& id, std::string_view name);

/// Whether a method may be answered with `input_required` (N12).
bool may_require_input(std::string_view name);

// -- results ------------------------------------------------------------------

/// What a server offers, as `capabilities` of a discover result.
struct stateless_offer {
  json::object capabilities;
  server_info server;
};

/// Tools whose list may change.
json::object tools_capability();

/// The result of `server/discover` (N1).
json::object discover_result(const stateless_offer& offer);

/// Completes a result: `resultType`, our name (N10), and for lists how long they may be kept (N11).
/// Members that are there already stay, except for `cacheScope`, which is always private: what a
/// user sees depends on the user.
json::object complete_result(json::object result, const server_info& server, bool cacheable);

/// What a result of the stateless era looks like to a session: members that it does not know are
/// taken out.
json::object session_result(json::object result);

/// Whether methods of that name answer a cacheable result (N11).
bool is_cacheable(std::string_view name);

// -- subscriptions ------------------------------------------------------------

/// What a client wants to hear of.
struct listen_filter {
  bool tools = false;
  bool prompts = false;
  bool resources = false;
  std::vector<std::string> uris;

  bool empty() const { return !tools && !prompts && !resources && uris.empty(); }
};

/// URIs of one subscription; more are refused.
inline constexpr std::size_t listen_uris_max = 256;

/// Reads the params of `subscriptions/listen`.
result<listen_filter> parse_listen(const json::object& params);

/// Whether the filter admits a notification.
bool admits(const listen_filter& filter, std::string_view notification, const json::object& params);

/// The first frame of a subscription: what of the filter is honoured (N15).
std::string encode_acknowledged(const rpc_id& subscription, const listen_filter& honoured);

/// A notification of a subscription.
std::string encode_subscribed(const rpc_id& subscription, std::string_view notification,
                              json::object params);

/// The graceful end of a subscription.
std::string encode_listen_end(const rpc_id& subscription);

// -- input --------------------------------------------------------------------

/// What a client that answers `input_required` sends along.
struct input_answers {
  /// Empty when absent.
  json::object responses;
  std::optional<std::string> state;
};

/// Takes `inputResponses` and `requestState` out of the params; errc::invalid_params when they are
/// of another type.
result<input_answers> take_input(json::object& params);

/// One request of a server for its client's input.
struct input_question {
  std::string key;
  std::string method;
  json::object params;
};

/// The result that asks for input. @pre there is a request or a state (N12)
json::object input_required_result(const std::vector<input_question>& requests,
                                   std::string_view state);

/// The client capability that a request for input needs: "elicitation", "sampling" or "roots";
/// empty for a method that is none of these.
std::string_view capability_of(std::string_view input_method);

/// Whether the client declares it.
bool declares(const json::object& capabilities, std::string_view capability);

} // namespace callboard::mcp
