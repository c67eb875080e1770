#include "core/connectors/url_template.hpp"

#include <algorithm>
#include <utility>

#include "core/connectors/absolute_url.hpp"

namespace callboard::connectors {
namespace {

constexpr std::string_view connection_prefix = "conn.";
constexpr std::string_view client_id_name = "client_id";

caf::error bad(std::string message) {
  return make_problem(errc::invalid_field, std::move(message));
}

std::string quoted(std::string_view x) { return "\"" + std::string{x} + "\""; }

bool is_name(std::string_view x) {
  return !x.empty() && std::all_of(x.begin(), x.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

/// Characters that can stand for themselves in a host name or in one path segment.
bool is_plain(std::string_view x) {
  bool plain = !x.empty() && std::all_of(x.begin(), x.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.'
           || c == '-' || c == '_';
  });
  return plain && x != "." && x != "..";
}

/// Calls back for every placeholder and returns the text with their values put in.
template <class F>
result<std::string> substitute(std::string_view text, F value_of) {
  std::string filled;
  while (!text.empty()) {
    auto begin = text.find('{');
    filled += text.substr(0, begin);
    if (begin == std::string_view::npos)
      break;
    auto end = text.find('}', begin);
    if (end == std::string_view::npos)
      return bad("\"{\" is not closed");
    result<std::string> value = value_of(text.substr(begin + 1, end - begin - 1));
    if (!value)
      return value.error();
    filled += *value;
    text.remove_prefix(end + 1);
  }
  return filled;
}

caf::error check_url(std::string_view text, bool allow_http) {
  auto parsed = parse_absolute_url(text);
  if (!parsed)
    return bad("is no absolute URL");
  if (parsed->scheme != "https" && !(allow_http && parsed->scheme == "http"))
    return bad(allow_http ? "must begin with https:// or http://" : "must begin with https://");
  if (parsed->has_user || parsed->has_query || parsed->has_fragment)
    return bad("must have no user, query or fragment");
  return {};
}

} // namespace

result<url_template> url_template::parse(std::string_view text, bool allow_http) {
  url_template x;
  x.source_ = text;
  auto sample = substitute(text, [&](std::string_view name) -> result<std::string> {
    if (name == client_id_name) {
      x.uses_client_id_ = true;
    } else if (name.starts_with(connection_prefix)
               && is_name(name.substr(connection_prefix.size()))) {
      x.fields_.emplace_back(name.substr(connection_prefix.size()));
    } else {
      return bad("holds the unknown placeholder {" + std::string{name}
                 + "}; allowed are {conn.<field>} and {client_id}");
    }
    return std::string{"x"};
  });
  if (!sample)
    return sample.error();
  if (auto problem = check_url(*sample, allow_http))
    return problem;
  while (x.source_.ends_with('/'))
    x.source_.pop_back();
  return x;
}

result<std::string> url_template::render(
  const std::function<std::optional<std::string>(std::string_view)>& value_of) const {
  return substitute(source_, [&](std::string_view name) -> result<std::string> {
    auto value = value_of(name);
    auto field = name.starts_with(connection_prefix) ? name.substr(connection_prefix.size()) : name;
    if (!value)
      return make_problem(errc::invalid_field, std::string{field} + " is required.",
                          std::string{field});
    if (!is_plain(*value))
      return make_problem(errc::invalid_field,
                          std::string{field} + " has characters that a URL cannot hold.",
                          std::string{field});
    return *value;
  });
}

result<path_template> path_template::parse(std::string_view text) {
  path_template x;
  x.source_ = text;
  if (!text.starts_with('/') && !text.starts_with("{/"))
    return bad("a path must begin with \"/\"");
  if (text.find_first_of("?# \\%") != std::string_view::npos || text.find("//") != text.npos)
    return bad("a path holds no \"?\", \"#\", \"%\", \"\\\", blank or \"//\"");
  auto rest = text;
  while (!rest.empty()) {
    auto begin = rest.find('{');
    if (begin != 0)
      x.pieces_.push_back({piece::kind::text, std::string{rest.substr(0, begin)}});
    if (begin == std::string_view::npos)
      break;
    auto end = rest.find('}', begin);
    if (end == std::string_view::npos)
      return bad("\"{\" is not closed");
    auto name = rest.substr(begin + 1, end - begin - 1);
    bool optional = name.starts_with('/');
    if (optional)
      name.remove_prefix(1);
    if (!is_name(name))
      return bad(quoted(name) + " is no name of a variable");
    if (x.has_variable(name) || x.has_optional(name))
      return bad("the variable " + quoted(name) + " is there twice");
    x.pieces_.push_back(
      {optional ? piece::kind::optional_segment : piece::kind::variable, std::string{name}});
    rest.remove_prefix(end + 1);
  }
  auto padded = x.source_ + "/";
  if (padded.find("/./") != std::string::npos || padded.find("/../") != std::string::npos)
    return bad("a path has no \".\" or \"..\" segment");
  return x;
}

bool path_template::has_variable(std::string_view name) const {
  return std::any_of(pieces_.begin(), pieces_.end(), [&](const piece& x) {
    return x.what == piece::kind::variable && x.text == name;
  });
}

bool path_template::has_optional(std::string_view name) const {
  return std::any_of(pieces_.begin(), pieces_.end(), [&](const piece& x) {
    return x.what == piece::kind::optional_segment && x.text == name;
  });
}

} // namespace callboard::connectors
