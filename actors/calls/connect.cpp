#include "actors/calls/connect.hpp"

#include <algorithm>

#include "actors/look_up.hpp"
#include "actors/metrics.hpp"
#include "core/base/digest.hpp"
#include "core/base/limits.hpp"
#include "core/connectors/landing.hpp"
#include "core/mcp/authorization.hpp"

namespace callboard::calls {
namespace {

using connectors::connect_error;

/// Bytes of randomness in a state (I44).
constexpr std::size_t state_bytes = 32;

json::object to_json(const connectors::connection_fields& fields) {
  json::object object;
  for (auto& [field, value] : fields)
    object[field] = value;
  return object;
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

/// Sends the browser on, to a consent page or back to the platform (R75, R76, I46).
void land(call_self self, const std::string& location) {
  self->state.finish(
    302, std::string{},
    {{"Location", location}, {"Cache-Control", "no-store"}, {"Referrer-Policy", "no-referrer"}});
}

void store_connection(call_self self, const connect_attempt_ptr& x,
                      const connectors::token_set& tokens) {
  auto& state = self->state;
  auto fields = x->fields;
  for (auto& [field, value] : tokens.extra)
    fields[field] = value;
  auto row_id = uuid4();
  json::object secret{{"access_token", tokens.access_token},
                      {"refresh_token", tokens.refresh_token}};
  if (x->own_client && !x->client.secret.empty())
    secret["client_secret"] = x->client.secret;
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
      forget_connection(self, st.parts, x->platform, x->end_user, x->app);
      st.parts.metrics->count_connect(x->app, "connected");
      land(self, connectors::landing_url(x->redirect_url, x->app));
    },
    [self, x](const caf::error& why) {
      self->state.parts.metrics->log_problem(self->state.call->id, why);
      land_failed(self, *x, connect_error::internal_error,
                  "The connection could not be stored. Try again.");
    });
}

} // namespace

std::string callback_uri(const node_settings& settings) {
  return settings.mcp_url + "/oauth/callback";
}

connectors::connection_fields fields_from(const std::string& text) {
  connectors::connection_fields fields;
  if (auto object = parse_json_object(text.empty() ? "{}" : text))
    for (auto& member : *object)
      if (member.value().is_string())
        fields.emplace(member.key(), to_std(member.value().get_string()));
  return fields;
}

std::vector<std::string> texts_from(const std::string& text) {
  std::vector<std::string> texts;
  json::error_code ec;
  auto list = json::parse(text.empty() ? "[]" : text, ec);
  if (!ec && list.is_array())
    for (auto& item : list.get_array())
      if (item.is_string())
        texts.push_back(to_std(item.get_string()));
  return texts;
}

void begin_attempt(call_self self, const connect_attempt& x, const std::string& kept_secret,
                   const std::function<std::string(const std::string&)>& url_of) {
  auto& state = self->state;
  auto secret_state = to_base64url(random_bytes(state_bytes));
  auto id = to_hex(sha256(secret_state));
  state.run("oauth_state/insert",
            {store_value::text(id), store_value::text(state.who.end_user.value),
             store_value::text(x.app), store_value::secret(kept_secret, id),
             store_value::text(x.redirect_url),
             store_value::text(callback_uri(*state.parts.settings)),
             store_value::integer(std::chrono::milliseconds{limits::oauth_state_ttl}.count())},
            [self, url = url_of(secret_state)](store_rows&) { land(self, url); });
}

void land_failed(call_self self, const connect_attempt& x, connect_error code,
                 const std::string& why) {
  self->state.parts.metrics->count_connect(x.app, connectors::to_string(code));
  land(self, connectors::landing_url(x.redirect_url, x.app, code, why));
}

void exchange_code(call_self self, const connect_attempt_ptr& x, http_request request,
                   std::shared_ptr<const connectors::app> reader) {
  auto& state = self->state;
  fetch_request fetch;
  // Discovery of a remote server has used the lower ones.
  constexpr std::uint64_t token_fetch = 1000;
  fetch.id = make_fetch_id(self->id(), token_fetch);
  fetch.message = std::move(request);
  fetch.timeout = limits::token_call_timeout;
  self
    ->request(state.parts.http, limits::token_call_timeout + limits::actor_timeout, atom::fetch_v,
              fetch)
    .then(
      [self, x, reader](const http_response& answer) {
        auto read = connectors::parse_token_answer(*reader, answer);
        if (auto* failure = std::get_if<connectors::token_failure>(&read)) {
          if (x->own_client && mcp::is_client_unknown(failure->error))
            forget_registration(self, *x);
          return land_failed(self, *x, failure->code, failure->description);
        }
        store_connection(self, x, std::get<connectors::token_set>(read));
      },
      [self, x](const caf::error& why) {
        self->state.parts.metrics->log_problem(self->state.call->id, why);
        land_failed(self, *x, connect_error::token_exchange_failed,
                    "The provider could not be reached.");
      });
}

} // namespace callboard::calls
