#include "core/connectors/oauth.hpp"
#include "actors/calls/table.hpp"
#include "actors/metrics.hpp"
#include "core/base/digest.hpp"
#include "core/base/limits.hpp"
#include "core/connectors/catalogue.hpp"
#include "core/connectors/landing.hpp"

namespace callboard::calls {
namespace {

using connectors::connect_error;

/// Bytes of randomness in a state (I44).
constexpr std::size_t state_bytes = 32;

/// An attempt to connect: what the state stands for, and the platform's app as it is now.
struct attempt {
  std::string id;
  platform_id platform;
  end_user_id end_user;
  std::string app;
  std::string code_verifier;
  std::string redirect_url;
  connectors::connection_fields fields;
  connectors::oauth_client client;
};

using attempt_ptr = std::shared_ptr<attempt>;

std::string callback_uri(const node_settings& settings) {
  return settings.mcp_url + "/oauth/callback";
}

json::object to_json(const connectors::connection_fields& fields) {
  json::object object;
  for (auto& [field, value] : fields)
    object[field] = value;
  return object;
}

connectors::connection_fields from_json(const std::string& text) {
  connectors::connection_fields fields;
  if (auto object = parse_json_object(text.empty() ? "{}" : text))
    for (auto& member : *object)
      if (member.value().is_string())
        fields.emplace(member.key(), to_std(member.value().get_string()));
  return fields;
}

/// What the callback needs again, as one secret: the verifier and the connection's fields.
std::string with_fields(const std::string& code_verifier,
                        const connectors::connection_fields& fields) {
  return json::serialize(
    json::object{{"code_verifier", code_verifier}, {"fields", to_json(fields)}});
}

/// The scopes of a token answer, whatever separates them, as a JSON array.
std::string scope_list(const std::string& text) {
  json::array scopes;
  std::size_t begin = 0;
  while (begin < text.size()) {
    auto end = std::min(text.find_first_of(", ", begin), text.size());
    if (end > begin)
      scopes.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return json::serialize(scopes);
}

std::vector<std::string> scopes_from(const std::string& text) {
  std::vector<std::string> scopes;
  json::error_code ec;
  auto list = json::parse(text.empty() ? "[]" : text, ec);
  if (!ec && list.is_array())
    for (auto& scope : list.get_array())
      if (scope.is_string())
        scopes.push_back(to_std(scope.get_string()));
  return scopes;
}

// -- authorize ----------------------------------------------------------------

void redirect_to_provider(call_self self, const std::string& slug, const store_row& config) {
  auto& state = self->state;
  auto app = state.parts.catalogue->find_app(slug);
  auto fields = from_json(config.text("provider_config"));
  if (auto subdomain = state.query_field("subdomain"))
    fields["subdomain"] = *subdomain;
  auto complete = connectors::complete_fields(*app, std::move(fields));
  if (!complete)
    return state.fail(complete.error());
  auto secret_state = to_base64url(random_bytes(state_bytes));
  auto id = to_hex(sha256(secret_state));
  connectors::authorize_input input{callback_uri(*state.parts.settings), secret_state,
                                    scopes_from(config.text("scopes")),
                                    connectors::make_code_verifier(), *complete};
  auto url =
    connectors::authorize_url(*app, {config.text("oauth_client_id"), config.text("secret")}, input);
  if (!url)
    return state.fail(url.error());
  state.run(
    "oauth_state/insert",
    {store_value::text(id), store_value::text(state.who.end_user.value), store_value::text(slug),
     store_value::secret(with_fields(input.code_verifier, *complete), id),
     store_value::text(config.text("redirect_url")), store_value::text(input.redirect_uri),
     store_value::integer(std::chrono::milliseconds{limits::oauth_state_ttl}.count())},
    [self, url = *url](store_rows&) {
      self->state.finish(
        302, std::string{},
        {{"Location", url}, {"Cache-Control", "no-store"}, {"Referrer-Policy", "no-referrer"}});
    });
}

// -- callback -----------------------------------------------------------------

/// Sends the browser back to the platform (R75, R76, I46).
void land(call_self self, const std::string& location) {
  self->state.finish(
    302, std::string{},
    {{"Location", location}, {"Cache-Control", "no-store"}, {"Referrer-Policy", "no-referrer"}});
}

void land_failed(call_self self, const attempt& x, connect_error code, const std::string& why) {
  self->state.parts.metrics->count_connect(x.app, connectors::to_string(code));
  land(self, connectors::landing_url(x.redirect_url, x.app, code, why));
}

/// A state that nobody knows: no redirect, since nobody says where to (C11).
void unknown_state(call_self self) {
  self->state.finish(
    400,
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Connection failed</title>"
    "<h1>This connection attempt is unknown</h1><p>It was used before, or it never existed. "
    "Go back to the application and connect again.</p></html>",
    {{"Content-Type", "text/html; charset=utf-8"},
     {"Cache-Control", "no-store"},
     {"Referrer-Policy", "no-referrer"},
     {"Content-Security-Policy", "default-src 'none'"}});
}

void store_connection(call_self self, const attempt_ptr& x, const connectors::token_set& tokens) {
  auto& state = self->state;
  auto fields = x->fields;
  for (auto& [field, value] : tokens.extra)
    fields[field] = value;
  auto row_id = uuid4();
  json::object secret{{"access_token", tokens.access_token},
                      {"refresh_token", tokens.refresh_token}};
  auto expires_in = tokens.expires_in
                      ? store_value::integer(std::chrono::milliseconds{*tokens.expires_in}.count())
                      : store_value::null();
  query(
    self, state.parts.store, x->platform, "connection/upsert",
    {store_value::text(row_id), store_value::text(x->end_user.value), store_value::text(x->app),
     store_value::secret(json::serialize(secret), row_id), expires_in,
     store_value::text(scope_list(tokens.scope)),
     store_value::text(json::serialize(to_json(fields)))},
    [self, x](store_rows&) {
      auto& st = self->state;
      self->send(st.parts.directory, atom::drop_v, x->end_user, x->app);
      st.parts.metrics->count_connect(x->app, "connected");
      land(self, connectors::landing_url(x->redirect_url, x->app));
    },
    [self, x](const caf::error& why) {
      self->state.parts.metrics->log_problem(self->state.call->id, why);
      land_failed(self, *x, connect_error::internal_error,
                  "The connection could not be stored. Try again.");
    });
}

void exchange(call_self self, const attempt_ptr& x, const std::string& code) {
  auto& state = self->state;
  auto app = state.parts.catalogue->find_app(x->app);
  auto request = connectors::exchange_request(
    *app, x->client, {code, callback_uri(*state.parts.settings), x->code_verifier, x->fields});
  if (!request)
    return land_failed(self, *x,
                       code_of(request.error()) == errc::missing_oauth_credentials
                         ? connect_error::missing_oauth_credentials
                         : connect_error::internal_error,
                       message_of(request.error()));
  fetch_request fetch;
  fetch.id = make_fetch_id(self->id(), 1);
  fetch.message = std::move(*request);
  fetch.timeout = limits::token_call_timeout;
  self
    ->request(state.parts.http, limits::token_call_timeout + limits::actor_timeout, atom::fetch_v,
              fetch)
    .then(
      [self, x, app](const http_response& answer) {
        auto read = connectors::parse_token_answer(*app, answer);
        if (auto* failure = std::get_if<connectors::token_failure>(&read))
          return land_failed(self, *x, failure->code, failure->description);
        store_connection(self, x, std::get<connectors::token_set>(read));
      },
      [self, x](const caf::error& why) {
        self->state.parts.metrics->log_problem(self->state.call->id, why);
        land_failed(self, *x, connect_error::token_exchange_failed,
                    "The provider could not be reached.");
      });
}

/// Goes on with a state that was known: its app must still be there (R81, R82), the provider must
/// have agreed.
void proceed(call_self self, const attempt_ptr& x, const store_row& config) {
  auto& state = self->state;
  auto app = state.parts.catalogue->find_app(x->app);
  x->client = {config.text("oauth_client_id"), config.text("secret")};
  if (x->client.id.empty() || x->client.secret.empty())
    return land_failed(self, *x, connect_error::missing_oauth_credentials,
                       "The platform has no OAuth client id or secret for this app.");
  if (auto failure = connectors::callback_failure(state.query_fields))
    return land_failed(self, *x, failure->code, failure->description);
  auto code = state.query_field("code");
  if (!code || code->empty())
    return land_failed(self, *x, connect_error::internal_error, "The provider sent no code.");
  auto complete = connectors::complete_fields(*app, x->fields, state.query_fields);
  if (!complete)
    return land_failed(self, *x, connect_error::internal_error, message_of(complete.error()));
  x->fields = *complete;
  exchange(self, x, *code);
}

void consumed(call_self self, const store_rows& rows) {
  if (rows.empty())
    return unknown_state(self);
  store_row row{rows, 0};
  auto x = std::make_shared<attempt>();
  x->id = row.text("id");
  x->platform = {row.text("platform_id")};
  x->end_user = {row.text("end_user_id")};
  x->app = row.text("app_slug");
  x->redirect_url = row.text("redirect_url");
  if (auto kept = parse_json_object(row.text("secret"))) {
    x->code_verifier = find_string(*kept, "code_verifier").value_or("");
    if (auto* fields = find_object(*kept, "fields"))
      x->fields = from_json(json::serialize(*fields));
  }
  if (!row.boolean("user_active"))
    return land_failed(self, *x, connect_error::internal_error, "The user is not active any more.");
  if (row.boolean("expired"))
    return land_failed(self, *x, connect_error::internal_error,
                       "This connection attempt has expired. Connect again.");
  if (!self->state.parts.catalogue->find_app(x->app))
    return land_failed(self, *x, connect_error::unknown_app, "The app is not known any more.");
  query(
    self, self->state.parts.store, x->platform, "app/find", {store_value::text(x->app)},
    [self, x](store_rows& found) {
      if (found.empty() || !store_row{found, 0}.boolean("is_active"))
        return land_failed(self, *x, connect_error::unknown_app,
                           "The app is not active on the platform any more.");
      proceed(self, x, store_row{found, 0});
    },
    [self, x](const caf::error&) {
      land_failed(self, *x, connect_error::internal_error,
                  "The service is temporarily unavailable. Try again.");
    });
}

} // namespace

void oauth_authorize(call_self self) {
  auto& state = self->state;
  auto slug = state.query_field("app");
  if (!slug || slug->empty())
    return state.fail(
      make_problem(errc::invalid_field, "The query parameter 'app' is required.", "app"));
  if (!state.parts.catalogue->find_app(*slug))
    return state.fail(make_problem(errc::unknown_app, "There is no app '" + *slug + "'.", "app"));
  state.run("app/find", {store_value::text(*slug)}, [self, slug](store_rows& rows) {
    if (rows.empty() || !store_row{rows, 0}.boolean("is_active"))
      return self->state.fail(make_problem(
        errc::app_not_active, "The platform has not activated the app '" + *slug + "'.", "app"));
    redirect_to_provider(self, *slug, store_row{rows, 0});
  });
}

void oauth_callback(call_self self) {
  auto& state = self->state;
  auto secret_state = state.query_field("state");
  if (!secret_state || secret_state->empty())
    return unknown_state(self);
  state.run_for({}, "oauth_state/consume", {store_value::text(to_hex(sha256(*secret_state)))},
                [self](store_rows& rows) { consumed(self, rows); });
}

} // namespace callboard::calls
