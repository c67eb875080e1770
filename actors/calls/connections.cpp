#include "actors/calls/connect.hpp"
#include "actors/calls/table.hpp"
#include "actors/look_up.hpp"
#include "core/base/limits.hpp"
#include "core/connectors/catalogue.hpp"
#include "core/connectors/oauth.hpp"
#include "core/mcp/authorization.hpp"

namespace callboard::calls {
namespace {

void send_revocation(call_self self, std::uint64_t number, http_request message) {
  fetch_request fetch;
  fetch.id = make_fetch_id(self->id(), number);
  fetch.message = std::move(message);
  fetch.timeout = limits::token_call_timeout;
  caf::anon_send(self->state.parts.http, atom::fetch_v, fetch);
}

/// Likewise at the authorization server of a remote MCP server (RFC 7009).
void revoke_at_server(call_self self, const json::object& secret,
                      const connectors::connection_fields& fields) {
  auto word = [&](const char* key) { return find_string(secret, key).value_or(""); };
  std::uint64_t number = 0;
  for (auto& message :
       mcp::revocation_requests(mcp::oauth_plan::from(fields), word("client_secret"),
                                word("refresh_token"), word("access_token")))
    send_revocation(self, ++number, std::move(message));
}

/// Tells the provider that the tokens are not wanted any more; the answer to the user does not wait
/// for it (I57).
void revoke_at_provider(call_self self, const std::string& slug, const store_row& row) {
  auto& state = self->state;
  auto app = state.parts.catalogue->find_app(slug);
  auto secret = parse_json_object(row.text("secret"));
  if (!secret)
    return;
  auto fields = fields_from(row.text("provider_fields"));
  if (!app)
    return revoke_at_server(self, *secret, fields);
  connectors::token_set tokens;
  tokens.access_token = find_string(*secret, "access_token").value_or("");
  tokens.refresh_token = find_string(*secret, "refresh_token").value_or("");
  query(
    self, state.parts.store, state.who.platform, "app/find", {store_value::text(slug)},
    [self, app, tokens, fields](store_rows& rows) {
      if (rows.empty())
        return;
      store_row config{rows, 0};
      auto request = connectors::revoke_request(
        *app, {config.text("oauth_client_id"), config.text("secret")}, tokens, fields);
      if (request && *request)
        send_revocation(self, 1, std::move(**request));
    },
    [](const caf::error&) {});
}

void deactivate(call_self self, const std::string& slug) {
  auto& state = self->state;
  state.run("connection/deactivate",
            {store_value::text(state.who.end_user.value), store_value::text(slug),
             store_value::text(state.who.key.value)},
            [self, slug](store_rows& rows) {
              auto& st = self->state;
              if (rows.empty())
                return st.fail(
                  make_problem(errc::not_found, "The app '" + slug + "' is not connected."));
              forget_connection(self, st.parts, st.who.platform, st.who.end_user, slug);
              st.finish(204, std::string{});
            });
}

} // namespace

void connections_list(call_self self) {
  self->state.answer_data("connection/list", {store_value::text(self->state.who.end_user.value)});
}

void connection_delete(call_self self) {
  auto& state = self->state;
  auto slug = state.path_field("app");
  state.run("connection/find",
            {store_value::text(state.who.end_user.value), store_value::text(slug)},
            [self, slug](store_rows& rows) {
              if (!rows.empty())
                revoke_at_provider(self, slug, store_row{rows, 0});
              deactivate(self, slug);
            });
}

void me_mcp_config(call_self self) {
  auto& state = self->state;
  state.run(
    "connection/list", {store_value::text(state.who.end_user.value)}, [self](store_rows& rows) {
      auto& st = self->state;
      auto bearer = "Bearer " + st.presented_key; // C16
      json::object standard;
      json::array openai;
      auto connections =
        json::parse(rows.empty() ? std::string{"[]"} : store_row{rows, 0}.text("data"));
      for (auto& item : connections.as_array()) {
        auto slug = to_std(item.at("appSlug").as_string());
        auto url = st.parts.settings->mcp_url + "/mcp/" + slug;
        // Exactly these keys: LangChain passes every other one on as an argument (C17).
        standard[slug] = {
          {"transport", "streamable_http"}, {"url", url}, {"headers", {{"Authorization", bearer}}}};
        openai.push_back({{"type", "mcp"},
                          {"server_label", slug},
                          {"server_url", url},
                          {"authorization", bearer}});
      }
      st.finish(200, json::serialize(json::object{{"standard", standard}, {"openai", openai}}),
                {{"Cache-Control", "no-store"}});
    });
}

} // namespace callboard::calls
