#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include <caf/atom.hpp>
#include <caf/meta/type_name.hpp>
#include <caf/type_id.hpp>
#include <caf/typed_actor.hpp>

#include "actors/rate_messages.hpp"
#include "core/base/api_key.hpp"
#include "core/base/error.hpp"
#include "core/base/http_message.hpp"
#include "core/base/ids.hpp"
#include "core/base/money.hpp"

/// How the two halves of the gateway talk: whoever serves an MCP client (a session, a stateless
/// call, a loop) and the upstream actor of a remote MCP server. Part of actors/interfaces.hpp,
/// where upstream_actor is. JSON travels as text and is not rewritten, except for the members that
/// are said here.
namespace callboard {

/// One request of a client for a remote server. "subscriptions/listen" opens a subscription that
/// lasts until it is cancelled or the server goes away; it takes the params of 2026-07-28
/// (`notifications`: toolsListChanged, promptsListChanged, resourcesListChanged,
/// resourceSubscriptions), whatever the server speaks.
struct relay_request {
  /// Names the request among those of its listener until it is over. Never used again.
  std::uint64_t number = 0;
  principal who;
  /// Slug of the remote server.
  std::string app;
  std::string method;
  /// The client's params: text of a JSON object, or empty for none. The upstream half replaces what
  /// is of one connection only: the era's members of `_meta`, and `_meta.progressToken`, which
  /// comes back as the client's own in notifications.
  std::string params;
  /// The client can be answered with `input_required` (2026-07-28). Otherwise input that the server
  /// wants is asked for with `ask`, whatever the server speaks.
  bool takes_input_required = false;
  /// What the client declared: text of a JSON object, or empty for nothing.
  std::string capabilities;
  /// Its Implementation object, or empty.
  std::string client;
  /// The least severe log level that the client wants, or empty for no log messages.
  std::string log_level;
  /// Mcp-Param-* headers of the client, for servers that take them.
  http_headers mirrored;
  request_id request;
  /// tools/call only: the hold that pays for it (I18); empty makes a fresh one.
  hold_id hold;
  /// The call has an idempotency key, from which `hold` derives: one that was made and paid for
  /// before is answered again, one that came to nothing is tried again.
  bool keyed = false;
  /// A loop made the call, which its client's rate limits have counted already.
  bool within_loop = false;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, relay_request& x) {
  return f(caf::meta::type_name("callboard::relay_request"), x.number, x.who, x.app, x.method,
           x.params, x.takes_input_required, x.capabilities, x.client, x.log_level, x.mirrored,
           x.request, x.hold, x.keyed, x.within_loop);
}

/// Why a request has no result: an error of the remote server, to be passed on as it is, or one of
/// ours.
struct relay_failure {
  /// The server's JSON-RPC error; 0 when the failure is ours.
  std::int64_t code = 0;
  std::string message;
  /// JSON text of the error's data, or empty for none.
  std::string data;
  /// Ours; empty when `code` is not 0.
  caf::error problem;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, relay_failure& x) {
  return f(caf::meta::type_name("callboard::relay_failure"), x.code, x.message, x.data, x.problem);
}

/// What a tools/call came to beside its result, for the header fields of the answer.
struct relay_bill {
  /// It was one; there is nothing to say of other requests.
  bool known = false;
  micro_usd charged;
  /// How long the server was waited for.
  std::chrono::microseconds waited{0};
  /// Where the user's rate limits stand.
  billing::limits_standing limits{};
  /// It was made and paid for before, under its idempotency key.
  bool repeated = false;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, relay_bill& x) {
  return f(caf::meta::type_name("callboard::relay_bill"), x.known, x.charged, x.waited, x.limits,
           x.repeated);
}

/// The client's answer to an `ask`.
struct relay_answer {
  /// Of the request that the question belongs to.
  std::uint64_t number = 0;
  std::string ask;
  /// JSON text of the result; empty when the client answered an error.
  std::string result;
  relay_failure error;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, relay_answer& x) {
  return f(caf::meta::type_name("callboard::relay_answer"), x.number, x.ask, x.result, x.error);
}

} // namespace callboard

// Apart from the block of interfaces.hpp, whose ids begin below.
CAF_BEGIN_TYPE_ID_BLOCK(callboard_relay, caf::first_custom_type_id + 200)
  CAF_ADD_TYPE_ID(callboard_relay, (callboard::relay_request))
  CAF_ADD_TYPE_ID(callboard_relay, (callboard::relay_failure))
  CAF_ADD_TYPE_ID(callboard_relay, (callboard::relay_answer))
  CAF_ADD_TYPE_ID(callboard_relay, (callboard::relay_bill))

  CAF_ADD_ATOM(callboard_relay, callboard::atom, relay, "relay")
  CAF_ADD_ATOM(callboard_relay, callboard::atom, relay_note, "relay_note")
  CAF_ADD_ATOM(callboard_relay, callboard::atom, relay_ask, "relay_ask")
  CAF_ADD_ATOM(callboard_relay, callboard::atom, relay_done, "relay_done")
  CAF_ADD_ATOM(callboard_relay, callboard::atom, relay_fail, "relay_fail")
  CAF_ADD_ATOM(callboard_relay, callboard::atom, relay_stop, "relay_stop")
  CAF_ADD_ATOM(callboard_relay, callboard::atom, relay_list, "relay_list")
CAF_END_TYPE_ID_BLOCK(callboard_relay)

namespace callboard {

/// Serves one or several MCP clients and waits for what their requests give. Of each request it
/// gets any number of notes and asks, then exactly one of `done` and `fail`, then nothing. Nothing
/// follows a relay_stop of its own.
using relay_listener_actor = caf::typed_actor<
  // A notification that belongs to the request: its number, method, params (JSON text).
  caf::reacts_to<atom::relay_note, std::uint64_t, std::string, std::string>,
  // The server wants something of the client: number, id of the question, method
  // ("elicitation/create", "sampling/createMessage", "roots/list"), params (JSON text or empty).
  // Wanted: one relay_answer to the upstream actor.
  caf::reacts_to<atom::relay_ask, std::uint64_t, std::string, std::string, std::string>,
  // The result, JSON text in the form of 2026-07-28: `resultType` is always there. Tool calls are
  // paid for by now, as the bill says.
  caf::reacts_to<atom::relay_done, std::uint64_t, std::string, relay_bill>,
  // There is no result.
  caf::reacts_to<atom::relay_fail, std::uint64_t, relay_failure>>;

} // namespace callboard
