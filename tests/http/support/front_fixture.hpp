#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <stdexcept>

#include <caf/all.hpp>

#include "actors/interfaces.hpp"
#include "http/edge/routes.hpp"
#include "tests/http/support/edge_fixture.hpp"

namespace callboard {

/// An actor system with threads, for what meets the network.
struct threaded_system {
  struct config : caf::actor_system_config {
    config() {
      add_message_types<caf::id_block::callboard>();
      add_message_types<caf::id_block::callboard_relay>();
      set("scheduler.max-threads", 2u);
    }
  };

  config cfg;
  caf::actor_system sys{cfg};
};

/// Calls that reached the front actor and wait for the test.
class call_queue {
public:
  void put(http_call_ptr call) {
    std::lock_guard lock{mutex_};
    calls_.push_back(std::move(call));
    changed_.notify_one();
  }

  http_call_ptr take() {
    std::unique_lock lock{mutex_};
    if (!changed_.wait_for(lock, std::chrono::seconds{5}, [&] { return !calls_.empty(); }))
      throw std::runtime_error{"no call came"};
    auto call = std::move(calls_.front());
    calls_.pop_front();
    return call;
  }

  bool empty() {
    std::lock_guard lock{mutex_};
    return calls_.empty();
  }

private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<http_call_ptr> calls_;
};

/// A listener with the routes of one side, whose front actor only queues.
class front_fixture {
public:
  explicit front_fixture(route_settings settings) {
    front_ =
      system_.sys.spawn([queue = &calls](front_actor::pointer) -> front_actor::behavior_type {
        return {[queue](atom::serve, http_call_ptr& call) { queue->put(std::move(call)); },
                [](atom::drain) { return std::int64_t{0}; }};
      });
    auto started =
      listener::start(edge_fixture::patient(), make_edge_handler(std::move(settings), front_));
    if (!started)
      throw std::runtime_error{"cannot start: " + caf::to_string(started.error())};
    edge = std::move(*started);
  }

  ~front_fixture() {
    edge->stop();
    caf::anon_send_exit(front_, caf::exit_reason::user_shutdown);
  }

  /// Sends a request with the usual Host and reads its answer. Fields end with a line break each.
  raw_response ask(std::string_view method, std::string_view target, std::string_view fields = {},
                   std::string_view body = {}) {
    send(method, target, fields, body);
    auto response = client_->read_response(method == "HEAD");
    if (!response)
      throw std::runtime_error{"no response"};
    return *response;
  }

  void send(std::string_view method, std::string_view target, std::string_view fields = {},
            std::string_view body = {}) {
    client_ = std::make_unique<raw_client>(edge->port());
    std::string host{fields.find("Host:") == std::string_view::npos ? "Host: localhost\r\n" : ""};
    client_->send(std::string{method} + " " + std::string{target} + " HTTP/1.1\r\n" + host
                  + std::string{fields} + "Content-Length: " + std::to_string(body.size())
                  + "\r\n\r\n" + std::string{body});
  }

  raw_client& client() { return *client_; }

  call_queue calls;
  std::unique_ptr<listener> edge;

private:
  threaded_system system_;
  front_actor front_;
  std::unique_ptr<raw_client> client_;
};

} // namespace callboard
