#include <fmt/format.h>

#include "tests/bench/bare_restinio.hpp"
#include "tests/bench/load_generator.hpp"
#include "tests/bench/measurements.hpp"

namespace callboard::bench {
namespace {

constexpr std::size_t connections = 32;
constexpr const char* ping = R"({"jsonrpc":"2.0","id":1,"method":"ping"})";
constexpr const char* tools_list = R"({"jsonrpc":"2.0","id":1,"method":"tools/list"})";

/// Measures and adds a line; the requests a second.
double line(bench_context& x, const std::string& what, std::uint16_t port,
            std::vector<std::string> requests, double reference, const std::string& bar = {}) {
  load_plan plan{port, std::move(requests), R"("jsonrpc")"};
  plan.length = x.settings.length;
  auto got = run_load(plan);
  auto failures = got.failures == 0 ? std::string{} : fmt::format(" {} FAILED", got.failures);
  x.table.add(
    {what, fmt::format("{:.0f}/s p99 {:.2f} ms{}", got.per_second(), got.p99_ms, failures),
     reference > 0 ? fmt::format("{:.0f}/s", reference) : std::string{},
     reference > 0 ? fmt::format("{:.2f} x", got.per_second() / reference) : std::string{}, bar});
  return got.per_second();
}

} // namespace

void measure_edge(bench_context& x) {
  bare_restinio bare;
  std::vector<std::string> get(connections, "GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n");
  std::vector<std::string> post(connections, post_request("/x", x.node.user_key(), ping));
  line(x, "bare RESTinio, GET", bare.port(), get, 0);
  auto reference = line(x, "bare RESTinio, POST", bare.port(), post, 0);
  auto guarded = listener::start({}, [](wire_request, reply_sink_ptr sink) {
    sink->finish(
      {200, {{"Content-Type", "application/json"}}, R"({"jsonrpc":"2.0","id":1,"result":{}})"});
  });
  if (guarded)
    line(x, "our listener, trivial handler, POST", (*guarded)->port(), post, reference);
  std::vector<std::string> pings, lists;
  for (std::size_t i = 0; i < connections; ++i) {
    auto session = x.node.open_session();
    pings.push_back(rpc_request(session, ping));
    lists.push_back(rpc_request(session, tools_list));
  }
  line(x, "ping in a session", x.node.mcp_port(), pings, reference);
  line(x, "tools/list in a session", x.node.mcp_port(), lists, reference, ">= 0.6 x");
}

} // namespace callboard::bench
