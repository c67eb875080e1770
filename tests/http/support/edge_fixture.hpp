#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>

#include "http/edge/listener.hpp"
#include "tests/http/support/raw_client.hpp"

namespace callboard {

/// A request that the listener has handed on, and where to answer it.
struct served_request {
  wire_request message;
  reply_sink_ptr sink;
};

/// A listener on a free port of loopback whose requests wait for the test to take them.
class edge_fixture {
public:
  /// Time limits are long: a test that is about one sets it short.
  static listener_settings patient() {
    listener_settings settings;
    settings.linger_timeout = std::chrono::milliseconds{500};
    return settings;
  }

  explicit edge_fixture(listener_settings settings = patient()) {
    auto started =
      listener::start(std::move(settings), [this](wire_request message, reply_sink_ptr sink) {
        if (echoing_)
          return echo(message, *sink);
        std::lock_guard lock{mutex_};
        requests_.push_back({std::move(message), std::move(sink)});
        changed_.notify_one();
      });
    if (!started)
      throw std::runtime_error{"cannot start: " + caf::to_string(started.error())};
    edge = std::move(*started);
  }

  /// Answers each request at once with its method, target and body.
  void start_echoing() { echoing_ = true; }

  /// The next request; throws after five seconds.
  served_request take() {
    std::unique_lock lock{mutex_};
    if (!changed_.wait_for(lock, std::chrono::seconds{5}, [&] { return !requests_.empty(); }))
      throw std::runtime_error{"no request came"};
    auto request = std::move(requests_.front());
    requests_.pop_front();
    return request;
  }

  bool any_request() {
    std::lock_guard lock{mutex_};
    return !requests_.empty();
  }

  std::uint16_t port() const { return edge->port(); }

  std::unique_ptr<listener> edge;

private:
  static void echo(const wire_request& message, reply_sink& sink) {
    sink.finish({200,
                 {{"Content-Type", "text/plain"}},
                 message.method + " " + message.target + " " + message.body});
  }

  std::atomic<bool> echoing_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<served_request> requests_;
};

} // namespace callboard
