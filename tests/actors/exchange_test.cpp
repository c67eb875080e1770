#include "actors/exchange.hpp"

#include <boost/test/unit_test.hpp>

#include "core/connectors/catalogue.hpp"
#include "tests/support/relay_script.hpp"

using namespace callboard;
using namespace std::chrono_literals;

namespace {

constexpr auto issue_url = "api.github.com/repos";
constexpr auto issue_call =
  R"("name":"github_get_issue","arguments":{"owner":"o","repo":"r","issue_number":7})";

/// The body of a stateless request; `client` are members of `_meta`.
std::string
body_of(const std::string& method, const std::string& params = {},
        const std::string& client = R"("io.modelcontextprotocol/clientCapabilities":{})",
        const std::string& id = "1") {
  return R"({"jsonrpc":"2.0","id":)" + id + R"(,"method":")" + method + R"(","params":{)" + params
         + (params.empty() ? "" : ",")
         + R"("_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",)" + client + "}}}";
}

constexpr auto elicits = R"("io.modelcontextprotocol/clientCapabilities":{"elicitation":{}})";

struct exchange_fixture : relay_fixture {
  exchange_fixture() {
    web->answer(issue_url, {answer_json(200, R"({"number":7,"title":"T","state":"open"})")});
  }

  reply_record post(const std::string& app, const std::string& body, http_headers headers = {}) {
    client_request x{endpoint::mcp_post, user_key, body, {}, {}, std::move(headers), "POST"};
    if (app != "*")
      x.path_fields = {{"app", app}};
    auto parsed = json::parse(body).as_object();
    auto& params = parsed.at("params").as_object();
    x.headers.push_back({"Content-Type", "application/json"});
    x.headers.push_back({"MCP-Protocol-Version", "2026-07-28"});
    x.headers.push_back({"Mcp-Method", to_std(parsed.at("method").as_string())});
    for (auto* member : {"name", "uri"})
      if (auto name = find_string(params, member))
        x.headers.push_back({"Mcp-Name", *name});
    return serve(std::move(x));
  }

  std::int64_t code_in(const recorded_reply& reply) {
    return reply.object().at("error").at("code").as_int64();
  }

  void allow(const std::string& tools) {
    for (auto& [id, who] : keys)
      if (who.end_user == user)
        who.tools = tools;
  }
};

/// The JSON of the last frame of a stream.
json::object last_frame(const recorded_reply& reply) {
  auto& piece = reply.pieces.back();
  auto begin = piece.find("data: ") + 6;
  return json::parse(piece.substr(begin, piece.find('\n', begin) - begin)).as_object();
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(exchange_test, exchange_fixture)

// -- apps of the catalogue ----------------------------------------------------

BOOST_AUTO_TEST_CASE(discover_says_what_there_is_and_mints_no_session) {
  auto reply = post("github", body_of("server/discover"), {{"Mcp-Session-Id", "ignored"}});
  BOOST_TEST(reply->status == 200);
  BOOST_TEST(reply->header("Mcp-Session-Id") == "");
  BOOST_TEST(reply->text("/result/resultType") == "complete");
  BOOST_TEST(reply->text("/result/supportedVersions/0") == "2026-07-28");
  BOOST_TEST(reply->text("/result/cacheScope") == "private");
  BOOST_TEST(reply->text("/result/_meta/io.modelcontextprotocol~1serverInfo/version") == "1.2.3");
  BOOST_TEST(db->count("session/insert") == 0u);
}

BOOST_AUTO_TEST_CASE(tools_are_listed_and_called_without_a_session) {
  auto list = post("github", body_of("tools/list"));
  BOOST_TEST(list->object().at("result").at("tools").as_array().size()
             == parts.catalogue->find_app("github")->tools.size());
  BOOST_TEST(list->object().at("result").at("ttlMs").as_int64() > 0);
  auto call = post("github", body_of("tools/call", issue_call));
  BOOST_TEST(call->status == 200);
  BOOST_TEST(call->header("Content-Type") == "application/json");
  BOOST_TEST(call->text("/result/resultType") == "complete");
  BOOST_TEST(call->text("/result/content/0/text").find("Issue #7") != std::string::npos);
  BOOST_TEST(db->count("wallet/resolve") == 1u);
}

BOOST_AUTO_TEST_CASE(removed_and_unknown_methods_are_404) {
  for (auto* method : {"ping", "initialize", "logging/setLevel", "resources/subscribe", "no/such",
                       "resources/list", "prompts/list"}) {
    auto reply = post("github", body_of(method));
    BOOST_TEST(reply->status == 404, method);
    BOOST_TEST(code_in(*reply) == -32601, method);
  }
}

BOOST_AUTO_TEST_CASE(errors_of_handlers_stay_200) {
  auto unknown = post("github", body_of("tools/call", R"("name":"no_such")"));
  BOOST_TEST(unknown->status == 200);
  BOOST_TEST(code_in(*unknown) == -32602);
  auto bad = post("github", body_of("tools/call", R"("name":"github_get_issue","arguments":{})"));
  BOOST_TEST(bad->object().at("result").at("isError").as_bool());
  BOOST_TEST(post("nope", body_of("tools/list"))->status == 404);
  db->away = true;
  auto away = post("github", body_of("tools/call", issue_call));
  BOOST_TEST(away->status == 503);
  BOOST_TEST(away->header("Retry-After") == "1");
}

BOOST_AUTO_TEST_CASE(an_empty_wallet_is_payment_required) {
  db->answer("wallet/reserve",
             {{"code", "insufficient"}, {"free", "f"}, {"amount", "0"}, {"status", std::nullopt}});
  auto reply = post("github", body_of("tools/call", issue_call));
  BOOST_TEST(reply->status == 200);
  BOOST_TEST(reply->text("/error/data/code") == "payment_required");
  BOOST_TEST(reply->text("/error/data/reason") == "wallet_insufficient");
}

BOOST_AUTO_TEST_CASE(a_client_that_leaves_cancels_its_call) {
  web->answer(issue_url, {answer_never()});
  auto reply = post("github", body_of("tools/call", issue_call));
  BOOST_TEST(reply->answers == 0);
  reply->leave();
  sched.run();
  BOOST_TEST(reply->answers == 0);
  BOOST_TEST(web->cancelled.size() == 1u);
  BOOST_TEST(db->only("wallet/resolve").values.at(1).data == "V");
}

BOOST_AUTO_TEST_CASE(a_client_that_takes_streams_alone_gets_one) {
  auto reply = post("github", body_of("tools/list"), {{"Accept", "text/event-stream"}});
  BOOST_TEST(reply->streaming);
  BOOST_TEST(reply->ended_clean);
  BOOST_TEST(last_frame(*reply).at("result").at("resultType").as_string() == "complete");
}

BOOST_AUTO_TEST_CASE(a_slow_answer_goes_on_as_a_stream) {
  web->answer(issue_url, {answer_never()});
  auto reply = post("github", body_of("tools/call", issue_call));
  pass(16s);
  BOOST_TEST(reply->streaming);
  tell(http, atom::done_v, web->requests.front().id, http_response{200, {}, R"({"number":7})"});
  BOOST_TEST(reply->ended_clean);
  BOOST_TEST(last_frame(*reply).contains("result"));
}

BOOST_AUTO_TEST_CASE(batches_and_answers_have_no_place) {
  client_request x{endpoint::mcp_post,
                   user_key,
                   "[" + body_of("tools/list") + "]",
                   {},
                   {{"app", "github"}},
                   {{"Content-Type", "application/json"}},
                   "POST"};
  auto reply = serve(x);
  BOOST_TEST(reply->status == 400);
  BOOST_TEST(code_in(*reply) == -32600);
}

BOOST_AUTO_TEST_CASE(get_and_delete_do_not_exist_in_that_era) {
  for (auto target : {endpoint::mcp_get, endpoint::mcp_delete}) {
    auto reply = serve({target,
                        user_key,
                        {},
                        {},
                        {{"app", "github"}},
                        {{"MCP-Protocol-Version", "2026-07-28"}, {"Accept", "text/event-stream"}},
                        "GET"});
    BOOST_TEST(reply->status == 405);
  }
}

// -- subscriptions ------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_subscription_is_acknowledged_told_of_changes_and_ended) {
  auto stream = post("github", body_of("subscriptions/listen",
                                       R"("notifications":{"toolsListChanged":true,)"
                                       R"("promptsListChanged":true})",
                                       R"("io.modelcontextprotocol/clientCapabilities":{})", "0"));
  BOOST_REQUIRE(stream->streaming);
  auto first = last_frame(*stream);
  BOOST_TEST(first.at("method").as_string() == "notifications/subscriptions/acknowledged");
  auto& params = first.at("params");
  BOOST_TEST(params.at("_meta").at("io.modelcontextprotocol/subscriptionId").as_int64() == 0);
  BOOST_TEST(json::serialize(params.at("notifications")) == R"({"toolsListChanged":true})");
  auto begun = stream->pieces.size();
  tell(parts.authenticator, atom::drop_v);
  BOOST_TEST(stream->pieces.size() == begun); // nothing changed for this user
  allow(R"([["github_get_*"]])");
  tell(parts.authenticator, atom::drop_v);
  BOOST_REQUIRE(stream->pieces.size() == begun + 1);
  BOOST_TEST(last_frame(*stream).at("method").as_string() == "notifications/tools/list_changed");
  pass(16s);
  BOOST_TEST(stream->pieces.back().starts_with(":"));
  tell(parts.directory, atom::drain_v);
  BOOST_TEST(stream->ended_clean);
  BOOST_TEST(last_frame(*stream).at("result").at("resultType").as_string() == "complete");
}

BOOST_AUTO_TEST_CASE(a_subscription_ends_with_its_key) {
  auto stream =
    post("github", body_of("subscriptions/listen", R"("notifications":{"toolsListChanged":true})"));
  db->answer_empty("key/find");
  tell(parts.authenticator, atom::drop_v);
  BOOST_TEST(stream->ended);
}

BOOST_AUTO_TEST_CASE(news_of_a_server_reach_its_subscribers_alone) {
  auto stream =
    post("docs", body_of("subscriptions/listen", R"("notifications":{"toolsListChanged":true,)"
                                                 R"("resourceSubscriptions":["docs://a"]})"));
  BOOST_TEST(docs->last().method == "subscriptions/listen");
  auto begun = stream->pieces.size();
  note("notifications/subscriptions/acknowledged", "{}");
  note("notifications/prompts/list_changed", "{}");
  note("notifications/resources/updated", R"({"uri":"docs://b"})");
  BOOST_TEST(stream->pieces.size() == begun);
  note("notifications/resources/updated", R"({"uri":"docs://a"})");
  BOOST_TEST(stream->pieces.size() == begun + 1);
  stream->leave();
  sched.run();
  BOOST_TEST(docs->stopped.size() == 1u);
}

// -- remote servers -----------------------------------------------------------

BOOST_AUTO_TEST_CASE(what_a_server_offers_is_passed_on) {
  auto offer = post("docs", body_of("server/discover"));
  BOOST_TEST(offer->text("/result/instructions") == "Ask.");
  BOOST_TEST(offer->object().at("result").at("capabilities").as_object().contains("prompts"));
  auto list = post("docs", body_of("tools/list"));
  BOOST_TEST(list->text("/result/tools/0/name") == "search");
  BOOST_TEST(list->text("/result/resultType") == "complete");
  auto resources = post("docs", body_of("resources/list"));
  BOOST_TEST(resources->text("/result/resources/0/uri") == "docs://a");
}

BOOST_AUTO_TEST_CASE(a_call_goes_to_the_server_and_its_result_comes_back_as_it_is) {
  auto reply = post("docs", body_of("tools/call", R"("name":"fetch","arguments":{"x":1.5})"));
  BOOST_TEST(reply->answers == 0);
  BOOST_TEST(docs->last().takes_input_required);
  BOOST_TEST(docs->last().who.end_user.value == user.value);
  done(R"({"content":[],"resultType":"complete","x":1.50})");
  BOOST_TEST(
    reply->body
    == R"({"jsonrpc":"2.0","id":1,"result":{"content":[],"resultType":"complete","x":1.50}})");
}

BOOST_AUTO_TEST_CASE(what_a_call_cost_is_in_the_header_of_its_answer) {
  auto call = post("docs", body_of("tools/call", R"("name":"fetch")"));
  relay_bill bill{true, {1500}, 3s, {}};
  bill.limits.requests = {60, 59, 7};
  pass(5s);
  done(R"({"content":[],"resultType":"complete"})", bill);
  BOOST_TEST(call->status == 200);
  BOOST_TEST(call->header("x-callboard-cost-usd") == "0.001500");
  BOOST_TEST(call->header("x-callboard-balance-usd") == "");
  BOOST_TEST(call->header("x-callboard-overhead-ms") == "2000.000");
  BOOST_TEST(call->header("x-ratelimit-remaining-requests") == "59");
  auto read = post("docs", body_of("resources/read", R"("uri":"docs://a")"));
  done(R"({"contents":[],"resultType":"complete"})");
  BOOST_TEST(read->status == 200);
  BOOST_TEST(read->header("x-callboard-cost-usd") == "");
  BOOST_TEST(read->header("x-callboard-overhead-ms") == "");
}

BOOST_AUTO_TEST_CASE(a_call_at_the_endpoint_of_all_apps_tells_its_cost_too) {
  auto call = post("*", body_of("tools/call", issue_call));
  BOOST_TEST(call->status == 200);
  BOOST_TEST(call->header("x-callboard-cost-usd") == "0.001500");
}

BOOST_AUTO_TEST_CASE(notes_make_the_answer_a_stream_when_they_were_asked_for) {
  auto quiet = post("docs", body_of("tools/call", R"("name":"fetch")"));
  note("notifications/message", R"({"level":"error","data":1})");
  note("notifications/progress", R"({"progressToken":0,"progress":1})");
  BOOST_TEST(quiet->answers == 0);
  done(R"({"resultType":"complete"})");
  BOOST_TEST(!quiet->streaming);
  auto loud = post("docs", body_of("tools/call", R"("name":"fetch")",
                                   R"("io.modelcontextprotocol/clientCapabilities":{},)"
                                   R"("io.modelcontextprotocol/logLevel":"warning",)"
                                   R"("progressToken":0)"));
  note("notifications/message", R"({"level":"info","data":1})");
  BOOST_TEST(loud->answers == 0);
  note("notifications/message", R"({"level":"error","data":1})");
  note("notifications/progress", R"({"progressToken":0,"progress":1})");
  done(R"({"resultType":"complete"})");
  BOOST_TEST(loud->streaming);
  BOOST_TEST(loud->events().size() == 3u);
}

BOOST_AUTO_TEST_CASE(errors_of_a_server_keep_code_and_data_but_not_codes_of_the_other_era) {
  auto lost = post("docs", body_of("resources/read", R"("uri":"docs://x")"));
  fail({-32002, "Resource not found", "", {}});
  BOOST_TEST(lost->status == 200);
  BOOST_TEST(code_in(*lost) == -32602);
  BOOST_TEST(lost->text("/error/data/uri") == "docs://x");
  auto lacking = post("docs", body_of("tools/call", R"("name":"fetch")"));
  fail({-32021, "No", R"({"requiredCapabilities":{"sampling":{}}})", {}});
  BOOST_TEST(lacking->status == 400);
  BOOST_TEST(lacking->body.find(R"({"sampling":{}})") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_upstream_that_dies_fails_its_calls) {
  auto reply = post("docs", body_of("tools/call", R"("name":"fetch")"));
  self->send_exit((*servers)["docs"], caf::exit_reason::kill);
  sched.run();
  BOOST_TEST(reply->answers == 1);
  BOOST_TEST(reply->text("/error/data/code") == "mcp_unreachable");
}

BOOST_AUTO_TEST_CASE(parameter_headers_are_compared_with_the_tools_schema) {
  const std::string call = R"("name":"search","arguments":{"region":"eu"})";
  auto missing = post("docs", body_of("tools/call", call));
  BOOST_TEST(missing->status == 400);
  BOOST_TEST(code_in(*missing) == -32020);
  auto wrong = post("docs", body_of("tools/call", call), {{"Mcp-Param-Region", "us"}});
  BOOST_TEST(code_in(*wrong) == -32020);
  BOOST_TEST(docs->requests.empty());
  post("docs", body_of("tools/call", call), {{"Mcp-Param-Region", "eu"}});
  BOOST_TEST(docs->requests.size() == 1u);
  BOOST_TEST(docs->last().mirrored.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_client_that_leaves_cancels_at_the_server) {
  auto reply = post("docs", body_of("tools/call", R"("name":"fetch")"));
  reply->leave();
  sched.run();
  BOOST_TEST(docs->stopped.size() == 1u);
}

// -- input --------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_modern_servers_state_is_sealed_and_opened_again) {
  post("docs", body_of("tools/call", R"("name":"fetch")", elicits));
  auto first = post("docs", body_of("tools/call", R"("name":"fetch")", elicits));
  done(R"({"resultType":"input_required","inputRequests":{"k":{"method":"elicitation/create"}},)"
       R"("requestState":"theirs"})");
  auto state = first->text("/result/requestState");
  BOOST_TEST(first->text("/result/resultType") == "input_required");
  BOOST_TEST(state != "theirs");
  auto retry = [&](const std::string& name, const std::string& with) {
    return post("docs", body_of("tools/call",
                                R"("name":")" + name + R"(","requestState":")" + with
                                  + R"(","inputResponses":{"k":{"action":"accept"}})",
                                elicits, "2"));
  };
  auto asked = docs->requests.size();
  BOOST_TEST(code_in(*retry("fetch", state + "x")) == -32602);
  BOOST_TEST(code_in(*retry("search", state)) == -32602); // another request
  BOOST_TEST(docs->requests.size() == asked);
  auto second = retry("fetch", state);
  auto params = parse_json_object(docs->last().params);
  BOOST_TEST(find_string(*params, "requestState").value_or("") == "theirs");
  BOOST_TEST(find_object(*params, "inputResponses")->contains("k"));
  done(R"({"resultType":"complete","content":[]})");
  BOOST_TEST(second->text("/result/resultType") == "complete");
}

BOOST_AUTO_TEST_CASE(a_session_servers_question_suspends_the_request_until_it_is_answered) {
  auto first = post("docs", body_of("tools/call", R"("name":"fetch")", elicits));
  ask_client("q1", "elicitation/create", R"({"message":"Name?"})");
  BOOST_TEST(first->text("/result/resultType") == "input_required");
  auto state = first->text("/result/requestState");
  auto asks = first->object().at("result").at("inputRequests").as_object();
  BOOST_REQUIRE(asks.size() == 1u);
  auto key = to_std(json::string{asks.begin()->key()});
  BOOST_TEST(asks.begin()->value().at("params").at("message").as_string() == "Name?");
  auto retry = [&](const std::string& responses) {
    return post("docs", body_of("tools/call",
                                R"("name":"fetch","requestState":")" + state
                                  + R"(","inputResponses":)" + responses,
                                elicits, "2"));
  };
  // Without the answer it is asked for again; what nobody asked for is ignored.
  auto wrong = retry(R"({"other":{}})");
  BOOST_TEST(wrong->text("/result/resultType") == "input_required");
  BOOST_TEST(wrong->text("/result/requestState") != state);
  auto second = retry("{\"" + key + R"(":{"action":"accept"}})");
  BOOST_REQUIRE(docs->answers.size() == 1u);
  BOOST_TEST(docs->answers.front().ask == "q1");
  BOOST_TEST(docs->answers.front().result == R"({"action":"accept"})");
  BOOST_TEST(docs->requests.size() == 1u); // the first request goes on
  BOOST_TEST(second->answers == 0);
  done(R"({"resultType":"complete","content":[]})");
  BOOST_TEST(second->object().at("id").as_int64() == 2);
  BOOST_TEST(second->text("/result/resultType") == "complete");
  auto late = retry("{\"" + key + R"(":{}})");
  BOOST_TEST(code_in(*late) == -32602); // it is over
}

BOOST_AUTO_TEST_CASE(a_result_that_comes_while_the_client_is_away_waits_for_it) {
  auto first = post("docs", body_of("tools/call", R"("name":"fetch")", elicits));
  ask_client("q1", "elicitation/create", "{}");
  auto state = first->text("/result/requestState");
  done(R"({"resultType":"complete","content":[]})");
  auto second =
    post("docs",
         body_of("tools/call", R"("name":"fetch","requestState":")" + state + "\"", elicits, "2"));
  BOOST_TEST(second->text("/result/resultType") == "complete");
}

BOOST_AUTO_TEST_CASE(a_suspended_request_does_not_wait_for_ever) {
  post("docs", body_of("tools/call", R"("name":"fetch")", elicits));
  ask_client("q1", "elicitation/create", "{}");
  BOOST_TEST(docs->stopped.empty());
  pass(601s);
  BOOST_TEST(docs->stopped.size() == 1u);
}

BOOST_AUTO_TEST_CASE(only_what_the_client_declared_is_asked_of_it) {
  auto reply = post("docs", body_of("tools/call", R"("name":"fetch")", elicits));
  ask_client("q1", "sampling/createMessage", "{}");
  BOOST_TEST(reply->status == 400);
  BOOST_TEST(code_in(*reply) == -32021);
  BOOST_TEST(reply->body.find(R"("requiredCapabilities":{"sampling":{}})") != std::string::npos);
  BOOST_TEST(docs->stopped.size() == 1u);
}

// -- all apps, allow-lists ----------------------------------------------------

BOOST_AUTO_TEST_CASE(one_endpoint_lists_and_calls_the_tools_of_all_connected_apps) {
  db->answer("connection/list",
             {{"data", R"([{"id":"1","appSlug":"wiki"},{"id":"2","appSlug":"github"},)"
                       R"({"id":"3","appSlug":"docs"},{"id":"4","appSlug":"gone"}])"},
              {"total", "4"}});
  auto list = post("*", body_of("tools/list"));
  auto tools = list->object().at("result").at("tools").as_array();
  auto ours = parts.catalogue->find_app("github")->tools.size();
  BOOST_REQUIRE(tools.size() == ours + 3);
  BOOST_TEST(tools.at(0).at("name").as_string() == "search"); // docs, github, wiki
  BOOST_TEST(tools.at(ours + 2).at("name").as_string() == "wiki_page");
  BOOST_TEST(post("*", body_of("tools/list"))->body == list->body);
  auto own = post("*", body_of("tools/call", issue_call));
  BOOST_TEST(own->text("/result/content/0/text").find("Issue #7") != std::string::npos);
  post("*", body_of("tools/call", R"("name":"wiki_page")"));
  BOOST_TEST(wiki->last().app == "wiki");
  post("*", body_of("prompts/get", R"("name":"summary")"));
  BOOST_TEST(wiki->last().method == "prompts/get");
  post("*", body_of("resources/read", R"("uri":"docs://t/5")"));
  BOOST_TEST(docs->last().method == "resources/read");
  auto lost = post("*", body_of("resources/read", R"("uri":"none://x")"));
  BOOST_TEST(code_in(*lost) == -32602);
  BOOST_TEST(lost->text("/error/data/uri") == "none://x");
  BOOST_TEST(code_in(*post("*", body_of("tools/call", R"("name":"none")"))) == -32602);
}

BOOST_AUTO_TEST_CASE(a_hidden_tool_is_neither_listed_nor_callable) {
  allow(R"([["github_get_*","docs/fetch"],null,null])");
  for (auto* app : {"github", "docs"}) {
    auto list = post(app, body_of("tools/list"));
    auto result = list->object();
    for (auto& tool : result.at("result").at("tools").as_array()) {
      auto name = to_std(tool.at("name").as_string());
      BOOST_TEST((name.starts_with("github_get_") || name == "fetch"), name);
    }
  }
  BOOST_TEST(code_in(*post("github", body_of("tools/call", R"("name":"github_create_issue")")))
             == -32602);
  BOOST_TEST(code_in(*post("docs", body_of("tools/call", R"("name":"search")"))) == -32602);
  BOOST_TEST(docs->requests.empty());
  BOOST_TEST(post("github", body_of("tools/call", issue_call))->text("/result/resultType")
             == "complete");
}

BOOST_AUTO_TEST_SUITE_END()
