#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/http_message.hpp"

namespace callboard::mcp {

/// A protocol version of the session era. Ordered by age.
enum class session_version : std::uint8_t { v2024_11_05, v2025_03_26, v2025_06_18, v2025_11_25 };

/// What we answer to a version that we do not speak (L1).
inline constexpr auto session_version_newest = session_version::v2025_11_25;
/// What a request without version is (I66).
inline constexpr auto session_version_assumed = session_version::v2025_03_26;

/// "2025-11-25"
std::string_view to_string(session_version x);

/// The version of that name, or nothing.
std::optional<session_version> parse_session_version(std::string_view text);

/// What to answer to `initialize`: the version asked for when we speak it, else our newest (L1).
session_version negotiate(std::string_view requested);

/// The version that a later request names in MCP-Protocol-Version, or nothing when the header is
/// absent or empty (then the session's holds, else session_version_assumed). A version other than
/// the negotiated one is fine as long as we speak it; any other is errc::bad_request (HTTP 400,
/// -32000; L6).
result<std::optional<session_version>> version_of(const http_headers& headers);

/// The first version without sessions.
inline constexpr std::string_view stateless_version = "2026-07-28";

/// Whether the header names 2026-07-28 or anything later (facts mcp.md 3.1, steps 4 and 6).
bool header_claims_stateless(const http_headers& headers);

// What changed from version to version.

/// Servers must take batches in 2025-03-26 and may before; 2025-06-18 removed them (L19). A batch
/// that holds `initialize` is refused in every version.
constexpr bool allows_batch(session_version x) { return x <= session_version::v2025_03_26; }
/// Tool annotations came with 2025-03-26, as did `message` in progress notifications.
constexpr bool knows_annotations(session_version x) { return x >= session_version::v2025_03_26; }
/// `title` and `structuredContent` came with 2025-06-18.
constexpr bool knows_structured_content(session_version x) {
  return x >= session_version::v2025_06_18;
}
/// A stream may begin with an event without data and a retry time only from 2025-11-25 (L12).
constexpr bool knows_priming_event(session_version x) { return x >= session_version::v2025_11_25; }

} // namespace callboard::mcp
