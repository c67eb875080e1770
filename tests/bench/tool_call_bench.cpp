#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "tests/bench/load_generator.hpp"
#include "tests/bench/measurements.hpp"

namespace callboard::bench {
namespace {

constexpr const char* get_issue =
  R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"github_get_issue",)"
  R"("arguments":{"owner":"octo","repo":"demo","issue_number":1}}})";

void measure(bench_context& x, std::size_t connections, double bar_per_second,
             const std::string& bar) {
  load_plan plan;
  plan.port = x.node.mcp_port();
  plan.expected = R"("isError":false)";
  plan.length = x.settings.length;
  for (std::size_t i = 0; i < connections; ++i)
    plan.requests.push_back(rpc_request(x.node.open_session(), get_issue));
  plan.upstream = &x.upstream;
  auto rows_before = x.node.paid_calls();
  auto got = run_load(plan);
  // The warm-up paid as well.
  if (x.node.paid_calls() - rows_before < got.answers - got.failures)
    throw std::runtime_error{"the ledger has fewer rows than there were answers"};
  auto ours =
    got.served_cpu_seconds * 1e6 / static_cast<double>(std::max<std::uint64_t>(1, got.answers));
  auto failures = got.failures == 0 ? std::string{} : fmt::format(" {} FAILED", got.failures);
  x.table.add({fmt::format("tools/call, paid, {} connections", connections),
               fmt::format("{:.0f}/s p50 {:.2f} p99 {:.2f} ms{}", got.per_second(), got.p50_ms,
                           got.p99_ms, failures),
               {},
               fmt::format("{:.2f} x of bar", got.per_second() / bar_per_second),
               bar});
  x.table.add({fmt::format("  CPU of ours a call, {} connections", connections),
               fmt::format("{:.0f} us", ours),
               {},
               {},
               "<= 60 us"});
  if (got.failures != 0)
    fmt::print(stderr, "the first failure: {}\n", got.first_failure);
}

} // namespace

void measure_tool_calls(bench_context& x) {
  measure(x, 32, 15'000, ">= 15000/s, p99 <= 5 ms");
  measure(x, 128, 20'000, ">= 20000/s");
}

} // namespace callboard::bench
