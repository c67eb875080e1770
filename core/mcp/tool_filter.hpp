#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/json.hpp"

namespace callboard::mcp {

/// Patterns of one allow-list, and bytes of one of them: lists are read with every key.
inline constexpr std::size_t allowed_tools_max = 256;
inline constexpr std::size_t allowed_tool_bytes_max = 128;

/// Which tools somebody may see and call. A list of patterns: "github_get_issue" is one tool,
/// "github_*" are all whose names begin so, "*" is every tool; with "<app>/" in front it holds for
/// that app only ("docs/*"). A tool must be admitted by every list: the platform's, the end user's
/// and the key's.
class tool_filter {
public:
  /// Admits everything.
  tool_filter() = default;

  /// Reads a JSON array whose elements are lists of patterns, or null for no list; an empty text
  /// admits everything. What cannot be read admits nothing: a broken rule must not open a door.
  static tool_filter read(std::string_view text);

  /// Whether it admits everything.
  bool open() const { return lists_.empty(); }

  bool admits(std::string_view app, std::string_view tool) const;

private:
  std::vector<std::vector<std::string>> lists_;
};

/// Checks a list of patterns that a client wants stored; errc::invalid_field with `param`.
result<void> check_allowed_tools(const json::array& patterns, std::string_view param);

/// The member "allowed_tools" of a body that changes something: nothing when it is absent, null to
/// take the list away, else the checked patterns.
result<std::optional<json::value>> read_allowed_tools(const json::object& body);

} // namespace callboard::mcp
