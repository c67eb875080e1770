target_sources(callboard_core PRIVATE
  mcp/era.cpp
  mcp/event_ring.cpp
  mcp/http_rules.cpp
  mcp/json_rpc.cpp
  mcp/messages.cpp
  mcp/mirror.cpp
  mcp/offers.cpp
  mcp/request_state.cpp
  mcp/sse.cpp
  mcp/stateless.cpp
  mcp/tool_filter.cpp
  mcp/version.cpp)
