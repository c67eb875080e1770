#pragma once

#include <string>
#include <string_view>

#include "core/base/error.hpp"

namespace callboard {

/// What a sealed value is bound to (E1): moving the bytes to another row, column, table, tenant or
/// key makes them unreadable.
struct seal_place {
  std::string_view table;
  std::string_view column;
  std::string_view row_id;
  /// Empty for what belongs to no platform (models).
  std::string_view tenant;
  std::string_view key_id;
};

/// AES-256-GCM with a random 96-bit nonce and a 128-bit tag: version byte, nonce, ciphertext, tag.
/// `key` has 32 bytes. errc::internal when OpenSSL fails.
result<std::string> seal(std::string_view key, const seal_place& place, std::string_view plaintext);

/// Undoes seal(). errc::seal_broken when anything differs: key, place or one bit.
result<std::string> open_sealed(std::string_view key, const seal_place& place,
                                std::string_view sealed);

} // namespace callboard
