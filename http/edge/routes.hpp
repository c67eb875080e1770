#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "actors/interfaces.hpp"
#include "http/edge/listener.hpp"
#include "http/edge/route_table.hpp"

namespace callboard {

struct route_settings {
  edge_side side = edge_side::api;
  /// The URLs under which clients know this listener ("https://mcp.example.com"). Their origins and
  /// hosts are allowed on the mcp listener beside loopback.
  std::vector<std::string> own_urls;
  /// The listener is bound to loopback: any other Host is a DNS rebinding attack and refused with
  /// 403 (mcp only; facts mcp.md C2).
  bool loopback_only = false;
};

/// Handles what a listener receives: finds the route, answers by itself what has none (404, 405
/// with Allow, 415, 400 for bad paths, 403 for foreign origins on the mcp listener, preflights),
/// and sends the rest to the front actor as http_call. Every answer carries X-Request-Id,
/// X-Content-Type-Options and, unless it is set, Cache-Control: no-store. `/v1/me/` and `/mcp/`
/// answers carry the CORS fields (I37, C10).
wire_handler make_edge_handler(route_settings settings, front_actor front);

} // namespace callboard
