#include <cstdio>
#include <fstream>
#include <vector>

#include <fmt/format.h>
#ifdef CALLBOARD_JEMALLOC
#include <jemalloc/jemalloc.h>
#endif
#include <sys/resource.h>
#include <unistd.h>

#include "tests/bench/loopback.hpp"
#include "tests/bench/measurements.hpp"
#include "tests/bench/request_window.hpp"

namespace callboard::bench {
namespace {

constexpr std::uint64_t width = 256;

/// Resident bytes of the process after free memory was given back.
double resident_bytes() {
#ifdef CALLBOARD_JEMALLOC
  auto purge = fmt::format("arena.{}.purge", MALLCTL_ARENAS_ALL);
  mallctl(purge.c_str(), nullptr, nullptr, nullptr, 0);
#endif
  std::ifstream file{"/proc/self/statm"};
  double pages = 0;
  file >> pages >> pages;
  return pages * static_cast<double>(sysconf(_SC_PAGESIZE));
}

std::string session_name(std::uint64_t i) { return fmt::format("bench-session-{}", i); }

void insert_rows(bench_context& x) {
  constexpr std::uint64_t rows_at_once = 5000;
  auto& who = x.node.user();
  for (std::uint64_t i = 0; i < x.settings.sessions; i += rows_at_once)
    x.node.sql(fmt::format(
      "INSERT INTO session (id_hash, platform_id, end_user_id, key_id, app_slug, protocol, "
      "expires_at) SELECT encode(sha256(convert_to('bench-session-' || g, 'UTF8')), 'hex'), "
      "'{}', '{}', '{}', 'github', '2025-06-18', now() + interval '30 minutes' "
      "FROM generate_series({}, {}) g",
      who.platform.value, who.end_user.value, who.key.value, i,
      std::min(i + rows_at_once, x.settings.sessions) - 1));
}

void measure_sessions(bench_context& x) {
  insert_rows(x);
  auto before = resident_bytes();
  auto got =
    run_window(x.node.system(), width, x.settings.sessions, std::chrono::minutes{5},
               [&parts = x.node.parts(), who = x.node.user()](
                 caf::event_based_actor* self, std::uint64_t i, std::function<void(bool)> done) {
                 self
                   ->request(parts.directory, limits::store_timeout * 4, atom::session_v,
                             session_id{session_name(i)}, who, std::string{"github"})
                   .then([done](const session_actor&) { done(true); },
                         [done](const caf::error&) { done(false); });
               });
  auto bytes =
    (resident_bytes() - before) / static_cast<double>(std::max<std::uint64_t>(1, got.good));
  x.table.add({fmt::format("memory of an idle session ({})", got.good),
               fmt::format("{:.0f} bytes", bytes),
               {},
               {},
               "< 4096"});
  x.table.add({"sessions activated from their rows",
               fmt::format("{:.0f}/s{}", static_cast<double>(got.good) / got.seconds,
                           got.bad == 0 ? std::string{} : fmt::format(" {} FAILED", got.bad)),
               {},
               {},
               {}});
}

void measure_streams(bench_context& x) {
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  // Both ends are in this process.
  auto count =
    std::min<std::uint64_t>({x.settings.streams, x.settings.sessions, (files.rlim_cur - 200) / 2});
  std::vector<plain_client> clients;
  clients.reserve(count);
  auto before = resident_bytes();
  for (std::uint64_t i = 0; i < count; ++i) {
    clients.emplace_back(x.node.mcp_port());
    clients.back().send(
      fmt::format("GET /mcp/github HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n"
                  "Accept: text/event-stream\r\nMcp-Session-Id: {}\r\n"
                  "MCP-Protocol-Version: 2025-06-18\r\n\r\n",
                  x.node.user_key(), session_name(i)));
    clients.back().receive_until(": open");
  }
  auto bytes = (resident_bytes() - before) / static_cast<double>(std::max<std::uint64_t>(1, count));
  x.table.add({fmt::format("memory of an idle SSE stream ({})", count),
               fmt::format("{:.0f} bytes", bytes),
               {},
               {},
               "< 13312"});
}

} // namespace

void measure_memory(bench_context& x) {
  measure_sessions(x);
  measure_streams(x);
}

} // namespace callboard::bench
