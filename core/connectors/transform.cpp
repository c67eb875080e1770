#include "core/connectors/transform.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "core/base/digest.hpp"
#include "core/base/http_message.hpp"
#include "core/connectors/json_path.hpp"

namespace callboard::connectors {
namespace {

using kind = transform::kind;

struct entry {
  std::string_view name;
  kind what;
  bool has_parameter;
};

constexpr std::array entries{entry{"split", kind::split, true},
                             entry{"prefix", kind::prefix, true},
                             entry{"path_segments", kind::path_segments, false},
                             entry{"map_values", kind::map_values, true},
                             entry{"base64", kind::base64, false},
                             entry{"json", kind::json, false},
                             entry{"slug", kind::slug, false},
                             entry{"join", kind::join, true},
                             entry{"trim", kind::trim, true},
                             entry{"integer", kind::integer, false},
                             entry{"lower", kind::lower, false},
                             entry{"ensure_term", kind::ensure_term, true},
                             entry{"day_first", kind::day_first, false}};

caf::error bad(std::string message) {
  return make_problem(errc::invalid_field, std::move(message));
}

json::value text_value(std::string_view x) {
  return json::value(json::string_view{x.data(), x.size()});
}

/// White space and controls of ASCII.
bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string to_slug(std::string_view x) {
  std::string text;
  for (char c : x) {
    if (!is_blank(c))
      text += c;
    else if (!text.empty() && text.back() != '\x01')
      text += '\x01';
  }
  if (!text.empty() && text.back() == '\x01')
    text.pop_back();
  std::replace(text.begin(), text.end(), '\x01', '-');
  return to_lower(text);
}

std::string without(std::string_view text, char removed) {
  std::string kept{text};
  kept.erase(std::remove(kept.begin(), kept.end(), removed), kept.end());
  return kept;
}

/// Whether all characters at the places marked "d" are digits and the others equal the shape.
bool has_shape(std::string_view text, std::string_view shape) {
  return text.size() == shape.size()
         && std::equal(text.begin(), text.end(), shape.begin(),
                       [](char c, char s) { return s == 'd' ? c >= '0' && c <= '9' : c == s; });
}

result<json::value> to_day_first(std::string_view text) {
  if (has_shape(text, "dd/dd/dddd"))
    return text_value(text);
  if (!has_shape(text, "dddd-dd-dd"))
    return bad("must be a date like 2026-12-31");
  auto year = std::string{text.substr(0, 4)};
  auto month = std::string{text.substr(5, 2)};
  auto day = std::string{text.substr(8, 2)};
  bool exists = month >= "01" && month <= "12" && day >= "01" && day <= "31";
  if (!exists)
    return bad("must be a date like 2026-12-31");
  return text_value(day + '/' + month + '/' + year);
}

result<json::value> to_integer(const json::value& value) {
  if (value.is_int64() || value.is_uint64())
    return value;
  if (auto* text = value.if_string()) {
    std::int64_t number = 0;
    auto end = text->data() + text->size();
    auto [rest, ec] = std::from_chars(text->data(), end, number);
    if (ec == std::errc{} && rest == end)
      return json::value(number);
  }
  return bad("must be a whole number");
}

result<json::value> join(const json::value& value, std::string_view separator) {
  auto* array = value.if_array();
  if (!array)
    return text_value(to_text(value));
  std::string text;
  for (auto& element : *array) {
    if (element.is_structured())
      return bad("must be a list of texts or numbers");
    if (&element != array->data())
      text += separator;
    text += to_text(element);
  }
  return text_value(text);
}

result<json::value> map_values(const json::value& value, const std::string& member) {
  auto* object = value.if_object();
  if (!object)
    return bad("must be an object");
  json::object wrapped;
  for (auto& x : *object)
    wrapped[x.key()] = json::object{{member, x.value()}};
  return json::value(std::move(wrapped));
}

result<json::value> apply_to_text(const transform& x, std::string_view text) {
  switch (x.what) {
  case kind::prefix:
    return text_value(x.parameter + std::string{text});
  case kind::base64:
    return text_value(to_base64(text));
  case kind::slug:
    return text_value(to_slug(text));
  case kind::trim:
    return text_value(without(text, x.parameter.front()));
  case kind::lower:
    return text_value(to_lower(text));
  case kind::ensure_term:
    if (text.find(x.parameter) != std::string_view::npos)
      return text_value(text);
    return text_value(text.empty() ? x.parameter : x.parameter + ' ' + std::string{text});
  case kind::day_first:
    return to_day_first(text);
  case kind::split:
  case kind::path_segments:
  case kind::map_values:
  case kind::json:
  case kind::join:
  case kind::integer:
    break;
  }
  return text_value(text);
}

} // namespace

result<transform> parse_transform(std::string_view text) {
  auto colon = text.find(':');
  auto name = text.substr(0, colon);
  std::string known;
  for (auto& x : entries) {
    known += (known.empty() ? "" : ", ") + std::string{x.name} + (x.has_parameter ? ":..." : "");
    if (x.name != name)
      continue;
    bool given = colon != std::string_view::npos && colon + 1 < text.size();
    if (x.has_parameter && !given)
      return bad("the transform \"" + std::string{name} + "\" needs a parameter, as in \""
                 + std::string{name} + ":...\"");
    if (!x.has_parameter && colon != std::string_view::npos)
      return bad("the transform \"" + std::string{name} + "\" takes no parameter");
    transform result{x.what, given ? std::string{text.substr(colon + 1)} : std::string{}};
    if (x.what == kind::trim && result.parameter.size() != 1)
      return bad("the transform \"trim\" takes one character");
    return result;
  }
  return bad("unknown transform \"" + std::string{text} + "\"; allowed are " + known);
}

result<json::value> apply(const transform& x, const json::value& value) {
  switch (x.what) {
  case kind::map_values:
    return map_values(value, x.parameter);
  case kind::json:
    return text_value(json::serialize(value));
  case kind::join:
    return join(value, x.parameter);
  case kind::integer:
    return to_integer(value);
  case kind::split:
  case kind::prefix:
  case kind::path_segments:
  case kind::base64:
  case kind::slug:
  case kind::trim:
  case kind::lower:
  case kind::ensure_term:
  case kind::day_first:
    break;
  }
  if (value.is_structured() || value.is_null())
    return bad("must be a text");
  return apply_to_text(x, to_text(value));
}

result<std::vector<std::string>> split_text(std::string_view text, std::string_view separator,
                                            std::size_t count) {
  std::vector<std::string> parts;
  for (;;) {
    auto end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos)
      break;
    text.remove_prefix(end + separator.size());
  }
  bool empty =
    std::any_of(parts.begin(), parts.end(), [](const std::string& part) { return part.empty(); });
  if (parts.size() != count || empty)
    return bad("must have " + std::to_string(count) + " parts separated by \""
               + std::string{separator} + "\"");
  return parts;
}

} // namespace callboard::connectors
