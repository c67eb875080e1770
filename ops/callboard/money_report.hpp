#pragma once

#include <string>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "ops/callboard/command_line.hpp"
#include "ops/callboard/store_access.hpp"

namespace callboard {

// What operators ask about money, asked of the database itself; a running node answers the same at
// /inspect. An empty `platform` means all of them.

/// Everything that was booked under a request id; errc::not_found when nothing was.
result<json::object> explain_request(store_access& access, const std::string& request,
                                     const std::string& platform);

/// The money invariants, with as much time as they take.
result<json::object> verify_ledger(store_access& access, const std::string& platform);

/// Holds that are open beyond their end.
result<json::object> find_stuck_holds(store_access& access, const std::string& platform);

/// An answer with a "story" as a report: its exit code is 1 when the answer counts "alarms" or
/// "violations".
report story_report(json::object answer);

/// The report of find_stuck_holds.
report stuck_holds_report(json::object answer);

} // namespace callboard
