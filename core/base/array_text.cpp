#include "core/base/array_text.hpp"

#include <algorithm>

namespace callboard {

void array_text::separate() {
  if (text_.size() > 1)
    text_ += ',';
}

void array_text::add(std::string_view x) {
  auto is_special = [](char c) { return c == '"' || c == '\\'; };
  separate();
  text_ += '"';
  for (auto from = x.begin(); from != x.end();) {
    auto to = std::find_if(from, x.end(), is_special);
    text_.append(from, to);
    if (to != x.end()) {
      text_ += '\\';
      text_ += *to++;
    }
    from = to;
  }
  text_ += '"';
}

void array_text::add(std::int64_t x) {
  separate();
  text_ += std::to_string(x);
}

void array_text::add_null() {
  separate();
  text_ += "NULL";
}

void array_text::add_unless_empty(std::string_view x) {
  if (x.empty())
    add_null();
  else
    add(x);
}

store_value array_text::take() {
  text_ += '}';
  return store_value::text(std::move(text_));
}

} // namespace callboard
