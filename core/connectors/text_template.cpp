#include "core/connectors/text_template.hpp"

#include <algorithm>
#include <utility>

namespace callboard::connectors {
namespace {

caf::error bad(std::string message) {
  return make_problem(errc::invalid_field, std::move(message));
}

} // namespace

result<text_template::piece> text_template::parse_placeholder(std::string_view inside) {
  piece x{piece::kind::argument, {}, {}, 0};
  if (inside.empty())
    return bad("A placeholder is empty.");
  if (inside.find_first_of("{[") != std::string_view::npos)
    return bad("A placeholder holds a brace or a bracket.");
  if (inside.front() == '/' || inside.front() == '#') {
    x.what = inside.front() == '#' ? piece::kind::count : piece::kind::pointer;
    auto pointer = json_pointer::parse(inside.substr(x.what == piece::kind::count ? 1 : 0));
    if (!pointer)
      return pointer.error();
    x.pointer = std::move(*pointer);
  } else {
    x.text = inside;
  }
  return x;
}

result<text_template> text_template::parse(std::string_view text) {
  text_template x;
  std::size_t part = 0;
  std::size_t parts = 0;
  std::string plain;
  auto flush = [&] {
    if (!plain.empty())
      x.pieces_.push_back({piece::kind::text, std::exchange(plain, {}), {}, part});
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    switch (text[i]) {
    case '{': {
      auto end = text.find('}', i);
      if (end == std::string_view::npos)
        return bad("\"{\" is not closed.");
      auto placeholder = parse_placeholder(text.substr(i + 1, end - i - 1));
      if (!placeholder)
        return placeholder.error();
      flush();
      placeholder->part = part;
      x.pieces_.push_back(std::move(*placeholder));
      i = end;
      break;
    }
    case '[':
      if (part != 0)
        return bad("Optional parts cannot be nested.");
      flush();
      part = ++parts;
      break;
    case ']':
      if (part == 0)
        return bad("\"]\" was not opened.");
      flush();
      part = 0;
      break;
    case '}':
      return bad("\"}\" was not opened.");
    default:
      plain += text[i];
    }
  }
  if (part != 0)
    return bad("\"[\" is not closed.");
  flush();
  if (x.pieces_.empty())
    return bad("The text is empty.");
  return x;
}

std::vector<std::string> text_template::arguments() const {
  std::vector<std::string> names;
  for (auto& x : pieces_)
    if (x.what == piece::kind::argument)
      names.push_back(x.text);
  return names;
}

bool text_template::append(std::string& text, const piece& x, const json::value& answer,
                           const json::object& arguments) {
  switch (x.what) {
  case piece::kind::text:
    text += x.text;
    return true;
  case piece::kind::pointer: {
    auto* value = x.pointer.find_in(answer);
    if (!value || value->is_null())
      return false;
    text += to_text(*value);
    return true;
  }
  case piece::kind::count: {
    auto* value = x.pointer.find_in(answer);
    if (!value || !value->is_structured())
      return false;
    auto* list = value->if_array();
    text += std::to_string(list ? list->size() : value->get_object().size());
    return true;
  }
  case piece::kind::argument: {
    auto* value = find(arguments, x.text);
    if (!value || (value->is_string() && value->get_string().empty()))
      return false;
    text += to_text(*value);
    return true;
  }
  }
  return false;
}

std::string text_template::render(const json::value& answer, const json::object& arguments) const {
  std::string text;
  std::size_t part = 0;
  std::size_t part_begin = 0;
  bool dropped = false;
  for (auto& x : pieces_) {
    if (x.part != part) {
      part = x.part;
      part_begin = text.size();
      dropped = false;
    }
    if (!dropped && !append(text, x, answer, arguments) && part != 0) {
      text.resize(part_begin);
      dropped = true;
    }
  }
  return text;
}

} // namespace callboard::connectors
