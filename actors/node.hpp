#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "actors/interfaces.hpp"

namespace callboard::connectors {
class catalogue;
} // namespace callboard::connectors

namespace callboard {

/// What the node was told at its start and never changes.
struct node_settings {
  /// Base URL of the API as clients know it, without trailing slash.
  std::string api_url;
  /// Base URL of the MCP host as clients know it, without trailing slash (R40).
  std::string mcp_url;
  /// Idle time of an MCP session (C33).
  std::chrono::milliseconds session_ttl{30 * 60 * 1000};
  /// Outbound calls may reach private addresses; redirect URLs may be plain http.
  bool allow_private_upstreams = false;
  /// SHA-256 in hexadecimal of the operator key that opens /inspect on the ops listener.
  std::string operator_key_hash;
  std::string version;
  /// Signs what clients carry for us from one stateless request to the next; the same on all nodes.
  std::string state_key;
  /// Names this node in the database and in reports; new at each start.
  std::string node_name;
  /// The database belongs to this process alone (embedded mode): no other node can own anything in
  /// it.
  bool owns_database = false;
  /// The text of schema/openapi.yaml.
  std::string openapi;
};

class tool_lists;
class address_book;
class principal_cache;

/// Counts for /metrics. Thread-safe; implemented with prometheus-cpp in actors/metrics.cpp.
class node_metrics;

/// What every actor of a node gets: settings, data and the handles of the actors that exist once.
struct node_parts {
  std::shared_ptr<const node_settings> settings;
  std::shared_ptr<const connectors::catalogue> catalogue;
  std::shared_ptr<const tool_lists> listings;
  std::shared_ptr<node_metrics> metrics;
  /// Seconds since 1970. The only wall clock that actors see; tests put their own in (I123).
  std::function<std::int64_t()> unix_time;
  store_lanes store;
  http_client_actor http;
  authenticator_actor authenticator;
  directory_actor directory;
  /// What the directory and the authenticator know, to be read by everybody (actors/look_up.hpp).
  std::shared_ptr<address_book> addresses;
  std::shared_ptr<principal_cache> principals;
};

} // namespace callboard
