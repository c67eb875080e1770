#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/json.hpp"

namespace callboard::connectors {

/// An RFC 6901 pointer, taken apart. The empty pointer, which names the whole value, stands for
/// "not configured" wherever a description leaves a pointer out.
class json_pointer {
public:
  json_pointer() = default;

  /// errc::invalid_field for a text that does not begin with "/" or holds a bad escape.
  static result<json_pointer> parse(std::string_view text);

  bool empty() const { return names_.empty(); }
  const std::vector<std::string>& names() const { return names_; }

  /// "/a/0/b", escaped.
  std::string to_string() const;

  /// The value at this place, or null.
  const json::value* find_in(const json::value& root) const;
  json::value* find_in(json::value& root) const;

private:
  std::vector<std::string> names_;
};

/// A pointer in which the name `*` stands for every element of an array or every member of an
/// object; as the first name only for the elements of an array.
class json_path {
public:
  static constexpr std::string_view star = "*";

  /// errc::invalid_field for what json_pointer refuses.
  static result<json_path> parse(std::string_view text);

  const std::vector<std::string>& names() const { return names_; }

private:
  std::vector<std::string> names_;
};

/// Paths laid together as a tree, so that a value is walked once however many there are.
class json_selection {
public:
  /// Selects nothing.
  json_selection() = default;
  explicit json_selection(const std::vector<json_path>& paths);

  bool empty() const { return root_.below.empty(); }

  /// `root` reduced to the places that the paths name, nesting kept: "/labels/*/name" gives
  /// {"labels":[{"name":..}]}. Absent places are left out. Elements of arrays stay in order and are
  /// never dropped. The result stays in the memory of `root`.
  json::value reduce(json::value root) const;

private:
  struct branch {
    std::string name;
    /// A path ends here: all of the value is kept.
    bool whole = false;
    std::vector<branch> below;

    const branch* find(std::string_view wanted) const;
  };

  static branch grow(const std::string& name, const std::vector<const json_path*>& paths,
                     std::size_t depth);
  /// Reduces `x` in place; false when it has none of the places.
  static bool reduce(json::value& x, const branch& at, bool outermost);

  branch root_;
};

/// A scalar as text without quotes, other values as JSON.
std::string to_text(const json::value& x);

} // namespace callboard::connectors
