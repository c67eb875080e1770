#include "core/connectors/json_path.hpp"

#include <algorithm>
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

/// The paths whose name at `depth` leads to a member of that name.
std::vector<const json_path*> below(const std::vector<const json_path*>& paths, std::size_t depth,
                                    std::string_view name) {
  std::vector<const json_path*> result;
  for (auto* path : paths) {
    auto& step = path->names()[depth];
    if (step == name || (depth > 0 && step == json_path::star))
      result.push_back(path);
  }
  return result;
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

json_selection::json_selection(const std::vector<json_path>& paths) {
  std::vector<const json_path*> all;
  for (auto& path : paths)
    all.push_back(&path);
  root_ = grow({}, all, 0);
}

json_selection::branch json_selection::grow(const std::string& name,
                                            const std::vector<const json_path*>& paths,
                                            std::size_t depth) {
  branch x{name, false, {}};
  for (auto* path : paths)
    if (path->names().size() == depth)
      return {name, true, {}};
  for (auto* path : paths)
    if (auto& next = path->names()[depth]; !x.find(next))
      x.below.push_back(grow(next, below(paths, depth, next), depth + 1));
  return x;
}

const json_selection::branch* json_selection::branch::find(std::string_view wanted) const {
  for (auto& x : below)
    if (x.name == wanted)
      return &x;
  return nullptr;
}

json::value json_selection::reduce(json::value root) const {
  if (!reduce(root, root_, true)) {
    if (root.is_array())
      root.emplace_array();
    else
      root.emplace_object();
  }
  return root;
}

bool json_selection::reduce(json::value& x, const branch& at, bool outermost) {
  if (at.whole)
    return true;
  auto* every = at.find(json_path::star);
  if (auto* array = x.if_array(); array && every) {
    for (auto& element : *array)
      // An element without any of the places keeps its seat, so that positions stay true.
      if (!reduce(element, *every, false) && !element.is_object())
        element = nullptr;
    return true;
  }
  auto* object = x.if_object();
  if (!object)
    return false;
  json::object kept{object->storage()};
  kept.reserve(std::min(object->size(), at.below.size()));
  for (auto& member : *object) {
    auto* next = at.find(member.key());
    if (!next && !outermost)
      next = every;
    if (next && reduce(member.value(), *next, false))
      kept.emplace(member.key(), std::move(member.value()));
  }
  *object = std::move(kept);
  return !object->empty();
}

std::string to_text(const json::value& x) {
  if (auto* text = x.if_string())
    return to_std(*text);
  if (auto* number = x.if_int64())
    return std::to_string(*number);
  return json::serialize(x);
}

} // namespace callboard::connectors
