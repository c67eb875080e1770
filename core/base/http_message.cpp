#include "core/base/http_message.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace callboard {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

int hex_digit(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

constexpr auto control_characters = [] {
  std::array<bool, 256> table{};
  for (std::size_t c = 0; c < 0x20; ++c)
    table[c] = c != '\t';
  table[0x7f] = true;
  return table;
}();

bool unreserved(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-'
         || c == '.' || c == '_' || c == '~';
}

} // namespace

std::optional<std::string_view> find_header(const http_headers& headers, std::string_view name) {
  for (auto& header : headers)
    if (iequals(header.name, name))
      return header.value;
  return std::nullopt;
}

bool equal_but_for_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(),
                    [](char x, char y) { return x == y || lower(x) == lower(y); });
}

std::string to_lower(std::string_view x) {
  std::string result{x};
  std::transform(result.begin(), result.end(), result.begin(), lower);
  return result;
}

bool is_field_text(std::string_view x) {
  return std::none_of(x.begin(), x.end(),
                      [](char c) { return control_characters[static_cast<unsigned char>(c)]; });
}

std::string_view trim(std::string_view x) {
  auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!x.empty() && is_blank(x.front()))
    x.remove_prefix(1);
  while (!x.empty() && is_blank(x.back()))
    x.remove_suffix(1);
  return x;
}

std::string percent_encode(std::string_view x) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string result;
  result.reserve(x.size());
  for (char c : x) {
    if (unreserved(c)) {
      result += c;
      continue;
    }
    auto byte = static_cast<unsigned char>(c);
    result += '%';
    result += digits[byte >> 4];
    result += digits[byte & 15];
  }
  return result;
}

std::optional<std::string> percent_decode(std::string_view x, bool plus_is_blank) {
  std::string result;
  result.reserve(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (x[i] == '+' && plus_is_blank) {
      result += ' ';
    } else if (x[i] != '%') {
      result += x[i];
    } else {
      auto high = i + 2 < x.size() ? hex_digit(x[i + 1]) : -1;
      auto low = high >= 0 ? hex_digit(x[i + 2]) : -1;
      if (low < 0)
        return std::nullopt;
      result += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return result;
}

result<std::vector<name_value>> parse_form(std::string_view text) {
  std::vector<name_value> fields;
  while (!text.empty()) {
    auto end = text.find('&');
    auto pair = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (pair.empty())
      continue;
    auto equals = pair.find('=');
    auto name = percent_decode(pair.substr(0, equals), true);
    auto value = equals == std::string_view::npos ? std::string{}
                                                  : percent_decode(pair.substr(equals + 1), true);
    if (!name || !value)
      return make_problem(errc::bad_request, "The query or form has a malformed percent escape.");
    fields.emplace_back(std::move(*name), std::move(*value));
  }
  return fields;
}

std::string encode_form(const std::vector<name_value>& fields) {
  std::string result;
  for (auto& [name, value] : fields) {
    if (!result.empty())
      result += '&';
    result += percent_encode(name) + '=' + percent_encode(value);
  }
  return result;
}

std::optional<std::string> find_field(const std::vector<name_value>& fields,
                                      std::string_view name) {
  for (auto& field : fields)
    if (field.first == name)
      return field.second;
  return std::nullopt;
}

} // namespace callboard
