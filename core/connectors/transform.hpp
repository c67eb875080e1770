#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/json.hpp"

namespace callboard::connectors {

/// The ways in which a value may change between argument and request (facts connectors.md 6),
/// written `name` or `name:parameter`.
struct transform {
  enum class kind : std::uint8_t {
    /// One text into several targets, at the separator.
    split,
    /// Text in front.
    prefix,
    /// A path whose segments are encoded each and joined with %2F; only for a path variable.
    path_segments,
    /// Every value of an object becomes {parameter: value}.
    map_values,
    /// Base64 of the text's bytes.
    base64,
    /// JSON text of the value.
    json,
    /// Trimmed, lower case, runs of white space as one dash.
    slug,
    /// An array as one text.
    join,
    /// Every occurrence of the character removed.
    trim,
    /// Text to whole number.
    integer,
    /// ASCII lower case.
    lower,
    /// The term and a blank in front, unless the text holds the term already.
    ensure_term,
    /// An ISO date (2026-12-31) as day first (31/12/2026); day first passes unchanged.
    day_first,
  };

  kind what = kind::json;
  std::string parameter;
};

/// Reads `name` or `name:parameter`; errc::invalid_field lists the names that exist, or says that
/// the parameter is missing or not allowed.
result<transform> parse_transform(std::string_view text);

/// Applies a transform to one value. `split` gives a text unchanged here (see split_text).
/// errc::invalid_field says what the value should have been, without the argument's name.
result<json::value> apply(const transform& x, const json::value& value);

/// Splits into exactly `count` non-empty parts; errc::invalid_field otherwise.
result<std::vector<std::string>> split_text(std::string_view text, std::string_view separator,
                                            std::size_t count);

} // namespace callboard::connectors
