#include "core/mcp/mirror.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <set>

#include "core/base/digest.hpp"

namespace callboard::mcp {
namespace {

constexpr std::string_view prefix = "=?base64?";
constexpr std::string_view suffix = "?=";
constexpr std::string_view field_prefix = "Mcp-Param-";
/// Longer names are nobody's; a header name has at most 128 bytes here.
constexpr std::size_t name_bytes_max = 96;
/// Integers beyond do not survive JavaScript; the rule is the specification's.
constexpr std::int64_t safe_integer_max = (std::int64_t{1} << 53) - 1;
/// Keywords under which an annotation has no fixed place in the arguments.
constexpr std::array<std::string_view, 18> wandering{"items",
                                                     "prefixItems",
                                                     "additionalItems",
                                                     "contains",
                                                     "oneOf",
                                                     "anyOf",
                                                     "allOf",
                                                     "not",
                                                     "if",
                                                     "then",
                                                     "else",
                                                     "patternProperties",
                                                     "$defs",
                                                     "dependentSchemas",
                                                     "additionalProperties",
                                                     "$ref",
                                                     "definitions",
                                                     "propertyNames"};

bool is_token(std::string_view x) {
  constexpr std::string_view others = "!#$%&'*+-.^_`|~";
  return !x.empty() && x.size() <= name_bytes_max && std::all_of(x.begin(), x.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || others.find(c) != std::string_view::npos;
  });
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

/// Collects the annotations of a schema and notes the first broken rule.
class annotation_reader {
public:
  void read(const json::object& schema) {
    if (auto* properties = find_object(schema, "properties"))
      for (auto& member : *properties)
        if (auto* property = member.value().if_object()) {
          path_.emplace_back(member.key());
          take(*property);
          read(*property);
          path_.pop_back();
        }
    for (auto keyword : wandering)
      if (auto* below = find(schema, keyword); below && annotated(*below))
        refuse("below '" + std::string{keyword} + "'");
  }

  result<std::vector<mirrored_property>> finish() && {
    if (!problem_.empty())
      return make_problem(errc::upstream_failed, "x-mcp-header is used wrongly: " + problem_ + '.');
    return std::move(found_);
  }

private:
  void refuse(std::string why) {
    if (problem_.empty())
      problem_ = std::move(why);
  }

  void take(const json::object& property) {
    auto* annotation = find(property, "x-mcp-header");
    if (!annotation)
      return;
    auto name = annotation->is_string() ? to_std(annotation->get_string()) : std::string{};
    auto type = find_string(property, "type").value_or("");
    if (!is_token(name))
      return refuse("'" + name + "' is no header name");
    if (type != "string" && type != "integer" && type != "boolean")
      return refuse("'" + name + "' is on no string, integer or boolean");
    if (!names_.insert(to_lower(name)).second)
      return refuse("'" + name + "' is used twice");
    found_.push_back({path_, std::string{field_prefix} + name});
  }

  /// Whether there is an annotation anywhere in a value. Depth is bounded by the parser.
  static bool annotated(const json::value& x) {
    if (auto* array = x.if_array())
      return std::any_of(array->begin(), array->end(), annotated);
    auto* object = x.if_object();
    return object
           && (object->contains("x-mcp-header")
               || std::any_of(object->begin(), object->end(),
                              [](auto& member) { return annotated(member.value()); }));
  }

  std::vector<std::string> path_;
  std::set<std::string> names_;
  std::vector<mirrored_property> found_;
  std::string problem_;
};

/// The value as a header has it, or nothing for what has no place there.
std::optional<std::string> header_text(const json::value& x) {
  if (x.is_string())
    return to_std(x.get_string());
  if (x.is_bool())
    return x.get_bool() ? "true" : "false";
  if (x.is_int64() && x.get_int64() >= -safe_integer_max && x.get_int64() <= safe_integer_max)
    return std::to_string(x.get_int64());
  return std::nullopt;
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
  bool tabs = text.find('\t') != std::string_view::npos; // allowed, but changed on the way
  if (is_plain(text) && !padded && !tabs && !is_wrapped(text))
    return std::string{text};
  return std::string{prefix} + to_base64(text) + std::string{suffix};
}

result<std::vector<mirrored_property>> mirrored_properties(const json::object& input_schema) {
  annotation_reader reader;
  reader.read(input_schema);
  return std::move(reader).finish();
}

http_headers mirror_arguments(const std::vector<mirrored_property>& properties,
                              const json::object& arguments) {
  http_headers headers;
  for (auto& property : properties) {
    const json::object* at = &arguments;
    for (std::size_t i = 0; at && i + 1 < property.path.size(); ++i)
      at = find_object(*at, property.path[i]);
    auto* value = at ? find(*at, property.path.back()) : nullptr;
    if (!value)
      continue;
    if (auto text = header_text(*value))
      headers.push_back({property.header, encode_mirrored(*text)});
  }
  return headers;
}

std::optional<std::string> check_mirrored(const http_headers& headers,
                                          const std::vector<mirrored_property>& properties,
                                          const json::object& arguments) {
  for (auto& property : properties) {
    auto& name = property.header;
    std::optional<std::string_view> field;
    for (auto& x : headers) {
      if (!iequals(x.name, name))
        continue;
      if (field)
        return name + " is there more than once.";
      field = trim(x.value);
    }
    auto* value = value_at(arguments, property.path);
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
