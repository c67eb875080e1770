#include "actors/sweeper.hpp"

#include "actors/metrics.hpp"
#include "actors/store_query.hpp"
#include "core/base/limits.hpp"

namespace callboard {
namespace {

constexpr auto sweep_interval = std::chrono::seconds{30};

/// Rows of one statement: small enough for its time limit.
constexpr std::int64_t rows_per_sweep = 500;

/// Whether the statement left something for its next run.
bool is_more_left(const std::string& statement, const store_rows& rows) {
  if (rows.empty())
    return false;
  if (statement == "hold/sweep") // ends the holds of one platform at a time
    return true;
  return statement != "oauth_state/sweep"
         && store_row{rows, 0}.integer("deleted") >= rows_per_sweep;
}

} // namespace

void sweeper_state::begin(const std::string& statement) {
  if (going_on.insert(statement).second)
    sweep(statement);
}

void sweeper_state::sweep(const std::string& statement) {
  std::vector<store_value> values;
  auto keep = [&](std::chrono::milliseconds x) {
    values.push_back(store_value::integer(x.count()));
  };
  if (statement != "oauth_state/sweep")
    values.push_back(store_value::integer(rows_per_sweep));
  if (statement == "idempotency/sweep") {
    keep(limits::kept_result_ttl);
    keep(limits::kept_answer_ttl);
  }
  query(
    self, parts.store, {}, statement, std::move(values),
    [this, statement](store_rows& rows) {
      if (is_more_left(statement, rows))
        sweep(statement);
      else
        going_on.erase(statement);
    },
    [this, statement](const caf::error& x) {
      going_on.erase(statement);
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
      self->state.begin("hold/sweep");
      self->state.begin("session/sweep");
      self->state.begin("oauth_state/sweep");
      self->state.begin("response/sweep");
      self->state.begin("idempotency/sweep");
      self->state.begin("rate_limit/sweep");
      self->state.begin("webhook/sweep");
    },
  };
}

} // namespace callboard
