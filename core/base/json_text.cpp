#include "core/base/json_text.hpp"

#include "core/base/json.hpp"

namespace callboard {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

/// Walks over JSON text that is known to be good.
class walker {
public:
  explicit walker(std::string_view text) : text_(text) {}

  bool at_end() const { return at_ >= text_.size(); }
  char peek() const { return at_end() ? '\0' : text_[at_]; }

  void skip_blanks() {
    while (!at_end() && is_blank(text_[at_]))
      ++at_;
  }

  /// Steps over `c` and blanks around it, or stays.
  bool take(char c) {
    skip_blanks();
    if (peek() != c || at_end())
      return false;
    ++at_;
    skip_blanks();
    return true;
  }

  /// Steps over a value and gives its text.
  std::string_view value() {
    skip_blanks();
    auto begin = at_;
    if (peek() == '"')
      skip_string();
    else if (peek() == '{' || peek() == '[')
      skip_nested();
    else
      skip_scalar();
    return text_.substr(begin, at_ - begin);
  }

private:
  void skip_string() {
    for (++at_; !at_end() && text_[at_] != '"'; ++at_)
      if (text_[at_] == '\\')
        ++at_;
    at_ = std::min(at_ + 1, text_.size());
  }

  void skip_nested() {
    std::size_t depth = 0;
    while (!at_end()) {
      auto c = text_[at_];
      if (c == '"') {
        skip_string();
        continue;
      }
      ++at_;
      if (c == '{' || c == '[')
        ++depth;
      else if ((c == '}' || c == ']') && --depth == 0)
        return;
    }
  }

  void skip_scalar() {
    while (!at_end() && !is_blank(text_[at_]) && text_[at_] != ',' && text_[at_] != '}'
           && text_[at_] != ']')
      ++at_;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

} // namespace

std::vector<text_member> members_of(std::string_view object) {
  std::vector<text_member> members;
  walker at{object};
  if (!at.take('{'))
    return members;
  while (at.peek() == '"') {
    auto key = string_from(at.value());
    if (!key || !at.take(':'))
      break;
    members.push_back({std::move(*key), at.value()});
    if (!at.take(','))
      break;
  }
  return members;
}

std::vector<std::string_view> elements_of(std::string_view array) {
  std::vector<std::string_view> elements;
  walker at{array};
  if (!at.take('['))
    return elements;
  while (!at.at_end() && at.peek() != ']') {
    elements.push_back(at.value());
    if (!at.take(','))
      break;
  }
  return elements;
}

std::optional<std::string_view> member_text(std::string_view object, std::string_view key) {
  for (auto& member : members_of(object))
    if (member.key == key)
      return member.value;
  return std::nullopt;
}

std::optional<std::string> string_from(std::string_view text) {
  auto value = parse_json(text);
  if (!value || !value->is_string())
    return std::nullopt;
  return to_std(value->get_string());
}

std::string with_member(std::string_view object, std::string_view key, std::string_view value) {
  object_writer out;
  bool found = false;
  for (auto& member : members_of(object)) {
    bool same = member.key == key;
    out.add(member.key, same ? value : member.value);
    found = found || same;
  }
  if (!found)
    out.add(key, value);
  return std::move(out).finish();
}

std::string without_member(std::string_view object, std::string_view key) {
  object_writer out;
  for (auto& member : members_of(object))
    if (member.key != key)
      out.add(member.key, member.value);
  return std::move(out).finish();
}

object_writer& object_writer::add(std::string_view key, std::string_view value) {
  if (!empty())
    text_ += ',';
  text_ += quoted_text(key);
  text_ += ':';
  text_ += value;
  return *this;
}

object_writer& object_writer::add_string(std::string_view key, std::string_view characters) {
  return add(key, quoted_text(characters));
}

std::string array_of(const std::vector<std::string>& elements) {
  std::string text = "[";
  for (auto& element : elements) {
    if (text.size() > 1)
      text += ',';
    text += element;
  }
  return text + ']';
}

std::string quoted_text(std::string_view characters) {
  return json::serialize(json::string_view{characters.data(), characters.size()});
}

} // namespace callboard
