#include "tests/bench/bench_node.hpp"

#include <ctime>
#include <stdexcept>

#include <fmt/format.h>

#include "core/base/digest.hpp"
#include "core/connectors/catalogue.hpp"
#include "http/edge/routes.hpp"
#include "storage/connection.hpp"
#include "tests/bench/echo_server.hpp"
#include "tests/bench/loopback.hpp"

namespace callboard::bench {
namespace {

constexpr int sessions_per_user = 64;

template <class T>
T must(result<T> x, const std::string& what) {
  if (!x)
    throw std::runtime_error{what + ": " + caf::to_string(x.error())};
  return std::move(*x);
}

store_settings embedded(const std::filesystem::path& data_dir) {
  store_settings x;
  x.data_dir = data_dir.string();
  return x;
}

serve_settings node_side(const std::filesystem::path& data_dir, const std::string& upstream_url) {
  serve_settings x;
  x.store = embedded(data_dir);
  x.app_bases = {"github.api_base=" + upstream_url};
  x.allow_private_upstreams = true;
  return x;
}

store_value text(const std::string& x) { return store_value::text(x); }

std::string random_key_id() { return to_hex(random_bytes(8)); }

} // namespace

bench_node::bench_node(const std::filesystem::path& data_dir, const std::string& upstream_url)
    : access_(must(open_store(embedded(data_dir)), "open the store")),
      apps_(must(load_catalogue(node_side(data_dir, upstream_url)), "load the catalogue")),
      system_(config_), actors_(system_, access_, node_side(data_dir, upstream_url)) {
  auto settings = std::make_shared<node_settings>();
  settings->api_url = "http://localhost:1";
  settings->mcp_url = "http://localhost:2";
  settings->allow_private_upstreams = true;
  settings->version = "bench";
  settings->node_name = uuid4();
  make_platform();
  make_model(upstream_url);
  actors_.begin(settings, apps_);
  auto open = [&](edge_side side, const std::string& url) {
    return must(listener::start({}, make_edge_handler({side, {url}, true}, actors_.entrance())),
                "open a listener");
  };
  api_ = open(edge_side::api, settings->api_url);
  mcp_ = open(edge_side::mcp, settings->mcp_url);
}

void bench_node::end() {
  api_->stop_accepting();
  mcp_->stop_accepting();
  actors_.end();
  api_->stop();
  mcp_->stop();
  access_.close();
}

void bench_node::run(const platform_id& tenant, const std::string& statement,
                     std::vector<store_value> values) {
  must(access_.db().run(store_call{tenant, statement, std::move(values)}), statement);
}

void bench_node::make_platform() {
  constexpr std::int64_t money = 1'000'000'000'000'000;
  platform_ = {uuid4()};
  run({}, "platform/create",
      {text(platform_.value), text("Bench"), text("bench"), text(uuid4()), text(random_key_id()),
       store_value::key_secret("unused"), text("sk-plat_"), text(random_key_id()),
       store_value::key_secret("unused too"), text("rt_live_"), text("bench")});
  auto kept = store_value::null();
  run(platform_, "platform/update",
      {kept, kept, kept, kept, store_value::integer(0), kept, kept, kept, text("bench"), kept});
  run(platform_, "wallet/topup", {store_value::integer(money), kept, kept, kept});
  run({}, "tool_price/set", {text("global"), text(""), store_value::integer(100), text("bench")});
  run({}, "tool_price/set",
      {text("tool"), text(echo_server::free_tool), store_value::integer(0), text("bench")});
  run(platform_, "app/activate",
      {text(uuid4()), text("github"), kept, text("client"), store_value::secret("s", "github"),
       text("https://platform.test/done"), kept, kept, text("bench"), kept, kept});
  add_user();
}

void bench_node::make_model(const std::string& upstream_url) {
  run({}, "model/set",
      {text("bench-model"), text(upstream_url + "/v1"), text("upstream-model"),
       store_value::secret("sk-upstream", "bench-model"), store_value::integer(1'000'000),
       store_value::integer(500'000), store_value::integer(2'000'000),
       store_value::integer(100'000), store_value::integer(1000), store_value::boolean(true),
       store_value::boolean(true), text("bench")});
}

void bench_node::add_user() {
  auto key = make_api_key(key_kind::end_user);
  end_user_id id{uuid4()};
  auto kept = store_value::null();
  run(platform_, "end_user/upsert",
      {text(id.value), text(fmt::format("user-{}", ++users_)), kept, kept, text(key.id.value),
       store_value::key_secret(key.secret), text("sk-eu_ab"), text("bench"), kept, kept, kept});
  auto connection = uuid4();
  run(platform_, "connection/upsert",
      {text(connection), text(id.value), text("github"),
       store_value::secret(R"({"access_token":"gho_bench"})", connection), kept, kept, kept});
  newest_key_ = format_api_key(key);
  sessions_of_newest_ = 0;
  if (user_key_.empty()) {
    user_key_ = newest_key_;
    user_ = {key_kind::end_user, key.id, platform_, id};
  }
}

bench_session bench_node::open_session(const std::string& app) {
  constexpr std::string_view field = "mcp-session-id: ";
  if (sessions_of_newest_++ == sessions_per_user)
    add_user();
  plain_client client{mcp_port()};
  client.send(post_request(
    "/mcp/" + app, newest_key_,
    R"({"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18",)"
    R"("capabilities":{},"clientInfo":{"name":"bench","version":"1"}}})"));
  auto answer = client.receive();
  auto at = to_lower(answer).find(field);
  if (at == std::string::npos)
    throw std::runtime_error{"no session: " + answer};
  at += field.size();
  return {answer.substr(at, answer.find('\r', at) - at), newest_key_, app};
}

void bench_node::add_server(const std::string& slug, const std::string& url) {
  constexpr std::int64_t servers_max = 10;
  auto none = store_value::null();
  run(platform_, "mcp_server/insert",
      {text(slug), text(slug), text(url), text("none"), none, none, text("{}"), none, text(""),
       text("bench"), store_value::integer(servers_max), none, none});
}

std::uint64_t bench_node::paid_calls() const {
  auto rows = sql("SELECT (SELECT count(*) FROM ledger_all l JOIN request_log_all r "
                  "USING (platform_id, hold_id) WHERE l.type = 'mcp_usage' AND l.amount < 0), "
                  "(SELECT coalesce(sum(used), 0) FROM free_quota), "
                  "(SELECT sum(violations) FROM ledger_verify())");
  if (rows.cells.at(1) != "0" || rows.cells.at(2) != "0")
    throw std::runtime_error{
      fmt::format("{} free calls, {} violated invariants", rows.cells[1], rows.cells[2])};
  return std::stoull(rows.cells[0]);
}

store_rows bench_node::sql(const std::string& query) const {
  auto conn = must(connection::open(conninfo()), "connect");
  statement what{"bench", statement_scope::internal, query};
  return must(conn.exec(what, {}, std::chrono::minutes{2}), query);
}

std::string post_request(std::string_view path, const std::string& key, std::string_view body,
                         std::string_view more_fields) {
  return fmt::format(
    "POST {} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n"
    "Content-Type: application/json\r\n"
    "Accept: application/json, text/event-stream\r\n{}Content-Length: {}\r\n\r\n{}",
    path, key, more_fields, body.size(), body);
}

std::string rpc_request(const bench_session& session, std::string_view body) {
  return post_request(
    "/mcp/" + session.app, session.key, body,
    fmt::format("Mcp-Session-Id: {}\r\nMCP-Protocol-Version: 2025-06-18\r\n", session.id));
}

} // namespace callboard::bench
