#include "actors/calls/shortcut.hpp"

#include <caf/send.hpp>

#include "actors/address_book.hpp"
#include "actors/menu.hpp"
#include "actors/principal_cache.hpp"
#include "core/base/digest.hpp"
#include "core/base/fields.hpp"
#include "core/connectors/catalogue.hpp"
#include "core/mcp/http_rules.hpp"
#include "core/mcp/messages.hpp"
#include "core/mcp/stateless.hpp"
#include "core/mcp/version.hpp"

namespace callboard::calls {
namespace {

/// Larger bodies go to an actor of their own: the front reads these for all, one after the other,
/// and this many bytes take it some ten microseconds.
constexpr std::size_t body_bytes_max = 16 * 1024;

/// Whose end-user key the call carries, if that is known.
std::optional<principal> known_caller(const node_parts& parts, const http_call& call) {
  auto key = bearer_key(call.headers);
  if (!key)
    return std::nullopt;
  auto known = parts.principals->find(sha256(*key));
  if (!known || known->has_expired(parts.unix_time()) || known->who.kind != key_kind::end_user)
    return std::nullopt;
  return std::move(known->who);
}

/// The live session that the call names, if it is the caller's.
session_actor known_session(const node_parts& parts, const http_call& call, const principal& who) {
  auto id = mcp::require_session(call.headers);
  if (!id)
    return {};
  auto app = find_field(call.path_fields, "app").value_or(std::string{all_apps});
  // That a remote server is still there is for the call actor to find out.
  if (app != all_apps && !parts.catalogue->find_app(app))
    return {};
  return parts.addresses->session(to_hex(sha256(id->value)), who, app);
}

bool pass(const node_parts& parts, const http_call_ptr& call) {
  if (call->target != endpoint::mcp_post || call->body.size() > body_bytes_max
      || !mcp::check_content_type(call->headers))
    return false;
  auto forms = mcp::accepted_forms(call->headers);
  auto version = mcp::version_of(call->headers);
  if (!forms || !version)
    return false;
  auto who = known_caller(parts, *call);
  if (!who)
    return false;
  auto session = known_session(parts, *call, *who);
  if (!session)
    return false;
  auto routed = mcp::route_post(call->headers, call->body);
  auto* body = std::get_if<mcp::rpc_body>(&routed);
  if (!body)
    return false;
  auto post = std::make_shared<callboard::mcp_post>(
    callboard::mcp_post{call, std::move(*who), std::move(*body), *forms, *version});
  caf::anon_send(session, atom::post_v, mcp_post_ptr{std::move(post)});
  return true;
}

} // namespace

bool pass_to_session(const node_parts& parts, const http_call_ptr& call) noexcept {
  try {
    return pass(parts, call);
  } catch (const std::exception&) {
    return false; // out of memory: the call actor fails alone
  }
}

} // namespace callboard::calls
