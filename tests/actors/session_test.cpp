#include <boost/test/unit_test.hpp>

#include "actors/session.hpp"
#include "core/connectors/catalogue.hpp"
#include "tests/support/node_fixture.hpp"

using namespace callboard;
using namespace std::chrono_literals;

namespace {

constexpr auto issue_url = "api.github.com/repos";
constexpr auto call_params =
  R"({"name":"github_get_issue","arguments":{"owner":"o","repo":"r","issue_number":7}})";

std::string request(const std::string& id, const std::string& method,
                    const std::string& params = "{}") {
  return R"({"jsonrpc":"2.0","id":)" + id + R"(,"method":")" + method + R"(","params":)" + params
         + "}";
}

std::string cancelled(const std::string& id) {
  return R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":)" + id
         + "}}";
}

struct session_fixture : node_fixture {
  session_fixture() {
    script("2025-11-25");
    web->answer(issue_url, {answer_json(200, R"({"number":7,"title":"T","state":"open"})")});
    db->answer("session/touch", {{"id_hash", "hash-1"}});
    db->answer("session/end", {{"id_hash", "hash-1"}});
  }

  void script(const std::string& protocol) {
    auto who = keys_of_user();
    db->answer("session/find", {{"id_hash", "hash-1"},
                                {"end_user_id", user.value},
                                {"key_id", who.key.value},
                                {"app_slug", "github"},
                                {"protocol", protocol}});
  }

  principal keys_of_user() const {
    for (auto& [id, who] : keys)
      if (who.end_user == user)
        return who;
    return {};
  }

  client_request message(endpoint target, std::string body, http_headers headers = {}) const {
    client_request x{target, user_key, std::move(body), {}, {{"app", "github"}}, std::move(headers),
                     "POST"};
    x.headers.push_back({"Mcp-Session-Id", "session-1"});
    x.headers.push_back({"Content-Type", "application/json"});
    return x;
  }

  reply_record post(std::string body, http_headers headers = {}) {
    return serve(message(endpoint::mcp_post, std::move(body), std::move(headers)));
  }

  reply_record get() {
    return serve(message(endpoint::mcp_get, {}, {{"Accept", "text/event-stream"}}));
  }

  std::size_t live_sessions() {
    auto text = unbox(
      ask<std::string>(parts.directory, atom::status_v, std::string{"session"}, std::string{}));
    return json::parse(text).as_array().size();
  }
};

std::int64_t code_in(const recorded_reply& reply) {
  return reply.object().at("error").at("code").as_int64();
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(session_test, session_fixture)

BOOST_AUTO_TEST_CASE(a_session_from_a_row_needs_no_new_initialize) {
  auto reply = post(request("1", "ping"));
  BOOST_TEST(reply->status == 200);
  BOOST_TEST(reply->body == R"({"jsonrpc":"2.0","id":1,"result":{}})");
  BOOST_TEST(reply->header("Content-Type") == "application/json");
}

BOOST_AUTO_TEST_CASE(the_id_of_a_request_keeps_its_type) {
  BOOST_TEST(post(request("0", "ping"))->object().at("id").as_int64() == 0);
  BOOST_TEST(to_std(post(request("\"1\"", "ping"))->object().at("id").as_string()) == "1");
}

BOOST_AUTO_TEST_CASE(tools_are_listed_in_one_page) {
  auto reply = post(request("1", "tools/list"));
  auto tools = reply->object().at("result").at("tools").as_array();
  BOOST_TEST(tools.size() == parts.catalogue->find_app("github")->tools.size());
  BOOST_TEST(code_in(*post(request("1", "tools/list", R"({"cursor":"abc"})"))) == -32602);
}

BOOST_AUTO_TEST_CASE(a_tool_call_answers_its_result) {
  auto reply = post(request("1", "tools/call", call_params));
  BOOST_TEST(reply->status == 200);
  BOOST_TEST(!reply->object().at("result").at("isError").as_bool());
  BOOST_TEST(reply->text("/result/content/0/text").find("Issue #7") != std::string::npos);
  BOOST_TEST(db->count("wallet/resolve") == 1u);
}

BOOST_AUTO_TEST_CASE(mistakes_have_the_codes_of_the_protocol) {
  BOOST_TEST(code_in(*post(request("1", "no/such"))) == -32601);
  BOOST_TEST(code_in(*post(request("1", "tools/call", R"({"name":"no_such"})"))) == -32602);
  BOOST_TEST(code_in(*post(request("1", "tools/call", "{}"))) == -32602);
  BOOST_TEST(code_in(*post(request("1", "logging/setLevel", R"({"level":"loud"})"))) == -32602);
  auto again = post(request("1", "initialize", R"({"protocolVersion":"2025-11-25"})"));
  BOOST_TEST(again->status == 400);
  BOOST_TEST(code_in(*again) == -32600);
  BOOST_TEST(db->count("wallet/reserve") == 0u);
}

BOOST_AUTO_TEST_CASE(bad_arguments_are_a_result_with_is_error) {
  auto reply =
    post(request("1", "tools/call", R"({"name":"github_get_issue","arguments":{"owner":"o"}})"));
  BOOST_TEST(reply->object().at("result").at("isError").as_bool());
}

BOOST_AUTO_TEST_CASE(an_app_that_is_not_connected_is_a_result_that_says_so) {
  db->answer_empty("connection/find");
  auto reply = post(request("1", "tools/call", call_params));
  BOOST_TEST(reply->object().at("result").at("isError").as_bool());
  BOOST_TEST(reply->text("/result/content/0/text").find("not connected") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_empty_wallet_is_payment_required_inside_http_200) {
  db->answer("wallet/reserve",
             {{"code", "insufficient"}, {"free", "f"}, {"amount", "0"}, {"status", std::nullopt}});
  auto reply = post(request("1", "tools/call", call_params));
  BOOST_TEST(reply->status == 200);
  BOOST_TEST(reply->text("/error/data/code") == "payment_required");
  BOOST_TEST(reply->text("/error/data/reason") == "wallet_insufficient");
}

BOOST_AUTO_TEST_CASE(a_store_that_is_away_is_503_with_retry_after) {
  post(request("1", "ping"));
  db->away = true;
  auto reply = post(request("1", "tools/call", call_params));
  BOOST_TEST(reply->status == 503);
  BOOST_TEST(reply->header("Retry-After") == "1");
}

BOOST_AUTO_TEST_CASE(notifications_and_answers_are_accepted_with_an_empty_body) {
  for (auto* body : {R"({"jsonrpc":"2.0","method":"notifications/initialized"})",
                     R"({"jsonrpc":"2.0","method":"notifications/no_such"})",
                     R"({"jsonrpc":"2.0","id":5,"result":{}})"}) {
    auto reply = post(body);
    BOOST_TEST(reply->status == 202);
    BOOST_TEST(reply->body.empty());
  }
}

BOOST_AUTO_TEST_CASE(batches_exist_only_before_2025_06_18) {
  auto batch = "[" + request("1", "ping") + "," + request("2", "no/such") + "]";
  auto refused = post(batch);
  BOOST_TEST(refused->status == 400);
  BOOST_TEST(code_in(*refused) == -32600);
}

BOOST_AUTO_TEST_CASE(a_batch_is_answered_as_one) {
  script("2025-03-26");
  auto reply = post("[" + request("1", "ping") + "," + request("2", "tools/call", call_params)
                    + R"(,{"jsonrpc":"2.0","method":"notifications/initialized"}])");
  BOOST_TEST(reply->answers == 1);
  BOOST_TEST(json::parse(reply->body).as_array().size() == 2u);
}

BOOST_AUTO_TEST_CASE(a_cancelled_call_ends_its_post_without_an_answer) {
  web->answer(issue_url, {answer_never()});
  auto reply = post(request("1", "tools/call", call_params));
  BOOST_TEST(reply->answers == 0);
  post(cancelled("2"));
  BOOST_TEST(reply->answers == 0);
  post(cancelled("1"));
  BOOST_TEST(reply->answers == 1);
  BOOST_TEST(reply->body.empty());
  BOOST_TEST(web->cancelled.size() == 1u);
  BOOST_TEST(db->only("wallet/resolve").values.at(1).data == "V");
}

BOOST_AUTO_TEST_CASE(an_id_that_is_running_is_refused_and_free_again_afterwards) {
  web->answer(issue_url, {answer_never()});
  auto first = post(request("1", "tools/call", call_params));
  BOOST_TEST(code_in(*post(request("1", "tools/call", call_params))) == -32600);
  BOOST_TEST(post(request("\"1\"", "tools/call", call_params))->answers == 0);
  post(cancelled("1"));
  BOOST_TEST(post(request("1", "tools/call", call_params))->answers == 0);
}

BOOST_AUTO_TEST_CASE(running_requests_are_capped) {
  web->answer(issue_url, {answer_never()});
  for (std::size_t i = 0; i < limits::session_requests_max; ++i)
    BOOST_REQUIRE(post(request(std::to_string(i), "tools/call", call_params))->answers == 0);
  BOOST_TEST(post(request("1000", "tools/call", call_params))->text("/error/data/code")
             == "overloaded");
}

BOOST_AUTO_TEST_CASE(calls_renew_a_session_and_time_ends_it) {
  post(request("1", "ping"));
  pass(29min);
  post(request("2", "ping"));
  pass(29min);
  BOOST_TEST(live_sessions() == 1u);
  pass(2min);
  BOOST_TEST(live_sessions() == 0u);
  db->answer_empty("session/find");
  auto late = post(request("3", "ping"));
  BOOST_TEST(late->status == 404);
  BOOST_TEST(code_in(*late) == -32001);
}

BOOST_AUTO_TEST_CASE(a_call_under_way_outlives_the_idle_time) {
  settings->session_ttl = 10s;
  web->answer(issue_url, {answer_never()});
  auto reply = post(request("1", "tools/call", call_params));
  pass(12s);
  BOOST_TEST(live_sessions() == 1u);
  tell(http, atom::done_v, web->requests.front().id, http_response{200, {}, R"({"number":7})"});
  BOOST_TEST(reply->answers == 1);
  pass(2s);
  BOOST_TEST(live_sessions() == 0u);
}

BOOST_AUTO_TEST_CASE(the_row_is_renewed_at_most_once_a_minute) {
  post(request("1", "ping"));
  auto begun = db->count("session/touch");
  for (int i = 0; i < 10; ++i)
    post(request("2", "ping"));
  BOOST_TEST(db->count("session/touch") == begun);
  pass(61s);
  post(request("3", "ping"));
  BOOST_TEST(db->count("session/touch") == begun + 1);
  BOOST_TEST(db->calls_of("session/touch").back().values.at(1).data == "1800000");
}

BOOST_AUTO_TEST_CASE(the_row_of_a_short_session_is_renewed_before_it_runs_out) {
  settings->session_ttl = 10s;
  post(request("1", "ping"));
  auto begun = db->count("session/touch");
  pass(6s);
  post(request("2", "ping"));
  BOOST_TEST(db->count("session/touch") == begun + 1);
}

BOOST_AUTO_TEST_CASE(a_session_whose_row_is_over_ends_with_the_next_message) {
  post(request("1", "ping"));
  pass(61s);
  db->answer_empty("session/touch");
  post(request("2", "ping"));
  db->answer_empty("session/find");
  BOOST_TEST(post(request("3", "ping"))->status == 404);
}

BOOST_AUTO_TEST_CASE(the_stream_opens_is_kept_alive_and_ends_with_its_client) {
  auto stream = get();
  BOOST_TEST(stream->streaming);
  BOOST_TEST(stream->status == 200);
  BOOST_TEST(stream->header("Content-Type") == "text/event-stream");
  BOOST_TEST(stream->header("X-Accel-Buffering") == "no");
  auto begun = stream->pieces.size();
  pass(46s);
  BOOST_TEST(stream->pieces.size() == begun + 3);
  BOOST_TEST(stream->pieces.back().starts_with(":"));
  stream->leave();
  pass(31s);
  BOOST_TEST(stream->pieces.size() == begun + 3);
}

BOOST_AUTO_TEST_CASE(a_second_stream_replaces_the_first) {
  auto first = get();
  auto second = get();
  BOOST_TEST(first->ended);
  BOOST_TEST(first->ended_clean);
  BOOST_TEST(!second->ended);
  auto begun = second->pieces.size();
  pass(16s);
  BOOST_TEST(second->pieces.size() == begun + 1);
}

BOOST_AUTO_TEST_CASE(a_deleted_session_is_gone_and_its_calls_and_stream_end) {
  web->answer(issue_url, {answer_never()});
  auto stream = get();
  auto running = post(request("1", "tools/call", call_params));
  auto deleted = serve(message(endpoint::mcp_delete, {}));
  BOOST_TEST(deleted->status == 204);
  BOOST_TEST(stream->ended);
  BOOST_TEST(running->answers == 1);
  BOOST_TEST(db->count("session/end") == 1u);
  db->answer_empty("session/find");
  BOOST_TEST(post(request("2", "ping"))->status == 404);
}

BOOST_AUTO_TEST_CASE(a_delete_that_could_not_be_stored_is_503) {
  post(request("1", "ping"));
  db->refuse("session/end", errc::store_unavailable);
  auto reply = serve(message(endpoint::mcp_delete, {}));
  BOOST_TEST(reply->status == 503);
  BOOST_TEST(reply->header("Retry-After") == "1");
}

BOOST_AUTO_TEST_CASE(after_a_drop_the_row_decides_before_the_next_message) {
  post(request("1", "ping"));
  auto begun = db->count("session/find");
  tell(parts.authenticator, atom::drop_v);
  BOOST_TEST(post(request("2", "ping"))->status == 200);
  BOOST_TEST(db->count("session/find") == begun + 1);
  post(request("3", "ping"));
  BOOST_TEST(db->count("session/find") == begun + 1);
  tell(parts.authenticator, atom::drop_v);
  db->answer_empty("session/find");
  BOOST_TEST(post(request("4", "ping"))->status == 404);
}

BOOST_AUTO_TEST_CASE(all_messages_on_their_way_to_a_session_that_ends_are_told_so) {
  post(request("1", "ping"));
  tell(parts.authenticator, atom::drop_v);
  db->answer_empty("session/find");
  auto first = begin(message(endpoint::mcp_post, request("2", "ping")));
  auto second = begin(message(endpoint::mcp_post, request("3", "ping")));
  sched.run();
  BOOST_TEST(first->status == 404);
  BOOST_TEST(second->status == 404);
  BOOST_TEST(serve(message(endpoint::mcp_delete, {}))->status == 404);
  pass(2s);
  BOOST_TEST(live_sessions() == 0u);
}

BOOST_AUTO_TEST_CASE(after_a_drop_no_stream_opens_on_a_session_that_was_ended) {
  post(request("1", "ping"));
  tell(parts.authenticator, atom::drop_v);
  db->answer_empty("session/find");
  BOOST_TEST(get()->status == 404);
}

BOOST_AUTO_TEST_CASE(a_doubtful_session_without_store_is_503_with_retry_after) {
  post(request("1", "ping"));
  tell(parts.authenticator, atom::drop_v);
  db->refuse("session/find", errc::store_unavailable);
  auto reply = post(request("2", "ping"));
  BOOST_TEST(reply->status == 503);
  BOOST_TEST(reply->header("Retry-After") == "1");
}

BOOST_AUTO_TEST_CASE(a_stream_whose_key_was_revoked_is_closed) {
  auto stream = get();
  db->answer_empty("key/find");
  tell(parts.authenticator, atom::drop_v);
  BOOST_TEST(stream->ended);
}

BOOST_AUTO_TEST_CASE(a_stream_outlives_a_drop_that_does_not_concern_it) {
  auto stream = get();
  tell(parts.authenticator, atom::drop_v);
  BOOST_TEST(!stream->ended);
}

BOOST_AUTO_TEST_CASE(when_the_time_for_running_requests_is_over_their_holds_are_given_back) {
  web->answer(issue_url, {answer_never()});
  auto running = post(request("1", "tools/call", call_params));
  tell(parts.directory, atom::stop_v);
  BOOST_TEST(running->status == 503);
  BOOST_TEST(db->only("wallet/resolve").values.at(1).data == "V");
}

BOOST_AUTO_TEST_CASE(at_the_end_of_the_node_running_requests_and_streams_are_answered) {
  web->answer(issue_url, {answer_never()});
  auto stream = get();
  auto running = post(request("1", "tools/call", call_params));
  self->send_exit(parts.directory, caf::exit_reason::user_shutdown);
  sched.run();
  BOOST_TEST(stream->ended);
  BOOST_TEST(running->status == 503);
  BOOST_TEST(running->header("Retry-After") == "1");
}

BOOST_AUTO_TEST_SUITE_END()
