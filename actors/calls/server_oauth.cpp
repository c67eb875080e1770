// Connecting a user to a remote MCP server that wants OAuth: find out who gives tokens for it,
// become a client there, send the browser, take the code.

#include <algorithm>
#include <functional>

#include "actors/calls/connect.hpp"
#include "actors/calls/table.hpp"
#include "actors/metrics.hpp"
#include "actors/remote_server.hpp"
#include "core/base/limits.hpp"
#include "core/connectors/server_address.hpp"
#include "core/mcp/authorization.hpp"
#include "core/mcp/client_request.hpp"

namespace callboard::calls {
namespace {

using connectors::connect_error;

/// A registered client is taken for forgotten by its server when so many users in a row did not
/// come back from it. Users who close the page count too: registering anew does no harm.
constexpr std::int64_t unanswered_max = 5;
/// Clients that a platform has registered: one for each authorization server of its servers.
constexpr std::int64_t registrations_max = 1000;

/// Metadata documents are small.
constexpr std::uint64_t metadata_bytes_max = 256u * 1024;

/// What the user's connection leaves for the one that takes its place.
struct connected_before {
  /// Who gave its tokens, and the scopes that they were asked and given for.
  std::string issuer;
  std::vector<std::string> scopes;
  /// Scopes that the server has missed since.
  std::vector<std::string> wanted;
};

/// What is known of the server so far.
struct discovery {
  remote_server server;
  /// What the platform said of OAuth when it registered the server.
  json::object wishes;
  connected_before before;
  mcp::bearer_challenge challenge;
  mcp::resource_metadata resource;
  mcp::authorization_server issuer;
  bool has_metadata = false;
  std::uint64_t fetches = 0;
};
using discovery_ptr = std::shared_ptr<discovery>;

void give_up(call_self self, const caf::error& why) {
  auto& state = self->state;
  state.parts.metrics->log_problem(state.call->id, why);
  state.fail(make_problem(errc::upstream_failed,
                          "The server cannot be connected: " + message_of(why), "app"));
}

/// Fetches something; `then` gets the answer, or one with status 0.
void get(call_self self, const discovery_ptr& x, http_request message,
         std::function<void(const http_response&)> then) {
  // What a server names must be as public as the server itself (F1).
  auto& settings = *self->state.parts.settings;
  if (!connectors::check_server_url(message.url, settings.allow_private_upstreams))
    return then(http_response{});
  fetch_request fetch;
  fetch.id = make_fetch_id(self->id(), ++x->fetches);
  fetch.message = std::move(message);
  fetch.timeout = limits::token_call_timeout;
  fetch.body_bytes_max = metadata_bytes_max;
  self
    ->request(self->state.parts.http, limits::token_call_timeout + limits::actor_timeout,
              atom::fetch_v, fetch)
    .then([then](const http_response& answer) { then(answer); },
          [then](const caf::error&) { then(http_response{}); });
}

/// Tries one URL after the other until one answers 200; `then` gets its body, or nothing.
void get_first(call_self self, const discovery_ptr& x, std::vector<std::string> urls,
               std::function<void(const std::optional<std::string>&)> then) {
  if (urls.empty())
    return then(std::nullopt);
  auto url = urls.front();
  urls.erase(urls.begin());
  get(self, x, {"GET", url, {{"Accept", "application/json"}}, {}},
      [self, x, urls, then](const http_response& answer) {
        if (answer.status == 200)
          return then(answer.body);
        get_first(self, x, urls, then);
      });
}

bool is_public(call_self self, const std::string& url) {
  return static_cast<bool>(
    connectors::check_server_url(url, self->state.parts.settings->allow_private_upstreams));
}

std::string origin_of(const std::string& url) {
  auto slash = url.find('/', url.find("://") + 3);
  return url.substr(0, slash);
}

std::string document_url(const node_settings& settings) {
  return settings.mcp_url + "/oauth/client-metadata.json";
}

/// Scopes of the connection that is made anew: those that the server missed, and all that were
/// there before, or a new token would do less than the old one. Another issuer may know other ones.
std::vector<std::string> earlier_scopes(const discovery& x) {
  auto scopes = x.before.issuer == x.issuer.issuer ? x.before.scopes : std::vector<std::string>{};
  scopes.insert(scopes.end(), x.before.wanted.begin(), x.before.wanted.end());
  return scopes;
}

std::string scope_to_ask_for(call_self self, const discovery& x) {
  if (auto named = self->state.query_field("scope"); named && !named->empty())
    return mcp::choose_scope(*named, {}, x.resource, x.issuer);
  auto* configured = find_array(x.wishes, "scopes");
  return mcp::choose_scope(x.challenge.scope,
                           configured ? texts_from(json::serialize(*configured))
                                      : std::vector<std::string>{},
                           x.resource, x.issuer, earlier_scopes(x));
}

/// The last step: the plan is complete.
void send_to_consent(call_self self, const discovery_ptr& x, const mcp::registered_client& client,
                     const std::string& registration = {}) {
  auto& state = self->state;
  mcp::oauth_plan plan;
  plan.registration = registration;
  plan.issuer = x->issuer.issuer;
  plan.token_endpoint = x->issuer.token_endpoint;
  plan.client_id = client.id;
  plan.auth_method = client.auth_method.empty()
                       ? mcp::choose_auth_method(x->issuer, !client.secret.empty())
                       : client.auth_method;
  plan.resource = x->has_metadata ? x->resource.resource : x->server.url;
  plan.scope = scope_to_ask_for(self, *x);
  plan.sends_issuer = x->issuer.sends_issuer;
  if (is_public(self, x->issuer.revocation_endpoint))
    plan.revocation_endpoint = x->issuer.revocation_endpoint;
  auto verifier = connectors::make_code_verifier();
  json::object fields;
  for (auto& [key, value] : plan.fields())
    fields[key] = value;
  json::object kept{{"code_verifier", verifier}, {"client_secret", client.secret}};
  kept["fields"] = std::move(fields);
  connect_attempt attempt;
  attempt.app = x->server.slug;
  attempt.redirect_url = find_string(x->wishes, "redirect_url").value_or("");
  begin_attempt(self, attempt, json::serialize(kept),
                [x, plan, verifier,
                 back = callback_uri(*state.parts.settings)](const std::string& secret_state) {
                  return mcp::consent_url(x->issuer, plan, back, secret_state, verifier);
                });
}

/// Keeps the client for the platform's other users; the one at hand goes on at once.
void keep_registration(call_self self, const std::string& issuer, const std::string& registration,
                       const mcp::registered_client& client) {
  auto& state = self->state;
  // A server may name any moment; beyond that one nobody counts on the client.
  constexpr std::int64_t seconds_max = 10LL * 365 * 24 * 3600;
  auto now = state.parts.unix_time();
  auto left = std::clamp<std::int64_t>(client.expires_at, 0, now + seconds_max) - now;
  query(
    self, state.parts.store, state.who.platform, "oauth_client/insert",
    {store_value::text(registration), store_value::text(issuer),
     store_value::text(callback_uri(*state.parts.settings)), store_value::text(client.id),
     client.secret.empty() ? store_value::null() : store_value::secret(client.secret, registration),
     store_value::text(client.auth_method),
     client.expires_at == 0 ? store_value::null() : store_value::integer(left * 1000),
     store_value::integer(registrations_max)},
    [](store_rows&) {},
    [metrics = state.parts.metrics, id = state.call->id](const caf::error& why) {
      metrics->log_problem(id, why);
    });
}

void register_client(call_self self, const discovery_ptr& x, const std::string& registration) {
  auto& settings = *self->state.parts.settings;
  http_request message{
    "POST",
    x->issuer.registration_endpoint,
    {{"Content-Type", "application/json"}, {"Accept", "application/json"}},
    mcp::registration_body(callback_uri(settings), mcp::choose_registered_method(x->issuer))};
  get(self, x, std::move(message), [self, x, registration](const http_response& answer) {
    auto client = mcp::read_registration(answer);
    if (!client)
      return give_up(self, client.error());
    keep_registration(self, x->issuer.issuer, registration, *client);
    send_to_consent(self, x, *client, registration);
  });
}

/// Preset client, else our client document, else dynamic registration, once for a platform.
void become_client(call_self self, const discovery_ptr& x) {
  auto& state = self->state;
  auto& settings = *state.parts.settings;
  if (auto id = find_string(x->wishes, "client_id"))
    return send_to_consent(self, x, {*id, x->server.secret, {}});
  if (x->issuer.client_documents && settings.mcp_url.starts_with("https://"))
    return send_to_consent(self, x, {document_url(settings), {}, "none"});
  if (x->issuer.registration_endpoint.empty())
    return give_up(self, make_problem(errc::upstream_failed,
                                      "Its authorization server registers no clients by itself; "
                                      "give the server a client_id."));
  auto registration = mcp::registration_id(x->issuer.issuer, callback_uri(settings));
  query(
    self, state.parts.store, state.who.platform, "oauth_client/use",
    {store_value::text(registration), store_value::integer(unanswered_max)},
    [self, x, registration](store_rows& rows) {
      if (rows.empty())
        return register_client(self, x, registration);
      store_row row{rows, 0};
      send_to_consent(self, x, {row.text("client_id"), row.text("secret"), row.text("auth_method")},
                      registration);
    },
    [self, x, registration](const caf::error& why) {
      // One that cannot be opened is replaced.
      if (code_of(why) != errc::seal_broken)
        return self->state.fail(why);
      register_client(self, x, registration);
    });
}

void find_issuer(call_self self, const discovery_ptr& x) {
  auto issuer = x->has_metadata ? x->resource.issuer : origin_of(x->server.url);
  get_first(self, x, mcp::issuer_metadata_urls(issuer),
            [self, x, issuer](const std::optional<std::string>& body) {
              if (!body && x->has_metadata)
                return give_up(self, make_problem(errc::upstream_failed,
                                                  "Its authorization server has no metadata."));
              auto read = body ? mcp::read_authorization_server(*body, issuer)
                               : mcp::assumed_authorization_server(issuer);
              if (!read)
                return give_up(self, read.error());
              x->issuer = std::move(*read);
              bool reachable = is_public(self, x->issuer.authorization_endpoint)
                               && is_public(self, x->issuer.token_endpoint);
              if (!reachable)
                return give_up(self, make_problem(errc::address_refused,
                                                  "Its authorization server is not public."));
              become_client(self, x);
            });
}

void find_resource(call_self self, const discovery_ptr& x) {
  auto urls = mcp::resource_metadata_urls(x->server.url);
  if (!x->challenge.resource_metadata.empty())
    urls = {x->challenge.resource_metadata};
  get_first(self, x, std::move(urls), [self, x](const std::optional<std::string>& body) {
    if (body) {
      auto read = mcp::read_resource_metadata(*body, x->server.url);
      if (!read)
        return give_up(self, read.error());
      x->resource = std::move(*read);
      x->has_metadata = true;
    }
    find_issuer(self, x);
  });
}

/// Asks the server without a token, for its challenge.
void knock(call_self self, const discovery_ptr& x) {
  mcp::outgoing_request wanted;
  wanted.method = "server/discover";
  auto params = mcp::encode_params(wanted, mcp::server_era::stateless);
  http_request message{"POST", x->server.url, mcp::post_headers(),
                       mcp::encode_request_text(mcp::rpc_id{1}, wanted.method, params)};
  for (auto& header : mcp::stateless_headers(wanted.method, params))
    message.headers.push_back(header);
  get(self, x, std::move(message), [self, x](const http_response& answer) {
    if (answer.status == 401)
      if (auto challenge = mcp::read_challenge(answer.headers))
        x->challenge = std::move(*challenge);
    find_resource(self, x);
  });
}

/// Looks at the connection that is made anew, if there is one.
void look_back(call_self self, const discovery_ptr& x) {
  auto& state = self->state;
  state.run("connection/scopes",
            {store_value::text(state.who.end_user.value), store_value::text(x->server.slug)},
            [self, x](store_rows& rows) {
              if (!rows.empty()) {
                store_row row{rows, 0};
                auto plan = mcp::oauth_plan::from(fields_from(row.text("provider_fields")));
                x->before.issuer = plan.issuer;
                x->before.scopes = mcp::read_scopes(plan.scope);
                for (auto& scope : texts_from(row.text("scopes")))
                  x->before.scopes.push_back(scope);
                x->before.wanted = texts_from(row.text("wanted_scopes"));
              }
              knock(self, x);
            });
}

/// Tells the store what became of a client that the gateway has registered. Nobody waits for it.
void about_registration(call_self self, const connect_attempt& x, const char* statement) {
  auto plan = mcp::oauth_plan::from(x.fields);
  if (plan.registration.empty())
    return;
  query(
    self, self->state.parts.store, x.platform, statement,
    {store_value::text(plan.registration), store_value::text(plan.client_id)}, [](store_rows&) {},
    [metrics = self->state.parts.metrics, id = self->state.call->id](const caf::error& why) {
      metrics->log_problem(id, why);
    });
}

} // namespace

void oauth_client_document(call_self self) {
  auto& settings = *self->state.parts.settings;
  self->state.finish(200, mcp::client_document(document_url(settings), callback_uri(settings)),
                     {{"Cache-Control", "max-age=3600"}});
}

void server_authorize(call_self self, const std::string& slug) {
  auto& state = self->state;
  state.run("mcp_server/find", {store_value::text(slug)}, [self, slug](store_rows& rows) {
    auto& st = self->state;
    if (rows.empty())
      return st.fail(make_problem(errc::unknown_app, "There is no app '" + slug + "'.", "app"));
    auto x = std::make_shared<discovery>();
    x->server = read_remote_server(store_row{rows, 0});
    if (!x->server.active)
      return st.fail(
        make_problem(errc::app_not_active, "The platform has switched '" + slug + "' off.", "app"));
    auto wishes = parse_json_object(x->server.oauth.empty() ? "{}" : x->server.oauth);
    if (x->server.auth != server_auth::oauth || !wishes)
      return st.fail(make_problem(errc::invalid_field,
                                  "'" + slug + "' is used without being connected.", "app"));
    x->wishes = std::move(*wishes);
    look_back(self, x);
  });
}

void forget_registration(call_self self, const connect_attempt& x) {
  about_registration(self, x, "oauth_client/delete");
}

void server_callback(call_self self, const connect_attempt_ptr& x) {
  auto& state = self->state;
  auto plan = mcp::oauth_plan::from(x->fields);
  if (plan.token_endpoint.empty())
    return land_failed(self, *x, connect_error::unknown_app, "The app is not known any more.");
  // Before a word of the answer is believed (RFC 9207).
  if (auto good = mcp::check_issuer(plan, state.query_field("iss")); !good)
    return land_failed(self, *x, connect_error::internal_error, message_of(good.error()));
  about_registration(self, *x, "oauth_client/answered");
  if (auto failure = connectors::callback_failure(state.query_fields)) {
    if (mcp::is_client_unknown(failure->error))
      forget_registration(self, *x);
    return land_failed(self, *x, failure->code, failure->description);
  }
  auto code = state.query_field("code").value_or("");
  query(
    self, state.parts.store, x->platform, "mcp_server/find", {store_value::text(x->app)},
    [self, x, plan, code](store_rows& rows) {
      if (rows.empty() || !store_row{rows, 0}.boolean("is_active")
          || store_row{rows, 0}.text("auth") != "oauth")
        return land_failed(self, *x, connect_error::unknown_app,
                           "The app is not active on the platform any more.");
      x->own_client = true;
      exchange_code(self, x,
                    mcp::token_request(plan, x->client.secret,
                                       {{"grant_type", "authorization_code"},
                                        {"code", code},
                                        {"redirect_uri", callback_uri(*self->state.parts.settings)},
                                        {"code_verifier", x->code_verifier}}),
                    std::make_shared<connectors::app>(connectors::plain_oauth_app(x->app)));
    },
    [self, x](const caf::error&) {
      land_failed(self, *x, connect_error::internal_error,
                  "The service is temporarily unavailable. Try again.");
    });
}

} // namespace callboard::calls
