// Measures what DESIGN.md section 7 promises and prints it as one table. Fails when a measurement
// cannot be made, never because of a time.

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "tests/bench/measurements.hpp"
#include "tests/support/postgres_fixture.hpp"

namespace callboard::bench {
namespace {

struct group {
  const char* name;
  void (*measure)(bench_context&);
};

constexpr group groups[] = {
  {"edge", measure_edge},     {"tools", measure_tool_calls},  {"debits", measure_debits},
  {"fetch", measure_fetches}, {"token", measure_first_token}, {"gateway", measure_gateway},
  {"memory", measure_memory},
};

bool is_wanted(const bench_settings& settings, std::string_view name) {
  return settings.only.empty() || name.find(settings.only) != std::string_view::npos;
}

/// A measurement that cannot be made leaves a line that says so, and the others go on.
template <class Measure>
bool attempt(const char* name, bench_table& table, Measure measure) {
  try {
    measure();
    return true;
  } catch (const std::exception& problem) {
    fmt::print(stderr, "{}: {}\n", name, problem.what());
    table.add({name, "not measured", {}, {}, {}});
    return false;
  }
}

/// What else runs on the machine takes from every number.
void add_machine_load(const char* when, bench_table& table) {
  double minute = 0;
  getloadavg(&minute, 1);
  table.add({fmt::format("load average of the machine, {}", when),
             fmt::format("{:.1f}", minute),
             {},
             {},
             {}});
}

int run(const bench_settings& settings) {
  auto scratch = std::make_unique<test::scratch_folder>();
  bench_table table;
  bool complete = true;
  add_machine_load("before", table);
  if (is_wanted(settings, "start"))
    complete = attempt("start", table, [&] { measure_start(settings, scratch->path(), table); });
  instant_upstream upstream;
  bench_node node{scratch->path() / "node", upstream.url()};
  bench_context context{settings, scratch->path(), upstream, node, table};
  for (auto& x : groups)
    if (is_wanted(settings, x.name))
      complete = attempt(x.name, table, [&] { x.measure(context); }) && complete;
  add_machine_load("after", table);
  fmt::print("{}", table.text());
  node.end();
  scratch.reset();
  std::fflush(nullptr);
  // As the node does: CAF may race in its own teardown of detached actors.
  std::_Exit(complete ? 0 : 1);
}

} // namespace
} // namespace callboard::bench

int main(int argc, char** argv) {
  callboard::bench::bench_settings settings;
  bool smoke = false;
  std::int64_t milliseconds = settings.length.count();
  CLI::App app{"Measures Callboard against references of the same run."};
  app.add_option("--length-ms", milliseconds, "Length of each load");
  app.add_option("--sessions", settings.sessions, "Idle sessions");
  app.add_option("--streams", settings.streams, "Idle event streams, at most as many as sessions");
  app.add_option("--first-tokens", settings.first_tokens, "Answers of the model");
  app.add_option("--starts", settings.starts, "Starts of the binary");
  app.add_option("--only", settings.only,
                 "Groups: edge, tools, debits, fetch, token, gateway, memory, start");
  app.add_flag("--smoke", smoke, "Everything once and tiny: does it still run?");
  CLI11_PARSE(app, argc, argv);
  settings.length = std::chrono::milliseconds{milliseconds};
  if (smoke) {
    settings.length = std::chrono::milliseconds{200};
    settings.sessions = 200;
    settings.streams = 20;
    settings.first_tokens = 5;
    settings.starts = 1;
  }
  std::signal(SIGPIPE, SIG_IGN);
  spdlog::set_level(spdlog::level::warn);
  return callboard::bench::run(settings);
}
