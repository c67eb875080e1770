#pragma once

#include <string>

#include "core/base/error.hpp"
#include "core/base/ids.hpp"
#include "core/base/json.hpp"

namespace callboard {

/// The inner object of the OpenAI error envelope: `{"message","type","param","code"}`, and
/// `"reason"` for errc::payment_required, whose parameter is the specific code that stopped the
/// loop (C27). `param` is null when no field is at fault.
json::object error_object(const caf::error& problem);

/// Adds what with_details() gave the error; members that are there stay.
void merge_details(json::object& out, const caf::error& problem);

/// The body of every answer that is not 2xx outside JSON-RPC (I30, I32; section 2A):
/// `{"error":{"message","type","param","code",["reason",]"request_id"}}`. An empty id is left out.
std::string error_body(const caf::error& problem, const request_id& id);

} // namespace callboard
