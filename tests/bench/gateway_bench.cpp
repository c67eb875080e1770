#include <algorithm>
#include <optional>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>

#include "tests/bench/echo_server.hpp"
#include "tests/bench/load_generator.hpp"
#include "tests/bench/loopback.hpp"
#include "tests/bench/measurements.hpp"
#include "tests/bench/nginx_proxy.hpp"

namespace callboard::bench {
namespace {

constexpr std::size_t connections = 32;

enum class era : std::uint8_t { session, stateless };

const char* name_of(era x) { return x == era::session ? "2025-06-18" : "2026-07-28"; }

/// The path of the echo server, and the slug under which it is an app.
std::string slug_of(era x) { return x == era::session ? "session" : "stateless"; }

/// Who sends on one connection.
struct client {
  std::string path;
  std::string key;
  /// Empty in the stateless era.
  std::string session;
};

/// What is asked: a call of a tool, or the list of tools.
struct question {
  std::string method;
  std::string tool;

  bool is_call() const { return !tool.empty(); }
};

const question list_question{"tools/list", {}};
const question paid_question{"tools/call", echo_server::tool};
const question free_question{"tools/call", echo_server::free_tool};

std::string text_of(std::size_t connection) { return fmt::format("said on {}", connection); }

std::string request_of(const client& from, const question& what, const std::string& text) {
  bool stateless = from.session.empty();
  std::string params;
  if (what.is_call())
    params = fmt::format(R"("name":"{}","arguments":{{"text":"{}"}})", what.tool, text);
  if (stateless)
    params += fmt::format(R"({}"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28",)"
                          R"("io.modelcontextprotocol/clientCapabilities":{{}},)"
                          R"("io.modelcontextprotocol/clientInfo":{{"name":"bench",)"
                          R"("version":"1"}}}})",
                          params.empty() ? "" : ",");
  auto fields =
    stateless ? fmt::format("MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: {}\r\n{}", what.method,
                            what.is_call() ? "Mcp-Name: " + what.tool + "\r\n" : "")
              : fmt::format("MCP-Protocol-Version: 2025-06-18\r\n"
                            "Mcp-Session-Id: {}\r\n",
                            from.session);
  return post_request(
    from.path, from.key,
    fmt::format(R"({{"jsonrpc":"2.0","id":1,"method":"{}","params":{{{}}}}})", what.method, params),
    fields);
}

class gateway_measurement {
public:
  explicit gateway_measurement(bench_context& x) : x_(x) {
    for (auto served : {era::session, era::stateless})
      x_.node.add_server(slug_of(served), fmt::format("{}/{}", echo_.url(), slug_of(served)));
    if (auto program = nginx_proxy::program())
      nginx_.emplace(*program, echo_.port(), x_.folder / "nginx");
    else
      x_.table.add({"nginx as a reference", "missing: ops/bench brings it", {}, {}, {}});
  }

  /// Client and server of one era, beside the server alone and the server behind nginx.
  void compare(era spoken) {
    auto direct = direct_clients(spoken);
    auto ours = gateway_clients(spoken, spoken);
    for (auto& what : {list_question, paid_question}) {
      auto name = fmt::format("{}, {}", what.method, name_of(spoken));
      direct_ = load(echo_.port(), direct, what).per_second();
      add(name + ", upstream directly", last_);
      proxied_ = 0;
      if (nginx_) {
        proxied_ = load(nginx_->port(), direct, what).per_second();
        add(name + ", through nginx", last_);
      }
      if (!what.is_call()) {
        load(x_.node.mcp_port(), ours, what);
        add(name + ", Callboard (the list it keeps)", last_, true);
        continue;
      }
      call(name + ", Callboard, paid", ours, what);
      call(name + ", Callboard, price 0", ours, free_question);
    }
  }

  /// Paid calls across the eras; the references are those of the last comparison.
  void cross(era spoken, era served) {
    call(fmt::format("tools/call, {} to a server of {}, paid", name_of(spoken), name_of(served)),
         gateway_clients(spoken, served), paid_question);
  }

private:
  std::vector<client> direct_clients(era spoken) {
    constexpr const char* nobody = "none";
    std::vector<client> clients(connections, client{'/' + slug_of(spoken), nobody, {}});
    if (spoken == era::stateless)
      return clients;
    plain_client link{echo_.port()};
    for (auto& one : clients) {
      link.send(post_request(one.path, nobody,
                             R"({"jsonrpc":"2.0","id":1,"method":"initialize","params":)"
                             R"({"protocolVersion":"2025-06-18","capabilities":{},)"
                             R"("clientInfo":{"name":"bench","version":"1"}}})"));
      auto answer = link.receive();
      auto session = field_of(answer, "Mcp-Session-Id");
      if (!session)
        throw std::runtime_error{"the echo server gives no session: " + answer};
      one.session = std::string{*session};
    }
    return clients;
  }

  std::vector<client> gateway_clients(era spoken, era served) {
    auto path = "/mcp/" + slug_of(served);
    std::vector<client> clients(connections, client{path, x_.node.user_key(), {}});
    if (spoken == era::session)
      for (auto& one : clients) {
        auto opened = x_.node.open_session(slug_of(served));
        one = {path, opened.key, opened.id};
      }
    return clients;
  }

  const load_result& load(std::uint16_t port, const std::vector<client>& clients,
                          const question& what) {
    load_plan plan;
    plan.port = port;
    plan.length = x_.settings.length;
    plan.expected = what.is_call() ? R"("isError":false)" : R"("name":"echo_free")";
    for (std::size_t i = 0; i < clients.size(); ++i) {
      plan.requests.push_back(request_of(clients[i], what, text_of(i)));
      // In full, so that 1 is not taken for 10.
      plan.echoes.push_back(what.is_call() ? fmt::format(R"("text":"{}")", text_of(i))
                                           : R"("name":"echo")");
    }
    plan.other_cpu = [this] { return echo_.cpu_seconds(); };
    return last_ = run_load(plan);
  }

  /// Calls through the gateway, which the ledger has to know of.
  void call(const std::string& name, const std::vector<client>& clients, const question& what) {
    auto before = x_.node.paid_calls();
    load(x_.node.mcp_port(), clients, what);
    auto paid = x_.node.paid_calls() - before;
    bool is_free = what.tool == echo_server::free_tool;
    if (is_free ? paid != 0 : paid < last_.answers - last_.failures)
      throw std::runtime_error{
        fmt::format("{}: {} paid calls, {} answers", name, paid, last_.answers)};
    add(name, last_, true);
  }

  void add(const std::string& name, const load_result& got, bool compared = false) {
    auto measured =
      fmt::format("{:.0f}/s p50 {:.2f} p99 {:.2f} ms", got.per_second(), got.p50_ms, got.p99_ms);
    if (got.failures != 0) {
      measured += fmt::format(" {} FAILED", got.failures);
      fmt::print(stderr, "the first failure: {}\n", got.first_failure);
    }
    std::string reference, ratio;
    if (compared) {
      measured += fmt::format(", {:.0f} us CPU",
                              got.served_cpu_seconds * 1e6
                                / static_cast<double>(std::max<std::uint64_t>(1, got.answers)));
      reference = fmt::format("direct {:.0f}/s", direct_);
      ratio = fmt::format("{:.2f} x", got.per_second() / direct_);
      if (proxied_ > 0) {
        reference += fmt::format(", nginx {:.0f}/s", proxied_);
        ratio += fmt::format(", {:.2f} x", got.per_second() / proxied_);
      }
    }
    x_.table.add({name, std::move(measured), std::move(reference), std::move(ratio), {}});
  }

  bench_context& x_;
  echo_server echo_;
  std::optional<nginx_proxy> nginx_;
  load_result last_;
  /// Requests a second of the last references; 0 when there is none.
  double direct_ = 0;
  double proxied_ = 0;
};

} // namespace

void measure_gateway(bench_context& x) {
  gateway_measurement all{x};
  all.compare(era::session);
  all.cross(era::session, era::stateless);
  all.compare(era::stateless);
  all.cross(era::stateless, era::session);
}

} // namespace callboard::bench
