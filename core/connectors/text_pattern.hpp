#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/base/error.hpp"

namespace callboard::connectors {

/// A regular expression as JSON Schema's `pattern` has it, compiled once and only run on short
/// texts. Values are safe for concurrent use.
class text_pattern {
public:
  /// Longest text that is matched; any longer one does not match.
  static constexpr std::size_t text_bytes_max = 1024;

  /// Matches everything.
  text_pattern() = default;

  /// errc::invalid_field when `source` is no regular expression, or has a \u: that is a character's
  /// number to JSON Schema and a class of characters to Boost.
  static result<text_pattern> compile(std::string source);

  /// The expression, or an empty string.
  const std::string& source() const;

  bool empty() const { return !compiled_; }

  /// Whether some part of `text` matches, as in JSON Schema. A text on which the expression would
  /// run for more than some 10 ms does not.
  bool matches(std::string_view text) const;

private:
  struct machine;

  std::shared_ptr<const machine> compiled_;
};

} // namespace callboard::connectors
