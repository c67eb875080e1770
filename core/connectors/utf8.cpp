#include "core/connectors/utf8.hpp"

#include <cstdint>

namespace callboard::connectors {
namespace {

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0u) == 0x80u; }

/// Bytes of the character that begins with that byte; 0 for none.
std::size_t length_of(unsigned char lead) {
  if (lead < 0x80)
    return 1;
  if (lead >= 0xC2 && lead <= 0xDF)
    return 2;
  if (lead >= 0xE0 && lead <= 0xEF)
    return 3;
  return lead >= 0xF0 && lead <= 0xF4 ? 4 : 0;
}

/// Overlong forms, surrogates and code points beyond U+10FFFF show in the second byte.
bool second_fits(unsigned char lead, unsigned char second) {
  switch (lead) {
  case 0xE0:
    return second >= 0xA0;
  case 0xED:
    return second <= 0x9F;
  case 0xF0:
    return second >= 0x90;
  case 0xF4:
    return second <= 0x8F;
  default:
    return true;
  }
}

} // namespace

bool is_text(std::string_view bytes) {
  while (!bytes.empty()) {
    auto lead = static_cast<unsigned char>(bytes.front());
    auto length = length_of(lead);
    if (lead == 0 || length == 0 || length > bytes.size())
      return false;
    for (std::size_t i = 1; i < length; ++i)
      if (!is_continuation(bytes[i]))
        return false;
    if (length > 1 && !second_fits(lead, static_cast<unsigned char>(bytes[1])))
      return false;
    bytes.remove_prefix(length);
  }
  return true;
}

std::string_view cut_text(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max)
    return text;
  auto end = bytes_max;
  while (end > 0 && is_continuation(text[end]))
    --end;
  return text.substr(0, end);
}

} // namespace callboard::connectors
