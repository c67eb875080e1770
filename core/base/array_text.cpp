#include "core/base/array_text.hpp"

namespace callboard {

void array_text::separate() {
  if (text_.size() > 1)
    text_ += ',';
}

void array_text::add(std::string_view x) {
  separate();
  text_ += '"';
  for (char c : x) {
    if (c == '"' || c == '\\')
      text_ += '\\';
    text_ += c;
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
