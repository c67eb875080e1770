#pragma once

#include <chrono>
#include <cstddef>
#include <string_view>

/// Limits of the upstream actor, with their reasons.
namespace callboard::upstream_limits {

using namespace std::chrono_literals;

/// Requests at the server at a time; small servers break down under more.
inline constexpr std::size_t busy_max = 64;
/// Requests that wait for a place, and those under way.
inline constexpr std::size_t calls_max = 1024;
inline constexpr std::size_t subscriptions_max = 10'000;
/// Sessions with one server; the one that was idle for the longest gives way.
inline constexpr std::size_t peers_max = 1'000;
/// A server that says nothing for that long does not answer any more; SDK clients wait 60 s.
inline constexpr auto silence_max = 60s;
/// Somebody is being asked: people take their time.
inline constexpr auto question_time = 10min;
/// How often is looked for requests whose time is over.
inline constexpr auto sweep_interval = 1s;
/// One request in all, whatever its progress.
inline constexpr auto call_time_max = 15min;
/// Probes, handshakes and notifications.
inline constexpr auto exchange_timeout = 15s;
/// Streams for events are renewed that often, whoever keeps them open.
inline constexpr auto events_time_max = std::chrono::hours{1};
/// What one event stream may carry before it is renewed.
inline constexpr std::size_t events_bytes_max = 64u * 1024 * 1024;
/// After so many failures in a row nobody is made to wait for the server for a while.
inline constexpr int failures_max = 5;
inline constexpr auto down_time = 10s;
/// A stream that broke is taken up again, after what the server wishes or that; growing by half.
inline constexpr auto retry_default = 1000ms;
inline constexpr auto retry_max = std::chrono::milliseconds{60'000};
inline constexpr int resumptions_max = 8;
/// Rounds of questions in one request; a server that never has enough is given up.
inline constexpr int rounds_max = 10;
/// Lists older than that are asked for again when somebody wants them.
inline constexpr auto offer_ttl = 5min;
/// A server that announces changes without end is not asked more often.
inline constexpr auto reload_interval = 1s;
/// Pages and items of one list, and bytes of all: far beyond what a model can be told.
inline constexpr std::size_t pages_max = 100;
inline constexpr std::size_t items_max = 2'000;
inline constexpr std::size_t offer_bytes_max = 4u * 1024 * 1024;
/// Sessions that nobody used for that long are ended.
inline constexpr auto peer_idle_time = 10min;
/// The actor itself; its row brings it back.
inline constexpr auto idle_time = 20min;
/// How often is looked for what is idle.
inline constexpr auto beat_interval = 1min;
/// Of an error that much goes into the log row.
inline constexpr std::size_t log_text_bytes_max = 500;

} // namespace callboard::upstream_limits

namespace callboard::upstream_words {

inline constexpr std::string_view listen = "subscriptions/listen";
inline constexpr std::string_view acknowledged = "notifications/subscriptions/acknowledged";
inline constexpr std::string_view tools_changed = "notifications/tools/list_changed";
inline constexpr std::string_view prompts_changed = "notifications/prompts/list_changed";
inline constexpr std::string_view resources_changed = "notifications/resources/list_changed";
inline constexpr std::string_view resource_updated = "notifications/resources/updated";
inline constexpr std::string_view prompts_get = "prompts/get";
inline constexpr std::string_view complete = "completion/complete";
inline constexpr std::string_view discover = "server/discover";

} // namespace callboard::upstream_words
