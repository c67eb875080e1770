#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

/// Every limit of the program, with its reason. Units are in the names, biggest noun first.
namespace callboard::limits {

using namespace std::chrono_literals;

/// Bodies of API and MCP requests: prompts with history fit, bombs do not.
inline constexpr std::size_t body_bytes_max = 4u * 1024 * 1024;
/// Request target; the OAuth callback with a long state and code stays below 1 KiB.
inline constexpr std::size_t url_bytes_max = 8192;
/// Name of a header field; the longest in use here has 30 characters.
inline constexpr std::size_t header_name_bytes_max = 128;
/// Value of a header field: cookies of foreign origin and long bearer tokens.
inline constexpr std::size_t header_value_bytes_max = 8192;
/// Number of header fields; browsers send about 25.
inline constexpr std::size_t header_count_max = 64;
/// A request head in all; below http_parser's own cap of 80 KiB.
inline constexpr std::size_t head_bytes_max = 32u * 1024;

/// JSON nesting; Boost.JSON's own default.
inline constexpr std::size_t json_depth_max = 32;

/// Unsent bytes of one event stream; a reader that is slower loses its stream.
inline constexpr std::size_t stream_queue_bytes_max = 1024u * 1024;
/// Comment line on a quiet stream; well below every proxy's and our own handler time limit.
inline constexpr auto stream_keepalive_interval = 15s;

/// Answer of a provider's REST call; larger ones are cut off and fail the tool (F4).
inline constexpr std::size_t provider_response_bytes_max = 8u * 1024 * 1024;
/// Answer of a model server, streamed or not, over one turn.
inline constexpr std::size_t model_response_bytes_max = 16u * 1024 * 1024;
/// Text of a tool result as given to a client or a model; longer ones are cut with a note.
inline constexpr std::size_t tool_output_bytes_max = 256u * 1024;
/// One provider call, its connect included.
inline constexpr auto provider_call_timeout = 30s;
/// One tools/call in all: pre-call, call, one refresh.
inline constexpr auto tool_call_timeout = 75s;
/// A token endpoint; the callback hop is a person waiting.
inline constexpr auto token_call_timeout = 15s;
/// A model that sends nothing for that long is given up.
inline constexpr auto model_idle_timeout = 90s;
/// One model turn in all.
inline constexpr auto model_turn_timeout = 600s;
/// Establishing any outbound connection.
inline constexpr auto connect_timeout = 5s;

/// A request to a store lane; above PostgreSQL's statement_timeout of 2 s.
inline constexpr auto store_timeout = 5s;

/// Whoever asks for a hold, or to have one ended, waits that long: two statements as a rule.
inline constexpr auto money_timeout = store_timeout * 2;

/// The hold of a call to a tool of ours outlives the call surely, and its node not by much: only
/// then is it given up.
inline constexpr auto tool_hold_ttl = tool_call_timeout + money_timeout + 30s;

/// The hold of a model turn outlives the longest silences of the model surely, one before its head
/// and one behind it; what the turn has used is noted at least that often while it speaks, which
/// gives the hold its whole time again.
inline constexpr auto turn_note_interval = 5s;
inline constexpr std::chrono::milliseconds turn_hold_ttl =
  2 * model_idle_timeout + turn_note_interval + money_timeout + 30s;

/// A block is drawn from that long after it was made or grew, and lasts until calls of our own
/// tools have surely ended; for longer ones it is extended. What a dead node leaves is locked that
/// long.
inline constexpr auto block_usable_for = 60s;
inline constexpr std::chrono::milliseconds block_ttl = block_usable_for + tool_hold_ttl;

/// A request between two local actors that does no I/O of its own.
inline constexpr auto actor_timeout = 5s;

/// Model invocations of one loop (R127, C25).
inline constexpr int loop_iterations_max = 10;
/// MCP calls in one model turn; more are answered as failed to the model.
inline constexpr std::size_t turn_tool_calls_max = 32;

/// Entries of the key cache of a node.
inline constexpr std::size_t key_cache_entries_max = 100'000;
/// Live MCP sessions of one end user (I65).
inline constexpr std::int64_t sessions_per_user_max = 100;
/// Live MCP sessions of one node: at 4 KiB each, 1 GiB.
inline constexpr std::size_t sessions_max = 250'000;
/// In-flight requests of one MCP session.
inline constexpr std::size_t session_requests_max = 64;
/// Stateless MCP requests of one node that wait for news or for their client's input; each holds an
/// open stream or a suspended call.
inline constexpr std::size_t waiting_exchanges_max = 10'000;
/// Events of one session's streams are kept by core/mcp/event_ring.hpp; answers that nobody was
/// there to take, for a client that sends the call again.
inline constexpr std::size_t session_kept_answers_max = 16;
/// Requests waiting in one lane; beyond, the store answers as unavailable.
inline constexpr std::size_t lane_queue_max = 10'000;
/// Concurrent outbound requests of one node.
inline constexpr std::size_t fetches_max = 4096;

/// Free tool calls of a platform and UTC month (R136, C34); a platform may override it.
inline constexpr std::int64_t free_calls_per_month = 100;
/// OAuth state lives that long (I44).
inline constexpr auto oauth_state_ttl = 10min;
/// Stored responses expire (I76).
inline constexpr auto stored_response_ttl = std::chrono::hours{24 * 30};
/// Answers to keyed requests are given again that long (I33; Stripe's and the IETF draft's time).
inline constexpr auto kept_answer_ttl = std::chrono::hours{24};
/// What keyed work gave is kept as long as a repetition may meet it: the request may have run for
/// long, and been repeated until its answer was kept.
inline constexpr auto kept_result_ttl = 2 * kept_answer_ttl;
/// A longer answer to a keyed request is not kept; its repetition finds the paid turns instead.
inline constexpr std::size_t kept_answer_bytes_max = 4u * 1024 * 1024;
/// Whoever runs a keyed request renews its claim well before others may take it over.
inline constexpr auto kept_answer_lease = 60s;
inline constexpr auto kept_answer_renewal = 20s;
/// How often a keyed call whose earlier tries came to nothing may be tried again under its key.
inline constexpr int keyed_tries_max = 20;

/// A page of a list (I34).
inline constexpr std::int64_t page_limit_default = 20;
inline constexpr std::int64_t page_limit_max = 100;

} // namespace callboard::limits
