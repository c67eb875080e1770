// Header rules take any bytes as value of any header that they read.

#include <cstddef>
#include <cstdint>
#include <string>

#include "core/mcp/http_rules.hpp"
#include "core/mcp/version.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace callboard;
  using namespace callboard::mcp;
  std::string value{reinterpret_cast<const char*>(data), size};
  http_headers headers;
  for (auto* name :
       {"Accept", "Content-Type", "Origin", "Host", "Mcp-Session-Id", "MCP-Protocol-Version"})
    headers.push_back({name, value});
  static_cast<void>(accepted_forms(headers));
  static_cast<void>(check_stream_accepted(headers));
  static_cast<void>(check_content_type(headers));
  static_cast<void>(check_origin(headers, {value, "mcp.example.com:1"}));
  static_cast<void>(check_host(headers, {value}));
  static_cast<void>(session_of(headers));
  static_cast<void>(version_of(headers));
  header_claims_stateless(headers);
  return 0;
}
