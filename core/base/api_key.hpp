#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <caf/meta/type_name.hpp>

#include "core/base/http_message.hpp"
#include "core/base/ids.hpp"

namespace callboard {

/// What a key may do: manage a platform, act as one end user, or use the lifecycle server (live or
/// test data).
enum class key_kind : std::uint8_t { platform, end_user, lifecycle_live, lifecycle_test };

/// The prefix that shows the kind: "sk-plat_", "sk-eu_", "rt_live_", "rt_test_".
std::string_view prefix_of(key_kind kind);

/// The name of the kind in the database: "platform", "end_user", "lifecycle_live",
/// "lifecycle_test".
std::string_view to_string(key_kind kind);

/// Undoes to_string.
std::optional<key_kind> key_kind_from(std::string_view name);

/// The parts of an API key (K1 of facts reliability.md): prefix, public id of 16 hexadecimal
/// digits, secret of 43 base64url characters (256 bits), CRC-32 of all before it in 8 hexadecimal
/// digits.
struct api_key {
  key_kind kind = key_kind::platform;
  key_id id;
  std::string secret;
};

/// A new key from the system's random source.
api_key make_api_key(key_kind kind);

/// The text that is shown once.
std::string format_api_key(const api_key& key);

/// Reads a key. Nothing when the form or the checksum is wrong, so that a typing mistake costs no
/// look-up.
std::optional<api_key> parse_api_key(std::string_view text);

/// The key of "Authorization: Bearer <key>" as presented, or nothing.
std::optional<std::string> bearer_key(const http_headers& headers);

/// Who makes a request, as found by its key.
struct principal {
  key_kind kind = key_kind::platform;
  key_id key;
  platform_id platform;
  /// Empty unless kind is end_user.
  end_user_id end_user;
  /// Which tools it may see and call: what mcp::tool_filter reads. Empty for all.
  std::string tools{};

  bool operator==(const principal&) const = default;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, principal& x) {
  return f(caf::meta::type_name("callboard::principal"), x.kind, x.key, x.platform, x.end_user,
           x.tools);
}

} // namespace callboard
