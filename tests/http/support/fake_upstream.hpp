#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <thread>

#include "tests/http/support/raw_client.hpp"

namespace callboard {

/// A server on a free port of loopback. Each accepted connection gets a thread that runs the test's
/// script; the connection closes when the script returns.
class fake_upstream {
public:
  /// `index` counts the connections from 0.
  using script = std::function<void(raw_client& peer, int index)>;

  explicit fake_upstream(script run);
  ~fake_upstream();

  std::uint16_t port() const noexcept { return port_; }
  std::string url(std::string_view path = "/") const {
    return "http://127.0.0.1:" + std::to_string(port_) + std::string{path};
  }
  int connections() const noexcept { return connections_; }

private:
  void accept_all();

  script run_;
  int socket_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<int> connections_{0};
  std::list<std::unique_ptr<raw_client>> peers_;
  std::list<std::thread> threads_;
  std::thread acceptor_;
};

/// A whole response with Content-Length.
std::string response_text(int status, std::string_view body, std::string_view fields = {});

} // namespace callboard
