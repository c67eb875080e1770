#include "core/connectors/json_path.hpp"

#include <utility>

namespace callboard::connectors {
namespace {

/// Splits at "/" and undoes "~1" and "~0".
result<std::vector<std::string>> parse_names(std::string_view text) {
  auto bad = [&](const char* what) {
    return make_problem(errc::invalid_field,
                        "\"" + std::string{text} + "\" is no JSON pointer: " + what);
  };
  std::vector<std::string> names;
  if (text.empty())
    return names;
  if (text.front() != '/')
    return bad("it must begin with \"/\"");
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '/') {
      names.emplace_back();
    } else if (text[i] != '~') {
      names.back() += text[i];
    } else {
      ++i;
      if (i == text.size() || (text[i] != '0' && text[i] != '1'))
        return bad("\"~\" must be followed by 0 or 1");
      names.back() += text[i] == '0' ? '~' : '/';
    }
  }
  return names;
}

/// The index that a name stands for, or nothing.
std::optional<std::size_t> index_of(const std::string& name) {
  constexpr std::size_t digits_max = 7;
  if (name.empty() || name.size() > digits_max || (name.size() > 1 && name[0] == '0')
      || name.find_first_not_of("0123456789") != std::string::npos)
    return std::nullopt;
  return std::stoul(name);
}

const json::value* child(const json::value& x, const std::string& name) {
  if (auto* object = x.if_object())
    return object->if_contains(name);
  auto* array = x.if_array();
  auto index = array ? index_of(name) : std::nullopt;
  return index && *index < array->size() ? &(*array)[*index] : nullptr;
}

using names_view = std::vector<const std::vector<std::string>*>;

/// The paths whose name at `depth` leads to a member of that name.
names_view below(const names_view& paths, std::size_t depth, std::string_view name,
                 bool star_counts) {
  names_view result;
  for (auto* path : paths)
    if (path->size() > depth && ((*path)[depth] == name || (star_counts && (*path)[depth] == "*")))
      result.push_back(path);
  return result;
}

/// The reduced copy, or nothing when no path has a place in `x`.
std::optional<json::value> reduce(const json::value& x, const names_view& paths,
                                  std::size_t depth) {
  for (auto* path : paths)
    if (path->size() == depth)
      return x;
  if (auto* array = x.if_array()) {
    json::array copy;
    auto element_paths = below(paths, depth, "*", true);
    if (element_paths.empty())
      return std::nullopt;
    copy.reserve(array->size());
    for (auto& element : *array) {
      auto kept = reduce(element, element_paths, depth + 1);
      // An element without any of the places keeps its seat, so that positions stay true.
      if (!kept && element.is_object())
        kept.emplace(json::object());
      copy.push_back(kept ? std::move(*kept) : json::value(nullptr));
    }
    return copy;
  }
  auto* object = x.if_object();
  if (!object)
    return std::nullopt;
  json::object copy;
  for (auto& member : *object) {
    std::string_view name{member.key().data(), member.key().size()};
    auto member_paths = below(paths, depth, name, depth > 0);
    if (member_paths.empty())
      continue;
    if (auto kept = reduce(member.value(), member_paths, depth + 1))
      copy.emplace(member.key(), std::move(*kept));
  }
  if (copy.empty())
    return std::nullopt;
  return copy;
}

} // namespace

result<json_pointer> json_pointer::parse(std::string_view text) {
  auto names = parse_names(text);
  if (!names)
    return names.error();
  json_pointer x;
  x.names_ = std::move(*names);
  return x;
}

std::string json_pointer::to_string() const {
  std::string text;
  for (auto& name : names_) {
    text += '/';
    for (char c : name) {
      if (c == '~')
        text += "~0";
      else if (c == '/')
        text += "~1";
      else
        text += c;
    }
  }
  return text;
}

const json::value* json_pointer::find_in(const json::value& root) const {
  const json::value* x = &root;
  for (auto& name : names_) {
    x = child(*x, name);
    if (!x)
      return nullptr;
  }
  return x;
}

json::value* json_pointer::find_in(json::value& root) const {
  return const_cast<json::value*>(find_in(std::as_const(root)));
}

result<json_path> json_path::parse(std::string_view text) {
  auto names = parse_names(text);
  if (!names)
    return names.error();
  if (names->empty())
    return make_problem(errc::invalid_field, "A path must name something: \"/name\".");
  json_path x;
  x.names_ = std::move(*names);
  return x;
}

json::value select(const json::value& root, const std::vector<json_path>& paths) {
  names_view views;
  views.reserve(paths.size());
  for (auto& path : paths)
    views.push_back(&path.names());
  if (auto kept = reduce(root, views, 0))
    return std::move(*kept);
  if (root.is_array())
    return json::array{};
  return json::object{};
}

std::string to_text(const json::value& x) {
  if (auto* text = x.if_string())
    return to_std(*text);
  return json::serialize(x);
}

} // namespace callboard::connectors
