#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <thread>

#include "tests/bench/loopback.hpp"

namespace callboard::bench {

/// An HTTP/1.1 server on a free port of 127.0.0.1 that answers each request at once, with one epoll
/// loop on a thread of its own.
class loopback_server {
public:
  /// The bytes of the answer to the bytes of a whole request. Called on the server's thread only.
  using answer_function = std::function<std::string(std::string_view request)>;

  explicit loopback_server(answer_function answer);
  ~loopback_server();

  std::uint16_t port() const noexcept { return port_; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

  /// CPU time that its thread has used.
  double cpu_seconds() const;

private:
  struct peer {
    socket_handle socket;
    std::string buffer;
  };

  void serve();
  /// False when the connection is over.
  bool serve_peer(peer& x) const;

  answer_function answer_;
  std::uint16_t port_ = 0;
  socket_handle listener_;
  std::atomic<bool> stops_{false};
  mutable std::thread thread_;
};

} // namespace callboard::bench
