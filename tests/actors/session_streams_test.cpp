#include <boost/test/unit_test.hpp>

#include "actors/session.hpp"
#include "tests/support/relay_script.hpp"

using namespace callboard;
using namespace std::chrono_literals;

namespace {

constexpr auto issue_url = "api.github.com/repos";
constexpr auto issue_params =
  R"({"name":"github_get_issue","arguments":{"owner":"o","repo":"r","issue_number":7}})";

std::string request(const std::string& id, const std::string& method,
                    const std::string& params = "{}") {
  return R"({"jsonrpc":"2.0","id":)" + id + R"(,"method":")" + method + R"(","params":)" + params
         + "}";
}

/// A session actor by itself, at a remote server or at an app of the catalogue.
struct streams_fixture : relay_fixture {
  streams_fixture() {
    web->answer(issue_url, {answer_json(200, R"({"number":7,"title":"T","state":"open"})")});
    db->answer("session/touch", {{"id_hash", "hash-1"}});
    db->answer("session/find", {{"id_hash", "hash-1"}});
    for (auto& [id, who] : keys)
      if (who.end_user == user)
        me = who;
    begin_session("docs");
  }

  void begin_session(const std::string& app,
                     mcp::session_version version = mcp::session_version_newest) {
    session_record record{"hash-1", platform, user, me.key, app, version, R"({"elicitation":{}})"};
    session = spawn(callboard::session, session_args{parts, record});
  }

  reply_record post(const std::string& body, http_headers headers = {}) {
    auto record = std::make_shared<recorded_reply>();
    auto call =
      make_call({endpoint::mcp_post, user_key, body, {}, {}, std::move(headers), "POST"}, record);
    auto decoded = mcp::decode_body(body);
    auto sent = std::make_shared<mcp_post>(
      mcp_post{call, me, std::get<mcp::rpc_body>(std::move(decoded)),
               *mcp::accepted_forms(call->headers), *mcp::version_of(call->headers)});
    tell(session, atom::post_v, mcp_post_ptr{sent});
    return record;
  }

  reply_record get(const std::string& last_event = {}) {
    http_headers headers{{"Accept", "text/event-stream"}};
    if (!last_event.empty())
      headers.push_back({"Last-Event-ID", last_event});
    auto record = std::make_shared<recorded_reply>();
    tell(session, atom::open_v,
         make_call({endpoint::mcp_get, user_key, {}, {}, {}, headers, "GET"}, record), me);
    return record;
  }

  principal me;
  session_actor session;
};

/// A field of a frame; empty when it has none.
std::string field_of(const std::string& piece, const std::string& name) {
  auto begin = piece.find(name + ": ");
  if (begin == std::string::npos)
    return {};
  begin += name.size() + 2;
  return piece.substr(begin, piece.find('\n', begin) - begin);
}

json::object message_of_frame(const std::string& piece) {
  return json::parse(field_of(piece, "data")).as_object();
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(session_streams_test, streams_fixture)

BOOST_AUTO_TEST_CASE(a_result_without_notes_is_json_in_the_form_of_the_session) {
  auto reply = post(request("1", "tools/call", R"({"name":"fetch"})"));
  BOOST_TEST(!docs->last().takes_input_required);
  BOOST_TEST(docs->last().log_level == "info");
  done(R"({"content":[],"resultType":"complete","ttlMs":1,"cacheScope":"public"})");
  BOOST_TEST(!reply->streaming);
  BOOST_TEST(reply->body == R"({"jsonrpc":"2.0","id":1,"result":{"content":[]}})");
}

BOOST_AUTO_TEST_CASE(what_a_call_of_a_remote_server_cost_is_in_the_header_of_its_answer) {
  relay_bill bill{true, {1500}, 3s, {}};
  bill.limits.requests = {60, 59, 7};
  auto call = post(request("1", "tools/call", R"({"name":"fetch"})"));
  pass(5s);
  done(R"({"content":[],"resultType":"complete"})", bill);
  BOOST_TEST(call->header("x-callboard-cost-usd") == "0.001500");
  BOOST_TEST(call->header("x-callboard-balance-usd") == "");
  BOOST_TEST(call->header("x-callboard-overhead-ms") == "2000.000");
  BOOST_TEST(call->header("x-ratelimit-remaining-requests") == "59");
  auto read = post(request("2", "resources/read", R"({"uri":"docs://a"})"));
  done(R"({"contents":[],"resultType":"complete"})");
  BOOST_TEST(read->status == 200);
  BOOST_TEST(read->header("x-callboard-cost-usd") == "");
  // In a batch one call cannot speak for the others.
  begin_session("docs", mcp::session_version::v2025_03_26);
  auto batch = post('[' + request("3", "tools/call", R"({"name":"fetch"})") + ']');
  done(R"({"content":[],"resultType":"complete"})", bill);
  BOOST_TEST(batch->status == 200);
  BOOST_TEST(batch->header("x-callboard-cost-usd") == "");
}

BOOST_AUTO_TEST_CASE(notes_turn_the_answer_into_a_primed_stream_that_ends_with_it) {
  auto reply = post(request("1", "tools/call", R"({"name":"fetch"})"));
  note("notifications/progress", R"({"progressToken":0,"progress":1})");
  BOOST_REQUIRE(reply->pieces.size() == 2u);
  BOOST_TEST(field_of(reply->pieces[0], "retry") == "1000");
  BOOST_TEST(field_of(reply->pieces[0], "data") == "");
  BOOST_TEST(field_of(reply->pieces[1], "event") == "message");
  done(R"({"content":[],"resultType":"complete"})");
  BOOST_TEST(reply->ended_clean);
  BOOST_TEST(message_of_frame(reply->pieces.back()).at("id").as_int64() == 1);
}

BOOST_AUTO_TEST_CASE(revisions_that_do_not_know_it_get_no_priming_event) {
  begin_session("docs", mcp::session_version::v2025_06_18);
  auto reply = post(request("1", "tools/call", R"({"name":"fetch"})"));
  note("notifications/progress", R"({"progressToken":0,"progress":1})");
  BOOST_TEST(reply->pieces.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_client_that_takes_json_alone_gets_no_notes) {
  auto reply =
    post(request("1", "tools/call", R"({"name":"fetch"})"), {{"Accept", "application/json"}});
  note("notifications/progress", R"({"progressToken":0,"progress":1})");
  done(R"({"content":[],"resultType":"complete"})");
  BOOST_TEST(!reply->streaming);
  BOOST_TEST(reply->header("Content-Type") == "application/json");
}

BOOST_AUTO_TEST_CASE(log_messages_are_sent_from_the_level_that_was_set) {
  post(request("1", "logging/setLevel", R"({"level":"error"})"));
  auto reply = post(request("2", "tools/call", R"({"name":"fetch"})"));
  BOOST_TEST(docs->last().log_level == "error");
  note("notifications/message", R"({"level":"warning","data":1})");
  BOOST_TEST(reply->answers == 0);
  note("notifications/message", R"({"level":"critical","data":1})");
  BOOST_TEST(reply->streaming);
}

BOOST_AUTO_TEST_CASE(a_broken_stream_goes_on_where_it_broke) {
  auto reply = post(request("1", "tools/call", R"({"name":"fetch"})"));
  note("notifications/progress", R"({"progressToken":0,"progress":1})");
  auto last = field_of(reply->pieces.back(), "id");
  reply->leave();
  sched.run();
  BOOST_TEST(docs->stopped.empty()); // leaving is no cancellation (L13)
  note("notifications/progress", R"({"progressToken":0,"progress":2})");
  auto again = get(last);
  BOOST_REQUIRE(again->events().size() == 1u);
  note("notifications/progress", R"({"progressToken":0,"progress":3})");
  done(R"({"content":[],"resultType":"complete"})");
  BOOST_TEST(again->events().size() == 3u);
  BOOST_TEST(again->ended_clean);
  BOOST_TEST(message_of_frame(again->pieces.back()).contains("result"));
  // The whole rest can be had once more, also when nothing follows.
  auto late = get(last);
  BOOST_TEST(late->events().size() == 3u);
  BOOST_TEST(late->ended_clean);
}

BOOST_AUTO_TEST_CASE(only_the_stream_of_the_last_event_is_replayed) {
  auto first = post(request("1", "tools/call", R"({"name":"fetch"})"));
  note("notifications/progress", R"({"progressToken":0,"progress":1})");
  auto last = field_of(first->pieces.front(), "id");
  post(request("2", "tools/call", R"({"name":"fetch"})"));
  note("notifications/progress", R"({"progressToken":1,"progress":1})");
  first->leave();
  sched.run();
  BOOST_TEST(get(last)->events().size() == 1u);
}

BOOST_AUTO_TEST_CASE(an_event_that_nobody_knows_opens_a_new_stream) {
  for (auto* last : {"nonsense", "1-1"}) {
    auto stream = get(last);
    BOOST_TEST(stream->streaming);
    BOOST_TEST(!stream->ended);
  }
}

BOOST_AUTO_TEST_CASE(questions_travel_on_the_stream_of_their_request) {
  auto reply = post(request("1", "tools/call", R"({"name":"fetch"})"));
  ask_client("q1", "elicitation/create", R"({"message":"Name?"})");
  auto asked = message_of_frame(reply->pieces.back());
  BOOST_TEST(asked.at("method").as_string() == "elicitation/create");
  BOOST_TEST(asked.at("params").at("message").as_string() == "Name?");
  auto id = json::serialize(asked.at("id"));
  auto taken = post(R"({"jsonrpc":"2.0","id":)" + id + R"(,"result":{"action":"accept"}})");
  BOOST_TEST(taken->status == 202);
  BOOST_REQUIRE(docs->answers.size() == 1u);
  BOOST_TEST(docs->answers.front().ask == "q1");
  BOOST_TEST(docs->answers.front().result == R"({"action":"accept"})");
  post(R"({"jsonrpc":"2.0","id":)" + id + R"(,"result":{}})"); // a second answer is none
  BOOST_TEST(docs->answers.size() == 1u);
  ask_client("q2", "elicitation/create", "{}");
  id = json::serialize(message_of_frame(reply->pieces.back()).at("id"));
  post(R"({"jsonrpc":"2.0","id":)" + id + R"(,"error":{"code":-1,"message":"no"}})");
  BOOST_TEST(docs->answers.back().error.code == -1);
  ask_client("q3", "sampling/createMessage", "{}"); // not declared
  BOOST_TEST(docs->answers.back().error.code == -32601);
}

BOOST_AUTO_TEST_CASE(a_cancelled_call_is_cancelled_at_the_server_and_closes_its_stream) {
  auto reply = post(request("1", "tools/call", R"({"name":"fetch"})"));
  note("notifications/progress", R"({"progressToken":0,"progress":1})");
  post(R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}})");
  BOOST_TEST(docs->stopped.size() == 1u);
  BOOST_TEST(reply->ended);
  BOOST_TEST(reply->events().size() == 1u);
}

BOOST_AUTO_TEST_CASE(news_come_on_the_clients_stream_and_wait_there_while_it_is_away) {
  auto stream = get();
  BOOST_TEST(docs->last().method == "subscriptions/listen");
  auto begun = stream->events().size();
  note("notifications/tools/list_changed", "{}");
  BOOST_REQUIRE(stream->events().size() == begun + 1);
  auto last = field_of(stream->pieces.back(), "id");
  stream->leave();
  sched.run();
  note("notifications/prompts/list_changed", "{}");
  auto again = get(last);
  BOOST_TEST(again->events().size() == 1u);
  BOOST_TEST(!again->ended);
}

BOOST_AUTO_TEST_CASE(resources_are_subscribed_to_at_the_server) {
  get();
  auto before = docs->requests.size();
  auto reply = post(request("1", "resources/subscribe", R"({"uri":"docs://a"})"));
  BOOST_TEST(reply->body == R"({"jsonrpc":"2.0","id":1,"result":{}})");
  BOOST_REQUIRE(docs->requests.size() == before + 1);
  BOOST_TEST(docs->last().params.find("docs://a") != std::string::npos);
  post(request("2", "resources/unsubscribe", R"({"uri":"docs://a"})"));
  BOOST_TEST(docs->last().params.find("docs://a") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_call_sent_again_after_its_client_left_is_not_made_twice) {
  begin_session("github");
  web->answer(issue_url, {answer_never()});
  auto first = post(request("1", "tools/call", issue_params));
  first->leave();
  sched.run();
  auto second = post(request("1", "tools/call", issue_params)); // while it is running
  second->leave();
  sched.run();
  tell(http, atom::done_v, web->requests.front().id, http_response{200, {}, R"({"number":7})"});
  auto third = post(request("1", "tools/call", issue_params)); // when it is over
  BOOST_TEST(third->answers == 1);
  BOOST_TEST(third->body.find("result") != std::string::npos);
  BOOST_TEST(web->count(issue_url) == 1u);
  BOOST_TEST(db->count("wallet/reserve") == 1u);
  // Another call with the same id is another call.
  post(request("1", "tools/call",
               R"({"name":"github_get_issue","arguments":{"owner":"o","repo":"r",)"
               R"("issue_number":8}})"));
  BOOST_TEST(web->count(issue_url) == 2u);
}

BOOST_AUTO_TEST_CASE(an_allow_list_holds_for_sessions_too) {
  begin_session("github");
  me.tools = R"([["github_get_*"]])";
  auto list = post(request("1", "tools/list"));
  auto result = list->object();
  for (auto& tool : result.at("result").at("tools").as_array())
    BOOST_TEST(to_std(tool.at("name").as_string()).starts_with("github_get_"));
  auto hidden = post(request("2", "tools/call", R"({"name":"github_create_issue"})"));
  BOOST_TEST(hidden->object().at("error").at("code").as_int64() == -32602);
}

BOOST_AUTO_TEST_CASE(long_lists_have_pages_and_bad_cursors_are_refused) {
  auto list = post(request("1", "resources/list"));
  BOOST_TEST(list->text("/result/resources/0/uri") == "docs://a");
  auto bad = post(request("2", "resources/list", R"({"cursor":"abc"})"));
  BOOST_TEST(bad->object().at("error").at("code").as_int64() == -32602);
}

BOOST_AUTO_TEST_SUITE_END()
