#include "ops/callboard/argument.hpp"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iostream>
#include <iterator>
#include <utility>

#include "core/base/http_message.hpp"

namespace callboard {
namespace {

constexpr std::size_t uuid_length = 36;
/// API keys of model servers are far shorter; a whole document is a mistake.
constexpr std::size_t secret_bytes_max = 8192;
/// Characters of a key's id in its prefix; api_key.key_prefix has room for 16 in all.
constexpr std::size_t shown_digits = 4;

bool is_uuid(std::string_view text) {
  if (text.size() != uuid_length)
    return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !std::isxdigit(static_cast<unsigned char>(text[i])))
      return false;
  }
  return true;
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

} // namespace

caf::error bad_argument(std::string why) {
  return make_problem(errc::invalid_field, std::move(why));
}

result<std::string> uuid_argument(std::string_view flag, const std::string& text) {
  if (!is_uuid(text))
    return bad_argument(std::string{flag} + ": '" + text + "' is not a UUID.");
  return to_lower(text);
}

result<micro_usd> usd_argument(std::string_view flag, const std::string& text, micro_usd min) {
  auto amount = parse_usd(text);
  if (!amount)
    return bad_argument(std::string{flag} + ": '" + text
                        + "' is not an amount in US dollars with at most six decimals.");
  if (*amount < min)
    return bad_argument(std::string{flag} + " must be at least " + format_usd(min) + ".");
  return *amount;
}

result<std::string> text_argument(std::string_view flag, const std::string& text, std::size_t min,
                                  std::size_t max) {
  const auto length = static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
  if (length < min || length > max)
    return bad_argument(std::string{flag} + " must have " + std::to_string(min) + " to "
                        + std::to_string(max) + " characters.");
  if (std::any_of(text.begin(), text.end(), is_control))
    return bad_argument(std::string{flag} + " must not have control characters.");
  return text;
}

result<std::string> secret_argument(std::string_view flag, const std::string& file) {
  std::ifstream opened;
  if (file != "-")
    opened.open(file, std::ios::binary);
  std::istream& in = file == "-" ? std::cin : opened;
  std::string text{std::istreambuf_iterator<char>{in}, {}};
  if (file != "-" && !opened.is_open())
    return bad_argument(std::string{flag} + ": the file " + file + " cannot be read.");
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r'))
    text.pop_back();
  if (text.empty() || text.size() > secret_bytes_max
      || std::any_of(text.begin(), text.end(), is_control))
    return bad_argument(std::string{flag} + ": " + file + " does not hold one line with a secret.");
  return text;
}

std::string shown_prefix(const api_key& key) {
  return std::string{prefix_of(key.kind)} + key.id.value.substr(0, shown_digits);
}

result<platform_row> find_platform(store& db, const std::string& text) {
  const auto id = uuid_argument("The platform", text);
  if (!id)
    return id.error();
  const auto rows = db.run(store_call{{*id}, "platform/find", {}});
  if (!rows)
    return rows.error();
  if (rows->empty())
    return make_problem(errc::not_found, "There is no platform " + *id + ".");
  return platform_row{{*id}, json::parse(store_row{*rows, 0}.text("body")).as_object()};
}

} // namespace callboard
