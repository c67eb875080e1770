target_sources(callboard_core PRIVATE
  mcp/era.cpp
  mcp/http_rules.cpp
  mcp/json_rpc.cpp
  mcp/messages.cpp
  mcp/sse.cpp
  mcp/version.cpp)
