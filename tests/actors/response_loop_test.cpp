#include <boost/test/unit_test.hpp>

#include "actors/calls/table.hpp"
#include "tests/support/node_fixture.hpp"

using namespace callboard;
using namespace std::chrono_literals;

namespace {

constexpr auto model_url = "model.test";
constexpr auto issue_url = "api.github.com/repos";
constexpr auto read_issue = R"({"owner":"o","repo":"r","issue_number":7})";

struct response_fixture : node_fixture {
  response_fixture() {
    web->answer(model_url, {model_says("Hello")});
    web->answer(issue_url, {answer_json(200, R"({"number":7,"title":"T","state":"open"})")});
    db->answer("response/insert", {{"id", "r"}});
  }

  json::object body(bool stream = false) const {
    return {{"model", "test-model"}, {"input", "Hi"}, {"stream", stream}};
  }

  json::object body_with_github(bool stream, const std::string& key) const {
    auto x = body(stream);
    x["tools"] = {{{"type", "mcp"},
                   {"server_label", "github"},
                   {"server_url", "https://mcp.test/mcp/github"},
                   {"authorization", "Bearer " + key}}};
    return x;
  }

  reply_record post(const json::object& x, const std::string& key) {
    return serve({endpoint::responses_create, key, json::serialize(x), {}, {}, {}, "POST"});
  }
  reply_record post(const json::object& x) { return post(x, user_key); }
  reply_record post_github(bool stream = false) { return post(body_with_github(stream, user_key)); }

  /// Outcomes of the holds in order, as "S" and "V".
  std::string resolved() const {
    std::string found;
    for (auto& call : db->calls_of("wallet/resolve"))
      found += call.values.at(1).data;
    return found;
  }

  json::object log_of(std::size_t index) const {
    return json::parse(db->calls_of("wallet/resolve").at(index).values.at(3).data).as_object();
  }

  void refuse_money(const std::string& code, int after = 0) {
    db->handlers["wallet/reserve"] = [code, left = after](const store_call& call) mutable {
      bool good = left-- > 0;
      return one_row({{"code", good ? "ok" : code},
                      {"free", "f"},
                      {"amount", call.values.at(5).data},
                      {"status", "P"}});
    };
  }

  std::size_t live_loops() {
    auto text =
      unbox(ask<std::string>(parts.directory, atom::status_v, std::string{"loop"}, std::string{}));
    return json::parse(text).as_array().size();
  }
};

scripted_answer unfinished(std::vector<std::string> pieces) {
  return {200, {{"Content-Type", "text/event-stream"}}, std::move(pieces), {}, false, true};
}

/// Whether `part` is a subsequence of `whole`.
bool holds_in_order(const std::vector<std::string>& whole, const std::vector<std::string>& part) {
  std::size_t next = 0;
  for (auto& x : whole)
    if (next < part.size() && x == part[next])
      ++next;
  return next == part.size();
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(response_loop_test, response_fixture)

BOOST_AUTO_TEST_CASE(a_plain_answer_is_one_paid_turn) {
  auto reply = post(body());
  BOOST_REQUIRE(reply->status == 200);
  BOOST_TEST(reply->text("/status") == "completed");
  BOOST_TEST(reply->text("/model") == "test-model");
  BOOST_TEST(reply->text("/output/0/content/0/text") == "Hello");
  BOOST_TEST(reply->object().at("usage").at("total_tokens").as_int64() == 110);
  BOOST_TEST(resolved() == "S");
  // 100 input tokens at 1 dollar and 10 output tokens at 2 dollars a million.
  BOOST_TEST(db->only("wallet/resolve").values.at(2).data == "120");
  BOOST_TEST(db->only("response/insert").values.at(0).data == reply->text("/id"));
  BOOST_TEST(live_loops() == 0u);
}

BOOST_AUTO_TEST_CASE(the_model_gets_its_own_name_and_key_and_not_the_clients) {
  post(body());
  auto sent = web->requests.front().message;
  BOOST_TEST(sent.url == "http://model.test/v1/chat/completions");
  BOOST_TEST(find_header(sent.headers, "Authorization").value_or("") == "Bearer sk-upstream");
  BOOST_TEST(sent.body.find("upstream-model") != std::string::npos);
  BOOST_TEST(sent.body.find(user_key) == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_streamed_answer_has_the_documented_events_in_order) {
  auto reply = post(body(true));
  BOOST_TEST(reply->streaming);
  BOOST_TEST(reply->header("Content-Type").starts_with("text/event-stream"));
  BOOST_TEST(holds_in_order(
    reply->events(),
    {"response.created", "response.in_progress", "response.output_item.added",
     "response.content_part.added", "response.output_text.delta", "response.output_text.done",
     "response.content_part.done", "response.output_item.done", "response.completed"}));
  BOOST_TEST(reply->pieces.back() == "data: [DONE]\n\n");
  BOOST_TEST(reply->ended_clean);
}

BOOST_AUTO_TEST_CASE(a_tool_call_in_a_stream_has_the_documented_events_in_order) {
  web->answer(model_url, {model_calls({{"github_get_issue", read_issue}}), model_says("Done")});
  auto reply = post_github(true);
  const std::vector<std::string> documented{"response.created",
                                            "response.mcp_list_tools.in_progress",
                                            "response.mcp_list_tools.completed",
                                            "response.output_item.added",
                                            "response.mcp_call_arguments.delta",
                                            "response.mcp_call_arguments.done",
                                            "response.mcp_call.in_progress",
                                            "response.mcp_call.completed",
                                            "response.output_item.done",
                                            "response.output_item.added",
                                            "response.output_text.delta",
                                            "response.output_text.done",
                                            "response.output_item.done",
                                            "response.completed"};
  BOOST_TEST(holds_in_order(reply->events(), documented));
  BOOST_TEST(resolved() == "SSS");
  BOOST_TEST(reply->body.find(user_key) == std::string::npos);
}

BOOST_AUTO_TEST_CASE(all_calls_of_a_turn_run_and_a_failed_one_does_not_stop_the_others) {
  web->answer(model_url, {model_calls({{"github_get_issue", read_issue},
                                       {"github_get_issue", R"({"owner":"o"})"}}),
                          model_says("Done")});
  auto reply = post_github();
  BOOST_REQUIRE(reply->status == 200);
  BOOST_TEST(reply->text("/output/1/type") == "mcp_call");
  BOOST_TEST(reply->text("/output/1/status") == "completed");
  BOOST_TEST(reply->text("/output/2/status") == "failed");
  BOOST_TEST(reply->text("/output/3/content/0/text") == "Done");
  BOOST_TEST(resolved() == "SSS");
}

BOOST_AUTO_TEST_CASE(a_key_of_somebody_else_in_a_tool_item_is_422) {
  for (auto& key : {other_user_key, platform_key, std::string{"sk-eu_nonsense"}}) {
    auto reply = post(body_with_github(false, key));
    BOOST_TEST(reply->status == 422);
    BOOST_TEST(reply->text("/error/param") == "tools[0].authorization");
    BOOST_TEST(reply->text("/error/code") == "invalid_authorization");
  }
  BOOST_TEST(web->requests.empty());
}

BOOST_AUTO_TEST_CASE(a_hidden_tool_is_not_offered_to_the_model_and_cannot_be_called) {
  for (auto& [id, who] : keys)
    if (who.end_user == user)
      who.tools = R"([["github_create_*"],null,null])";
  web->answers.clear();
  web->answer(model_url, {model_calls({{"github_get_issue", read_issue}}), model_says("Done")});
  post_github();
  auto offered = web->requests_to(model_url).front().message.body;
  BOOST_TEST(offered.find("github_create_issue") != std::string::npos);
  BOOST_TEST(offered.find("github_get_issue") == std::string::npos);
  BOOST_TEST(web->count(issue_url) == 0u);
}

BOOST_AUTO_TEST_CASE(an_app_that_is_not_connected_is_422_before_any_model_call) {
  db->answer("connection/list", {{"data", "[]"}, {"total", "0"}});
  auto reply = post_github();
  BOOST_TEST(reply->status == 422);
  BOOST_TEST(reply->text("/error/code") == "app_not_connected");
  BOOST_TEST(reply->text("/error/param") == "tools[0]");
  BOOST_TEST(web->requests.empty());
}

BOOST_AUTO_TEST_CASE(a_platform_key_may_not_use_tools_but_may_use_models) {
  BOOST_TEST(post(body_with_github(false, user_key), platform_key)->status == 403);
  BOOST_TEST(post(body(), platform_key)->status == 200);
  BOOST_TEST((db->only("response/insert").values.at(1).as == store_value::form::null));
}

BOOST_AUTO_TEST_CASE(an_unknown_model_is_404_and_a_bad_body_422) {
  auto x = body();
  x["model"] = "no-such";
  BOOST_TEST(post(x)->status == 404);
  x.erase("model");
  x["temperature"] = "hot";
  BOOST_TEST(post(x)->status == 422);
  BOOST_TEST(serve({endpoint::responses_create, user_key, "{", {}, {}, {}, "POST"})->status == 400);
}

BOOST_AUTO_TEST_CASE(refused_money_before_the_first_byte_is_402_with_the_specific_code) {
  const std::pair<const char*, const char*> table[]{{"insufficient", "wallet_insufficient"},
                                                    {"over_budget", "budget_exhausted"},
                                                    {"suspended", "budget_suspended"}};
  for (bool stream : {false, true})
    for (auto& [code, expected] : table) {
      refuse_money(code);
      auto reply = post(body(stream));
      BOOST_TEST(reply->status == 402);
      BOOST_TEST(!reply->streaming);
      BOOST_TEST(reply->text("/error/type") == "payment_required");
      BOOST_TEST(reply->text("/error/code") == expected);
    }
  BOOST_TEST(web->requests.empty());
}

BOOST_AUTO_TEST_CASE(money_that_runs_out_in_the_loop_is_payment_required_with_its_reason) {
  web->answer(model_url, {model_calls({{"github_get_issue", read_issue}}), model_says("Done")});
  refuse_money("insufficient", 2);
  auto reply = post_github();
  BOOST_TEST(reply->status == 402);
  BOOST_TEST(reply->text("/error/code") == "payment_required");
  BOOST_TEST(reply->text("/error/reason") == "wallet_insufficient");
  BOOST_TEST(resolved() == "SS");
}

BOOST_AUTO_TEST_CASE(a_tool_that_cannot_be_paid_ends_the_loop_without_calling_the_provider) {
  web->answer(model_url, {model_calls({{"github_get_issue", read_issue}}), model_says("Done")});
  refuse_money("over_budget", 1);
  auto reply = post_github();
  BOOST_TEST(reply->status == 402);
  BOOST_TEST(reply->text("/error/reason") == "budget_exhausted");
  BOOST_TEST(web->count(issue_url) == 0u);
}

BOOST_AUTO_TEST_CASE(money_that_runs_out_after_the_first_byte_is_response_failed) {
  web->answer(model_url, {model_calls({{"github_get_issue", read_issue}}), model_says("Done")});
  refuse_money("insufficient", 2);
  auto reply = post_github(true);
  BOOST_TEST(reply->status == 200);
  BOOST_TEST(holds_in_order(reply->events(), {"response.created", "response.failed"}));
  BOOST_TEST(reply->body.find("payment_required") != std::string::npos);
  BOOST_TEST(reply->ended);
}

BOOST_AUTO_TEST_CASE(a_loop_that_does_not_end_is_500_that_is_not_to_be_retried) {
  web->answer(model_url, {model_calls({{"github_get_issue", read_issue}})});
  auto reply = post_github();
  BOOST_TEST(reply->status == 500);
  BOOST_TEST(reply->text("/error/code") == "max_iterations_exceeded");
  BOOST_TEST(reply->header("x-should-retry") == "false");
  BOOST_TEST(web->count(model_url) == 10u);
  BOOST_TEST(web->count(issue_url) == 9u);
}

BOOST_AUTO_TEST_CASE(a_paid_loop_that_the_model_limits_is_not_to_be_retried_without_a_key) {
  for (bool keyed : {false, true}) {
    web->answers.clear();
    web->answer(issue_url, {answer_json(200, R"({"number":7,"title":"T","state":"open"})")});
    web->answer(model_url,
                {model_calls({{"github_get_issue", read_issue}}), answer_json(429, "{}")});
    db->answer("idempotency/begin", {{"code", "new"}, {"loop_id", "the-loop"}});
    client_request x{endpoint::responses_create,
                     user_key,
                     json::serialize(body_with_github(false, user_key)),
                     {},
                     {},
                     {},
                     "POST"};
    if (keyed)
      x.headers.push_back({"Idempotency-Key", "k"});
    auto reply = serve(std::move(x));
    BOOST_TEST(reply->status == 429);
    BOOST_TEST(reply->header("x-should-retry") == (keyed ? "" : "false"));
  }
}

BOOST_AUTO_TEST_CASE(a_first_turn_that_the_model_limits_may_be_retried) {
  web->answer(model_url, {answer_json(429, "{}")});
  auto reply = post(body());
  BOOST_TEST(reply->status == 429);
  BOOST_TEST(reply->header("x-should-retry") == "");
}

BOOST_AUTO_TEST_CASE(a_turn_that_the_model_fails_costs_nothing) {
  scripted_answer broken = model_says("Hello");
  broken.pieces.resize(2);
  auto cut = broken;
  cut.end = make_problem(errc::upstream_failed, "scripted");
  const std::pair<const char*, scripted_answer> table[]{
    {"500", answer_json(500, "{}")},
    {"401", answer_json(401, R"({"error":{"message":"bad key sk-upstream"}})")},
    {"away", answer_nothing(errc::upstream_unavailable)},
    {"silent", answer_nothing(errc::upstream_timeout)},
    {"garbage", {200, {}, {"<html>"}, {}, true, true}},
    {"without end", broken},
    {"broken off", cut}};
  for (auto& [name, answer] : table) {
    db->calls.clear();
    web->answer(model_url, {answer});
    auto reply = post(body());
    BOOST_TEST(reply->status >= 500, name);
    BOOST_TEST(reply->body.find("sk-upstream") == std::string::npos, name);
    BOOST_TEST(resolved() == "V", name);
    BOOST_TEST(to_std(log_of(0).at("status").as_string()) != "success", name);
  }
}

BOOST_AUTO_TEST_CASE(a_stream_whose_model_dies_ends_with_response_failed) {
  auto broken = model_says("Hello");
  broken.pieces.resize(2);
  broken.end = make_problem(errc::upstream_failed, "scripted");
  web->answer(model_url, {broken});
  auto reply = post(body(true));
  BOOST_TEST(holds_in_order(reply->events(), {"response.output_text.delta", "response.failed"}));
  BOOST_TEST(resolved() == "V");
}

BOOST_AUTO_TEST_CASE(what_a_long_answer_has_used_is_noted_on_its_hold) {
  auto answer = model_says("Hello");
  web->answer(model_url, {unfinished({answer.pieces[0], answer.pieces[1]})});
  auto reply = post(body(true));
  BOOST_TEST(db->count("hold/checkpoint") == 0u);
  BOOST_REQUIRE(web->listeners.size() == 1u);
  auto [id, listener] = *web->listeners.begin();
  for (int i = 0; i < 3; ++i) {
    sched.advance_time(5s);
    tell(listener, atom::chunk_v, id, answer.pieces[1]);
  }
  auto notes = db->calls_of("hold/checkpoint");
  BOOST_REQUIRE(notes.size() == 3u);
  // Each gives the hold its whole time again.
  BOOST_TEST(notes[0].values.at(3).data == std::to_string(limits::turn_hold_ttl.count()));
  BOOST_TEST(db->only("wallet/reserve").values.at(6).data == notes[0].values.at(3).data);
  BOOST_TEST(notes[0].values.at(0).data == db->only("wallet/reserve").values.at(2).data);
  BOOST_TEST(std::stoll(notes[2].values.at(1).data) >= std::stoll(notes[0].values.at(1).data));
  BOOST_TEST(std::stoll(notes[0].values.at(1).data) > 0);
  reply->leave();
  sched.run();
}

BOOST_AUTO_TEST_CASE(a_client_that_leaves_while_the_hold_is_placed_pays_nothing) {
  db->held = {"wallet/reserve"};
  auto reply = post(body());
  reply->leave();
  sched.run();
  release("wallet/reserve");
  BOOST_TEST(resolved() == "V");
  BOOST_TEST(web->requests.empty());
  BOOST_TEST(live_loops() == 0u);
}

BOOST_AUTO_TEST_CASE(a_client_that_leaves_in_a_stream_pays_what_was_used) {
  auto answer = model_says("Hello");
  web->answer(model_url, {unfinished({answer.pieces[0], answer.pieces[1]})});
  auto reply = post(body(true));
  BOOST_TEST(reply->body.find("Hello") != std::string::npos);
  reply->leave();
  sched.run();
  BOOST_REQUIRE(web->cancelled.size() == 1u);
  BOOST_TEST(web->cancelled.front() == web->requests.front().id);
  BOOST_TEST(resolved() == "S");
  BOOST_TEST(db->only("wallet/resolve").values.at(2).data != "0");
  BOOST_TEST(log_of(0).at("estimated").as_bool());
  BOOST_TEST(db->count("response/insert") == 0u);
  BOOST_TEST(live_loops() == 0u);
}

BOOST_AUTO_TEST_CASE(what_came_after_early_usage_is_noted_and_paid_by_a_client_that_leaves) {
  auto answer = model_says(std::string(8000, 'x'), 1000, 1);
  web->answer(model_url, {unfinished({answer.pieces[3], answer.pieces[0]})});
  auto reply = post(body(true));
  BOOST_REQUIRE(web->listeners.size() == 1u);
  auto [id, listener] = *web->listeners.begin();
  sched.advance_time(5s);
  tell(listener, atom::chunk_v, id, answer.pieces[1]);
  reply->leave();
  sched.run();
  auto logged = log_of(0);
  BOOST_TEST(logged.at("input_tokens").as_int64() == 1000);
  BOOST_TEST(logged.at("output_tokens").as_int64() == 2000);
  BOOST_TEST(logged.at("estimated").as_bool());
  auto paid = db->only("wallet/resolve").values.at(2).data;
  BOOST_TEST(db->only("hold/checkpoint").values.at(1).data == paid);
}

BOOST_AUTO_TEST_CASE(a_client_that_leaves_before_the_first_token_pays_nothing) {
  web->answer(model_url, {unfinished({})});
  auto reply = post(body(true));
  reply->leave();
  sched.run();
  BOOST_TEST(web->cancelled.size() == 1u);
  BOOST_TEST(resolved() == "V");
}

BOOST_AUTO_TEST_CASE(a_client_that_leaves_during_a_tool_call_stops_it) {
  web->answer(model_url, {model_calls({{"github_get_issue", read_issue}}), model_says("Done")});
  web->answer(issue_url, {answer_never()});
  auto reply = post_github();
  reply->leave();
  sched.run();
  BOOST_TEST(web->cancelled.size() == 1u);
  BOOST_TEST(resolved() == "SV");
  BOOST_TEST(web->count(model_url) == 1u);
  BOOST_TEST(live_loops() == 0u);
}

BOOST_AUTO_TEST_CASE(a_client_that_leaves_before_the_first_turn_leaves_nothing_behind) {
  db->held = {"platform/find"};
  auto reply = post(body());
  BOOST_TEST(live_loops() == 1u);
  reply->leave();
  sched.run();
  release("platform/find");
  BOOST_TEST(live_loops() == 0u);
  BOOST_TEST(db->count("wallet/reserve") == 0u);
}

BOOST_AUTO_TEST_CASE(store_false_is_respected) {
  auto x = body();
  x["store"] = false;
  BOOST_TEST(post(x)->status == 200);
  BOOST_TEST(db->count("response/insert") == 0u);
}

BOOST_AUTO_TEST_CASE(a_previous_response_goes_on_and_one_of_somebody_else_is_404) {
  auto x = body();
  x["previous_response_id"] = "resp_1";
  auto refused = post(x);
  BOOST_TEST(refused->status == 404);
  BOOST_TEST(refused->text("/error/param") == "previous_response_id");
  auto asked = db->only("response/find");
  BOOST_TEST(asked.values.at(0).data == "resp_1");
  BOOST_TEST(asked.values.at(1).data == user.value);
  db->answer(
    "response/find",
    {{"id", "resp_1"},
     {"input",
      R"([{"type":"message","role":"user","id":"m1","content":[{"type":"input_text","text":"Before"}]}])"},
     {"body",
      R"({"output":[{"type":"message","role":"assistant","id":"m2","status":"completed","content":[{"type":"output_text","text":"Then","annotations":[]}]}]})"}});
  BOOST_TEST(post(x)->status == 200);
  auto& sent = web->requests.back().message.body;
  BOOST_TEST(sent.find("Before") != std::string::npos);
  BOOST_TEST(sent.find("Then") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_answer_that_cannot_be_kept_is_given_all_the_same) {
  db->refuse("response/insert", errc::store_unavailable);
  BOOST_TEST(post(body())->status == 200);
}

BOOST_AUTO_TEST_CASE(a_store_that_is_away_is_503_with_retry_after) {
  post(body());
  db->away = true;
  auto reply = post(body());
  BOOST_TEST(reply->status == 503);
  BOOST_TEST(reply->header("Retry-After") == "1");
  BOOST_TEST(reply->header("x-should-retry") == "");
}

BOOST_AUTO_TEST_CASE(a_turn_that_cannot_be_settled_is_not_given_away) {
  db->refuse("wallet/resolve", errc::store_unavailable);
  auto reply = post(body());
  BOOST_TEST(reply->status == 503);
  BOOST_TEST(reply->header("x-should-retry") == "false");
}

BOOST_AUTO_TEST_CASE(at_the_end_of_the_node_an_unfinished_turn_is_stopped_and_costs_nothing) {
  auto answer = model_says("Hello");
  web->answer(model_url, {unfinished({answer.pieces[0], answer.pieces[1]})});
  auto reply = post(body(true));
  tell(parts.directory, atom::stop_v);
  BOOST_TEST(reply->body.find("response.failed") != std::string::npos);
  BOOST_TEST(reply->ended);
  BOOST_TEST(web->cancelled.size() == 1u);
  BOOST_TEST(resolved() == "V");
  BOOST_TEST(live_loops() == 0u);
}

BOOST_AUTO_TEST_CASE(at_the_end_of_the_node_a_hold_that_is_being_placed_is_given_back) {
  db->held = {"wallet/reserve"};
  auto reply = post(body());
  tell(parts.directory, atom::stop_v);
  BOOST_TEST(reply->status == 503);
  release("wallet/reserve");
  BOOST_TEST(resolved() == "V");
  BOOST_TEST(web->requests.empty());
  BOOST_TEST(live_loops() == 0u);
}

BOOST_AUTO_TEST_CASE(at_the_end_of_the_node_running_tools_are_stopped) {
  web->answer(model_url, {model_calls({{"github_get_issue", read_issue}})});
  web->answer(issue_url, {answer_never()});
  auto reply = post_github();
  tell(parts.directory, atom::stop_v);
  BOOST_TEST(reply->status == 503);
  BOOST_TEST(resolved() == "SV");
  BOOST_TEST(live_loops() == 0u);
}

BOOST_AUTO_TEST_CASE(at_the_end_of_the_node_a_finished_answer_is_still_given) {
  for (bool stream : {true, false}) {
    db->held = {"response/insert"};
    auto reply = post(body(stream));
    tell(parts.directory, atom::stop_v);
    release("response/insert");
    BOOST_TEST(reply->status == 200);
    BOOST_TEST((!stream || reply->ended_clean));
    BOOST_TEST(live_loops() == 0u);
  }
}

BOOST_AUTO_TEST_CASE(a_loop_that_fails_ends_with_its_last_tool_and_tells_its_cost) {
  web->answer(model_url,
              {model_calls({{"github_get_issue", read_issue}, {"github_get_issue", read_issue}})});
  web->answer(issue_url, {answer_never()});
  refuse_money("insufficient", 2);
  auto reply = post_github();
  BOOST_TEST(reply->answers == 0);
  BOOST_TEST(live_loops() == 1u);
  tell(http, atom::done_v, web->requests_to(issue_url).front().id,
       http_response{200, {}, R"({"number":7,"title":"T","state":"open"})"});
  BOOST_TEST(reply->status == 402);
  BOOST_TEST(reply->header("x-callboard-cost-usd") == "0.001620"); // the turn and the other tool
  BOOST_TEST(resolved() == "SS");
  BOOST_TEST(live_loops() == 0u);
}

BOOST_AUTO_TEST_CASE(a_quiet_stream_is_kept_alive) {
  web->answer(model_url, {unfinished({})});
  auto reply = post(body(true));
  auto begun = reply->pieces.size();
  pass(46s);
  BOOST_TEST(reply->pieces.size() == begun + 3);
  BOOST_TEST(reply->pieces.back().starts_with(":"));
}

BOOST_AUTO_TEST_SUITE_END()
