#include "actors/connection.hpp"

#include <algorithm>

#include "actors/address_book.hpp"
#include "actors/metrics.hpp"
#include "actors/store_query.hpp"
#include "core/base/limits.hpp"
#include "core/connectors/catalogue.hpp"
#include "core/connectors/landing.hpp"
#include "core/mcp/authorization.hpp"

namespace callboard {
namespace {

/// A token that expires within that many seconds is renewed before it is used: longer than one
/// provider call.
constexpr std::int64_t renew_ahead_s = 60;

/// Another node holds the right to renew: its result is looked for that often.
constexpr auto claim_retry_interval = std::chrono::milliseconds{200};

/// The right to renew: one call at the token endpoint and, when that fails, another soon after.
constexpr auto claim_lease = limits::token_call_timeout * 2;

/// Calls that wait for one connection; more than its sessions can have under way.
constexpr std::size_t waiters_max = 10'000;

caf::error not_connected(const connection_args& args) {
  return make_problem(errc::app_not_connected,
                      "The app '" + args.app + "' is not connected for this user. Connect it at "
                        + connectors::connect_url(args.parts.settings->mcp_url, args.app)
                        + " and try again.");
}

json::object to_json(const connectors::connection_fields& fields) {
  json::object object;
  for (auto& [field, value] : fields)
    object[field] = value;
  return object;
}

} // namespace

caf::result<credentials> connection_state::token() {
  if (auto changes = args.parts.addresses->changes(); changes != changes_seen) {
    changes_seen = changes;
    forget();
  }
  if (waiting.empty() && current && !must_renew())
    return current->opened;
  return wait({});
}

caf::result<credentials> connection_state::refresh(const std::string& stale) {
  if (waiting.empty() && current && current->opened.access_token != stale)
    return current->opened;
  return wait(stale);
}

caf::result<credentials> connection_state::wait(const std::string& stale) {
  args.parts.addresses->take_in(args.end_user, args.app);
  if (waiting.size() >= waiters_max)
    return make_problem(errc::over_limit, "Too many calls wait for this connection.");
  auto promise = self->make_response_promise<credentials>();
  waiting.push_back({promise, stale});
  if (waiting.size() == 1)
    current ? claim() : load();
  return promise;
}

/// Whether the token in hand expires soon, or is the one that the provider has refused to somebody
/// who waits.
bool connection_state::must_renew() const {
  if (current->expires_at != 0 && current->expires_at - renew_ahead_s <= args.parts.unix_time())
    return true;
  return std::any_of(waiting.begin(), waiting.end(), [&](const waiter& x) {
    return !x.stale.empty() && x.stale == current->opened.access_token;
  });
}

void connection_state::load() {
  withdrawals = args.parts.addresses->withdrawals(args.end_user, args.app);
  query(
    self, args.parts.store, args.platform, "connection/find",
    {store_value::text(args.end_user.value), store_value::text(args.app)},
    [this](store_rows& rows) { loaded(rows); }, [this](const caf::error& x) { answer(x); });
}

void connection_state::loaded(const store_rows& rows) {
  store_row row{rows, 0};
  if (rows.empty() || !row.boolean("is_active") || !row.boolean("app_active")
      || row.boolean("needs_reconnect"))
    return answer(not_connected(args));
  auto secret = parse_json_object(row.text("secret"));
  if (!secret)
    return answer(make_problem(errc::seal_broken, "connection " + row.text("id")));
  record x;
  x.opened.id = {row.text("id")};
  x.opened.access_token = find_string(*secret, "access_token").value_or("");
  x.opened.fields = row.text("provider_fields");
  x.refresh_token = find_string(*secret, "refresh_token").value_or("");
  x.client_secret = find_string(*secret, "client_secret").value_or("");
  x.version = row.text("version");
  if (auto left = row.maybe_text("expires_in_ms"))
    x.expires_at = args.parts.unix_time() + std::stoll(*left) / 1000;
  if (auto fields = parse_json_object(x.opened.fields.empty() ? "{}" : x.opened.fields))
    for (auto& member : *fields)
      if (member.value().is_string())
        x.fields.emplace(member.key(), to_std(member.value().get_string()));
  current = std::move(x);
  if (must_renew())
    claim();
  else
    answer(current->opened);
}

void connection_state::claim() {
  if (current->refresh_token.empty())
    return give_up("The provider no longer accepts the token.");
  // After a failure the right is still ours; asking again would only wait for its end.
  auto rest = claimed_until - self->clock().now();
  if (claimed_version == current->version && rest >= limits::token_call_timeout)
    return renew();
  query(
    self, args.parts.store, args.platform, "connection/claim_refresh",
    {store_value::text(current->opened.id.value), store_value::text(current->version),
     store_value::integer(std::chrono::milliseconds{claim_lease}.count())},
    [this](store_rows& rows) {
      if (rows.empty()) // another node renews or has renewed
        return self->delayed_send(self, claim_retry_interval, atom::tick_v);
      current->version = store_row{rows, 0}.text("version");
      claimed_version = current->version;
      claimed_until = self->clock().now() + claim_lease;
      renew();
    },
    [this](const caf::error& x) { answer(x); });
}

void connection_state::renew() {
  if (!args.parts.catalogue->find_app(args.app))
    return renew_at_server();
  query(
    self, args.parts.store, args.platform, "app/find", {store_value::text(args.app)},
    [this](store_rows& rows) {
      if (rows.empty())
        return answer(not_connected(args));
      store_row row{rows, 0};
      renew_with({row.text("oauth_client_id"), row.text("secret")});
    },
    [this](const caf::error& x) { answer(x); });
}

void connection_state::renew_with(const connectors::oauth_client& client) {
  auto app = args.parts.catalogue->find_app(args.app);
  if (!app)
    return answer(not_connected(args));
  auto request = connectors::refresh_request(*app, client, current->refresh_token, current->fields);
  if (!request)
    return answer(request.error());
  send_renewal(std::move(*request));
}

/// The connection to a remote MCP server knows by itself who renews its tokens.
void connection_state::renew_at_server() {
  auto plan = mcp::oauth_plan::from(current->fields);
  if (plan.token_endpoint.empty())
    return answer(not_connected(args));
  send_renewal(mcp::token_request(
    plan, current->client_secret,
    {{"grant_type", "refresh_token"}, {"refresh_token", current->refresh_token}}));
}

void connection_state::send_renewal(http_request request) {
  ++refreshes_total;
  fetch_request fetch;
  fetch.id = make_fetch_id(self->id(), ++fetches);
  fetch.message = std::move(request);
  fetch.timeout = limits::token_call_timeout;
  self
    ->request(args.parts.http, limits::token_call_timeout + limits::actor_timeout, atom::fetch_v,
              fetch)
    .then([this](const http_response& response) { renewed(response); },
          [this](caf::error& x) { answer(std::move(x)); });
}

void connection_state::renewed(const http_response& response) {
  auto app = args.parts.catalogue->find_app(args.app);
  auto read =
    connectors::parse_token_answer(app ? *app : connectors::plain_oauth_app(args.app), response);
  if (auto* failure = std::get_if<connectors::token_failure>(&read)) {
    if (!app && mcp::is_client_unknown(failure->error))
      forget_registration();
    if (failure->permanent)
      return give_up(failure->description);
    return answer(make_problem(errc::upstream_failed,
                               "The token could not be renewed: " + failure->description));
  }
  store_tokens(std::get<connectors::token_set>(read));
}

/// The server does not know our client any more: who connects next gets another.
void connection_state::forget_registration() {
  auto plan = mcp::oauth_plan::from(current->fields);
  if (plan.registration.empty())
    return;
  query(
    self, args.parts.store, args.platform, "oauth_client/delete",
    {store_value::text(plan.registration), store_value::text(plan.client_id)}, [](store_rows&) {},
    [metrics = args.parts.metrics, id = current->opened.id](const caf::error& x) {
      metrics->log_problem({"connection " + id.value}, x);
    });
}

void connection_state::store_tokens(const connectors::token_set& tokens) {
  auto next = *current;
  next.opened.access_token = tokens.access_token;
  if (!tokens.refresh_token.empty())
    next.refresh_token = tokens.refresh_token;
  next.expires_at = tokens.expires_in ? args.parts.unix_time() + tokens.expires_in->count() : 0;
  for (auto& [field, value] : tokens.extra)
    next.fields[field] = value;
  next.opened.fields = json::serialize(to_json(next.fields));
  json::object secret{{"access_token", next.opened.access_token},
                      {"refresh_token", next.refresh_token}};
  if (!next.client_secret.empty())
    secret["client_secret"] = next.client_secret;
  // Stored before it is used: a provider that rotates has voided the old pair by now.
  query(
    self, args.parts.store, args.platform, "connection/update_tokens",
    {store_value::text(next.opened.id.value), store_value::text(next.version),
     store_value::secret(json::serialize(secret), next.opened.id.value),
     tokens.expires_in ? store_value::integer(std::chrono::milliseconds{*tokens.expires_in}.count())
                       : store_value::null(),
     store_value::null(), store_value::text(next.opened.fields)},
    [this, next](store_rows& rows) mutable {
      if (rows.empty()) // made anew meanwhile, or ended: what is stored now counts
        return load();
      next.version = store_row{rows, 0}.text("version");
      current = next;
      answer(current->opened);
    },
    [this, next](const caf::error& x) {
      // The new pair lives on in memory, since the old one is void; the next renewal stores again.
      args.parts.metrics->log_problem({"connection " + next.opened.id.value}, x);
      current = next;
      answer(current->opened);
    });
}

void connection_state::give_up(const std::string& why) {
  args.parts.metrics->log_connection_broken(current->opened.id, why);
  auto id = current->opened.id;
  auto version = current->version;
  current.reset();
  query(
    self, args.parts.store, args.platform, "connection/mark_broken",
    {store_value::text(id.value), store_value::text(version)},
    [this](store_rows& rows) {
      if (rows.empty()) // made anew meanwhile, or ended: what is stored now counts
        return load();
      answer(not_connected(args));
    },
    [this](const caf::error& x) { answer(x); });
}

void connection_state::answer(const result<credentials>& outcome) {
  for (auto& [promise, stale] : std::exchange(waiting, {})) {
    if (outcome)
      promise.deliver(*outcome);
    else
      promise.deliver(outcome.error());
  }
  if (std::exchange(outdated, false))
    current.reset();
  else if (outcome)
    lay_out();
}

/// Lets tool calls take the credentials without a question.
void connection_state::lay_out() {
  auto until = current->expires_at == 0 ? 0 : current->expires_at - renew_ahead_s;
  args.parts.addresses->lay_out(args.end_user, args.app, withdrawals,
                                {current->opened, until, changes_seen});
}

void connection_state::forget() {
  args.parts.addresses->take_in(args.end_user, args.app);
  // Work under way still needs the record; it is dropped right after.
  if (waiting.empty())
    current.reset();
  else
    outdated = true;
}

connection_actor::behavior_type
connection(connection_actor::stateful_pointer<connection_state> self, connection_args args) {
  auto& state = self->state;
  state.args = std::move(args);
  state.seen = {"connection", state.args.end_user.value + '/' + state.args.app,
                self->clock().now()};
  self->set_exit_handler([self](const caf::exit_msg& msg) {
    self->state.answer(ending());
    self->quit(msg.reason);
  });
  return {
    [self](atom::token) {
      self->state.seen.note("token");
      return self->state.token();
    },
    [self](atom::refresh, const std::string& stale) {
      self->state.seen.note("refresh");
      return self->state.refresh(stale);
    },
    [self](atom::drop) {
      self->state.seen.note("drop");
      self->state.forget();
    },
    [self](atom::tick) { self->state.load(); },
    [self](atom::status) {
      auto& st = self->state;
      return st.seen.report(self, {{"opened", st.current.has_value()},
                                   {"expires_at", st.current ? st.current->expires_at : 0},
                                   {"waiting", st.waiting.size()},
                                   {"refreshes_total", st.refreshes_total}});
    },
  };
}

} // namespace callboard
