#include "actors/calls/table.hpp"
#include "core/base/digest.hpp"
#include "core/base/limits.hpp"
#include "core/connectors/catalogue.hpp"
#include "core/mcp/era.hpp"
#include "core/mcp/http_rules.hpp"
#include "core/mcp/messages.hpp"

namespace callboard::calls {
namespace {

/// Bytes of randomness in a session id (S10).
constexpr std::size_t session_id_bytes = 32;

/// The slug in the path, when it is an app; else the call is answered 404 (I67).
std::optional<std::string> known_app(call_self self) {
  auto slug = self->state.path_field("app");
  if (self->state.parts.catalogue->find_app(slug))
    return slug;
  self->state.fail(make_problem(errc::unknown_app, "There is no app '" + slug + "'."));
  return std::nullopt;
}

/// Sends a request on to its session's actor; `then` gets the actor.
template <class Then>
void with_session(call_self self, const std::string& app, Then then) {
  auto& state = self->state;
  auto id = mcp::require_session(state.call->headers);
  if (!id)
    return state.fail(id.error());
  self
    ->request(state.parts.directory, limits::store_timeout * 2, atom::session_v, *id, state.who,
              app)
    .then([then](const session_actor& found) { then(found); },
          [self](caf::error& x) { self->state.fail(store_error(std::move(x))); });
}

void answer_initialize(call_self self, const mcp::rpc_id& id, const mcp::initialize_params& client,
                       const std::string& session) {
  auto& settings = *self->state.parts.settings;
  mcp::server_info server;
  server.version = settings.version;
  auto result = mcp::initialize_result(client.version, server, {});
  self->state.finish(200, mcp::encode_result(id, result),
                     {{std::string{mcp::header::session}, session}});
}

/// Makes the session's row; beyond the cap the user's longest idle sessions end (I65).
void insert_session(call_self self, const std::string& app, const mcp::rpc_id& id,
                    const mcp::initialize_params& client) {
  auto& state = self->state;
  auto session = to_base64url(random_bytes(session_id_bytes));
  json::object info{{"name", client.client_name}, {"version", client.client_version}};
  state.run(
    "session/insert",
    {store_value::text(to_hex(sha256(session))), store_value::text(state.who.end_user.value),
     store_value::text(state.who.key.value), store_value::text(app),
     store_value::text(std::string{mcp::to_string(client.version)}),
     store_value::text(json::serialize(client.capabilities)),
     store_value::text(json::serialize(info)),
     store_value::integer(state.parts.settings->session_ttl.count()),
     store_value::integer(limits::sessions_per_user_max)},
    [self, session, client, id](store_rows&) { answer_initialize(self, id, client, session); });
}

/// An app that is not active or not connected is refused before any session is made (I67).
void create_session(call_self self, const std::string& app, const mcp::rpc_request& request) {
  auto& state = self->state;
  auto client = mcp::parse_initialize(request.params);
  if (!client)
    return state.finish(200, mcp::encode_error(request.id, client.error()));
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

} // namespace

void mcp_post(call_self self) {
  auto& state = self->state;
  auto app = known_app(self);
  if (!app)
    return;
  if (auto type = mcp::check_content_type(state.call->headers); !type)
    return state.fail(type.error()); // C5
  if (auto forms = mcp::accepted_forms(state.call->headers); !forms)
    return state.fail(forms.error());
  auto decoded = mcp::decode_body(state.call->body);
  if (auto* fault = std::get_if<mcp::rpc_fault>(&decoded))
    return state.finish(mcp::http_status_of(fault->code), mcp::encode_error(*fault));
  auto& body = std::get<mcp::rpc_body>(decoded);
  auto* first = std::get_if<mcp::rpc_request>(&body.messages.front());
  bool initialize = first && !body.batch && first->method == mcp::method::initialize;
  bool in_session = find_header(state.call->headers, mcp::header::session).value_or("") != "";
  if (mcp::claims_stateless(body))
    return state.finish(
      400,
      mcp::encode_error(first ? std::optional{first->id} : std::nullopt, mcp::code_invalid_request,
                        "This endpoint speaks protocol versions up to 2025-11-25. Send "
                        "initialize first."));
  if (auto version = mcp::version_of(state.call->headers); !version && !initialize)
    return state.fail(version.error());
  if (initialize && !in_session)
    return create_session(self, *app, *first);
  with_session(self, *app, [self, body = std::move(body)](const session_actor& session) {
    auto& st = self->state;
    auto post = std::make_shared<callboard::mcp_post>(callboard::mcp_post{st.call, st.who, body});
    self->send(session, atom::post_v, mcp_post_ptr{std::move(post)});
    st.hand_over();
  });
}

void mcp_get(call_self self) {
  auto& state = self->state;
  auto app = known_app(self);
  if (!app)
    return;
  auto id = mcp::session_of(state.call->headers);
  if (!id)
    return state.fail(id.error());
  if (!*id) // L8: clients take 405, and nothing else, for "no stream here"
    return state.finish(
      405, mcp::encode_error(std::nullopt, mcp::code_refused, "A stream needs a session."),
      {{"Allow", std::string{mcp::allowed_methods_without_stream}}});
  if (auto good = mcp::check_stream_accepted(state.call->headers); !good)
    return state.fail(good.error());
  if (auto version = mcp::version_of(state.call->headers); !version)
    return state.fail(version.error());
  with_session(self, *app, [self](const session_actor& session) {
    self->send(session, atom::open_v, self->state.call, self->state.who);
    self->state.hand_over();
  });
}

void mcp_delete(call_self self) {
  auto app = known_app(self);
  if (!app)
    return;
  with_session(self, *app, [self](const session_actor& session) {
    self->request(session, limits::store_timeout * 2, atom::stop_v)
      .then(
        [self](bool done) {
          if (done)
            self->state.finish(204, std::string{});
          else
            self->state.fail(
              make_problem(errc::store_unavailable, "The session could not be ended. Try again."));
        },
        [self](caf::error& x) { self->state.fail(store_error(std::move(x))); });
  });
}

} // namespace callboard::calls
