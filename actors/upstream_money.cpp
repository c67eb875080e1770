// The upstream actor's tool calls are paid like those of catalogue apps (I25).

#include "actors/look_up.hpp"
#include "actors/metrics.hpp"
#include "actors/store_query.hpp"
#include "actors/upstream.hpp"
#include "actors/upstream_limits.hpp"
#include "core/base/digest.hpp"
#include "core/base/json_text.hpp"
#include "core/base/limits.hpp"
#include "core/billing/prices.hpp"
#include "core/connectors/utf8.hpp"

namespace callboard {
namespace {

/// A hold outlives its call surely, and the call's node not by much: only then is it given up.
constexpr std::chrono::milliseconds hold_ttl =
  upstream_limits::call_time_max + limits::money_timeout + std::chrono::seconds{30};

admission admission_for(const relay_request& request, const std::string& tool_text, int tries) {
  admission what;
  what.id = billing::try_hold(request.hold, tries);
  auto name = string_from(member_text(request.params, "name").value_or("null")).value_or("");
  what.request_hash =
    sha256(name + '\n' + std::string{member_text(request.params, "arguments").value_or("{}")});
  what.kind = hold_kind::mcp;
  what.end_user = request.who.end_user;
  what.subject = name.empty() ? tool_text : name;
  what.app = request.app;
  what.request = request.request;
  what.durable = request.keyed;
  what.by_platform = request.who.kind == key_kind::platform;
  what.ttl = hold_ttl;
  what.counted_requests = request.within_loop ? 0 : 1;
  return what;
}

} // namespace

void upstream_state::admit(call_id id) {
  auto& x = calls.at(id);
  if (x.request.hold.empty())
    x.request.hold = hold_id{uuid7(std::chrono::seconds{args.parts.unix_time()})};
  auto what = admission_for(x.request, x.tool, x.tries);
  with_tenant(
    self, args.parts, args.platform,
    [this, id, what](const tenant_actor& tenant) {
      self->request(tenant, limits::money_timeout, atom::admit_v, what)
        .then([this, id, tenant, keyed = what.durable](
                const hold_ticket& ticket) { take_ticket(id, tenant, ticket, keyed); },
              [this, id](caf::error& why) { fail(id, store_error(std::move(why))); });
    },
    [this, id](const caf::error& why) { fail(id, why); });
}

void upstream_state::take_ticket(call_id id, const tenant_actor& tenant, const hold_ticket& ticket,
                                 bool keyed) {
  auto* x = find(id);
  if (!x) {                            // cancelled meanwhile
    if (ticket.existed == 0 || !keyed) // else it is the hold of another try
      give_back(tenant, ticket);
  } else if (ticket.existed == 0 || (ticket.existed == 'P' && !keyed)) {
    // Without a key, a pending one is our own: the lane repeats a commit that it is in doubt about.
    x->hold = ticket;
    x->tenant = tenant;
    authorize(id);
  } else if (keyed && ticket.existed == 'S') {
    repeat(id);
  } else if (keyed && ticket.existed != 'P' && ++x->tries < limits::keyed_tries_max) {
    admit(id);
  } else {
    fail(id, ticket.existed == 'P' ? still_running() : hold_ended(keyed));
  }
}

/// Answers a keyed call that was made and paid for before.
void upstream_state::repeat(call_id id) {
  auto& x = calls.at(id);
  query(
    self, args.parts.store, args.platform, "hold/result",
    {store_value::text(billing::try_hold(x.request.hold, x.tries).value)},
    [this, id](store_rows& rows) {
      auto gave = rows.empty() ? std::nullopt : store_row{rows, 0}.maybe_text("body");
      if (!gave)
        return fail(id, make_problem(errc::conflict,
                                     "This call was made and paid for, but what it gave was lost. "
                                     "Use another idempotency key."));
      store_row row{rows, 0};
      if (auto* found = find(id)) {
        found->repeated = true;
        found->charged = {row.integer("charged")};
      }
      finish(id, std::move(*gave));
    },
    [this, id](const caf::error& why) { fail(id, why); });
}

void upstream_state::give_back(const tenant_actor& tenant, const hold_ticket& hold) {
  if (hold.existed != 0 && hold.existed != 'P')
    return;
  settlement what;
  what.id = hold.id;
  what.charge = false;
  what.request_type = "mcp_tool";
  what.status = "error";
  what.error_message = "The call was cancelled.";
  self->request(tenant, limits::money_timeout, atom::settle_v, what)
    .then([](const receipt&) {},
          [this](const caf::error& why) { args.parts.metrics->log_problem({"upstream"}, why); });
}

void upstream_state::settle(call_id id, bool charge, const std::string& error_text,
                            std::string kept, std::function<void()> then) {
  auto& x = calls.at(id);
  settlement what;
  what.id = x.hold->id;
  what.charge = charge;
  what.actual = x.hold->amount;
  what.latency_ms =
    std::chrono::duration_cast<std::chrono::milliseconds>(self->clock().now() - x.begun).count();
  what.request_type = "mcp_tool";
  what.provider = args.server.slug;
  what.resends = x.resends;
  what.result = std::move(kept);
  what.status = error_text.empty() ? "success" : "error";
  // PostgreSQL refuses half a character, and with it the settlement.
  what.error_message =
    std::string{connectors::cut_text(error_text, upstream_limits::log_text_bytes_max)};
  self->request(x.tenant, limits::money_timeout, atom::settle_v, what)
    .then(
      [this, id, then](const receipt& paid) {
        if (auto found = calls.find(id); found != calls.end())
          found->second.charged = paid.charged;
        then();
      },
      [this, then, request = x.request.request](const caf::error& why) {
        // The call had its effect; its hold stays and the sweeper resolves it.
        args.parts.metrics->log_problem(request, why);
        then();
      });
}

} // namespace callboard
