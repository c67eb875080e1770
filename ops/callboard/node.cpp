#include "ops/callboard/node.hpp"

#include <atomic>
#include <csignal>
#include <cstdio>
#include <memory>

#include <caf/actor_system.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "actors/node.hpp"
#include "core/base/digest.hpp"
#include "core/base/network_address.hpp"
#include "http/edge/listener.hpp"
#include "http/edge/routes.hpp"
#include "ops/callboard/embedded_files.hpp"
#include "ops/callboard/node_actors.hpp"
#include "ops/callboard/operator_key.hpp"
#include "ops/callboard/store_access.hpp"
#include "ops/callboard/version.hpp"

namespace callboard {
namespace {

/// A listener is bound before the node is ready, since URLs may depend on its port. Requests that
/// come earlier wait for nobody: they are answered 503.
class late_handler {
public:
  void set(wire_handler handler) {
    handler_.store(std::make_shared<wire_handler>(std::move(handler)));
  }

  void operator()(wire_request request, reply_sink_ptr sink) const {
    if (auto handler = handler_.load())
      return (*handler)(std::move(request), std::move(sink));
    sink->finish({503, {{"Retry-After", "1"}}, {}});
  }

private:
  std::atomic<std::shared_ptr<wire_handler>> handler_;
};

/// One of the three listeners.
struct gate {
  std::shared_ptr<late_handler> handler = std::make_shared<late_handler>();
  std::unique_ptr<listener> socket;
  std::string url;
  bool loopback = true;
};

bool is_loopback_host(const std::string& host) {
  auto address = parse_ip_address(host);
  return host == "localhost" || (address && kind_of_address(*address) == address_kind::loopback);
}

result<gate> open_gate(const std::string& address, const std::string& url,
                       const serve_settings& settings, bool tls) {
  auto at = parse_listen_address(address);
  if (!at)
    return at.error();
  listener_settings wanted;
  wanted.address = at->host;
  wanted.port = at->port;
  if (tls) {
    wanted.tls_cert_file = settings.tls_cert;
    wanted.tls_key_file = settings.tls_key;
  }
  gate x;
  auto socket =
    listener::start(wanted, [handler = x.handler](wire_request request, reply_sink_ptr sink) {
      (*handler)(std::move(request), std::move(sink));
    });
  if (!socket)
    return socket.error();
  x.socket = std::move(*socket);
  x.loopback = is_loopback_host(at->host);
  auto scheme = wanted.tls_cert_file.empty() ? "http" : "https";
  auto host = x.loopback ? std::string{"localhost"} : at->host;
  x.url = url.empty() ? fmt::format("{}://{}:{}", scheme, host, x.socket->port()) : url;
  return x;
}

/// The context of an error of ours is its text for operators.
int refuse_to_start(const caf::error& why) {
  auto text = why.context().match_element<std::string>(0) ? why.context().get_as<std::string>(0)
                                                          : caf::to_string(why);
  fmt::print(stderr, "callboard: {}\n", text);
  return 1;
}

/// What the pepper signs to become the key of requestState: no key of a client has that form.
constexpr const char* state_key_label = "mcp request state";

node_settings make_node_settings(const serve_settings& settings, const gate& api, const gate& mcp,
                                 std::string operator_key_hash, std::string state_key) {
  node_settings x;
  x.api_url = api.url;
  x.mcp_url = mcp.url;
  x.session_ttl = settings.session_ttl;
  x.allow_private_upstreams = settings.allow_private_upstreams;
  x.operator_key_hash = std::move(operator_key_hash);
  x.state_key = std::move(state_key);
  x.version = version_text;
  x.node_name = uuid4();
  x.owns_database = settings.store.database_url.empty();
  x.openapi = std::string{embedded_openapi()};
  return x;
}

/// Signals are taken by sigwait alone: no handler runs anywhere.
sigset_t block_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return set;
}

} // namespace

int run_node(const serve_settings& settings) {
  auto signals = block_signals();
  spdlog::set_level(spdlog::level::from_str(settings.log_level));
  auto apps = load_catalogue(settings);
  if (!apps)
    return refuse_to_start(apps.error());
  auto access = open_store(settings.store);
  if (!access)
    return refuse_to_start(access.error());
  auto operator_key = load_operator_key(settings.store.data_dir);
  if (!operator_key)
    return refuse_to_start(operator_key.error());
  auto api = open_gate(settings.api_listen, settings.api_url, settings, true);
  auto mcp = open_gate(settings.mcp_listen, settings.mcp_url, settings, true);
  auto ops = open_gate(settings.ops_listen, {}, settings, false);
  for (auto* x : {&api, &mcp, &ops})
    if (!*x)
      return refuse_to_start(x->error());
  node_config config;
  caf::actor_system system{config};
  node_actors actors{system, *access, settings};
  actors.begin(std::make_shared<node_settings>(
                 make_node_settings(settings, *api, *mcp, to_hex(sha256(*operator_key)),
                                    access->ring()->hash_key_secret(state_key_label))),
               *apps);
  api->handler->set(
    make_edge_handler({edge_side::api, {api->url}, api->loopback}, actors.entrance()));
  mcp->handler->set(
    make_edge_handler({edge_side::mcp, {mcp->url}, mcp->loopback}, actors.entrance()));
  ops->handler->set(
    make_edge_handler({edge_side::ops, {ops->url}, ops->loopback}, actors.entrance()));
  fmt::print(
    "{}\n",
    json::serialize(json::object{
      {"ready", true}, {"api_url", api->url}, {"mcp_url", mcp->url}, {"ops_url", ops->url}}));
  std::fflush(stdout);
  int signal = 0;
  sigwait(&signals, &signal);
  spdlog::info("shutting down signal={}", signal);
  for (auto* x : {&api, &mcp, &ops})
    (*x)->socket->stop_accepting();
  actors.end();
  for (auto* x : {&api, &mcp, &ops})
    (*x)->socket->stop();
  access->close();
  spdlog::shutdown();
  std::fflush(nullptr);
  // CAF 0.17.6 may race in its own teardown of detached actors (facts reliability.md 6.2); all that
  // must be orderly is.
  std::_Exit(0);
}

} // namespace callboard
