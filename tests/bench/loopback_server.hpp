#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>

#include "tests/bench/loopback.hpp"

namespace callboard::bench {

/// An HTTP/1.1 server on a free port of 127.0.0.1 that answers each request at once, with one epoll
/// loop on a thread of its own.
class loopback_server {
public:
  /// The bytes of the answer to the bytes of a whole request. Called on one thread at a time.
  using answer_function = std::function<std::string(std::string_view request)>;

  explicit loopback_server(answer_function answer);
  ~loopback_server();

  std::uint16_t port() const noexcept { return port_; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

  /// CPU time that its thread has used.
  double cpu_seconds() const;

  /// Lets the calling thread serve, and no longer the server's own, while this lives. On two cores
  /// each thread of the stand-ins is one more that those of the product wait for.
  class borrowed {
  public:
    explicit borrowed(loopback_server& server) : server_(server) { server_.end_thread(); }
    borrowed(const borrowed&) = delete;
    borrowed& operator=(const borrowed&) = delete;
    ~borrowed() { server_.start_thread(); }

    /// Readable while something waits to be served.
    int fd() const noexcept { return server_.poll_.fd(); }
    void serve() { server_.serve_ready(0); }

  private:
    loopback_server& server_;
  };

private:
  struct peer {
    socket_handle socket;
    std::string buffer;
  };

  void start_thread();
  void end_thread();
  /// Serves what is there within that time.
  void serve_ready(int milliseconds);
  void watch(int fd);
  void accept_peer();
  /// False when the connection is over.
  bool serve_peer(peer& x) const;

  answer_function answer_;
  std::uint16_t port_ = 0;
  socket_handle listener_;
  socket_handle poll_;
  std::unordered_map<int, peer> peers_;
  std::atomic<bool> stops_{false};
  mutable std::thread thread_;
};

} // namespace callboard::bench
