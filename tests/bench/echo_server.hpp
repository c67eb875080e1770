#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "core/base/json.hpp"
#include "tests/bench/loopback_server.hpp"

namespace callboard::bench {

/// An MCP server with tools that say what they are told, at once: "/session" speaks 2025-06-18 with
/// sessions, "/stateless" speaks 2026-07-28. Answers are JSON, and there is no stream for events.
class echo_server {
public:
  echo_server();

  static constexpr const char* tool = "echo";
  /// Does the same, under a name of its own so that it can have a price of its own.
  static constexpr const char* free_tool = "echo_free";

  std::uint16_t port() const noexcept { return server_.port(); }
  std::string url() const { return server_.url(); }
  double cpu_seconds() const { return server_.cpu_seconds(); }

private:
  std::string answer(std::string_view request);
  std::string answer_session(std::string_view request, const json::object& body);

  // Used on the server's thread only.
  std::set<std::string, std::less<>> sessions_;
  std::uint64_t sessions_total_ = 0;
  loopback_server server_;
};

} // namespace callboard::bench
