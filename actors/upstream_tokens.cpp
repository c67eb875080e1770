// The upstream actor's tokens: whose they are, and what becomes of a request whose token the server
// refuses.

#include "actors/look_up.hpp"
#include "actors/store_query.hpp"
#include "actors/upstream.hpp"
#include "actors/upstream_limits.hpp"
#include "core/base/limits.hpp"
#include "core/connectors/landing.hpp"
#include "core/mcp/authorization.hpp"

namespace callboard {
namespace {

std::string json_list(const std::vector<std::string>& texts) {
  json::array list;
  for (auto& text : texts)
    list.emplace_back(text);
  return json::serialize(list);
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (auto& word : words)
    text += (text.empty() ? "'" : ", '") + word + '\'';
  return text;
}

/// The scopes that the connection has asked for.
std::string asked_scopes(const std::string& provider_fields) {
  auto fields = parse_json_object(provider_fields.empty() ? "{}" : provider_fields);
  return fields ? find_string(*fields, "scope").value_or("") : std::string{};
}

} // namespace

/// Says what the user can do.
caf::error upstream_state::connect_again(const std::string& why) const {
  return make_problem(errc::app_not_connected,
                      why + " Connect it again at "
                        + connectors::connect_url(args.parts.settings->mcp_url, args.server.slug)
                        + '.');
}

/// Gets the user's token; `stale` is one that the server has refused, or empty.
void upstream_state::with_token(call_id id, const std::string& stale,
                                std::function<void(const std::string&)> then) {
  auto* x = find(id);
  if (!x)
    return;
  auto refuse = [this, id](caf::error& why) { fail(id, store_error(std::move(why))); };
  auto take = [this, id, then = std::move(then)](const credentials& opened) {
    if (auto* y = find(id)) {
      tokens[y->request.who.end_user.value] = opened.access_token;
      then(opened.access_token);
    }
  };
  with_connection(
    self, args.parts, args.platform, x->request.who.end_user, args.server.slug,
    [this, stale, take, refuse](const connection_actor& connection) {
      constexpr auto patience = limits::token_call_timeout * 2;
      if (stale.empty())
        self->request(connection, patience, atom::token_v).then(take, refuse);
      else
        self->request(connection, patience, atom::refresh_v, stale).then(take, refuse);
    },
    [this, id](const caf::error& why) { fail(id, why); });
}

/// Gets the user's token where the server wants one.
void upstream_state::authorize(call_id id) {
  if (args.server.auth != server_auth::oauth)
    return reach(id);
  with_token(id, {}, [this, id](const std::string& token) { use_token(id, token); });
}

void upstream_state::use_token(call_id id, const std::string& token) {
  find(id)->access_token = token;
  reach(id);
}

/// Looks after a request whose token was refused (401, 403); false when the answer is of another
/// kind.
bool upstream_state::token_refused(call_id id, int status, const http_headers& headers) {
  if (status == 401) {
    unauthorized(id);
    return true;
  }
  auto challenge = status == 403 && args.server.auth == server_auth::oauth
                     ? mcp::read_challenge(headers)
                     : std::nullopt;
  if (!challenge || challenge->error != "insufficient_scope")
    return false;
  step_up(id, challenge->scope);
  return true;
}

/// The server wants another token: once there may be one.
void upstream_state::unauthorized(call_id id) {
  auto* x = find(id);
  if (!x)
    return;
  if (args.server.auth != server_auth::oauth)
    return fail(
      id, make_problem(errc::upstream_failed, "The server refused the platform's credentials."));
  if (std::exchange(x->new_token, true))
    return fail(id, connect_again("The server no longer accepts the connection of this user to '"
                                  + args.server.slug + "'."));
  set_busy(*x, false);
  with_token(id, x->access_token, [this, id](const std::string& token) { use_token(id, token); });
}

/// The server wants more rights than the token has (RFC 6750): only the user can give them. The
/// request is made again only when the user has connected anew meanwhile.
void upstream_state::step_up(call_id id, const std::string& scope) {
  auto* x = find(id);
  if (!x)
    return;
  set_busy(*x, false);
  with_token(id, {}, [this, id, scope](const std::string& token) {
    auto* y = find(id);
    if (token != y->access_token && !std::exchange(y->new_token, true))
      return use_token(id, token);
    note_missing_scopes(id, mcp::read_scopes(scope));
  });
}

/// Notes what is missing, so that the next connect asks for it, and tells how to connect. Not when
/// all of it was asked for before: that would go on without end.
void upstream_state::note_missing_scopes(call_id id, const std::vector<std::string>& scopes) {
  auto& who = find(id)->request.who;
  query(
    self, args.parts.store, args.platform, "connection/want_scopes",
    {store_value::text(who.end_user.value), store_value::text(args.server.slug),
     store_value::text(json_list(scopes)), store_value::integer(mcp::scopes_max)},
    [this, id, scopes](store_rows& rows) {
      auto lacks =
        "The connection to '" + args.server.slug + "' lacks "
        + (scopes.empty() ? "a scope that the server does not name" : "the scope " + joined(scopes))
        + '.';
      auto asked =
        rows.empty() ? std::string{} : asked_scopes(store_row{rows, 0}.text("provider_fields"));
      if (mcp::can_step_up(scopes, asked))
        return fail(id, connect_again(lacks));
      fail(id, make_problem(errc::app_not_connected,
                            lacks
                              + " It was asked for when the user connected, and the server or "
                                "the user did not give it: connecting again asks for no more."));
    },
    [this, id](const caf::error& why) { fail(id, why); });
}

} // namespace callboard
