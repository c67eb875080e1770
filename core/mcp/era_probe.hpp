#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/mcp/client_request.hpp"
#include "core/mcp/server_message.hpp"

/// How to find out which era a remote server speaks: `server/discover` of 2026-07-28 is sent first
/// (facts mcp.md 2.3).
namespace callboard::mcp {

/// What the answer to the probe says.
enum class probe_verdict : std::uint8_t {
  /// The server speaks 2026-07-28; the message holds its DiscoverResult.
  stateless,
  /// It refuses the version and lists it as one that it speaks: send the same once more.
  again,
  /// It speaks an older version: send `initialize`.
  session,
  /// It wants other credentials (401, 403).
  refused,
  /// It answers, but with a failure of its own (5xx, 408, 429): nothing is known.
  failed
};

/// Sorts the answer to the probe. `messages` are those of its body.
probe_verdict classify_probe(int status, const std::vector<server_message>& messages);

/// Whether an error is one that only servers of 2026-07-28 send.
bool is_modern_error(const server_error& x);

/// What a server says of itself: DiscoverResult or InitializeResult in one form.
struct server_profile {
  server_era era = server_era::session;
  /// The version that we speak with it.
  std::string version;
  /// JSON texts of objects.
  std::string capabilities = "{}";
  std::string info = "{}";
  std::string instructions;
};

/// Reads a DiscoverResult. errc::upstream_failed when it shares no version with us.
result<server_profile> read_discover(std::string_view result);

/// Reads an InitializeResult. errc::upstream_failed for a version that we do not speak.
result<server_profile> read_initialize(std::string_view result);

/// Whether the server offers that kind ("tools", "resources", "prompts", "completions", "logging").
bool offers(const server_profile& x, std::string_view kind);

/// Whether `capabilities.<kind>.<flag>` is true ("listChanged", "subscribe").
bool offers(const server_profile& x, std::string_view kind, std::string_view flag);

} // namespace callboard::mcp
