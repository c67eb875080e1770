#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/http_message.hpp"
#include "core/base/json.hpp"
#include "core/connectors/json_path.hpp"

/// Internal to core/connectors: reading schema/apps/<slug>.json with precise complaints.
namespace callboard::connectors {

/// Everything that is wrong with one file.
class mistake_list {
public:
  explicit mistake_list(std::string_view file_name) : file_name_(file_name) {}

  void add(const std::string& pointer, std::string_view text);
  bool empty() const { return lines_.empty(); }

  /// One line per mistake. @pre `!empty()`
  caf::error to_error() const;

private:
  std::string file_name_;
  std::string first_pointer_;
  std::string lines_;
};

/// Reads one object of the file member by member. finish() complains about members that nobody
/// asked for. A reader of something that is no object complains once and then gives empty values.
class object_reader {
public:
  /// `x` null stands for an object that is absent but not missed.
  object_reader(const json::value* x, std::string pointer, mistake_list& mistakes);

  const std::string& pointer() const { return pointer_; }
  std::string pointer_to(std::string_view name) const;
  mistake_list& mistakes() const { return mistakes_; }
  void complain(std::string_view name, std::string_view text) const;

  bool has(std::string_view name) const;

  /// The member, or null; counts as asked for.
  const json::value* value(std::string_view name);

  /// A text that must be there and not be empty.
  std::string text(std::string_view name);
  /// A text, empty when absent.
  std::string optional_text(std::string_view name);
  /// A text that must be one of `allowed`; the first of them when absent and not `required`.
  std::string choice(std::string_view name, const std::vector<std::string>& allowed, bool required);
  bool flag(std::string_view name, bool otherwise);
  /// A list of texts, empty when absent.
  std::vector<std::string> texts(std::string_view name);
  /// A list of HTTP statuses, empty when absent.
  std::vector<int> statuses(std::string_view name);
  /// An object of texts, empty when absent.
  std::vector<name_value> pairs(std::string_view name);
  /// A JSON pointer, empty when absent.
  json_pointer place(std::string_view name);
  /// A list of JSON pointers, empty when absent.
  std::vector<json_pointer> places(std::string_view name);
  /// The member as an object that must be there.
  object_reader object(std::string_view name);
  /// The member as an object, empty when absent.
  object_reader optional_object(std::string_view name);
  /// Calls back for every element of a list of objects.
  void each(std::string_view name, const std::function<void(object_reader&)>& f);

  void finish();

private:
  const json::object* object_ = nullptr;
  std::string pointer_;
  mistake_list& mistakes_;
  std::vector<std::string> known_;
};

} // namespace callboard::connectors
