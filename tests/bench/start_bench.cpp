#include <algorithm>
#include <array>
#include <csignal>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/loopback.hpp"
#include "tests/bench/measurements.hpp"

extern char** environ;

namespace callboard::bench {
namespace {

/// Runs the binary until it is ready, then ends it; seconds until the ready line.
double start_once(const std::string& data_dir) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0)
    throw std::runtime_error{"pipe"};
  socket_handle out{ends[0]};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addclose(&actions, ends[0]);
  std::vector<std::string> words{CALLBOARD_BINARY, "serve",       "--data-dir",   data_dir,
                                 "--log-level",    "error",       "--api-listen", "127.0.0.1:0",
                                 "--mcp-listen",   "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"};
  std::vector<char*> arguments;
  for (auto& word : words)
    arguments.push_back(word.data());
  arguments.push_back(nullptr);
  auto begun = std::chrono::steady_clock::now();
  pid_t child = 0;
  auto failed = posix_spawn(&child, CALLBOARD_BINARY, &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  if (failed != 0)
    throw std::runtime_error{"the binary does not start"};
  std::string text;
  std::array<char, 4096> piece{};
  ssize_t n = 0;
  while (text.find('\n') == std::string::npos
         && (n = ::read(out.fd(), piece.data(), piece.size())) > 0)
    text.append(piece.data(), static_cast<std::size_t>(n));
  std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  kill(child, SIGTERM);
  int status = 0;
  waitpid(child, &status, 0);
  if (text.find("\"ready\":true") == std::string::npos)
    throw std::runtime_error{"the binary was not ready: " + text};
  return took.count();
}

} // namespace

void measure_start(const bench_settings& settings, const std::filesystem::path& folder,
                   bench_table& table) {
  auto data_dir = (folder / "started").string();
  auto first = start_once(data_dir);
  std::vector<double> times;
  for (int i = 0; i < settings.starts; ++i)
    times.push_back(start_once(data_dir));
  std::sort(times.begin(), times.end());
  table.add({"start to ready, embedded cluster exists (median)",
             fmt::format("{:.2f} s", times[times.size() / 2]),
             fmt::format("first start {:.2f} s", first),
             {},
             "<= 3 s"});
}

} // namespace callboard::bench
