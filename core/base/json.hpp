#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <boost/json.hpp>

#include "core/base/error.hpp"

namespace callboard {

namespace json = boost::json;

/// Parses untrusted JSON text strictly. Refuses with errc::invalid_json what Boost.JSON would let
/// pass or change: infinite numbers, integers beyond 64 bits, duplicate keys, U+0000 in strings
/// (facts reliability.md 7.4); and all that it refuses itself: bad UTF-8, nesting beyond
/// limits::json_depth_max, trailing bytes. The value lives in `memory`.
result<json::value> parse_json(std::string_view text, json::storage_ptr memory = {});

/// Like parse_json, but the text must be an object.
result<json::object> parse_json_object(std::string_view text);

/// The member, or null when the object has none.
const json::value* find(const json::object& object, std::string_view key);

/// The string member, or nothing when it is absent or not a string.
std::optional<std::string> find_string(const json::object& object, std::string_view key);

/// The integer member, or nothing when it is absent, not a number, or not a whole 64-bit number.
std::optional<std::int64_t> find_integer(const json::object& object, std::string_view key);

/// The boolean member, or nothing when it is absent or not a boolean.
std::optional<bool> find_bool(const json::object& object, std::string_view key);

/// The object member, or null when it is absent or not an object.
const json::object* find_object(const json::object& object, std::string_view key);

/// The array member, or null when it is absent or not an array.
const json::array* find_array(const json::object& object, std::string_view key);

/// A copy as std::string.
std::string to_std(const json::string& text);

} // namespace callboard
