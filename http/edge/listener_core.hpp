#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/ssl/context.hpp>

#include "http/edge/listener.hpp"

namespace callboard {

class wire_connection;

/// What the connections of one listener share. Lives as long as the last of them, since a sink may
/// keep a connection beyond the listener. Fields are for the I/O thread unless they are atomic.
struct listener_core {
  using clock = std::chrono::steady_clock;

  listener_core(listener_settings settings_in, wire_handler handler_in)
      : settings(std::move(settings_in)), handler(std::move(handler_in)) {}

  const listener_settings settings;
  wire_handler handler;
  /// One thread runs it.
  asio::io_context io{1};
  /// Null for plain HTTP.
  std::unique_ptr<asio::ssl::context> tls;
  /// By RESTinio's connection id.
  std::unordered_map<std::uint64_t, std::shared_ptr<wire_connection>> open;
  /// Closed for RESTinio, waiting for the client to read the last answer.
  std::vector<std::shared_ptr<wire_connection>> lingering;
  std::atomic<bool> draining{false};
  std::atomic<bool> stopped{false};

  std::atomic<std::uint64_t> connections_total{0};
  std::atomic<std::uint64_t> connections_open{0};
  std::atomic<std::uint64_t> requests_total{0};
  std::atomic<std::uint64_t> refusals_total{0};
  std::atomic<std::uint64_t> slow_readers_total{0};
};

} // namespace callboard
