#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/connectors/json_path.hpp"

namespace callboard::connectors {

/// One sentence about an answer. `{/number}` is a place in the answer, `{#/items}` the number of
/// elements there (`{#}` of the whole answer), `{owner}` an argument. A part in `[...]` is left out
/// when any of its places is absent; outside of such a part an absent place leaves nothing.
class text_template {
public:
  text_template() = default;

  /// errc::invalid_field for unbalanced or nested braces and brackets.
  static result<text_template> parse(std::string_view text);

  /// Names of the arguments used.
  std::vector<std::string> arguments() const;

  std::string render(const json::value& answer, const json::object& arguments) const;

private:
  struct piece {
    enum class kind : std::uint8_t { text, pointer, count, argument } what;
    std::string text;
    json_pointer pointer;
    /// Pieces with the same number above 0 are in the same optional part.
    std::size_t part = 0;
  };

  static result<piece> parse_placeholder(std::string_view inside);
  /// False, and nothing appended, when the place is absent.
  static bool append(std::string& text, const piece& x, const json::value& answer,
                     const json::object& arguments);

  std::vector<piece> pieces_;
};

} // namespace callboard::connectors
