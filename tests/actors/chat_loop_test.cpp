#include <boost/test/unit_test.hpp>

#include "tests/support/node_fixture.hpp"

using namespace callboard;
using namespace std::chrono_literals;

namespace {

constexpr auto model_url = "model.test";

struct chat_fixture : node_fixture {
  chat_fixture() { web->answer(model_url, {model_says("Hello")}); }

  json::object body(bool stream) const {
    json::object x{{"model", "test-model"}, {"stream", stream}};
    x["messages"] = {{{"role", "user"}, {"content", "Hi"}}};
    return x;
  }

  reply_record post(const json::object& x) {
    return serve({endpoint::chat_completions, user_key, json::serialize(x), {}, {}, {}, "POST"});
  }

  std::string resolved() const {
    std::string found;
    for (auto& call : db->calls_of("wallet/resolve"))
      found += call.values.at(1).data;
    return found;
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(chat_loop_test, chat_fixture)

BOOST_AUTO_TEST_CASE(a_completion_is_paid_and_answered_as_one_object) {
  auto reply = post(body(false));
  BOOST_REQUIRE(reply->status == 200);
  BOOST_TEST(reply->text("/object") == "chat.completion");
  BOOST_TEST(reply->text("/model") == "test-model");
  BOOST_TEST(reply->text("/choices/0/message/content") == "Hello");
  BOOST_TEST(reply->object().at("usage").at("prompt_tokens").as_int64() == 100);
  auto call = db->only("wallet/resolve");
  BOOST_TEST(call.values.at(2).data == "120");
  BOOST_TEST(call.values.at(3).data.find("chat.completion") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_stream_passes_chunks_on_and_ends_with_done) {
  auto reply = post(body(true));
  BOOST_TEST(reply->streaming);
  BOOST_TEST(reply->body.find("Hello") != std::string::npos);
  BOOST_TEST(reply->body.find("upstream-model") == std::string::npos);
  BOOST_TEST(reply->body.find("prompt_tokens") == std::string::npos);
  BOOST_TEST(reply->pieces.back() == "data: [DONE]\n\n");
  BOOST_TEST(reply->ended_clean);
  BOOST_TEST(resolved() == "S");
}

BOOST_AUTO_TEST_CASE(usage_comes_in_the_stream_when_asked_for) {
  auto x = body(true);
  x["stream_options"] = {{"include_usage", true}};
  BOOST_TEST(post(x)->body.find("\"prompt_tokens\":100") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(mcp_tools_and_bad_bodies_are_refused) {
  auto x = body(false);
  x["tools"] = {{{"type", "mcp"}, {"server_label", "github"}}};
  BOOST_TEST(post(x)->status == 422);
  BOOST_TEST(post({{"model", "test-model"}})->status == 422);
  x = body(false);
  x["model"] = "no-such";
  BOOST_TEST(post(x)->status == 404);
  BOOST_TEST(web->requests.empty());
}

BOOST_AUTO_TEST_CASE(refused_money_is_402_also_for_a_stream) {
  db->answer("wallet/reserve",
             {{"code", "insufficient"}, {"free", "f"}, {"amount", "0"}, {"status", std::nullopt}});
  for (bool stream : {false, true}) {
    auto reply = post(body(stream));
    BOOST_TEST(reply->status == 402);
    BOOST_TEST(!reply->streaming);
    BOOST_TEST(reply->text("/error/code") == "wallet_insufficient");
  }
}

BOOST_AUTO_TEST_CASE(a_model_that_fails_costs_nothing) {
  auto cut = model_says("Hello");
  cut.pieces.resize(1);
  for (auto& bad : {answer_json(500, "{}"), answer_nothing(errc::upstream_timeout), cut}) {
    db->calls.clear();
    web->answer(model_url, {bad});
    auto reply = post(body(false));
    BOOST_TEST(reply->status >= 500);
    BOOST_TEST(reply->header("x-callboard-cost-usd") == "0.000000");
    BOOST_TEST(!reply->header("x-callboard-overhead-ms").empty());
    BOOST_TEST(resolved() == "V");
  }
}

BOOST_AUTO_TEST_CASE(a_stream_that_breaks_says_so_in_the_stream) {
  auto cut = model_says("Hello");
  cut.pieces.resize(2);
  cut.end = make_problem(errc::upstream_failed, "scripted");
  web->answer(model_url, {cut});
  auto reply = post(body(true));
  BOOST_TEST(reply->body.find("\"error\"") != std::string::npos);
  BOOST_TEST(reply->ended);
  BOOST_TEST(resolved() == "V");
}

BOOST_AUTO_TEST_CASE(a_client_that_leaves_pays_what_was_used) {
  auto part = model_says("Hello");
  part.pieces.resize(2);
  part.ends = false;
  web->answer(model_url, {part});
  auto reply = post(body(true));
  reply->leave();
  sched.run();
  BOOST_TEST(web->cancelled.size() == 1u);
  BOOST_TEST(resolved() == "S");
  BOOST_TEST(db->only("wallet/resolve").values.at(2).data != "0");
}

BOOST_AUTO_TEST_CASE(a_client_that_leaves_while_the_hold_is_placed_pays_nothing) {
  db->held = {"wallet/reserve"};
  auto reply = post(body(false));
  reply->leave();
  sched.run();
  release("wallet/reserve");
  BOOST_TEST(resolved() == "V");
  BOOST_TEST(web->requests.empty());
}

BOOST_AUTO_TEST_CASE(at_the_end_of_the_node_an_unfinished_turn_is_stopped_and_costs_nothing) {
  auto part = model_says("Hello");
  part.pieces.resize(2);
  part.ends = false;
  for (bool stream : {true, false}) {
    db->calls.clear();
    web->cancelled.clear();
    web->answer(model_url, {part});
    auto reply = post(body(stream));
    tell(parts.directory, atom::stop_v);
    BOOST_TEST((stream ? reply->ended : reply->status == 503));
    BOOST_TEST(reply->body.find("\"error\"") != std::string::npos);
    BOOST_TEST(web->cancelled.size() == 1u);
    BOOST_TEST(resolved() == "V");
  }
}

BOOST_AUTO_TEST_CASE(at_the_end_of_the_node_an_answer_that_is_being_paid_for_is_still_given) {
  for (bool stream : {true, false}) {
    db->calls.clear();
    db->held = {"wallet/resolve"};
    auto reply = post(body(stream));
    tell(parts.directory, atom::stop_v);
    release("wallet/resolve");
    BOOST_TEST(reply->status == 200);
    BOOST_TEST((!stream || reply->ended_clean));
    BOOST_TEST(resolved() == "S");
  }
}

BOOST_AUTO_TEST_CASE(a_turn_that_cannot_be_settled_is_not_given_away) {
  db->refuse("wallet/resolve", errc::store_unavailable);
  auto reply = post(body(false));
  BOOST_TEST(reply->status == 503);
  BOOST_TEST(reply->header("Retry-After") == "1");
}

BOOST_AUTO_TEST_SUITE_END()
