#pragma once

#include <cstdint>

#include "core/base/json.hpp"
#include "core/base/store_call.hpp"

namespace callboard::billing {

/// So many places are named for each invariant that does not hold.
inline constexpr std::int64_t findings_max = 5;

/// So many late holds are listed; their count and money are those of all.
inline constexpr std::int64_t stuck_holds_max = 100;

/// The rows of `ledger/verify` count no violation.
bool all_hold(const store_rows& counts);

/// What `inspect holds --stuck` says, from the row of `hold/stuck`: {holds, total, exposure}.
json::object stuck_holds_json(const store_rows& rows);

/// What `ledger verify` says: {violations, invariants: [{id, text, violations, findings:
/// [{platform_id, finding}]}], story: [lines]} from the rows of `ledger/verify` and
/// `ledger/findings`. Without a single invariant nothing was verified: errc::internal.
result<json::object> verification(const store_rows& counts, const store_rows& findings);

} // namespace callboard::billing
