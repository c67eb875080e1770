#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace callboard::bench {

class loopback_server;

/// A load of keep-alive HTTP/1.1 requests, one in flight on each connection.
struct load_plan {
  std::uint16_t port = 0;
  /// The bytes that each connection sends again and again; one connection an entry.
  std::vector<std::string> requests;
  /// An answer without this text, or with another status than 200, is a failure.
  std::string expected;
  /// What the answers on each connection must hold beside it, one an entry; empty when nothing is
  /// asked of single connections.
  std::vector<std::string> echoes = {};
  /// Answers that come earlier are not counted.
  std::chrono::milliseconds warm_up{300};
  std::chrono::milliseconds length{3000};
  /// CPU seconds of another thread of the measurement, read at both ends; may be empty.
  std::function<double()> other_cpu = {};
  /// A server that the thread of the load serves meanwhile; may be null.
  loopback_server* upstream = nullptr;
};

/// What a load measured.
struct load_result {
  std::uint64_t answers = 0;
  std::uint64_t failures = 0;
  /// The first answer that was a failure.
  std::string first_failure;
  double seconds = 0;
  double p50_ms = 0;
  double p99_ms = 0;
  /// CPU time of the process while it counted, without the generator and without other_cpu.
  double served_cpu_seconds = 0;

  double per_second() const { return seconds > 0 ? static_cast<double>(answers) / seconds : 0; }
};

/// Runs a load on the calling thread, with one epoll loop. Throws when it cannot connect or a
/// connection breaks.
load_result run_load(const load_plan& plan);

} // namespace callboard::bench
