#include "actors/calls/table.hpp"
#include "actors/metrics.hpp"
#include "core/base/digest.hpp"
#include "core/base/error_body.hpp"
#include "core/base/http_message.hpp"
#include "core/base/limits.hpp"
#include "core/billing/explanation.hpp"
#include "core/billing/verification.hpp"

namespace callboard::calls {
namespace {

/// Kinds of actors that /inspect shows; "actors" is all of them.
bool inspectable(const std::string& kind) {
  return kind == "actors" || kind == "tenant" || kind == "wallet" || kind == "session"
         || kind == "loop" || kind == "connection" || kind == "authenticator"
         || kind == "dispatcher";
}

/// The platform that the query narrows a question to, or none.
platform_id wanted_platform(call_self self) {
  return {to_lower(self->state.query_field("platform").value_or(std::string{}))};
}

store_value id_or_null(const platform_id& x) {
  return x.empty() ? store_value::null() : store_value::text(x.value);
}

/// Everything that was booked under a request id (`inspect explain`).
void inspect_explain(call_self self, const std::string& request_id) {
  self->state.run_for({}, "request/explain",
                      {store_value::text(request_id), id_or_null(wanted_platform(self)),
                       store_value::integer(billing::explained_holds_max)},
                      [self, request_id](store_rows& rows) {
                        auto told = billing::explain_rows(request_id, rows);
                        if (!told)
                          return self->state.fail(told.error());
                        self->state.finish(200, billing::to_json(*told));
                      });
}

void finish_verification(call_self self, const store_rows& counts, const store_rows& findings) {
  auto told = billing::verification(counts, findings);
  if (!told)
    return self->state.fail(told.error());
  self->state.finish(200, *told);
}

/// The money invariants, over all platforms or over one.
void verify(call_self self, const platform_id& platform) {
  const bool own = !platform.empty();
  self->state.run_for(platform, own ? "ledger/verify_own" : "ledger/verify", {},
                      [self, platform, own](store_rows& counts) {
                        if (billing::all_hold(counts))
                          return finish_verification(self, counts, {});
                        self->state.run_for(
                          platform, own ? "ledger/findings_own" : "ledger/findings",
                          {store_value::integer(billing::findings_max)},
                          [self, counts = std::move(counts)](store_rows& findings) {
                            finish_verification(self, counts, findings);
                          });
                      });
}

void inspect_ledger(call_self self, const std::string& what) {
  if (what != "verify")
    return self->state.fail(
      make_problem(errc::not_found, "Of the ledger there is /inspect/ledger/verify."));
  const auto platform = wanted_platform(self);
  if (platform.empty())
    return verify(self, platform);
  self->state.run_for(platform, "platform/find", {}, [self, platform](store_rows& rows) {
    if (rows.empty())
      return self->state.fail(make_problem(errc::not_found, "There is no such platform."));
    verify(self, platform);
  });
}

void inspect_holds(call_self self, const std::string& what) {
  if (what != "stuck")
    return self->state.fail(
      make_problem(errc::not_found, "Of holds there is /inspect/holds/stuck."));
  self->state.run_for(
    {}, "hold/stuck",
    {id_or_null(wanted_platform(self)), store_value::integer(billing::stuck_holds_max)},
    [self](store_rows& rows) { self->state.finish(200, billing::stuck_holds_json(rows)); });
}

/// The wallet as the database has it, with the tenant actor's view beside it.
void inspect_wallet(call_self self, const std::string& platform) {
  auto& state = self->state;
  state.run_for({platform}, "wallet/show", {}, [self, platform](store_rows& rows) {
    if (rows.empty())
      return self->state.fail(make_problem(errc::not_found, "There is no such platform."));
    self
      ->request(self->state.parts.directory, limits::actor_timeout, atom::status_v,
                std::string{"tenant"}, platform)
      .then(
        [self, wallet = store_row{rows, 0}.text("body")](const std::string& actors) {
          self->state.finish(200, "{\"database\":" + wallet + ",\"actors\":" + actors + "}");
        },
        [self](const caf::error& x) { self->state.fail(x); });
  });
}

/// A node is ready when all its lanes are: after an outage each finds its own way back, and until
/// then some requests would still be put off.
void check_lanes(call_self self, std::size_t next) {
  auto& lanes = self->state.parts.store.lanes;
  if (next == lanes.size())
    return self->state.finish(200, json::object{{"status", "ready"}});
  self->request(lanes[next], limits::store_timeout, atom::status_v)
    .then([self, next](std::int64_t) { check_lanes(self, next + 1); },
          [self](caf::error& x) { self->state.fail(store_error(std::move(x))); });
}

} // namespace

void healthz(call_self self) { self->state.finish(200, json::object{{"status", "ok"}}); }

void readyz(call_self self) { check_lanes(self, 0); }

void metrics(call_self self) {
  self->state.finish(200, self->state.parts.metrics->render(),
                     {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}});
}

void openapi(call_self self) {
  self->state.finish(200, self->state.parts.settings->openapi,
                     {{"Content-Type", "application/yaml"}});
}

void inspect_get(call_self self) {
  auto& state = self->state;
  auto kind = state.path_field("kind");
  auto id = state.path_field("id");
  if (is_uuid(id))
    id = to_lower(id); // as actors are named
  if (auto platform = wanted_platform(self); !platform.empty() && !is_uuid(platform.value))
    return state.fail(make_problem(errc::invalid_field, "'platform' must be a UUID.", "platform"));
  if (kind == "explain" && !id.empty())
    return inspect_explain(self, id);
  if (kind == "ledger")
    return inspect_ledger(self, id);
  if (kind == "holds")
    return inspect_holds(self, id);
  if (!inspectable(kind))
    return state.fail(make_problem(errc::not_found,
                                   "Inspect one of actors, tenant, wallet, session, loop, "
                                   "connection, dispatcher, explain, ledger, holds."));
  if (kind == "wallet" && !is_uuid(id))
    return state.fail(make_problem(
      errc::invalid_field, "Say which platform by its UUID: /inspect/wallet/{platform}.", "id"));
  if (kind == "wallet")
    return inspect_wallet(self, id);
  self
    ->request(state.parts.directory, limits::actor_timeout, atom::status_v,
              kind == "actors" ? std::string{} : kind, id)
    .then(
      [self](const std::string& actors) {
        auto& settings = *self->state.parts.settings;
        json::object head{{"node", settings.node_name},
                          {"sampled_at", self->state.parts.unix_time()}};
        auto text = json::serialize(head);
        text.pop_back();
        self->state.finish(200, text + ",\"actors\":" + actors + "}");
      },
      [self](const caf::error& x) { self->state.fail(x); });
}

/// Looking changes nothing, and nothing can be changed this way (facts reliability.md 10.3).
void inspect_post(call_self self) {
  self->state.finish(405,
                     error_body(make_problem(errc::method_not_allowed,
                                             "Inspection only reads; nothing can be changed here."),
                                self->state.call->id),
                     {{"Allow", "GET"}});
}

} // namespace callboard::calls
