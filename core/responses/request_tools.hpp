#pragma once

#include "core/base/error.hpp"
#include "core/responses/field_reader.hpp"
#include "core/responses/request.hpp"

namespace callboard::responses {

/// Reads `tools` of a Responses body into `into.servers` and `into.functions`. The first problem,
/// errc::invalid_field, or none.
caf::error read_tools(field_reader& fields, const request_context& context, request& into);

/// Reads `tool_choice`. @pre read_tools was called: a choice of a function or server that is not
/// among the tools is a problem.
caf::error read_tool_choice(field_reader& fields, request& into);

/// Whether `url` is the address of `slug` below our own MCP base URL: same scheme, host and port,
/// path `<base path>/mcp/<slug>`, nothing else (C19).
bool is_own_server_url(std::string_view url, std::string_view mcp_url, std::string_view slug);

} // namespace callboard::responses
