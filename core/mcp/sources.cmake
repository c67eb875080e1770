target_sources(callboard_core PRIVATE
  mcp/authorization.cpp
  mcp/client_request.cpp
  mcp/era.cpp
  mcp/era_probe.cpp
  mcp/http_rules.cpp
  mcp/input_request.cpp
  mcp/json_rpc.cpp
  mcp/messages.cpp
  mcp/remote_tools.cpp
  mcp/server_message.cpp
  mcp/sse.cpp
  mcp/version.cpp)
