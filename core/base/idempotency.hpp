#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/base/api_key.hpp"
#include "core/base/error.hpp"
#include "core/base/http_message.hpp"
#include "core/base/ids.hpp"
#include "core/base/json.hpp"

/// Repeating a request without repeating its effect (I33; draft-ietf-httpapi-idempotency-key-header
/// for the codes). A key names one operation of one caller on one path.
namespace callboard::idempotency {

/// The request header field.
inline constexpr std::string_view header = "Idempotency-Key";
/// Set on an answer that was given before.
inline constexpr std::string_view replayed_header = "Idempotent-Replayed";
/// The member of a `tools/call`'s `params._meta` with the same meaning; it outranks the header,
/// which cannot tell the calls of a batch apart.
inline constexpr std::string_view meta_member = "io.callboard/idempotencyKey";

/// A key is stored and compared; UUIDs and order numbers are far shorter.
inline constexpr std::size_t key_bytes_max = 255;

/// "false" on an answer: SDKs that repeat by themselves do not repeat this (I36).
inline constexpr std::string_view should_retry_header = "x-should-retry";

/// Whether a client may repeat a request of which nobody knows what it did: a safe method (RFC 9110
/// section 9.2.1), or a request with a key.
bool may_repeat(std::string_view method, const http_headers& headers);

/// The key of a request, or nothing without one. errc::invalid_field for one that is empty, longer
/// than key_bytes_max or has characters outside of visible ASCII.
result<std::optional<std::string>> key_of(const http_headers& headers);

/// The key in `_meta`, likewise; else the header's.
result<std::optional<std::string>> key_of(const json::object& meta, const http_headers& headers);

/// The refusal of a key under which something else was asked for: errc::idempotency_mismatch.
caf::error another_request();

/// What a key is used for: a caller (a user, or the platform itself for an empty id) and a place
/// ("POST /v1/responses").
struct scope {
  platform_id platform;
  end_user_id end_user;
  std::string place;
};

/// The operation that a key names within a scope, as a UUID: the ids of what it makes derive from
/// it, so that a repetition finds them.
std::string operation_of(const scope& where, std::string_view key);

/// The hold of a keyed tools/call at the MCP endpoint of an app ("*" for all): whoever is asked for
/// the same call, of whatever era, finds the same hold. `input` tells calls apart that go on with
/// what the client was asked for, and is empty for others.
hold_id hold_of_call(const principal& caller, std::string_view app, std::string_view key,
                     std::string_view input = {});

/// Whether an answer ends its operation, so that it is given again to whoever repeats the request.
/// A refusal does not, and neither does an outage: nothing was done then, or what was done is found
/// by the ids that derive from the operation, and the repetition goes on from there.
bool ends_operation(int status);

} // namespace callboard::idempotency
