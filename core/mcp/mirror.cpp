#include "core/mcp/mirror.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "core/base/digest.hpp"

namespace callboard::mcp {
namespace {

constexpr std::string_view prefix = "=?base64?";
constexpr std::string_view suffix = "?=";
constexpr std::string_view field_prefix = "Mcp-Param-";
/// Longer names are nobody's; a header name has at most 128 bytes here.
constexpr std::size_t name_bytes_max = 96;

bool is_token_char(char c) {
  bool alphanumeric = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return alphanumeric || std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos;
}

bool is_header_name(std::string_view x) {
  return !x.empty() && x.size() <= name_bytes_max && std::all_of(x.begin(), x.end(), is_token_char);
}

bool is_plain(std::string_view x) {
  return std::all_of(x.begin(), x.end(), [](char c) {
    return c == '\t' || (c >= ' ' && static_cast<unsigned char>(c) < 0x7f);
  });
}

bool is_wrapped(std::string_view x) {
  return x.size() >= prefix.size() + suffix.size() && x.starts_with(prefix) && x.ends_with(suffix);
}

bool is_utf8(const std::string& bytes) {
  json::error_code ec;
  json::value quoted{json::string_view{bytes.data(), bytes.size()}};
  static_cast<void>(json::parse(json::serialize(quoted), ec));
  return !ec;
}

void collect(const json::object& schema, std::vector<std::string>& path,
             std::vector<mirrored_parameter>& out) {
  auto* properties = find_object(schema, "properties");
  if (!properties || path.size() >= mirrored_depth_max)
    return;
  for (auto& member : *properties) {
    auto* property = member.value().if_object();
    if (!property || out.size() >= mirrored_parameters_max)
      continue;
    path.emplace_back(member.key());
    if (auto name = find_string(*property, "x-mcp-header"); name && is_header_name(*name))
      out.push_back({std::move(*name), path});
    collect(*property, path, out);
    path.pop_back();
  }
}

/// The value at the path, or null.
const json::value* value_at(const json::object& arguments, const std::vector<std::string>& path) {
  auto* object = &arguments;
  const json::value* value = nullptr;
  for (auto& step : path) {
    if (!object)
      return nullptr;
    value = find(*object, step);
    object = value ? value->if_object() : nullptr;
  }
  return value && !value->is_null() ? value : nullptr;
}

bool equal_numbers(const std::string& text, const json::value& value) {
  if (text.empty() || text.find_first_not_of("+-0123456789.eE") != std::string::npos)
    return false;
  if (text == json::serialize(value))
    return true;
  char* end = nullptr;
  auto given = std::strtod(text.c_str(), &end);
  return end == text.c_str() + text.size() && std::isfinite(given)
         && given == value.to_number<double>();
}

bool equals(const std::string& text, const json::value& value) {
  if (auto* string = value.if_string())
    return text == std::string_view{string->data(), string->size()};
  if (auto* flag = value.if_bool())
    return text == (*flag ? "true" : "false");
  return value.is_number() && equal_numbers(text, value);
}

} // namespace

std::optional<std::string> decode_mirrored(std::string_view value) {
  if (!is_plain(value))
    return std::nullopt;
  if (!is_wrapped(value))
    return std::string{value};
  auto inside = value.substr(prefix.size(), value.size() - prefix.size() - suffix.size());
  // Base64 with its padding: what is lenient here could be read in two ways on the way to us.
  constexpr std::size_t base64_group = 4;
  auto decoded = inside.size() % base64_group == 0 ? from_base64(inside) : std::nullopt;
  if (!decoded || !is_utf8(*decoded))
    return std::nullopt;
  return decoded;
}

std::string encode_mirrored(std::string_view text) {
  auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  bool padded = !text.empty() && (is_blank(text.front()) || is_blank(text.back()));
  if (is_plain(text) && !padded && !is_wrapped(text))
    return std::string{text};
  return std::string{prefix} + to_base64(text) + std::string{suffix};
}

std::vector<mirrored_parameter> mirrored_parameters(const json::object& input_schema) {
  std::vector<mirrored_parameter> found;
  std::vector<std::string> path;
  collect(input_schema, path, found);
  return found;
}

std::optional<std::string> check_mirrored(const http_headers& headers,
                                          const std::vector<mirrored_parameter>& parameters,
                                          const json::object& arguments) {
  for (auto& parameter : parameters) {
    auto name = std::string{field_prefix} + parameter.name;
    std::optional<std::string_view> field;
    for (auto& x : headers) {
      if (!iequals(x.name, name))
        continue;
      if (field)
        return name + " is there more than once.";
      field = trim(x.value);
    }
    auto* value = value_at(arguments, parameter.path);
    if (!value && !field)
      continue;
    if (!value)
      return name + " has no value in the arguments.";
    if (!field)
      return name + " is required.";
    auto text = decode_mirrored(*field);
    if (!text)
      return name + " has characters or base64 that it may not have.";
    if (!equals(*text, *value))
      return name + " is not the value of the arguments.";
  }
  return std::nullopt;
}

} // namespace callboard::mcp
