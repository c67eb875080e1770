#pragma once

#include <string>
#include <utility>
#include <vector>

#include "actors/interfaces.hpp"
#include "core/base/limits.hpp"

namespace callboard {

/// Whatever CAF says of a lane that does not answer, callers see errc::store_unavailable.
inline caf::error store_error(caf::error x) {
  if (x.category() == caf::atom("callboard"))
    return x;
  return make_problem(errc::store_unavailable, "the lane does not answer");
}

/// The refusal of keyed work that another try is doing (I33).
inline caf::error still_running() {
  return with_details(make_problem(errc::request_in_progress,
                                   "The first request with this Idempotency-Key still runs. Ask "
                                   "again for its answer."),
                      R"({"retry_after":1})");
}

/// The refusal of work whose hold had ended before. With a key, all tries that it may have are used
/// up: they gave nothing, or what they gave is no longer kept (limits::kept_result_ttl).
inline caf::error hold_ended(bool keyed) {
  return make_problem(errc::conflict,
                      keyed ? "This was tried " + std::to_string(limits::keyed_tries_max)
                                + " times under its idempotency key, and each try came to nothing "
                                  "or is over two days old. Use another idempotency key."
                            : "This was begun before and has ended.");
}

/// Runs one statement for an actor: `on_rows(store_rows&)` or `on_error(caf::error)`, exactly one
/// of them, later, on the actor's thread. An empty platform means a statement marked [system].
template <class Self, class OnRows, class OnError>
void query(Self* self, const store_lanes& store, const platform_id& platform, std::string statement,
           std::vector<store_value> values, OnRows on_rows, OnError on_error,
           bool journal = false) {
  self
    ->request(store.of(platform), limits::store_timeout, atom::run_v,
              store_call{platform, std::move(statement), std::move(values), journal})
    .then([on_rows = std::move(on_rows)](store_rows& rows) mutable { on_rows(rows); },
          [on_error](caf::error& x) mutable { on_error(store_error(std::move(x))); });
}

} // namespace callboard
