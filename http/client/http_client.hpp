#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/interfaces.hpp"

namespace callboard {

class fetch_engine;

/// Ids of streamed requests that are over, handed from the client's thread to its actor.
class finished_streams {
public:
  void put(fetch_id id) {
    std::lock_guard lock{mutex_};
    ids_.push_back(id);
  }

  std::vector<fetch_id> take() {
    std::lock_guard lock{mutex_};
    return std::exchange(ids_, {});
  }

private:
  std::mutex mutex_;
  std::vector<fetch_id> ids_;
};

/// Totals since the start, and gauges, for metrics. Written by the client's thread.
struct http_client_counters {
  std::atomic<std::uint64_t> started_total{0};
  /// Requests that got a whole answer, whatever its status.
  std::atomic<std::uint64_t> answered_total{0};
  /// Requests that ended with an error, and of these:
  std::atomic<std::uint64_t> failed_total{0};
  std::atomic<std::uint64_t> timeouts_total{0};
  std::atomic<std::uint64_t> refused_addresses_total{0};
  std::atomic<std::uint64_t> cancelled_total{0};
  std::atomic<std::uint64_t> connections_total{0};
  std::atomic<std::uint64_t> received_bytes_total{0};
  std::atomic<std::uint64_t> in_flight{0};
};

struct http_client_args {
  /// Lets requests reach private and loopback addresses, and every port
  /// (--allow-private-upstreams).
  bool allow_private = false;
  /// PEM file with the only authorities that are trusted; empty for the system's.
  std::string ca_file;
  std::chrono::milliseconds connect_timeout = limits::connect_timeout;
  /// More requests at once are refused with errc::over_limit.
  std::size_t fetches_max = limits::fetches_max;
  /// Kept by the caller too, who exports them. May be null.
  std::shared_ptr<http_client_counters> counters;
};

struct http_client_state {
  explicit http_client_state(http_client_actor::pointer selfptr);
  ~http_client_state();
  static inline const char* name = "http_client";

  void start_stream(fetch_request& request, const fetch_listener_actor& listener);
  void forget_stream(fetch_id id);
  void listener_down(const caf::actor_addr& address);

  http_client_actor::pointer self;
  std::unique_ptr<fetch_engine> engine;
  std::shared_ptr<finished_streams> finished = std::make_shared<finished_streams>();
  /// Who listens to a streamed request, and what each listener has under way: a listener that dies
  /// cancels it. What is over is forgotten when the next one begins.
  std::map<fetch_id, caf::actor_addr> listeners;
  std::map<caf::actor_addr, std::set<fetch_id>> streams;
};

/// Outbound HTTP/1.1 with kept-alive connections on a thread of its own.
///
/// Never: redirects, cookies, proxies from the environment, user names in URLs, schemes other than
/// http and https, connections to addresses that are not global (F1-F3). Bodies of `fetch` are
/// decompressed, and the size limit counts what comes out (F4). A request is sent again by itself
/// only when it is idempotent, or when not one byte of it had been sent.
///
/// When the actor ends, every request under way is answered with errc::shutting_down.
http_client_actor::behavior_type
http_client(http_client_actor::stateful_pointer<http_client_state> self, http_client_args args);

} // namespace callboard
