#pragma once

#include "core/mcp/json_rpc.hpp"

namespace callboard::mcp {

/// The member of `params._meta` by which a request declares itself stateless (2026-07-28).
inline constexpr std::string_view version_claim = "io.modelcontextprotocol/protocolVersion";

/// Whether params carry the claim, whatever its value (facts mcp.md 3.1, step 5).
bool claims_stateless(const json::object& params);

/// Whether any message of the body carries it; a batch that does is refused (step 3).
bool claims_stateless(const rpc_body& body);

} // namespace callboard::mcp
