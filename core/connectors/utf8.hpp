#pragma once

#include <cstddef>
#include <string_view>

namespace callboard::connectors {

/// Whether the bytes are valid UTF-8 (RFC 3629) without U+0000, so that they can stand in JSON and
/// in the database.
bool is_text(std::string_view bytes);

/// The longest beginning of at most `bytes_max` bytes that ends between two characters.
/// @pre is_text(text)
std::string_view cut_text(std::string_view text, std::size_t bytes_max);

} // namespace callboard::connectors
