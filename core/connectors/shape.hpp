#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "core/base/http_message.hpp"
#include "core/base/json.hpp"
#include "core/connectors/catalogue.hpp"

namespace callboard::connectors {

/// What became of a tool call, for the client, for money and for the connection.
struct outcome {
  /// The tool failed; `text` says why.
  bool is_error = false;
  /// For people and models, at most limits::tool_output_bytes_max bytes of valid UTF-8.
  std::string text;
  /// The selected fields, when there are any and they fit: the text of a JSON object, or empty.
  std::string structured;
  /// The call counts as an MCP tool call (I25): the provider answered it, be it with an error. Not
  /// for 5xx, unreadable answers and dead tokens.
  bool counts = false;
  /// The provider refused the token: refresh it and send the request again once, else the user has
  /// to reconnect (I48, I49).
  bool needs_refresh = false;
  /// A scope that the connection lacks, as the provider calls it (I50).
  std::string missing_scope;
  /// The provider limits the rate (I51); with the time to wait where it says one.
  bool rate_limited = false;
  std::optional<std::chrono::seconds> retry_after;
  /// The provider failed (5xx, unreadable): a repeatable call may be sent again.
  bool provider_failed = false;
};

/// What a request that was sent may have left behind at the provider.
enum class side_effect : std::uint8_t {
  /// It only reads.
  none,
  /// It writes, and writing the same again changes nothing more.
  repeatable,
  /// It writes, and repeating it would write twice (I52).
  lasting,
};

/// The side effect of a tool's own request.
side_effect effect_of(const tool& what);

/// Turns the answer to a tool's own request into an outcome. `now_epoch` (seconds) turns reset
/// times into waiting times; 0 when unknown. Tokens in an answer are masked.
outcome shape_answer(const app& owner, const tool& what, const json::object& arguments,
                     const http_response& answer, std::string_view access_token,
                     std::int64_t now_epoch);

/// Likewise for an answer to an earlier request that was not accepted.
outcome shape_failed_step(const app& owner, const tool& what, const http_response& answer,
                          std::string_view access_token, std::int64_t now_epoch);

/// An outcome for a call that got no answer (errc::upstream_timeout, upstream_unavailable,
/// response_too_large, address_refused, ...): never counts, and says whether the call may have had
/// its effect. @see call_plan::shape_no_answer
outcome shape_no_answer(const app& owner, side_effect effect, const caf::error& why);

} // namespace callboard::connectors
