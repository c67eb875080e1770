#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <caf/error.hpp>
#include <caf/expected.hpp>
#include <caf/make_message.hpp>

namespace callboard {

/// Why something could not be done. One enum for the whole program.
/// Extend together with it: to_string and kind_of (core/base/error.cpp), status_of and rpc_code_of
/// (core/base/error.cpp as well); each is one switch without default, so the compiler lists what is
/// missing.
enum class errc : std::uint8_t {
  none = 0,
  /// The bytes are not JSON, or JSON that we refuse (NaN, duplicate keys, too deep). Do not retry.
  invalid_json,
  /// The request is malformed outside of its fields: bad header, bad query, bad path. Do not retry.
  bad_request,
  /// A field is missing or has a bad value; the error names it. Do not retry.
  invalid_field,
  /// A JSON-RPC message that is not a valid request (-32600). Do not retry.
  invalid_rpc,
  /// A JSON-RPC method that does not exist (-32601). Do not retry.
  unknown_method,
  /// JSON-RPC params are malformed, or name an unknown tool (-32602). Do not retry.
  invalid_params,
  /// No key, or one that is unknown, expired or revoked. Do not retry with the same key.
  invalid_api_key,
  /// The key is valid but of the wrong type or of another platform. Do not retry.
  forbidden,
  /// The Origin or Host header is not allowed. Do not retry.
  origin_refused,
  /// There is no such thing for this caller. Do not retry.
  not_found,
  /// The model slug is not configured. Do not retry.
  model_not_found,
  /// The path exists, but not with this method. Do not retry.
  method_not_allowed,
  /// The answer cannot be given in a form that the client accepts. Do not retry.
  not_acceptable,
  /// The request body is larger than its limit. Do not retry.
  payload_too_large,
  /// The request body is not JSON by its Content-Type. Do not retry.
  unsupported_media_type,
  /// Another state of the thing is in the way (exists already, in use). Retry only after a change.
  conflict,
  /// An app is already active on the platform. Do not retry; PATCH it.
  app_already_active,
  /// The app slug is in no catalogue. Do not retry.
  unknown_app,
  /// The app exists but the platform has not activated it. Retry after activation.
  app_not_active,
  /// The end user has not connected the app. Retry after connecting.
  app_not_connected,
  /// The platform's app has no OAuth client id or secret. Retry after a PATCH.
  missing_oauth_credentials,
  /// The authorization of a tool item is not a key of the caller. Do not retry.
  invalid_authorization,
  /// The MCP session is unknown, expired, ended or somebody else's. Initialise again.
  session_expired,
  /// The same id was used with another request. Do not retry with this id.
  idempotency_mismatch,
  /// The first request with this idempotency key still runs. Retry after the time given.
  request_in_progress,
  /// The wallet has nothing left. Retry after a top-up.
  wallet_insufficient,
  /// The end user's budget has nothing left in its window. Retry in the next window.
  budget_exhausted,
  /// The end user's budget is suspended. Retry after it is resumed.
  budget_suspended,
  /// Money ran out inside a loop; the reason is in the error's parameter. Retry after a top-up.
  payment_required,
  /// Too many requests in a window. Retry after the time given.
  rate_limited,
  /// The tool loop did not end within its model invocations. Do not retry blindly: it costs money.
  max_iterations_exceeded,
  /// The tool list or the MCP service cannot be reached. Retry later.
  mcp_unreachable,
  /// PostgreSQL is away. What was confirmed is safe; retry later.
  store_unavailable,
  /// The node is shutting down. Retry at once, another node answers.
  shutting_down,
  /// A queue or map is full. Retry later.
  over_limit,
  /// An upstream could not be connected to: the request certainly did not arrive. May be retried.
  upstream_unavailable,
  /// An upstream did not answer in time: the request may have had its effect. Retry only when
  /// idempotent.
  upstream_timeout,
  /// An upstream answered something that is no valid answer, or broke off. Retry only when
  /// idempotent.
  upstream_failed,
  /// The address of an upstream is private or otherwise refused. Do not retry.
  address_refused,
  /// An upstream's answer is larger than its cap. Do not retry.
  response_too_large,
  /// Somebody cancelled the work. Do not retry.
  cancelled,
  /// The work took longer than its limit. May be retried.
  timeout,
  /// Another owner holds a newer epoch (storage/sql/wallet). Refresh and retry once.
  fenced,
  /// A sealed secret does not open: wrong key, wrong row or changed bytes. Raises an alarm; do not
  /// retry.
  seal_broken,
  /// A setting is wrong; the node does not start.
  bad_setting,
  /// A bug of ours, or something nobody thought of. The text is for logs only.
  internal,
};

/// The wire name of a code, as in `error.code` of an answer ("wallet_insufficient").
std::string to_string(errc x);

/// The `error.type` of a code in the OpenAI envelope ("invalid_request_error", "payment_required",
/// ...).
std::string_view kind_of(errc x);

/// The HTTP status of a code outside JSON-RPC.
int status_of(errc x);

/// The JSON-RPC error code of a code (REQ C4-C6, I26; facts mcp.md 3.3).
int rpc_code_of(errc x);

/// A value, or why there is none. Test before use: `*x` and `x.error()` are unchecked.
template <class T>
using result = caf::expected<T>;

} // namespace callboard

CAF_ERROR_CODE_ENUM(callboard::errc, "callboard")

namespace callboard {

/// Builds an error whose text may be shown to the caller and whose `param` names the field at
/// fault.
caf::error make_problem(errc code, std::string message, std::string param = {});

/// The code of an error; errc::timeout and errc::internal stand for CAF's own errors.
errc code_of(const caf::error& x);

/// The text of an error for the caller; a fixed sentence for codes whose text is only for logs.
std::string message_of(const caf::error& x);

/// The field at fault, or an empty string.
std::string param_of(const caf::error& x);

/// The same error with facts for the caller: the text of a JSON object whose members join `error`
/// of the envelope (`data` in JSON-RPC). "retry_after", in seconds, becomes the header as well.
caf::error with_details(const caf::error& x, std::string details);

/// What with_details() added, or an empty string.
std::string details_of(const caf::error& x);

} // namespace callboard
