#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "actors/interfaces.hpp"
#include "core/mcp/remote_tools.hpp"

namespace callboard {

/// How a remote server knows us.
enum class server_auth : std::uint8_t { none, header, oauth };

/// A row of the table of remote MCP servers.
struct remote_server {
  std::string slug;
  std::string name;
  std::string url;
  server_auth auth = server_auth::none;
  /// For server_auth::header.
  std::string header_name;
  /// Secret: the header's value, or the OAuth client secret.
  std::string secret;
  /// JSON text of an object; for server_auth::oauth.
  std::string oauth;
  mcp::tool_policy policy;
  bool active = false;
  /// JSON text: what the server offered last, or empty.
  std::string lists;
};

/// Reads a row of mcp_server/find.
remote_server read_remote_server(const store_row& row);

} // namespace callboard
