list(APPEND unit_sources
  unit/mcp/authorization_test.cpp
  unit/mcp/client_request_test.cpp
  unit/mcp/era_probe_test.cpp
  unit/mcp/era_test.cpp
  unit/mcp/http_rules_test.cpp
  unit/mcp/json_rpc_test.cpp
  unit/mcp/messages_test.cpp
  unit/mcp/remote_tools_test.cpp
  unit/mcp/server_message_test.cpp
  unit/mcp/sse_test.cpp
  unit/mcp/version_test.cpp)
