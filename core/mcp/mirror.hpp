#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/http_message.hpp"
#include "core/base/json.hpp"

/// Header fields that repeat members of a request's body (N5, N6).
namespace callboard::mcp {

/// The text that a header value stands for: itself, or what is inside of `=?base64?...?=`. Nothing
/// for bad base64, for bytes that are no UTF-8, and for characters that a header may not have.
std::optional<std::string> decode_mirrored(std::string_view value);

/// The header value that stands for a text; undone by decode_mirrored.
std::string encode_mirrored(std::string_view text);

/// A property of a tool's input that clients repeat in `Mcp-Param-<name>`.
struct mirrored_parameter {
  /// The value of `x-mcp-header`.
  std::string name;
  /// Member by member from the arguments to the value.
  std::vector<std::string> path;
};

/// Properties of one tool that are looked at, and how deep they may lie: an input schema is a
/// stranger's.
inline constexpr std::size_t mirrored_parameters_max = 32;
inline constexpr std::size_t mirrored_depth_max = 8;

/// The properties of an input schema that carry `x-mcp-header`, reachable through `properties`
/// alone. Annotations whose value cannot be part of a header name are left out.
std::vector<mirrored_parameter> mirrored_parameters(const json::object& input_schema);

/// What is wrong with the Mcp-Param-* fields of a call, for a human; nothing when they are right:
/// there exactly when the value is there and not null, and equal to it, integers by their number.
std::optional<std::string> check_mirrored(const http_headers& headers,
                                          const std::vector<mirrored_parameter>& parameters,
                                          const json::object& arguments);

} // namespace callboard::mcp
