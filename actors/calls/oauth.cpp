#include "core/connectors/oauth.hpp"
#include "actors/calls/connect.hpp"
#include "actors/calls/table.hpp"
#include "actors/metrics.hpp"
#include "core/base/digest.hpp"
#include "core/base/limits.hpp"
#include "core/connectors/catalogue.hpp"
#include "core/connectors/landing.hpp"

namespace callboard::calls {
namespace {

using connectors::connect_error;

json::object to_json(const connectors::connection_fields& fields) {
  json::object object;
  for (auto& [field, value] : fields)
    object[field] = value;
  return object;
}

/// What the callback needs again, as one secret: the verifier and the connection's fields.
std::string with_fields(const std::string& code_verifier,
                        const connectors::connection_fields& fields) {
  return json::serialize(
    json::object{{"code_verifier", code_verifier}, {"fields", to_json(fields)}});
}

// -- authorize ----------------------------------------------------------------

void redirect_to_provider(call_self self, const std::string& slug, const store_row& config) {
  auto& state = self->state;
  auto app = state.parts.catalogue->find_app(slug);
  auto fields = fields_from(config.text("provider_config"));
  if (auto subdomain = state.query_field("subdomain"))
    fields["subdomain"] = *subdomain;
  auto complete = connectors::complete_fields(*app, std::move(fields));
  if (!complete)
    return state.fail(complete.error());
  connectors::authorize_input input{callback_uri(*state.parts.settings), std::string{},
                                    texts_from(config.text("scopes")),
                                    connectors::make_code_verifier(), *complete};
  connectors::oauth_client client{config.text("oauth_client_id"), config.text("secret")};
  if (auto good = connectors::authorize_url(*app, client, input); !good)
    return state.fail(good.error());
  connect_attempt x;
  x.app = slug;
  x.redirect_url = config.text("redirect_url");
  begin_attempt(self, x, with_fields(input.code_verifier, *complete),
                [app, client, input](const std::string& secret_state) {
                  auto with_state = input;
                  with_state.state = secret_state;
                  return *connectors::authorize_url(*app, client, with_state);
                });
}

// -- callback -----------------------------------------------------------------

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

void exchange(call_self self, const connect_attempt_ptr& x, const std::string& code) {
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
  exchange_code(self, x, std::move(*request), app);
}

/// Goes on with a state that was known: its app must still be there (R81, R82), the provider must
/// have agreed.
void proceed(call_self self, const connect_attempt_ptr& x, const store_row& config) {
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
  auto x = std::make_shared<connect_attempt>();
  x->id = row.text("id");
  x->platform = {row.text("platform_id")};
  x->end_user = {row.text("end_user_id")};
  x->app = row.text("app_slug");
  x->redirect_url = row.text("redirect_url");
  if (auto kept = parse_json_object(row.text("secret"))) {
    x->code_verifier = find_string(*kept, "code_verifier").value_or("");
    x->client.secret = find_string(*kept, "client_secret").value_or("");
    if (auto* fields = find_object(*kept, "fields"))
      x->fields = fields_from(json::serialize(*fields));
  }
  if (!row.boolean("user_active"))
    return land_failed(self, *x, connect_error::internal_error, "The user is not active any more.");
  if (row.boolean("expired"))
    return land_failed(self, *x, connect_error::internal_error,
                       "This connection attempt has expired. Connect again.");
  if (!self->state.parts.catalogue->find_app(x->app))
    return server_callback(self, x);
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
    return server_authorize(self, *slug);
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
