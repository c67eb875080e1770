#include "actors/sweeper.hpp"

#include "actors/metrics.hpp"
#include "actors/store_query.hpp"
#include "core/base/limits.hpp"

namespace callboard {
namespace {

constexpr auto sweep_interval = std::chrono::seconds{30};

/// Rows of one statement: small enough for its time limit, large enough to keep up.
constexpr std::int64_t rows_per_sweep = 500;

} // namespace

void sweeper_state::sweep(std::string statement, bool again) {
  std::vector<store_value> values;
  if (statement != "oauth_state/sweep")
    values.push_back(store_value::integer(rows_per_sweep));
  if (statement == "idempotency/sweep")
    values.push_back(
      store_value::integer(std::chrono::milliseconds{limits::kept_result_ttl}.count()));
  query(
    self, parts.store, {}, statement, std::move(values),
    [this, statement, again](store_rows& rows) {
      if (again && !rows.empty()) // one platform at a time
        sweep(statement, true);
    },
    [this](const caf::error& x) {
      if (code_of(x) != errc::store_unavailable)
        parts.metrics->log_problem({"sweeper"}, x);
    });
}

sweeper_actor::behavior_type sweeper(sweeper_actor::stateful_pointer<sweeper_state> self,
                                     node_parts parts) {
  self->state.parts = std::move(parts);
  self->send(self, atom::tick_v);
  return {
    [self](atom::tick) {
      self->delayed_send(self, sweep_interval, atom::tick_v);
      self->state.sweep("hold/sweep", true);
      self->state.sweep("session/sweep", false);
      self->state.sweep("oauth_state/sweep", false);
      self->state.sweep("response/sweep", false);
      self->state.sweep("idempotency/sweep", false);
      self->state.sweep("rate_limit/sweep", false);
      self->state.sweep("webhook/sweep", false);
    },
  };
}

} // namespace callboard
