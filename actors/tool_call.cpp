#include "actors/tool_call.hpp"

#include "actors/crash_point.hpp"
#include "actors/look_up.hpp"
#include "actors/metrics.hpp"
#include "actors/promise_book.hpp"
#include "actors/store_query.hpp"
#include "core/base/digest.hpp"
#include "core/base/json_text.hpp"
#include "core/base/limits.hpp"
#include "core/connectors/arguments.hpp"
#include "core/connectors/utf8.hpp"
#include "core/mcp/messages.hpp"
#include "core/mcp/tool_filter.hpp"

namespace callboard {
namespace {

/// A provider that fails or limits is asked once more after that long, if that can do no harm (I51,
/// I52).
constexpr auto resend_delay = std::chrono::milliseconds{300};
constexpr auto resend_wait_max = std::chrono::seconds{2};

/// Of an error that much goes into the log row.
constexpr std::size_t log_text_bytes_max = 500;

connectors::connection_fields read_fields(const std::string& text) {
  connectors::connection_fields fields;
  if (auto object = parse_json_object(text.empty() ? "{}" : text))
    for (auto& member : *object)
      if (member.value().is_string())
        fields.emplace(member.key(), to_std(member.value().get_string()));
  return fields;
}

/// A call that went wrong before anything reached the provider: the caller's mistake, said to the
/// model (C5).
connectors::outcome refused(std::string text) {
  connectors::outcome x;
  x.is_error = true;
  x.text = std::move(text);
  return x;
}

/// What a keyed call gave, for its repetition. As text: an answer may be nested as deeply as JSON
/// may be here, and around it it would be too deep to be parsed.
std::string outcome_text(const connectors::outcome& x) {
  object_writer kept;
  kept.add_string("text", x.text).add("is_error", x.is_error ? "true" : "false");
  if (!x.structured.empty())
    kept.add("structured", x.structured);
  return std::move(kept).finish();
}

/// Undoes outcome_text().
connectors::outcome read_outcome(const std::string& kept) {
  connectors::outcome x;
  x.text = string_from(member_text(kept, "text").value_or("")).value_or("");
  x.is_error = member_text(kept, "is_error").value_or("") == "true";
  x.structured = member_text(kept, "structured").value_or("");
  return x;
}

/// A call that somebody did not want any more: it does not count.
connectors::outcome cancelled() { return refused("The call was cancelled."); }

} // namespace

void tool_call_state::start(tool_job wanted) {
  job = std::move(wanted);
  begun = self->clock().now();
  promise = self->make_response_promise<tool_result>();
  if (job.hold.empty())
    job.hold = {uuid7(std::chrono::seconds{args.parts.unix_time()})};
  auto app = args.parts.catalogue->find_app(job.app);
  auto* tool = app ? connectors::find_tool(*app, job.tool) : nullptr;
  // A tool that the caller may not see is not there, whichever way the call came.
  if (!tool || !mcp::tool_filter::read(job.who.tools).admits(job.app, job.tool))
    return fail(mcp::unknown_tool(job.tool));
  if (job.keyed) // otherwise the hold is nobody else's
    request_hash = sha256(job.tool + '\n' + json::serialize(job.arguments));
  auto checked = connectors::check_arguments(*tool, std::move(job.arguments));
  if (!checked)
    return conclude(refused(message_of(checked.error())));
  arguments = std::move(*checked);
  with_credentials(
    self, args.parts, job.who.platform, job.who.end_user, job.app,
    [this](const connection_actor& found, const credentials& opened) {
      connection = found;
      prepare(opened);
    },
    [this](const caf::error& x) { fail(x); });
}

void tool_call_state::prepare(const credentials& opened) {
  auto app = args.parts.catalogue->find_app(job.app);
  auto made =
    connectors::call_plan::make({app, connectors::find_tool(*app, job.tool)}, std::move(arguments),
                                read_fields(opened.fields), opened.access_token);
  if (!made)
    return conclude(refused(message_of(made.error())));
  access_token = opened.access_token;
  plan = std::move(*made);
  with_tenant(
    self, args.parts, job.who.platform,
    [this](const tenant_actor& found) {
      tenant = found;
      admit();
    },
    [this](const caf::error& x) { fail(x); });
}

void tool_call_state::admit() {
  admission what;
  what.id = billing::try_hold(job.hold, tries);
  what.request_hash = request_hash;
  what.kind = hold_kind::mcp;
  what.end_user = job.who.end_user;
  what.subject = job.tool;
  what.app = job.app;
  what.request = job.request;
  what.durable = job.keyed;
  what.by_platform = job.who.kind == key_kind::platform;
  what.ttl = limits::tool_hold_ttl;
  what.counted_requests = job.is_request ? 1 : 0;
  self->request(tenant, limits::money_timeout, atom::admit_v, std::move(what))
    .then([this](const hold_ticket& ticket) { take_ticket(ticket); },
          [this](caf::error& x) { fail(store_error(std::move(x))); });
}

void tool_call_state::take_ticket(const hold_ticket& ticket) {
  // Without a key, a pending one is our own: the lane repeats a commit that it is in doubt about.
  if (ticket.existed == 0 || (ticket.existed == 'P' && !job.keyed)) {
    crash_point("tool_admitted");
    hold = ticket;
    if (finished) // cancelled meanwhile
      settle(cancelled());
    else
      send();
  } else if (job.keyed && ticket.existed == 'S') {
    repeat();
  } else if (job.keyed && ticket.existed == 'P') {
    fail(still_running());
  } else if (job.keyed && ++tries < limits::keyed_tries_max) {
    admit();
  } else {
    fail(hold_ended(job.keyed));
  }
}

void tool_call_state::repeat() {
  query(
    self, args.parts.store, job.who.platform, "hold/result",
    {store_value::text(billing::try_hold(job.hold, tries).value)},
    [this](store_rows& rows) {
      auto kept = rows.empty() ? std::nullopt : store_row{rows, 0}.maybe_text("body");
      if (!kept)
        return fail(make_problem(errc::conflict,
                                 "This call was made and paid for, but what it gave was lost. Use "
                                 "another idempotency key."));
      store_row row{rows, 0};
      auto seen = read_outcome(*kept);
      hold_ticket earlier{};
      earlier.free = row.boolean("free");
      hold = earlier;
      finished = true;
      repeated = true;
      receipt paid;
      paid.charged = {row.integer("charged")};
      deliver(seen, paid);
    },
    [this](const caf::error& x) { fail(x); });
}

void tool_call_state::send() {
  if (finished)
    return;
  waits.begin(self->clock().now());
  fetching = make_fetch_id(self->id(), ++fetches);
  fetch_request fetch;
  fetch.id = fetching;
  fetch.message = plan->request();
  fetch.timeout = limits::provider_call_timeout;
  // The client answers by its own time limit; ours only catches its death.
  self
    ->request(args.parts.http, limits::provider_call_timeout + limits::actor_timeout, atom::fetch_v,
              std::move(fetch))
    .then([this](const http_response& answer) { answered(answer); },
          [this](const caf::error& why) { no_answer(why); });
}

void tool_call_state::send_again() {
  if (finished)
    return;
  ++resends;
  send();
}

void tool_call_state::answered(const http_response& answer) {
  waits.end(self->clock().now());
  fetching = 0;
  if (finished)
    return;
  auto seen = plan->shape(answer, args.parts.unix_time());
  if (seen.needs_refresh)
    return refreshed ? conclude(std::move(seen)) : refresh_and_resend(std::move(seen));
  if (resend_soon(seen, plan->item().repeatable() || plan->request_is_safe()))
    return;
  auto more = plan->advance(answer);
  if (!more)
    return conclude(refused(message_of(more.error())));
  if (*more)
    send();
  else
    conclude(std::move(seen));
}

void tool_call_state::no_answer(const caf::error& why) {
  waits.end(self->clock().now());
  fetching = 0;
  if (finished)
    return;
  auto seen = plan->shape_no_answer(why);
  auto code = code_of(why);
  // A connection that could not be made carried nothing: sending again cannot double anything.
  bool harmless =
    code == errc::upstream_unavailable || plan->item().repeatable() || plan->request_is_safe();
  bool late = code == errc::upstream_timeout || code == errc::timeout;
  if (late || !resend_soon(seen, harmless))
    conclude(std::move(seen));
}

void tool_call_state::refresh_and_resend(connectors::outcome seen) {
  refreshed = true;
  waits.begin(self->clock().now());
  self->request(connection, limits::token_call_timeout * 2, atom::refresh_v, access_token)
    .then(
      [this](const credentials& opened) {
        waits.end(self->clock().now());
        access_token = opened.access_token;
        plan->use_token(access_token);
        send_again();
      },
      [this, seen = std::move(seen)](caf::error& x) mutable {
        waits.end(self->clock().now());
        auto why = store_error(std::move(x));
        // Not renewed for now: connecting again would not help, waiting does.
        if (code_of(why) != errc::app_not_connected)
          seen.text = message_of(why);
        conclude(std::move(seen));
      });
}

bool tool_call_state::resend_soon(const connectors::outcome& seen, bool harmless) {
  bool wait_is_short = !seen.retry_after || *seen.retry_after <= resend_wait_max;
  bool may = wait_is_short && (seen.rate_limited || (seen.provider_failed && harmless));
  if (resent || !may)
    return false;
  resent = true;
  waits.begin(self->clock().now());
  auto wait = seen.retry_after ? std::chrono::milliseconds{*seen.retry_after} : resend_delay;
  self->delayed_send(self, wait, atom::tick_v);
  return true;
}

void tool_call_state::conclude(connectors::outcome seen) {
  if (std::exchange(finished, true))
    return;
  args.parts.metrics->count_tool_call(job.app, seen.is_error);
  if (hold)
    settle(std::move(seen));
  else
    deliver(seen, {});
}

void tool_call_state::settle(connectors::outcome outcome) {
  gave = std::move(outcome);
  auto& seen = gave;
  settlement what;
  what.id = hold->id;
  what.charge = seen.counts;
  what.actual = hold->amount;
  what.latency_ms =
    std::chrono::duration_cast<std::chrono::milliseconds>(self->clock().now() - begun).count();
  what.request_type = "mcp_tool";
  what.provider = job.app;
  what.resends = resends;
  what.status = seen.is_error ? "error" : "success";
  // PostgreSQL refuses half a character, and with it the settlement.
  if (seen.is_error)
    what.error_message = std::string{connectors::cut_text(seen.text, log_text_bytes_max)};
  if (job.keyed && seen.counts)
    what.result = outcome_text(seen);
  crash_point("tool_answered");
  self->request(tenant, limits::money_timeout, atom::settle_v, std::move(what))
    .then(
      [this](const receipt& paid) {
        crash_point("tool_settled");
        deliver(gave, paid);
      },
      [this](const caf::error& x) {
        // The call had its effect; its hold stays and the sweeper resolves it.
        args.parts.metrics->log_problem(job.request, x);
        deliver(gave, {});
      });
}

void tool_call_state::deliver(const connectors::outcome& seen, const receipt& paid) {
  tool_result result;
  result.is_error = seen.is_error;
  result.text = seen.text;
  result.structured = seen.structured;
  result.free = hold && hold->free && paid.charged.value == 0;
  result.repeated = repeated;
  result.paid = paid;
  result.waited = waits.total(self->clock().now());
  if (hold)
    result.limits = hold->limits;
  if (promise.pending())
    promise.deliver(std::move(result));
  self->quit();
}

void tool_call_state::fail(const caf::error& why) {
  finished = true;
  if (promise.pending())
    promise.deliver(why);
  self->quit();
}

void tool_call_state::cancel(const caf::error& why) {
  if (std::exchange(finished, true))
    return;
  if (promise.pending())
    promise.deliver(why);
  if (fetching != 0)
    self->send(args.parts.http, atom::cancel_v, fetching);
  // Not answered by the provider, so it does not count (I25). A hold that is being placed is given
  // back in admit().
  if (hold)
    settle(cancelled());
  else if (!tenant)
    self->quit();
}

tool_call_actor::behavior_type tool_call(tool_call_actor::stateful_pointer<tool_call_state> self,
                                         tool_call_args args) {
  self->state.args = std::move(args);
  self->set_exit_handler([self](const caf::exit_msg& msg) {
    self->state.cancel(ending());
    self->quit(msg.reason);
  });
  return {
    [self](atom::run, tool_job& job) -> caf::result<tool_result> {
      self->state.start(std::move(job));
      return self->state.promise;
    },
    [self](atom::cancel) {
      self->state.cancel(make_problem(errc::cancelled, "The call was cancelled."));
    },
    [self](atom::tick) {
      self->state.waits.end(self->clock().now());
      self->state.send_again();
    },
  };
}

} // namespace callboard
