#pragma once

// The catalogue of actors: every message type, then one typed handle per actor with a comment per
// message. Reading this file tells how messages flow; no actor is reached in another way.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <caf/actor_addr.hpp>
#include <caf/allowed_unsafe_message_type.hpp>
#include <caf/atom.hpp>
#include <caf/replies_to.hpp>
#include <caf/type_id.hpp>
#include <caf/typed_actor.hpp>

#include "actors/endpoint.hpp"
#include "actors/money.hpp"
#include "core/base/api_key.hpp"
#include "core/base/error.hpp"
#include "core/base/http_message.hpp"
#include "core/base/ids.hpp"
#include "core/base/limits.hpp"
#include "core/base/money.hpp"
#include "core/base/store_call.hpp"
#include "core/billing/prices.hpp"
#include "core/mcp/http_rules.hpp"
#include "core/mcp/json_rpc.hpp"
#include "core/mcp/version.hpp"

namespace callboard {

// -- HTTP edge ----------------------------------------------------------------

/// A whole answer.
struct reply {
  int status = 200;
  http_headers headers;
  std::string body;
};

/// Where an answer goes. Thread-safe. Exactly one of finish() and start_stream() is called, once;
/// dropping the sink without either answers 500. Nothing blocks.
class reply_sink {
public:
  virtual ~reply_sink() = default;

  /// Sends the whole answer.
  virtual void finish(reply answer) = 0;

  /// Starts an answer whose body is sent piece by piece (server-sent events).
  virtual void start_stream(int status, http_headers headers) = 0;

  /// Queues one piece, written in one write. False when the stream is over: the client left, or did
  /// not read limits::stream_queue_bytes_max.
  virtual bool send(std::string piece) = 0;

  /// Ends the body after the queued pieces. Not `clean`: the connection breaks without the end of
  /// the chunked encoding, so that a client cannot take the answer for complete.
  virtual void end_stream(bool clean) = 0;

  /// Tells, before the answer is complete, whether it ends its request, when its status does not
  /// say so: a stream that fails has begun as 200, and a loop without end would not end the next
  /// time. For requests with an Idempotency-Key (I33); nobody else listens.
  virtual void set_final(bool) {}

  /// `notice` is called at most once, from any thread, when the client leaves before the answer is
  /// complete; at once if it has left already.
  virtual void on_closed(std::function<void()> notice) = 0;
};

using reply_sink_ptr = std::shared_ptr<reply_sink>;

/// One HTTP request as the edge hands it on. Limits were checked; the route matched.
struct http_call {
  endpoint target = endpoint::healthz;
  std::string method;
  /// Without the query, still percent-encoded.
  std::string path;
  /// Raw query without "?".
  std::string query;
  /// Decoded path parameters of the route, by name.
  std::vector<name_value> path_fields;
  http_headers headers;
  std::string body;
  /// The client's X-Request-Id when it is acceptable, else ours (I32). The sink adds it to the
  /// answer by itself.
  request_id id;
  /// Uuid of the Idempotency-Key within its caller's scope; empty without a key.
  std::string idempotency;
  /// The loop that such a key names, from which the ids of its holds derive: another one when the
  /// key is used anew after its time.
  loop_id keyed_loop;
  /// Address of the client without port.
  std::string remote_address;
  std::chrono::steady_clock::time_point received_at{};
  reply_sink_ptr sink;
};

using http_call_ptr = std::shared_ptr<const http_call>;

// -- outbound HTTP ------------------------------------------------------------

/// Names one outbound request for cancellation: unique within a node (make_fetch_id).
using fetch_id = std::uint64_t;

/// An outbound request with its limits.
struct fetch_request {
  fetch_id id = 0;
  http_request message;
  /// The whole request.
  std::chrono::milliseconds timeout{30'000};
  /// The longest silence between two pieces of the answer; 0 for none.
  std::chrono::milliseconds idle_timeout{0};
  /// A larger body ends the request with errc::response_too_large.
  std::uint64_t body_bytes_max = limits::provider_response_bytes_max;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, fetch_request& x) {
  return f(caf::meta::type_name("callboard::fetch_request"), x.id, x.message, x.timeout,
           x.idle_timeout, x.body_bytes_max);
}

// -- models, tools ------------------------------------------------------------

/// A model as a platform may use it, with what the upstream needs.
struct model_info {
  std::string slug;
  /// Base URL of an OpenAI-compatible server, without "/chat/completions".
  std::string base_url;
  /// The model's name at the upstream.
  std::string provider_model;
  /// Secret; empty when the upstream wants none.
  std::string api_key;
  billing::model_price price;
  /// The most output tokens of one turn, and what a turn without a limit of its own gets.
  std::int64_t output_tokens_max = 0;
  /// The platform's surcharge (I23).
  std::int64_t markup_ppm = 0;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, model_info& x) {
  return f(caf::meta::type_name("callboard::model_info"), x.slug, x.base_url, x.provider_model,
           x.price, x.output_tokens_max, x.markup_ppm); // without the key: nothing may print it
}

/// One tool call to be run.
struct tool_job {
  principal who;
  std::string app;
  std::string tool;
  json::object arguments;
  /// Empty: the call chooses one.
  hold_id hold;
  request_id request;
  /// The call has an idempotency key, from which `hold` derives: one that was made and paid for
  /// before is answered again, one that came to nothing is tried again.
  bool keyed = false;
  /// It is what the client asked for, and counts for the rate limits; within a loop, the loop does.
  bool is_request = false;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, tool_job& x) {
  auto arguments = json::serialize(x.arguments);
  auto read = caf::meta::load_callback([&]() -> caf::error {
    auto object = parse_json_object(arguments);
    if (!object)
      return object.error();
    x.arguments = std::move(*object);
    return caf::none;
  });
  return f(caf::meta::type_name("callboard::tool_job"), x.who, x.app, x.tool, arguments, read,
           x.hold, x.request, x.keyed, x.is_request);
}

/// What a tool answered. A provider's refusal is a result with `is_error`, not an error of ours
/// (C29).
struct tool_result {
  bool is_error = false;
  std::string text;
  /// JSON object, or empty.
  std::string structured;
  /// Whether the call took a free slot; `paid.charged` is 0 then.
  bool free = false;
  /// It was made and paid for before, under its idempotency key.
  bool repeated = false;
  receipt paid;
  /// How long the provider was waited for.
  std::chrono::microseconds waited{0};
  /// Where the user's rate limits stand.
  billing::limits_standing limits{};
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, tool_result& x) {
  return f(caf::meta::type_name("callboard::tool_result"), x.is_error, x.text, x.structured, x.free,
           x.repeated, x.paid, x.waited, x.limits);
}

/// The opened credentials of a connection.
struct credentials {
  connection_id id;
  std::string access_token;
  /// JSON object of the connection's fields that the catalogue's templates use ("subdomain", ...).
  std::string fields;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, credentials& x) {
  return f(caf::meta::type_name("callboard::credentials"), x.id); // nothing may print the token
}

// -- MCP sessions -------------------------------------------------------------

/// A POST to a session: who sent it, what it says, and where and how the answer goes.
struct mcp_post {
  http_call_ptr call;
  principal who;
  mcp::rpc_body body;
  mcp::answer_forms forms;
  /// What MCP-Protocol-Version names, if it is there.
  std::optional<mcp::session_version> version;
};

using mcp_post_ptr = std::shared_ptr<const mcp_post>;

/// A request of the stateless era with its client (actors/exchange.hpp).
struct stateless_post;
using stateless_post_ptr = std::shared_ptr<const stateless_post>;

} // namespace callboard

// -- type ids -----------------------------------------------------------------

CAF_BEGIN_TYPE_ID_BLOCK(callboard, caf::first_custom_type_id)
  CAF_ADD_TYPE_ID(callboard, (callboard::errc))
  CAF_ADD_TYPE_ID(callboard, (callboard::platform_id))
  CAF_ADD_TYPE_ID(callboard, (callboard::end_user_id))
  CAF_ADD_TYPE_ID(callboard, (callboard::key_id))
  CAF_ADD_TYPE_ID(callboard, (callboard::session_id))
  CAF_ADD_TYPE_ID(callboard, (callboard::connection_id))
  CAF_ADD_TYPE_ID(callboard, (callboard::hold_id))
  CAF_ADD_TYPE_ID(callboard, (callboard::loop_id))
  CAF_ADD_TYPE_ID(callboard, (callboard::request_id))
  CAF_ADD_TYPE_ID(callboard, (callboard::micro_usd))
  CAF_ADD_TYPE_ID(callboard, (callboard::principal))
  CAF_ADD_TYPE_ID(callboard, (callboard::store_call))
  CAF_ADD_TYPE_ID(callboard, (callboard::store_rows))
  CAF_ADD_TYPE_ID(callboard, (callboard::fetch_request))
  CAF_ADD_TYPE_ID(callboard, (callboard::http_response))
  CAF_ADD_TYPE_ID(callboard, (callboard::admission))
  CAF_ADD_TYPE_ID(callboard, (callboard::hold_ticket))
  CAF_ADD_TYPE_ID(callboard, (callboard::settlement))
  CAF_ADD_TYPE_ID(callboard, (callboard::receipt))
  CAF_ADD_TYPE_ID(callboard, (callboard::model_info))
  CAF_ADD_TYPE_ID(callboard, (callboard::tool_job))
  CAF_ADD_TYPE_ID(callboard, (callboard::tool_result))
  CAF_ADD_TYPE_ID(callboard, (callboard::credentials))

  // Generic.
  CAF_ADD_ATOM(callboard, callboard::atom, run, "run")
  CAF_ADD_ATOM(callboard, callboard::atom, tick, "tick")
  CAF_ADD_ATOM(callboard, callboard::atom, status, "status")
  CAF_ADD_ATOM(callboard, callboard::atom, stop, "stop")
  // Edge.
  CAF_ADD_ATOM(callboard, callboard::atom, serve, "serve")
  CAF_ADD_ATOM(callboard, callboard::atom, closed, "closed")
  // Outbound HTTP.
  CAF_ADD_ATOM(callboard, callboard::atom, fetch, "fetch")
  CAF_ADD_ATOM(callboard, callboard::atom, stream, "stream")
  CAF_ADD_ATOM(callboard, callboard::atom, cancel, "cancel")
  CAF_ADD_ATOM(callboard, callboard::atom, head, "head")
  CAF_ADD_ATOM(callboard, callboard::atom, chunk, "chunk")
  CAF_ADD_ATOM(callboard, callboard::atom, done, "done")
  // Node.
  CAF_ADD_ATOM(callboard, callboard::atom, auth, "auth")
  CAF_ADD_ATOM(callboard, callboard::atom, drop, "drop")
  CAF_ADD_ATOM(callboard, callboard::atom, enlist, "enlist")
  CAF_ADD_ATOM(callboard, callboard::atom, drain, "drain")
  // Activation by kind and key.
  CAF_ADD_ATOM(callboard, callboard::atom, tenant, "tenant")
  CAF_ADD_ATOM(callboard, callboard::atom, conn, "conn")
  CAF_ADD_ATOM(callboard, callboard::atom, session, "session")
  // Tenant.
  CAF_ADD_ATOM(callboard, callboard::atom, admit, "admit")
  CAF_ADD_ATOM(callboard, callboard::atom, settle, "settle")
  CAF_ADD_ATOM(callboard, callboard::atom, model, "model")
  // Connection.
  CAF_ADD_ATOM(callboard, callboard::atom, token, "token")
  CAF_ADD_ATOM(callboard, callboard::atom, refresh, "refresh")
  // Session.
  CAF_ADD_ATOM(callboard, callboard::atom, post, "post")
  CAF_ADD_ATOM(callboard, callboard::atom, open, "open")
CAF_END_TYPE_ID_BLOCK(callboard)

// Both hold a client's connection and never leave the process.
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::http_call_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::mcp_post_ptr)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(callboard::stateless_post_ptr)

// -- handles ------------------------------------------------------------------

#include "actors/relay.hpp"

namespace callboard {

/// What every inspectable actor answers: a JSON object with kind, key, age, messages so far, last
/// message, mailbox depth and its redacted state (actors/activity.hpp).
using status_actor = caf::typed_actor<caf::replies_to<atom::status>::with<std::string>>;

/// Takes requests from the edge: passes a message of a known session on to it, spawns a call actor
/// for everything else.
using front_actor = caf::typed_actor<
  // Answers through the call's sink, always.
  caf::reacts_to<atom::serve, http_call_ptr>,
  // How many requests are not answered yet.
  caf::replies_to<atom::drain>::with<std::int64_t>>;

/// One lane to PostgreSQL: detached, owns one connection. Implemented in actors/lane.cpp on
/// storage/.
using store_actor = caf::typed_actor<
  // Runs one statement. errc::store_unavailable when PostgreSQL is away (nothing happened, or, for
  // a commit in doubt, repeating is harmless for statements that may run twice); errc::conflict for
  // a violated unique constraint.
  caf::replies_to<atom::run, store_call>::with<store_rows>,
  // Whether PostgreSQL answers now: the count of transactions run so far.
  caf::replies_to<atom::status>::with<std::int64_t>>;

/// Receives a streamed answer. Messages of one fetch come in order: head, chunks, done.
using fetch_listener_actor = caf::typed_actor<
  // Status and headers have arrived; the body of the response is empty.
  caf::reacts_to<atom::head, fetch_id, http_response>,
  // A piece of the body.
  caf::reacts_to<atom::chunk, fetch_id, std::string>,
  // The end; an empty error means the body is complete. Nothing follows.
  caf::reacts_to<atom::done, fetch_id, caf::error>>;

/// Outbound HTTP of the node, on libcurl. Implemented in http/client; tests put a fake in its
/// place.
using http_client_actor = caf::typed_actor<
  // Performs a request and answers when the body is complete, whatever the status. Errors:
  // errc::upstream_unavailable (certainly not sent), upstream_timeout, upstream_failed,
  // response_too_large, address_refused, cancelled, over_limit.
  caf::replies_to<atom::fetch, fetch_request>::with<http_response>,
  // Performs a request and passes the answer on as it arrives; the same errors in `done`.
  caf::reacts_to<atom::stream, fetch_request, fetch_listener_actor>,
  // Ends a request by its id; unknown ids are ignored.
  caf::reacts_to<atom::cancel, fetch_id>>;

/// Finds the principal of a key, from a bounded cache that a revocation on any node empties within
/// a second (I6).
using authenticator_actor = caf::typed_actor<
  // The text of a key, as presented. errc::invalid_api_key for unknown, expired, revoked and
  // malformed keys alike.
  caf::replies_to<atom::auth, std::string>::with<principal>,
  // Something that keys depend on was changed through this node: forget everything now.
  caf::reacts_to<atom::drop>,
  // INTERNAL: compare the store's version.
  caf::reacts_to<atom::tick>,
  // Conforms to status_actor.
  caf::replies_to<atom::status>::with<std::string>>;

/// A platform's money, prices and rate limits; the single writer of its wallet on this node, fenced
/// by an epoch.
using tenant_actor = caf::typed_actor<
  // Places a hold. errc::rate_limited, wallet_insufficient, budget_exhausted, budget_suspended,
  // idempotency_mismatch, store_unavailable. Nothing is held after an error. For tool calls the
  // tenant sets the amount from its price list.
  caf::replies_to<atom::admit, admission>::with<hold_ticket>,
  // Ends a hold; what was charged. Answers when the result is durable (committed, or fsynced in
  // the journal).
  caf::replies_to<atom::settle, settlement>::with<receipt>,
  // A model by slug, or the platform's default for an empty slug (C21). errc::model_not_found,
  // invalid_field.
  caf::replies_to<atom::model, std::string>::with<model_info>,
  // Gives back what lies ready for tool calls of an end user with a budget: whether there was
  // anything. Answers when PostgreSQL has it.
  caf::replies_to<atom::drop, end_user_id>::with<bool>,
  // Rate limits were changed through this node: read them again.
  caf::reacts_to<atom::drop>,
  // INTERNAL: store counted requests.
  caf::reacts_to<atom::refresh>,
  // INTERNAL: book tool calls that wait for others.
  caf::reacts_to<atom::run>,
  // INTERNAL: give back blocks that nobody uses.
  caf::reacts_to<atom::tick>,
  // Conforms to status_actor.
  caf::replies_to<atom::status>::with<std::string>>;

/// One end user's connection to one app: opened credentials, at most one refresh in flight (I48).
using connection_actor = caf::typed_actor<
  // Usable credentials, refreshed before they expire. errc::app_not_connected when there are none
  // (any more).
  caf::replies_to<atom::token>::with<credentials>,
  // The provider refused this access token: refresh unless that has happened meanwhile.
  caf::replies_to<atom::refresh, std::string>::with<credentials>,
  // The stored connection changed: forget it.
  caf::reacts_to<atom::drop>,
  // INTERNAL: look whether another node has renewed the tokens.
  caf::reacts_to<atom::tick>,
  // Conforms to status_actor.
  caf::replies_to<atom::status>::with<std::string>>;

/// One tool call from admission to settlement. Ends with its answer.
using tool_call_actor = caf::typed_actor<
  // Runs the job; once. Errors: errc::invalid_params (unknown tool), app_not_connected, the 402
  // family, store_unavailable. A provider that fails gives a result with is_error (C29).
  caf::replies_to<atom::run, tool_job>::with<tool_result>,
  // Stops the work, gives the hold back unless the provider has answered.
  caf::reacts_to<atom::cancel>,
  // INTERNAL: send the request again.
  caf::reacts_to<atom::tick>>;

/// One MCP session of the session era. Ends itself after its idle time; its row outlives it.
using session_actor = caf::typed_actor<
  // Messages of one POST; answers through the call's sink.
  caf::reacts_to<atom::post, mcp_post_ptr>,
  // The client opens its stream for server messages; a second one replaces the first.
  caf::reacts_to<atom::open, http_call_ptr, principal>,
  // Conforms to relay_listener_actor: what its errands bring.
  caf::reacts_to<atom::relay_note, std::uint64_t, std::string, std::string>,
  caf::reacts_to<atom::relay_ask, std::uint64_t, std::string, std::string, std::string>,
  caf::reacts_to<atom::relay_done, std::uint64_t, std::string, relay_bill>,
  caf::reacts_to<atom::relay_fail, std::uint64_t, relay_failure>,
  // INTERNAL: the client of a stream or POST left.
  caf::reacts_to<atom::closed, std::uint64_t>,
  // INTERNAL: keep that stream alive.
  caf::reacts_to<atom::stream, std::uint64_t>,
  // The client ends the session: true when done.
  caf::replies_to<atom::stop>::with<bool>,
  // Keys changed: the open stream's key is checked again.
  caf::reacts_to<atom::drop>,
  // The node shuts down: the stream ends, calls under way go on.
  caf::reacts_to<atom::drain>,
  // INTERNAL: idle time, keep-alive.
  caf::reacts_to<atom::tick>,
  // Conforms to status_actor.
  caf::replies_to<atom::status>::with<std::string>>;

/// One request of the stateless era, from its POST to its answer. It outlives the POST only while
/// its client is gathering input for it.
using exchange_actor = caf::typed_actor<
  // Conforms to relay_listener_actor: what its errand brings.
  caf::reacts_to<atom::relay_note, std::uint64_t, std::string, std::string>,
  caf::reacts_to<atom::relay_ask, std::uint64_t, std::string, std::string, std::string>,
  caf::reacts_to<atom::relay_done, std::uint64_t, std::string, relay_bill>,
  caf::reacts_to<atom::relay_fail, std::uint64_t, relay_failure>,
  // The client came back with the input that it was asked for. Answers through the call's sink.
  caf::reacts_to<atom::post, stateless_post_ptr>,
  // INTERNAL: the client of the POST with that number left, which cancels its request (N14).
  caf::reacts_to<atom::closed, std::uint64_t>,
  // Keys or connections changed: a subscription looks whether it still may, and what is new.
  caf::reacts_to<atom::drop>,
  // The node shuts down: a subscription ends gracefully.
  caf::reacts_to<atom::drain>,
  // INTERNAL: keep-alive, and the end of waiting for input.
  caf::reacts_to<atom::tick>,
  // Conforms to status_actor.
  caf::replies_to<atom::status>::with<std::string>>;

/// One request of either era that is more than one look at the catalogue: finds out whose it is,
/// passes it on, and gives back what comes, like an upstream actor. Ends with the answer.
using errand_actor = caf::typed_actor<
  // Conforms to relay_listener_actor: what the servers say.
  caf::reacts_to<atom::relay_note, std::uint64_t, std::string, std::string>,
  caf::reacts_to<atom::relay_ask, std::uint64_t, std::string, std::string, std::string>,
  caf::reacts_to<atom::relay_done, std::uint64_t, std::string, relay_bill>,
  caf::reacts_to<atom::relay_fail, std::uint64_t, relay_failure>,
  // The client's answer to a question.
  caf::reacts_to<atom::relay, relay_answer>,
  // Nobody wants the result any more.
  caf::reacts_to<atom::cancel>>;

/// Asks what the apps behind an endpoint offer a principal; once. The app is a slug, or "*" for all
/// that the user has connected, in the order of their slugs.
using menu_actor = caf::typed_actor<
  // Principal, app, and "tools", "prompts", "resources", "resourceTemplates" or "server". A JSON
  // array with one {app, content} for each app; one that cannot answer is left out, unless it is
  // the only one: then its error is the answer. Not filtered.
  caf::replies_to<atom::run, principal, std::string, std::string>::with<std::string>>;

/// One call of a model on behalf of a client: the tool loop of /v1/responses, or a chat completion.
/// Answers through the sink that it was spawned with, and ends.
using loop_actor = caf::typed_actor<
  // Conforms to fetch_listener_actor: the model's answer.
  caf::reacts_to<atom::head, fetch_id, http_response>,
  caf::reacts_to<atom::chunk, fetch_id, std::string>,
  caf::reacts_to<atom::done, fetch_id, caf::error>,
  // INTERNAL: the client left. What was used is settled, the rest is cancelled (I21).
  caf::reacts_to<atom::closed>,
  // INTERNAL: keep the client's stream alive.
  caf::reacts_to<atom::tick>,
  // Conforms to status_actor.
  caf::replies_to<atom::status>::with<std::string>>;

/// A remote MCP server of a platform: connections and sessions to it, its tools, resources and
/// prompts as last seen. Speaks whichever era the server does.
using upstream_actor = caf::typed_actor<
  // Passes a request on; what comes of it goes to the listener. Tool calls are admitted and settled
  // on the way; one that cannot reach the server gives a result with isError (C29).
  caf::reacts_to<atom::relay, relay_request, relay_listener_actor>,
  // The answer to a question that the listener was asked. Ignored when nobody waits for it.
  caf::reacts_to<atom::relay, relay_answer, relay_listener_actor>,
  // The listener does not want that request's result any more: it is cancelled at the server too.
  caf::reacts_to<atom::relay_stop, std::uint64_t, relay_listener_actor>,
  // What the server offers this principal, as last seen: JSON text. "tools", "resources",
  // "resourceTemplates" and "prompts" give the whole list as an array, "server" an object with
  // capabilities, serverInfo and instructions. Answers from what is known while the server is down;
  // upstream_unavailable and its kin when nothing was ever known.
  caf::replies_to<atom::relay_list, principal, std::string>::with<std::string>,
  // The stored server changed: read its row again.
  caf::reacts_to<atom::drop>,
  // The user's connection to it changed: forget their tokens and sessions.
  caf::reacts_to<atom::drop, end_user_id>,
  // Conforms to fetch_listener_actor: streamed answers of the server.
  caf::reacts_to<atom::head, fetch_id, http_response>,
  caf::reacts_to<atom::chunk, fetch_id, std::string>,
  caf::reacts_to<atom::done, fetch_id, caf::error>,
  // INTERNAL: time limits, idle sessions, streams to open again.
  caf::reacts_to<atom::tick>,
  // Conforms to status_actor.
  caf::replies_to<atom::status>::with<std::string>>;

/// Finds the actor of a key, or activates it from its row. Handles are of this node: across nodes
/// only kind and key travel.
using directory_actor = caf::typed_actor<
  // The platform's tenant actor.
  caf::replies_to<atom::tenant, platform_id>::with<tenant_actor>,
  // The connection of an end user and an app. Always answers; the connection itself may turn out to
  // be missing.
  caf::replies_to<atom::conn, platform_id, end_user_id, std::string>::with<connection_actor>,
  // A session as its client names it, if it belongs to this principal and app; else
  // errc::session_expired.
  caf::replies_to<atom::session, session_id, principal, std::string>::with<session_actor>,
  // The actor of a platform's remote MCP server, by slug. errc::unknown_app when there is none,
  // app_not_active when it is switched off.
  caf::replies_to<atom::relay, platform_id, std::string>::with<upstream_actor>,
  // An exchange that waits for news or for its client: it hears of changed keys and of the end.
  caf::reacts_to<atom::enlist, exchange_actor>,
  // The enlisted exchange with that actor id; errc::not_found when it is over.
  caf::replies_to<atom::post, std::uint64_t>::with<exchange_actor>,
  // An actor of another kind ("loop") that shall be seen by the inspector while it lives.
  caf::reacts_to<atom::enlist, std::string, std::string, status_actor>,
  // The live actors of a kind, or of all kinds for an empty one; with an id, that one only. A JSON
  // array of status objects; an actor that does not answer in time has a row that says so.
  caf::replies_to<atom::status, std::string, std::string>::with<std::string>,
  // Keys, apps or servers changed: passed on to sessions, exchanges, connections and upstreams.
  caf::reacts_to<atom::drop>,
  // The node's authenticator, which the directory owns.
  caf::replies_to<atom::auth>::with<authenticator_actor>,
  // The node shuts down: streams that only wait for news end now.
  caf::reacts_to<atom::drain>,
  // The time for running requests is over: sessions end first, while tenants can still void their
  // calls' holds; loops answer with an error and settle what they hold.
  caf::reacts_to<atom::stop>,
  // INTERNAL: end what nobody asks for any more.
  caf::reacts_to<atom::tick>>;

/// Ends a node in order (I121): streams that wait for news, then running requests within a time
/// limit, then the rest.
using terminator_actor = caf::typed_actor<
  // Begins; true when every running request ended by itself. The edge must have stopped accepting.
  caf::replies_to<atom::stop>::with<bool>,
  // INTERNAL: look again.
  caf::reacts_to<atom::tick>>;

/// The lanes of a node. A platform always meets the same lane, so its statements keep their order.
struct store_lanes {
  std::vector<store_actor> lanes;

  /// @pre `!lanes.empty()`
  const store_actor& of(const platform_id& platform) const {
    return lanes[std::hash<platform_id>{}(platform) % lanes.size()];
  }
};

/// An id for a fetch of the actor with that id (`self->id()`), unique within the node while
/// `counter` rises.
inline fetch_id make_fetch_id(caf::actor_id owner, std::uint64_t counter) {
  constexpr int counter_bits = 24;
  return (static_cast<fetch_id>(owner) << counter_bits)
         | (counter & ((fetch_id{1} << counter_bits) - 1));
}

} // namespace callboard
