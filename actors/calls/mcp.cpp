#include "actors/calls/table.hpp"
#include "actors/exchange.hpp"
#include "actors/look_up.hpp"
#include "actors/menu.hpp"
#include "core/base/digest.hpp"
#include "core/base/limits.hpp"
#include "core/connectors/catalogue.hpp"
#include "core/mcp/http_rules.hpp"
#include "core/mcp/messages.hpp"

namespace callboard::calls {
namespace {

/// Bytes of randomness in a session id (S10).
constexpr std::size_t session_id_bytes = 32;

/// What the path names: an app's slug, or "*" for the endpoint of all apps.
std::string app_of(call_self self) {
  auto slug = self->state.path_field("app");
  return slug.empty() ? std::string{all_apps} : slug;
}

/// Goes on with the app in the path when there is one of that name, of the catalogue or of the
/// platform; else the call is answered 404 (I67).
template <class Then>
void with_app(call_self self, Then then) {
  auto app = app_of(self);
  if (app == all_apps || self->state.parts.catalogue->find_app(app))
    return then(app);
  with_upstream(
    self, self->state.parts, self->state.who.platform, app,
    [then, app](const upstream_actor&) { then(app); },
    [self](const caf::error& x) { self->state.fail(x); });
}

/// Finds the actor of the request's session; `then` gets it.
template <class Then>
void with_session_of(call_self self, const std::string& app, Then then) {
  auto& state = self->state;
  auto id = mcp::require_session(state.call->headers);
  if (!id)
    return state.fail(id.error());
  with_session(self, state.parts, *id, state.who, app, std::move(then),
               [self](const caf::error& x) { self->state.fail(x); });
}

void send_hello(call_self self, const mcp::rpc_id& id, const json::object& result,
                const std::string& session) {
  self->state.finish(200, mcp::encode_result(id, result),
                     {{std::string{mcp::header::session}, session}});
}

/// Says what the endpoint offers; remote servers are asked.
void answer_initialize(call_self self, const std::string& app, const mcp::rpc_id& id,
                       const mcp::initialize_params& client, const std::string& session) {
  auto& state = self->state;
  if (state.parts.catalogue->find_app(app)) {
    mcp::server_info server;
    server.version = state.parts.settings->version;
    return send_hello(self, id,
                      mcp::initialize_result(client.version, server, mcp::server_capabilities{}),
                      session);
  }
  self
    ->request(self->spawn(menu, menu_args{state.parts}), menu_timeout, atom::run_v, state.who, app,
              std::string{"server"})
    .then(
      [self, id, version = client.version, session](const std::string& text) {
        auto offer = read_offer(text, *self->state.parts.settings);
        send_hello(
          self, id,
          mcp::initialize_result_with(version, offer.server, std::move(offer.capabilities)),
          session);
      },
      [self](caf::error& x) { self->state.fail(store_error(std::move(x))); });
}

/// Makes the session's row; beyond the cap the user's longest idle sessions end (I65).
void insert_session(call_self self, const std::string& app, const mcp::rpc_id& id,
                    const mcp::initialize_params& client) {
  auto& state = self->state;
  auto session = to_base64url(random_bytes(session_id_bytes));
  json::object info{{"name", client.client_name}, {"version", client.client_version}};
  state.run("session/insert",
            {store_value::text(to_hex(sha256(session))),
             store_value::text(state.who.end_user.value), store_value::text(state.who.key.value),
             store_value::text(app), store_value::text(std::string{mcp::to_string(client.version)}),
             store_value::text(json::serialize(client.capabilities)),
             store_value::text(json::serialize(info)),
             store_value::integer(state.parts.settings->session_ttl.count()),
             store_value::integer(limits::sessions_per_user_max)},
            [self, app, session, client, id](store_rows&) {
              answer_initialize(self, app, id, client, session);
            });
}

/// An app that is not active or not connected is refused before any session is made (I67).
void create_session(call_self self, const std::string& app, const mcp::rpc_request& request) {
  auto& state = self->state;
  auto client = mcp::parse_initialize(request.params);
  if (!client)
    return state.finish(200, mcp::encode_error(request.id, client.error()));
  if (app == all_apps) // nothing connected yet is an empty list, not a refusal
    return insert_session(self, app, request.id, *client);
  state.run(
    "connection/find", {store_value::text(state.who.end_user.value), store_value::text(app)},
    [self, app, client = *client, id = request.id](store_rows& rows) {
      store_row row{rows, 0};
      if (!rows.empty() && row.boolean("is_active") && row.boolean("app_active")
          && !row.boolean("needs_reconnect"))
        return insert_session(self, app, id, client);
      self->state.fail(make_problem(errc::app_not_connected,
                                    "The app is not active on the platform, or this user has not "
                                    "connected it."));
    });
}

/// A request of the stateless era: an actor of its own answers it.
void take_stateless(call_self self, const std::string& app, mcp::answer_forms forms,
                    mcp::stateless_request request) {
  auto& state = self->state;
  auto post = std::make_shared<stateless_post>(
    stateless_post{state.call, state.who, app, std::move(request), forms});
  self->spawn(exchange, exchange_args{state.parts, std::move(post)});
  state.hand_over();
}

/// Messages of the session era: `initialize` opens a session, everything else is one's own.
void take_session(call_self self, const std::string& app, mcp::answer_forms forms,
                  mcp::rpc_body body) {
  auto& state = self->state;
  auto* first = std::get_if<mcp::rpc_request>(&body.messages.front());
  bool initialize = first && !body.batch && first->method == mcp::method::initialize;
  bool in_session = find_header(state.call->headers, mcp::header::session).value_or("") != "";
  auto version = mcp::version_of(state.call->headers);
  if (!version && !initialize)
    return state.fail(version.error());
  if (initialize && !in_session)
    return create_session(self, app, *first);
  auto post = std::make_shared<callboard::mcp_post>();
  post->call = state.call;
  post->who = state.who;
  post->body = std::move(body);
  post->forms = forms;
  post->version = version ? *version : std::nullopt;
  with_session_of(self, app, [self, post = mcp_post_ptr{post}](const session_actor& session) {
    self->send(session, atom::post_v, post);
    self->state.hand_over();
  });
}

} // namespace

void mcp_post(call_self self) {
  auto& state = self->state;
  if (auto type = mcp::check_content_type(state.call->headers); !type)
    return state.fail(type.error()); // C5
  auto forms = mcp::accepted_forms(state.call->headers);
  if (!forms)
    return state.fail(forms.error());
  with_app(self, [self, forms = *forms](const std::string& app) {
    auto& st = self->state;
    auto routed = mcp::route_post(st.call->headers, st.call->body);
    if (auto* refused = std::get_if<mcp::refusal>(&routed))
      st.finish(refused->status, mcp::encode_error(*refused));
    else if (std::holds_alternative<mcp::stateless_notice>(routed))
      st.finish(202, std::string{});
    else if (auto* request = std::get_if<mcp::stateless_request>(&routed))
      take_stateless(self, app, forms, std::move(*request));
    else
      take_session(self, app, forms, std::get<mcp::rpc_body>(std::move(routed)));
  });
}

/// A stream is of the session era alone: without a session there is none, and clients take 405, and
/// nothing else, for that (L8, N17).
void mcp_get(call_self self) {
  auto& state = self->state;
  auto id = mcp::session_of(state.call->headers);
  if (!id)
    return state.fail(id.error());
  if (!*id || mcp::header_claims_stateless(state.call->headers))
    return state.finish(
      405, mcp::encode_error(std::nullopt, mcp::code_refused, "A stream needs a session."),
      {{"Allow", std::string{mcp::allowed_methods_without_stream}}});
  if (auto good = mcp::check_stream_accepted(state.call->headers); !good)
    return state.fail(good.error());
  if (auto version = mcp::version_of(state.call->headers); !version)
    return state.fail(version.error());
  with_app(self, [self](const std::string& app) {
    with_session_of(self, app, [self](const session_actor& session) {
      self->send(session, atom::open_v, self->state.call, self->state.who);
      self->state.hand_over();
    });
  });
}

void mcp_delete(call_self self) {
  if (mcp::header_claims_stateless(self->state.call->headers))
    return self->state.finish(
      405, mcp::encode_error(std::nullopt, mcp::code_refused, "There is no session to end."),
      {{"Allow", "POST"}});
  with_app(self, [self](const std::string& app) {
    with_session_of(self, app, [self](const session_actor& session) {
      self->request(session, limits::store_timeout * 2, atom::stop_v)
        .then(
          [self](bool done) {
            if (done)
              self->state.finish(204, std::string{});
            else
              self->state.fail(make_problem(errc::store_unavailable,
                                            "The session could not be ended. Try again."));
          },
          [self](caf::error& x) { self->state.fail(store_error(std::move(x))); });
    });
  });
}

} // namespace callboard::calls
