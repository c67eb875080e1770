#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// JSON text that is passed on: members are found, replaced and left out without writing anything
/// else anew, so that numbers, escapes and the order of members stay as their author wrote them.
/// Everything here takes text that parse_json has accepted; of other text the answers are
/// meaningless, but nothing is read beyond its end.
namespace callboard {

/// One member of an object.
struct text_member {
  /// Without escapes.
  std::string key;
  /// The value's text, without blanks around it. A view into the object's text.
  std::string_view value;
};

/// The members of an object in their order; none for text that is no object.
std::vector<text_member> members_of(std::string_view object);

/// The elements of an array; none for text that is no array.
std::vector<std::string_view> elements_of(std::string_view array);

/// The text of a member's value.
std::optional<std::string_view> member_text(std::string_view object, std::string_view key);

/// The characters of a string's text, or nothing when it is no string.
std::optional<std::string> string_from(std::string_view text);

/// An object with that member replaced, or put behind the others. `value` is JSON text.
std::string with_member(std::string_view object, std::string_view key, std::string_view value);

/// An object without that member.
std::string without_member(std::string_view object, std::string_view key);

/// Builds an object from members.
class object_writer {
public:
  /// `value` is JSON text.
  object_writer& add(std::string_view key, std::string_view value);
  object_writer& add_string(std::string_view key, std::string_view characters);

  bool empty() const noexcept { return text_.size() == 1; }
  std::string finish() && {
    text_ += '}';
    return std::move(text_);
  }

private:
  std::string text_ = "{";
};

/// Joins elements to an array.
std::string array_of(const std::vector<std::string>& elements);

/// Characters as a JSON string.
std::string quoted_text(std::string_view characters);

} // namespace callboard
