#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/error.hpp"
#include "core/base/json.hpp"

/// The `requestState` that a client carries from an `input_required` result to its next request. It
/// is under the client's control, so it is signed and bound to whom and what it was made for (N13).
namespace callboard::mcp {

/// A state is good that long.
inline constexpr std::int64_t request_state_seconds = 600;
/// A longer one is refused unread; a server's own state travels inside of ours.
inline constexpr std::size_t request_state_bytes_max = 64u * 1024;

/// Who may present a state, and with which request.
struct state_scope {
  std::string platform;
  std::string end_user;
  std::string app;
  std::string method;
  /// Digest of the params that the request is about (request_digest).
  std::string digest;
};

/// The digest of a request's params without what may differ on its repetition: `_meta`,
/// `inputResponses`, `requestState`. Hexadecimal.
std::string request_digest(const json::object& params);

/// What a state says.
struct request_state {
  /// The number of a suspended exchange of this node, or 0.
  std::uint64_t exchange = 0;
  /// Names the node that holds it.
  std::string node;
  /// The upstream's own state, unread; empty when it has none.
  std::string upstream;
  /// Tells the states of an exchange's rounds apart.
  std::uint64_t round = 0;
};

/// Signs a state with HMAC-SHA-256.
std::string seal_state(const request_state& x, const state_scope& scope, std::int64_t now,
                       std::string_view key);

/// Opens a state: errc::invalid_params when it was changed, is too old, or belongs to another
/// principal or request. The text does not say which.
result<request_state> open_state(std::string_view text, const state_scope& scope, std::int64_t now,
                                 std::string_view key);

} // namespace callboard::mcp
