#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace callboard {

/// SHA-256, 32 raw bytes.
std::string sha256(std::string_view data);

/// HMAC-SHA-256, 32 raw bytes.
std::string hmac_sha256(std::string_view key, std::string_view data);

/// Lower-case hexadecimal.
std::string to_hex(std::string_view bytes);

/// Undoes to_hex; nothing for bad input.
std::optional<std::string> from_hex(std::string_view text);

/// RFC 4648 base64 with padding.
std::string to_base64(std::string_view bytes);

/// RFC 4648 base64, line breaks ignored, padding optional; nothing for bad input.
std::optional<std::string> from_base64(std::string_view text);

/// RFC 4648 base64url without padding.
std::string to_base64url(std::string_view bytes);

/// CRC-32 (IEEE 802.3), as in zip.
std::uint32_t crc32(std::string_view data);

/// RFC 4122 version 5 (SHA-1) UUID in text form. `space` is a UUID in text form.
std::string uuid5(std::string_view space, std::string_view name);

/// A random RFC 4122 version 4 UUID in text form.
std::string uuid4();

/// Whether that is the text form of a UUID, of any version and case.
bool is_uuid(std::string_view x) noexcept;

/// A version 7 UUID (RFC 9562) in text form: the milliseconds since 1970, then random bits. Ids of
/// rows that are written at a high rate come about one after the other, so that few index pages
/// take them.
std::string uuid7(std::chrono::milliseconds since_epoch);

/// Bytes from the system's cryptographic random source: the only function of core/ that is not a
/// function of its arguments. Ends the program when the source fails, since no secret could be made
/// then.
std::string random_bytes(std::size_t count);

/// Comparison in constant time for equal lengths.
bool equal_in_constant_time(std::string_view a, std::string_view b);

} // namespace callboard
