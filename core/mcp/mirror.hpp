#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/http_message.hpp"
#include "core/base/json.hpp"

/// Header fields that repeat members of a request's body (N5, N6).
namespace callboard::mcp {

/// The text that a header value stands for: itself, or what is inside of `=?base64?...?=`. Nothing
/// for bad base64, for bytes that are no UTF-8, and for characters that a header may not have.
std::optional<std::string> decode_mirrored(std::string_view value);

/// The header value that stands for a text; undone by decode_mirrored.
std::string encode_mirrored(std::string_view text);

/// A property of a tool's arguments that clients repeat in a header field.
struct mirrored_property {
  /// Member by member from the arguments to the value.
  std::vector<std::string> path;
  /// With its prefix: "Mcp-Param-Region".
  std::string header;
};

/// The properties of an inputSchema that carry `x-mcp-header`. errc::upstream_failed, with the
/// reason, when one breaks a rule: the tool must not be offered then.
result<std::vector<mirrored_property>> mirrored_properties(const json::object& input_schema);

/// The header fields of a call. Absent and null values have none.
http_headers mirror_arguments(const std::vector<mirrored_property>& properties,
                              const json::object& arguments);

/// What is wrong with the Mcp-Param-* fields of a call, for a human; nothing when they are right:
/// there exactly when the value is there and not null, and equal to it, integers by their number.
std::optional<std::string> check_mirrored(const http_headers& headers,
                                          const std::vector<mirrored_property>& properties,
                                          const json::object& arguments);

} // namespace callboard::mcp
