#include <boost/test/unit_test.hpp>

#include "core/base/digest.hpp"
#include "core/base/limits.hpp"
#include "tests/support/node_fixture.hpp"

using namespace callboard;
using namespace std::chrono_literals;

namespace {

constexpr auto model_url = "model.test";
constexpr auto issue_url = "api.github.com/repos";

/// A store whose idempotency/ statements and holds behave as PostgreSQL's: claims, answers, holds
/// with results.
struct idempotency_fixture : node_fixture {
  struct kept {
    std::string hash;
    std::string attempt;
    std::string status;
    std::string headers;
    std::string body;
  };

  idempotency_fixture() {
    web->answer(model_url, {model_says("Hello")});
    web->answer(issue_url, {answer_json(201, R"({"number":7,"title":"T","html_url":"u"})")});
    db->answer("response/insert", {{"id", "r"}});
    db->answer("wallet/topup", {{"code", "ok"}, {"body", R"({"id":"1"})"}});
    db->handlers["idempotency/begin"] = [this](const store_call& call) { return begin_key(call); };
    db->handlers["idempotency/finish"] = [this](const store_call& call) {
      auto i = keys_kept.find(call.values.at(0).data);
      if (i == keys_kept.end() || i->second.attempt != call.values.at(1).data)
        return store_rows{};
      auto& x = i->second;
      x.status = call.values.at(2).data;
      x.headers = call.values.at(3).data;
      x.body = call.values.at(4).data;
      return one_row({{"id", call.values.at(0).data}});
    };
    db->handlers["idempotency/release"] = [this](const store_call& call) {
      auto i = keys_kept.find(call.values.at(0).data);
      if (i == keys_kept.end() || i->second.attempt != call.values.at(1).data)
        return store_rows{};
      keys_kept.erase(i);
      return one_row({{"id", call.values.at(0).data}});
    };
    db->handlers["wallet/reserve"] = [this](const store_call& call) { return reserve(call); };
    auto resolve = db->handlers["wallet/resolve"];
    db->handlers["wallet/resolve"] = [this, resolve](const store_call& call) {
      holds[call.values.at(0).data] = call.values.at(1).data;
      if (call.values.at(4).as != store_value::form::null)
        results[call.values.at(0).data] = call.values.at(4).data;
      return resolve(call);
    };
    db->handlers["hold/result"] = [this](const store_call& call) {
      auto i = results.find(call.values.at(0).data);
      return i == results.end()
               ? store_rows{}
               : one_row({{"body", i->second}, {"free", "f"}, {"charged", "1500"}});
    };
  }

  store_rows begin_key(const store_call& call) {
    auto& id = call.values.at(0).data;
    auto [i, fresh] = keys_kept.try_emplace(id);
    auto& x = i->second;
    if (fresh)
      x.hash = call.values.at(1).data;
    std::string code = fresh                              ? "new"
                       : x.hash != call.values.at(1).data ? "mismatch"
                       : !x.status.empty()                ? "done"
                       : take_over                        ? "again"
                                                          : "running";
    if (code == "new" || code == "again")
      x.attempt = call.values.at(2).data;
    return one_row({{"code", code},
                    {"id", id},
                    {"answer_status", x.status},
                    {"answer_headers", x.headers},
                    {"secret", x.body},
                    {"loop_id", named_loop.value_or(call.values.at(7).data)}});
  }

  store_rows reserve(const store_call& call) {
    auto& id = call.values.at(2).data;
    bool fresh = holds.count(id) == 0;
    auto status = fresh ? std::string{"P"} : holds[id];
    if (fresh)
      holds[id] = "P";
    return one_row({{"code", fresh ? "ok" : "exists"},
                    {"free", "f"},
                    {"amount", call.values.at(5).data},
                    {"status", status}});
  }

  client_request respond(const std::string& idempotency_key, bool stream = false) const {
    json::object body{{"model", "test-model"}, {"input", "Hi"}, {"stream", stream}};
    client_request x{
      endpoint::responses_create, user_key, json::serialize(body), {}, {}, {}, "POST"};
    x.headers.push_back({"Idempotency-Key", idempotency_key});
    return x;
  }

  client_request topup(const std::string& idempotency_key, const std::string& amount = "5") const {
    client_request x{
      endpoint::wallet_topup, platform_key, R"({"amount":")" + amount + "\"}", {}, {}, {}, "POST"};
    x.path_fields = {{"platform_id", platform.value}};
    x.headers.push_back({"Idempotency-Key", idempotency_key});
    return x;
  }

  std::map<std::string, kept> keys_kept;
  std::map<std::string, std::string> holds;
  std::map<std::string, std::string> results;
  /// Claims of earlier attempts have run out.
  bool take_over = false;
  /// The loop that keys name now; else the one that they name at first.
  std::optional<std::string> named_loop;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(idempotency_test, idempotency_fixture)

BOOST_AUTO_TEST_CASE(a_repeated_mutation_gets_the_first_answer_and_does_nothing) {
  auto first = serve(topup("k"));
  auto again = serve(topup("k"));
  BOOST_TEST(first->status == 201);
  BOOST_TEST(again->status == 201);
  BOOST_TEST(again->body == first->body);
  BOOST_TEST(first->header("Idempotent-Replayed") == "");
  BOOST_TEST(again->header("Idempotent-Replayed") == "true");
  BOOST_TEST(again->header("Content-Type") == "application/json");
  BOOST_TEST(db->count("wallet/topup") == 1u);
}

BOOST_AUTO_TEST_CASE(the_ledger_row_of_a_keyed_topup_names_the_operation) {
  serve(topup("k"));
  BOOST_TEST(db->only("wallet/topup").values.at(2).data == keys_kept.begin()->first);
}

BOOST_AUTO_TEST_CASE(what_a_key_makes_is_named_by_the_operation_and_shown_as_it_was_made) {
  const auto earlier = format_api_key(make_api_key(key_kind::platform));
  auto create = [this](const std::string& key) {
    auto x = topup(key);
    x.target = endpoint::key_create;
    x.body = R"({"type":"platform"})";
    return x;
  };
  db->answer("key/insert", {{"code", "ok"}, {"body", R"({"id":"k"})"}, {"secret", earlier}});
  BOOST_TEST(serve(create("one"))->text("/raw_key") == earlier);
  auto sent = db->only("key/insert").values;
  auto& operation = keys_kept.begin()->first;
  BOOST_TEST(sent.at(10).data == operation);
  BOOST_TEST(sent.at(11).data == to_hex(sha256(create("one").body)));
  BOOST_TEST((sent.at(12).as == store_value::form::secret));
  BOOST_TEST(sent.at(12).row_id == operation);
  BOOST_TEST(parse_api_key(sent.at(12).data)->id.value == sent.at(0).data);

  db->answer("key/insert", {{"code", "mismatch"}, {"body", std::nullopt}});
  auto other = serve(create("two"));
  BOOST_TEST(other->status == 422);
  BOOST_TEST(other->text("/error/code") == "idempotency_mismatch");

  db->calls.clear();
  auto unkeyed = create("three");
  unkeyed.headers.clear();
  db->answer("key/insert", {{"code", "ok"}, {"body", R"({"id":"k"})"}});
  BOOST_TEST(parse_api_key(serve(unkeyed)->text("/raw_key")).has_value());
  sent = db->only("key/insert").values;
  for (std::size_t i : {10u, 11u, 12u})
    BOOST_TEST((sent.at(i).as == store_value::form::null));
}

BOOST_AUTO_TEST_CASE(a_keyed_loop_has_the_id_that_its_key_names_now) {
  constexpr std::size_t loop_parameter = 10;
  auto chat = respond("c");
  chat.target = endpoint::chat_completions;
  chat.body =
    R"({"model":"test-model","messages":[{"role":"user","content":"Hi"}],"stream":false})";
  for (auto& x : {respond("r"), chat}) {
    named_loop = uuid4();
    db->calls.clear();
    serve(x);
    BOOST_TEST(db->only("wallet/reserve").values.at(loop_parameter).data == *named_loop);
  }
}

BOOST_AUTO_TEST_CASE(another_body_under_the_same_key_is_422) {
  serve(topup("k"));
  auto other = serve(topup("k", "6"));
  BOOST_TEST(other->status == 422);
  BOOST_TEST(other->text("/error/code") == "idempotency_mismatch");
  BOOST_TEST(other->text("/error/param") == "Idempotency-Key");
}

BOOST_AUTO_TEST_CASE(a_repetition_that_comes_too_early_is_409_with_a_time_to_wait) {
  db->held = {"wallet/topup"};
  auto first = serve(topup("k"));
  auto early = serve(topup("k"));
  BOOST_TEST(early->status == 409);
  BOOST_TEST(early->text("/error/code") == "request_in_progress");
  BOOST_TEST(early->header("Retry-After") == "1");
  release("wallet/topup");
  sched.run();
  BOOST_TEST(first->status == 201);
}

BOOST_AUTO_TEST_CASE(a_refusal_is_not_kept_so_that_the_mended_request_runs) {
  auto bad = topup("k", "-1");
  BOOST_TEST(serve(bad)->status == 422);
  BOOST_TEST(keys_kept.empty());
  BOOST_TEST(serve(topup("k"))->status == 201);
}

BOOST_AUTO_TEST_CASE(a_key_that_cannot_be_kept_is_refused_before_anything_is_done) {
  auto x = topup(std::string(256, 'x'));
  auto reply = serve(x);
  BOOST_TEST(reply->status == 422);
  BOOST_TEST(reply->text("/error/param") == "Idempotency-Key");
  BOOST_TEST(db->count("wallet/topup") == 0u);
}

BOOST_AUTO_TEST_CASE(reading_needs_no_key_and_ignores_one) {
  db->answer("wallet/show", {{"body", R"({"id":"w"})"}});
  client_request x{endpoint::wallet_get, platform_key, "", {}, {}, {}, "GET"};
  x.path_fields = {{"platform_id", platform.value}};
  x.headers.push_back({"Idempotency-Key", "k"});
  BOOST_TEST(serve(x)->status == 200);
  BOOST_TEST(keys_kept.empty());
}

BOOST_AUTO_TEST_CASE(the_answer_waits_until_it_is_kept) {
  db->held = {"idempotency/finish"};
  auto reply = serve(topup("k"));
  BOOST_TEST(reply->answers == 0);
  release("idempotency/finish");
  sched.run();
  BOOST_TEST(reply->status == 201);
}

BOOST_AUTO_TEST_CASE(an_answer_that_cannot_be_kept_is_given_all_the_same) {
  db->refuse("idempotency/finish", errc::store_unavailable);
  BOOST_TEST(serve(topup("k"))->status == 201);
}

BOOST_AUTO_TEST_CASE(a_claim_that_nobody_works_on_is_given_up) {
  // Whether it was made is not known; and the answer that could not be kept may be asked for again.
  // Only what was surely claimed waits in the journal.
  for (auto [statement, status] :
       {std::pair{"idempotency/begin", 503}, {"idempotency/finish", 201}}) {
    db->calls.clear();
    auto kept_handler = db->handlers[statement];
    db->refuse(statement, errc::store_unavailable);
    BOOST_TEST(serve(topup(statement))->status == status);
    auto given_up = db->only("idempotency/release");
    BOOST_TEST(given_up.journal == (status == 201));
    auto claim = db->only("idempotency/begin");
    BOOST_TEST(given_up.values.at(0).data == claim.values.at(0).data);
    BOOST_TEST(given_up.values.at(1).data == claim.values.at(2).data);
    db->handlers[statement] = kept_handler;
  }
}

BOOST_AUTO_TEST_CASE(a_client_that_leaves_while_its_key_is_claimed_comes_back_for_the_answer) {
  db->held = {"idempotency/begin"};
  auto early = begin(topup("k"));
  sched.run();
  early->leave();
  sched.run();
  db->held.clear();
  release("idempotency/begin");
  sched.run();
  BOOST_TEST(db->count("wallet/topup") == 1u);
  auto again = serve(topup("k"));
  BOOST_TEST(again->status == 201);
  BOOST_TEST(again->header("Idempotent-Replayed") == "true");
  BOOST_TEST(db->count("wallet/topup") == 1u);
}

BOOST_AUTO_TEST_CASE(a_stream_that_failed_is_not_kept) {
  for (bool chat : {false, true}) {
    web->answers.clear();
    auto broken = model_says("Hello");
    broken.pieces.resize(2);
    web->answer(model_url, {broken, model_says("Hello")});
    auto x = respond(chat ? "c" : "r", true);
    if (chat) {
      x.target = endpoint::chat_completions;
      x.body =
        R"({"model":"test-model","messages":[{"role":"user","content":"Hi"}],"stream":true})";
    }
    auto first = serve(x);
    BOOST_TEST(first->status == 200);
    BOOST_TEST(first->body.find("error") != std::string::npos);
    BOOST_TEST(keys_kept.empty());
    auto again = serve(x);
    BOOST_TEST(again->body.find("error\":{") == std::string::npos);
    BOOST_TEST(again->header("Idempotent-Replayed") == "");
    BOOST_TEST(keys_kept.size() == 1u);
    keys_kept.clear();
  }
}

BOOST_AUTO_TEST_CASE(a_repeated_response_costs_one_turn) {
  auto first = serve(respond("k"));
  auto again = serve(respond("k"));
  BOOST_REQUIRE(first->status == 200);
  BOOST_TEST(again->body == first->body);
  BOOST_TEST(web->count(model_url) == 1u);
  BOOST_TEST(db->count("wallet/reserve") == 1u);
}

BOOST_AUTO_TEST_CASE(a_repeated_stream_has_the_same_bytes) {
  auto first = serve(respond("k", true));
  auto again = serve(respond("k", true));
  BOOST_REQUIRE(first->streaming);
  BOOST_TEST(again->status == 200);
  BOOST_TEST(again->body == first->body);
  BOOST_TEST(again->header("Content-Type").starts_with("text/event-stream"));
  BOOST_TEST(web->count(model_url) == 1u);
}

BOOST_AUTO_TEST_CASE(a_client_that_left_comes_back_for_the_whole_answer) {
  auto early = begin(respond("k"));
  while (web->count(model_url) == 0 && sched.has_job())
    sched.run_once();
  early->leave();
  sched.run();
  auto again = serve(respond("k"));
  BOOST_TEST(again->status == 200);
  BOOST_TEST(again->text("/output/0/content/0/text") == "Hello");
  BOOST_TEST(web->count(model_url) == 1u);
}

BOOST_AUTO_TEST_CASE(after_a_crash_the_paid_turn_is_taken_from_its_hold) {
  auto first = serve(respond("k"));
  for (auto& [id, x] : keys_kept)
    x.status.clear(); // the node died before it could keep the answer
  take_over = true;
  auto again = serve(respond("k"));
  BOOST_REQUIRE(again->status == 200);
  BOOST_TEST(again->text("/id") == first->text("/id"));
  BOOST_TEST(again->text("/output/0/content/0/text") == "Hello");
  // What the first try has paid is part of what the answer costs.
  BOOST_TEST(again->header("x-callboard-cost-usd") == "0.001500");
  BOOST_TEST(web->count(model_url) == 1u);
  BOOST_TEST(results.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_turn_that_came_to_nothing_is_made_again_under_a_hold_of_its_own) {
  web->answers.clear();
  web->answer(model_url, {answer_json(500, "{}"), model_says("Hello")});
  BOOST_TEST(serve(respond("k"))->status == 502);
  auto again = serve(respond("k"));
  BOOST_TEST(again->status == 200);
  BOOST_REQUIRE(holds.size() == 2u);
  std::string outcomes;
  for (auto& [id, status] : holds)
    outcomes += status;
  BOOST_TEST(std::count(outcomes.begin(), outcomes.end(), 'S') == 1);
  BOOST_TEST(std::count(outcomes.begin(), outcomes.end(), 'V') == 1);
}

BOOST_AUTO_TEST_CASE(a_turn_that_always_comes_to_nothing_is_told_to_take_another_key) {
  web->answers.clear();
  web->answer(model_url, {answer_json(500, "{}")});
  for (int i = 0; i < 20; ++i)
    BOOST_TEST(serve(respond("k"))->status == 502);
  auto spent = serve(respond("k"));
  BOOST_TEST(spent->status == 409);
  BOOST_TEST(spent->text("/error/code") == "conflict");
  auto text = spent->text("/error/message");
  BOOST_TEST(text.find("20 times") != std::string::npos, text);
  BOOST_TEST(text.find("Use another idempotency key.") != std::string::npos, text);
  BOOST_TEST(web->count(model_url) == 20u);
}

BOOST_AUTO_TEST_CASE(a_keyed_turn_is_known_by_what_the_client_asked_for) {
  // What is asked of the model may differ between the tries: a tool says something else this time.
  auto x = respond("k");
  serve(x);
  BOOST_TEST((db->only("wallet/reserve").values.at(3).data == sha256(x.body)));
}

BOOST_AUTO_TEST_CASE(a_turn_that_came_to_nothing_may_be_made_again_as_often_as_its_key_allows) {
  serve(respond("k"));
  auto cap = std::to_string(limits::loop_iterations_max * limits::keyed_tries_max);
  BOOST_TEST(db->only("wallet/reserve").values.at(12).data == cap);
}

BOOST_AUTO_TEST_CASE(a_turn_that_died_with_its_node_is_made_again) {
  serve(respond("k"));
  auto first = holds.begin()->first;
  for (auto& [id, x] : keys_kept)
    x.status.clear();
  take_over = true;
  for (bool given_up : {false, true}) {
    db->handlers["hold/result"] = [first, given_up](const store_call& call) {
      return one_row({{"body", std::nullopt},
                      {"free", "f"},
                      {"charged", "40"},
                      {"given_up", given_up && call.values.at(0).data == first ? "t" : "f"}});
    };
    BOOST_TEST(serve(respond("k"))->status == (given_up ? 200 : 409));
  }
  BOOST_TEST(web->count(model_url) == 2u);
}

BOOST_AUTO_TEST_CASE(a_turn_that_another_try_is_making_is_409) {
  db->held = {"wallet/resolve"};
  auto first = begin(respond("k"));
  sched.run();
  take_over = true;
  auto second = serve(respond("k"));
  BOOST_TEST(second->status == 409);
  BOOST_TEST(second->text("/error/code") == "request_in_progress");
  release("wallet/resolve");
  sched.run();
  BOOST_TEST(first->status == 200);
}

BOOST_AUTO_TEST_CASE(a_chat_completion_is_repeated_in_both_forms) {
  for (bool stream : {false, true}) {
    json::object body{{"model", "test-model"},
                      {"messages", {{{"role", "user"}, {"content", "Hi"}}}},
                      {"stream", stream}};
    client_request x{
      endpoint::chat_completions, user_key, json::serialize(body), {}, {}, {}, "POST"};
    x.headers.push_back({"Idempotency-Key", stream ? "s" : "p"});
    auto first = serve(x);
    BOOST_REQUIRE(first->status == 200);
    for (auto& [id, x_kept] : keys_kept)
      x_kept.status.clear();
    take_over = true;
    auto again = serve(x);
    BOOST_REQUIRE(again->status == 200);
    BOOST_TEST(again->body.find("Hello") != std::string::npos);
  }
  BOOST_TEST(web->count(model_url) == 2u);
}

BOOST_AUTO_TEST_SUITE_END()
