#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/json.hpp"

/// The Model Context Protocol. JSON-RPC, versions and HTTP rules are shared by both eras; messages
/// of the session era (2024-11-05 to 2025-11-25) are in messages.hpp.
namespace callboard::mcp {

inline constexpr int code_parse_error = -32700;
inline constexpr int code_invalid_request = -32600;
inline constexpr int code_unknown_method = -32601;
inline constexpr int code_invalid_params = -32602;
inline constexpr int code_internal = -32603;
/// Refused for a reason outside of JSON-RPC.
inline constexpr int code_refused = -32000;
/// The session is unknown or over.
inline constexpr int code_session_gone = -32001;

/// Messages of one batch; more are refused. A client pipelines a handful.
inline constexpr std::size_t batch_messages_max = 64;
/// An id is echoed and kept while the request runs; UUIDs and counters are far shorter.
inline constexpr std::size_t id_bytes_max = 256;
/// A method name is echoed in errors and logged.
inline constexpr std::size_t method_bytes_max = 128;

/// A JSON-RPC id: a string or a whole number; its type is kept (R5). 0 and "" are valid ids.
class rpc_id {
public:
  explicit rpc_id(std::int64_t number) : value_(number) {}
  explicit rpc_id(std::string_view text) : value_(json::string_view{text.data(), text.size()}) {}

  /// Nothing for null, fractions, other types and strings over id_bytes_max.
  static std::optional<rpc_id> from(const json::value& x);

  const json::value& value() const { return value_; }

  /// The id as JSON text: tells 1 from "1"; a key for maps.
  std::string key() const;

  bool operator==(const rpc_id& other) const { return value_ == other.value_; }

private:
  explicit rpc_id(json::value x) : value_(std::move(x)) {}

  json::value value_;
};

/// A message that wants an answer.
struct rpc_request {
  rpc_id id;
  std::string method;
  /// Empty when absent or null.
  json::object params;
};

/// A message that wants none.
struct rpc_notification {
  std::string method;
  json::object params;
};

/// An answer of the client to a request of ours.
struct rpc_response {
  rpc_id id;
  /// Absent for an error.
  std::optional<json::value> result;
  std::optional<json::object> error;
};

/// A message that is none, with what to answer.
struct rpc_fault {
  int code = code_invalid_request;
  std::string message;
  /// The id of the request when it could be read.
  std::optional<rpc_id> id;
};

using rpc_message = std::variant<rpc_request, rpc_notification, rpc_response, rpc_fault>;

/// A POST body. Of a batch, every element is decoded by itself.
struct rpc_body {
  bool batch = false;
  /// Exactly one unless `batch`; never empty.
  std::vector<rpc_message> messages;

  /// Whether an answer is due: some message is a request or a fault (else 202, C7).
  bool needs_answer() const;
};

/// Decodes a POST body. A body that as a whole is no message gives a fault: -32700 for what is not
/// JSON, -32600 for a wrong version, a missing method, a bad id, an empty or too large batch;
/// -32602 for params that are no object. Inside of a batch such faults are elements.
std::variant<rpc_body, rpc_fault> decode_body(std::string_view text);

/// Decodes one parsed message. @see decode_body
rpc_message decode_message(json::value x);

/// `{"jsonrpc":"2.0","id":..,"result":..}`
std::string encode_result(const rpc_id& id, const json::value& result);

/// Likewise with a result that is JSON text already, for lists that are rendered once.
std::string encode_result_text(const rpc_id& id, std::string_view result);

/// `{"jsonrpc":"2.0","id":..,"error":{"code":..,"message":..,"data":..}}`; id null when absent,
/// `data` left out when null.
std::string encode_error(const std::optional<rpc_id>& id, int code, std::string_view message,
                         const json::value& data = nullptr);

/// Likewise for a fault.
std::string encode_error(const rpc_fault& fault);

/// Likewise for an error of ours: rpc_code_of, message_of, and `data` with `code` (the wire name of
/// the errc, I26) and, where there is one, `param`, or `reason` of errc::payment_required.
std::string encode_error(const std::optional<rpc_id>& id, const caf::error& why);

/// What MCP clients are told of an error: those of money say `payment_required`, with the specific
/// code as `reason` (I26).
caf::error for_client(const caf::error& why);

/// `{"jsonrpc":"2.0","method":..,"params":..}`; `params` left out when empty.
std::string encode_notification(std::string_view method, const json::object& params);

/// `{"jsonrpc":"2.0","id":..,"method":..,"params":..}`, for requests of ours.
std::string encode_request(const rpc_id& id, std::string_view method, const json::object& params);

/// Joins encoded messages to a batch answer.
std::string encode_batch(const std::vector<std::string>& messages);

/// The HTTP status that goes with a JSON-RPC error code in the session era: 400 for -32700 and
/// -32600, else 200 (C6). Session and header errors have their own statuses (http_rules.hpp).
int http_status_of(int rpc_code);

} // namespace callboard::mcp
