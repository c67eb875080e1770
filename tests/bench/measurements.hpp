#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

#include "tests/bench/bench_node.hpp"
#include "tests/bench/bench_table.hpp"
#include "tests/bench/instant_upstream.hpp"

namespace callboard::bench {

/// How much to measure.
struct bench_settings {
  /// Length of each load.
  std::chrono::milliseconds length{3000};
  std::uint64_t sessions = 100'000;
  std::uint64_t streams = 5000;
  std::uint64_t first_tokens = 500;
  int starts = 3;
  /// Only the groups whose name holds this text.
  std::string only;
};

/// What the measurements share.
struct bench_context {
  bench_settings settings;
  std::filesystem::path folder;
  instant_upstream& upstream;
  bench_node& node;
  bench_table& table;
};

/// ping and tools/list, and our listener alone, against bare RESTinio.
void measure_edge(bench_context& x);

/// Paid tools/call at 32 and 128 connections.
void measure_tool_calls(bench_context& x);

/// Admissions and settlements of one tenant actor against pgbench.
void measure_debits(bench_context& x);

/// The outbound HTTP client alone, and beside many requests that wait.
void measure_fetches(bench_context& x);

/// tools/list and tools/call of a remote MCP server, both eras, against calling it directly and
/// through nginx. Without nginx that reference is missing.
void measure_gateway(bench_context& x);

/// Memory of sessions without work and of open streams.
void measure_memory(bench_context& x);

/// What /v1/responses adds to the model's first token.
void measure_first_token(bench_context& x);

/// From exec to the ready line of the binary, on a cluster that exists. Needs no node.
void measure_start(const bench_settings& settings, const std::filesystem::path& folder,
                   bench_table& table);

} // namespace callboard::bench
