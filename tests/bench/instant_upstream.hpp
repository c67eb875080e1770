#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

#include "tests/bench/loopback.hpp"

namespace callboard::bench {

/// An HTTP server that answers at once, on a thread of its own: a GitHub issue to every request,
/// and a streamed chat completion to a POST to ".../chat/completions".
class instant_upstream {
public:
  instant_upstream();
  ~instant_upstream();

  std::uint16_t port() const noexcept { return port_; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

  /// CPU time that its thread has used.
  double cpu_seconds() const;

  /// The text of the only token that the model says.
  static constexpr const char* token = "Hello";

private:
  void serve();

  std::uint16_t port_ = 0;
  socket_handle listener_;
  std::atomic<bool> stops_{false};
  mutable std::thread thread_;
};

} // namespace callboard::bench
