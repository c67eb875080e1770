#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/interfaces.hpp"

namespace callboard {

/// Which of the node's listeners a route is on.
enum class edge_side : std::uint8_t { api, mcp, ops };

/// What is special about a route; values may be combined with |.
enum class route_flag : std::uint8_t {
  none = 0,
  /// The body need not be JSON.
  any_body = 1,
  /// GET gives a stream, so HEAD makes no sense.
  no_head = 2,
};

/// One line of the table.
struct route {
  edge_side side = edge_side::api;
  std::string_view method;
  /// Segments in braces are parameters: "/v1/platforms/{platform_id}".
  std::string_view pattern;
  endpoint target = endpoint::healthz;
  route_flag flags = route_flag::none;

  bool has(route_flag flag) const {
    return (static_cast<unsigned>(flags) & static_cast<unsigned>(flag)) != 0;
  }
};

/// Every route of the node.
const std::vector<route>& all_routes();

/// What looking a path up gave.
enum class route_outcome : std::uint8_t {
  found,
  /// No route has this path.
  unknown_path,
  /// The path has routes, but none with this method.
  wrong_method,
  /// A segment has a malformed percent escape, or is no UTF-8 text without control characters.
  bad_path,
};

/// The result of looking a path up.
struct route_match {
  route_outcome outcome = route_outcome::unknown_path;
  /// Set when found.
  const route* line = nullptr;
  /// Decoded parameters by name.
  std::vector<name_value> fields;
  /// The methods of the path, as for the Allow header field: "GET, HEAD, PATCH". Only told to who
  /// asks for them, by OPTIONS, or errs.
  std::string allow;
};

/// Finds the route of a request. HEAD finds the GET route. `path` is without query and still
/// percent-encoded. RESTinio's own router matches regular expressions one after the other, and
/// cannot tell which methods a path has (405, Allow); comparing segments is quicker and can.
route_match find_route(edge_side side, std::string_view method, std::string_view path);

} // namespace callboard
