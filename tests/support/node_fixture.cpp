#include "tests/support/node_fixture.hpp"

#include <fstream>
#include <sstream>

#include <spdlog/spdlog.h>

#include "actors/address_book.hpp"
#include "actors/authenticator.hpp"
#include "actors/call.hpp"
#include "actors/directory.hpp"
#include "actors/metrics.hpp"
#include "actors/principal_cache.hpp"
#include "actors/tool_lists.hpp"
#include "core/base/digest.hpp"
#include "core/connectors/catalogue.hpp"
#include "tests/support/source_tree.hpp"

namespace callboard {

std::shared_ptr<const connectors::catalogue> github_catalogue() {
  static const auto shared = [] {
    std::ifstream file{source_tree() / "schema/apps/github.json"};
    std::ostringstream text;
    text << file.rdbuf();
    std::vector<connectors::app> apps;
    apps.push_back(unbox(connectors::load_app(text.str(), "github.json")));
    return unbox(connectors::catalogue::make(std::move(apps)));
  }();
  return shared;
}

node_fixture::node_fixture() {
  spdlog::set_level(spdlog::level::off); // the problems that tests make are no news
  db->log = log;
  web->log = log;
  user_key = add_key(key_kind::end_user, user);
  other_user_key = add_key(key_kind::end_user, other_user);
  platform_key = add_key(key_kind::platform, {});
  lifecycle_key = add_key(key_kind::lifecycle_live, {});
  settings->api_url = "https://api.test";
  settings->mcp_url = "https://mcp.test";
  settings->version = "1.2.3";
  settings->node_name = "node-a";
  settings->state_key = "state-key";
  settings->openapi = "openapi: 3.1.0\n";
  settings->operator_key_hash = to_hex(sha256(operator_key));
  script_world();
  script_money();
  store = spawn(fake_store, db);
  http = spawn(fake_http, web);
  parts.settings = settings;
  parts.catalogue = github_catalogue();
  parts.listings = std::make_shared<tool_lists>(*parts.catalogue, settings->version);
  parts.metrics = std::make_shared<node_metrics>();
  parts.addresses = std::make_shared<address_book>();
  parts.principals = std::make_shared<principal_cache>(limits::key_cache_entries_max);
  parts.unix_time = [now = unix_now] { return *now; };
  parts.store.lanes = {store};
  parts.http = http;
  parts.directory = spawn(directory, parts);
  parts.authenticator = unbox(ask<authenticator_actor>(parts.directory, atom::auth_v));
}

node_fixture::~node_fixture() {
  for (auto& [id, listener] : web->listeners)
    self->send_exit(listener, caf::exit_reason::user_shutdown);
  web->listeners.clear();
  for (auto& statement : std::set<std::string>{db->held})
    release(statement);
  for (auto& x : spawned)
    self->send_exit(x, caf::exit_reason::user_shutdown);
  sched.run();
  // What still waits for an answer that never comes ends with its timeout.
  constexpr int rounds = 5;
  for (int i = 0; i < rounds; ++i) {
    sched.advance_time(std::chrono::minutes{10});
    sched.run();
  }
}

std::string node_fixture::add_key(key_kind kind, const end_user_id& owner) {
  auto key = make_api_key(kind);
  keys[key.id.value] = {kind, key.id, platform, owner};
  return format_api_key(key);
}

void node_fixture::script_world() {
  db->handlers["key/find"] = [this](const store_call& call) {
    auto i = keys.find(call.values.at(0).data);
    if (i == keys.end())
      return store_rows{};
    auto& who = i->second;
    auto owner = who.end_user.empty() ? std::optional<std::string>{} : who.end_user.value;
    return one_row({{"key_id", who.key.value},
                    {"kind", std::string{to_string(who.kind)}},
                    {"platform_id", who.platform.value},
                    {"end_user_id", owner},
                    {"matches", "t"},
                    {"is_active", "t"},
                    {"expires_in_ms", std::nullopt},
                    {"tools", who.tools}});
  };
  db->answer("auth/version", {{"version", "1"}});
  db->answer("connection/find", {{"id", "44444444-4444-4444-8444-444444444444"},
                                 {"secret", R"({"access_token":"gho_first","refresh_token":"r1"})"},
                                 {"expires_in_ms", std::nullopt},
                                 {"scopes", "[]"},
                                 {"provider_fields", "{}"},
                                 {"version", "1"},
                                 {"is_active", "t"},
                                 {"needs_reconnect", "f"},
                                 {"app_active", "t"}});
  db->answer("connection/list",
             {{"data", R"([{"id":"c","appSlug":"github","createdAt":"x"}])"}, {"total", "1"}});
  db->answer("connection/claim_refresh", {{"id", "c"}, {"version", "1"}});
  db->answer("connection/update_tokens", {{"id", "c"}, {"version", "2"}});
  db->answer("connection/mark_broken", {{"id", "c"}});
  db->answer("app/find", {{"id", "github"},
                          {"oauth_client_id", "client-1"},
                          {"secret", "client-secret"},
                          {"redirect_url", "https://platform.test/base/"},
                          {"scopes", std::nullopt},
                          {"provider_config", "{}"},
                          {"is_active", "t"}});
}

void node_fixture::script_money() {
  db->answer("wallet/acquire", {{"epoch", "7"}});
  db->handlers["wallet/reserve"] = [](const store_call& call) {
    return one_row(
      {{"code", "ok"}, {"free", "f"}, {"amount", call.values.at(5).data}, {"status", "P"}});
  };
  db->handlers["wallet/resolve"] = [](const store_call& call) {
    bool charges = call.values.at(1).data == "S";
    return one_row({{"code", charges ? "settled" : "voided"},
                    {"status", call.values.at(1).data},
                    {"charged", charges ? call.values.at(2).data : "0"},
                    {"overage", "0"},
                    {"balance", "1000000"}});
  };
  db->answer("tool_price/find", {{"price_id", "9"}, {"price", "1500"}, {"scope", "global"}});
  db->answer("platform/find", {{"markup_ppm", "0"}, {"body", "{\"id\":\"p\"}"}});
  db->answer("model/default", {{"slug", "test-model"}});
  db->handlers["model/find"] = [](const store_call& call) {
    if (call.values.at(0).data != "test-model")
      return store_rows{};
    return one_row({{"id", "test-model"},
                    {"base_url", "http://model.test/v1"},
                    {"provider_model", "upstream-model"},
                    {"secret", "sk-upstream"},
                    {"input_price", "1000000"},
                    {"cached_price", "500000"},
                    {"output_price", "2000000"},
                    {"output_tokens_max", "1000"}});
  };
}

http_call_ptr node_fixture::make_call(client_request x, const reply_record& record) {
  auto call = std::make_shared<http_call>();
  call->target = x.target;
  call->method = std::move(x.method);
  call->query = std::move(x.query);
  call->path_fields = std::move(x.path_fields);
  call->headers = std::move(x.headers);
  if (!x.key.empty())
    call->headers.push_back({"Authorization", "Bearer " + x.key});
  call->body = std::move(x.body);
  call->id = {"req-1"};
  call->received_at = sys.clock().now();
  call->sink = std::make_shared<recording_sink>(record);
  return call;
}

reply_record node_fixture::begin(client_request x) {
  auto record = std::make_shared<recorded_reply>();
  sys.spawn(call, call_args{parts, make_call(std::move(x), record)});
  return record;
}

reply_record node_fixture::serve(client_request x) {
  auto record = begin(std::move(x));
  sched.run();
  return record;
}

void node_fixture::pass(std::chrono::milliseconds time) {
  constexpr auto step = std::chrono::milliseconds{500};
  while (time.count() > 0) {
    sched.advance_time(std::min<std::chrono::milliseconds>(step, time));
    sched.run();
    time -= step;
  }
}

tenant_actor node_fixture::tenant() {
  return unbox(ask<tenant_actor>(parts.directory, atom::tenant_v, platform));
}

namespace {

std::string model_event(const json::object& delta, const char* finish) {
  json::object choice{{"index", 0}, {"delta", delta}, {"finish_reason", nullptr}};
  if (finish)
    choice["finish_reason"] = finish;
  json::object chunk{{"id", "up-1"},
                     {"object", "chat.completion.chunk"},
                     {"created", 1},
                     {"model", "upstream-model"}};
  chunk["choices"] = json::array(1, choice);
  return "data: " + json::serialize(chunk) + "\n\n";
}

std::string model_usage(int input_tokens, int output_tokens) {
  json::object chunk{{"id", "up-1"}, {"object", "chat.completion.chunk"}, {"created", 1}};
  chunk["choices"] = json::array();
  chunk["usage"] = {{"prompt_tokens", input_tokens},
                    {"completion_tokens", output_tokens},
                    {"total_tokens", input_tokens + output_tokens}};
  return "data: " + json::serialize(chunk) + "\n\n";
}

} // namespace

scripted_answer model_says(const std::string& text, int input_tokens, int output_tokens) {
  return {200,
          {{"Content-Type", "text/event-stream"}},
          {model_event({{"role", "assistant"}, {"content", ""}}, nullptr),
           model_event({{"content", text}}, nullptr), model_event({}, "stop"),
           model_usage(input_tokens, output_tokens), "data: [DONE]\n\n"},
          {},
          true,
          true};
}

scripted_answer model_calls(const std::vector<std::pair<std::string, std::string>>& calls) {
  scripted_answer x{200, {{"Content-Type", "text/event-stream"}}, {}, {}, true, true};
  int index = 0;
  for (auto& [name, arguments] : calls) {
    json::object call{{"index", index},
                      {"id", "call_" + std::to_string(index)},
                      {"type", "function"},
                      {"function", {{"name", name}, {"arguments", arguments}}}};
    json::object delta;
    delta["tool_calls"] = json::array(1, call);
    x.pieces.push_back(model_event(delta, nullptr));
    ++index;
  }
  x.pieces.push_back(model_event({}, "tool_calls"));
  x.pieces.push_back(model_usage(100, 10));
  x.pieces.push_back("data: [DONE]\n\n");
  return x;
}

} // namespace callboard
