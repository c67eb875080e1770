#include "tests/sandbox/sandbox_fixture.hpp"

using namespace callboard;
using namespace callboard::sandbox;

namespace {

const std::string issues = "/repos/octocat/hello-world/issues";

struct control_fixture : sandbox_fixture {
  answer create() { return github("POST", issues, json::object{{"title", "x"}}); }

  std::size_t count_issues() { return value(github("GET", issues)).as_array().size(); }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(control_test, control_fixture)

BOOST_AUTO_TEST_CASE(patterns_fit_with_stars) {
  for (const auto& [pattern, text, wanted] :
       {std::tuple{"*", "", true}, std::tuple{"*", "GET /x", true}, std::tuple{"a*c", "abbc", true},
        std::tuple{"a*c", "abbd", false}, std::tuple{"a", "a", true}, std::tuple{"a", "ab", false},
        std::tuple{"", "", true}, std::tuple{"", "a", false},
        std::tuple{"POST */issues", "POST /repos/a/b/issues", true},
        std::tuple{"*a*b*", "xxaxxbxx", true}, std::tuple{"*ab", "aab", true},
        std::tuple{"a**", "a", true}, std::tuple{"a*b", "a", false}})
    BOOST_TEST(fits(pattern, text) == wanted, pattern << " " << text);
}

BOOST_AUTO_TEST_CASE(a_fault_hits_as_often_as_it_should) {
  break_with({{"match", "POST /github/api/*/issues"}, {"status", 503}, {"times", 2}, {"skip", 1}});
  BOOST_TEST(create().status == 201);
  BOOST_TEST(create().status == 503);
  BOOST_TEST(github("GET", "/user").status == 200);
  BOOST_TEST(create().status == 503);
  BOOST_TEST(create().status == 201);
  BOOST_TEST(count_issues() == 2u);
  break_with({{"match", "POST *"}, {"times", -1}});
  for (int i = 0; i < 5; ++i)
    BOOST_TEST(create().status == 500);
  BOOST_TEST(ask("DELETE", "/_control/fault").status == 200);
  BOOST_TEST(create().status == 201);
}

BOOST_AUTO_TEST_CASE(a_fault_answers_what_it_was_told) {
  break_with({{"match", "*"},
              {"status", 429},
              {"headers", {{"Retry-After", "7"}}},
              {"body", {{"message", "slow down"}}},
              {"delay_ms", 250}});
  const auto x = create();
  BOOST_TEST(x.status == 429);
  BOOST_TEST(header(x, "Retry-After") == "7");
  BOOST_TEST(header(x, "Content-Type") == "application/json");
  BOOST_TEST(text(x, "message") == "slow down");
  BOOST_TEST(x.delay.count() == 250);
  break_with({{"match", "*"}, {"status", 200}, {"body", "not json"}});
  BOOST_TEST(create().body == "not json");
}

BOOST_AUTO_TEST_CASE(faults_bend_the_real_answer) {
  const auto user = github("GET", "/user");
  break_with({{"match", "*"}, {"kind", "delay"}, {"delay_ms", 40}});
  const auto delayed = github("GET", "/user");
  BOOST_TEST(delayed.body == user.body);
  BOOST_TEST(delayed.delay.count() == 40);
  break_with({{"match", "*"}, {"kind", "slow"}, {"delay_ms", 5}});
  const auto slow = github("GET", "/user");
  BOOST_TEST(body_of(slow) == user.body);
  BOOST_TEST(slow.pieces.size() == 8u);
  BOOST_TEST(slow.pieces.back().delay.count() == 5);
  break_with({{"match", "*"}, {"kind", "close"}});
  const auto cut = github("GET", "/user");
  BOOST_TEST((cut.end == ending::cut));
  BOOST_TEST(body_of(cut).size() == user.body.size() / 2);
  break_with({{"match", "*"}, {"kind", "huge"}, {"bytes", 1000}});
  BOOST_TEST(github("GET", "/user").body.size() == 1002u);
}

BOOST_AUTO_TEST_CASE(a_lost_answer_may_have_had_its_effect) {
  break_with({{"match", "POST *"}, {"kind", "hang"}});
  const auto lost = create();
  BOOST_TEST((lost.end == ending::hang));
  BOOST_TEST(body_of(lost).empty());
  BOOST_TEST(count_issues() == 0u);
  break_with({{"match", "POST *"}, {"kind", "hang"}, {"effect", true}});
  BOOST_TEST((create().end == ending::hang));
  BOOST_TEST(count_issues() == 1u);
  break_with({{"match", "POST *"}, {"status", 502}, {"effect", true}});
  BOOST_TEST(create().status == 502);
  BOOST_TEST(count_issues() == 2u);
}

BOOST_AUTO_TEST_CASE(troubles_have_the_shape_of_their_provider) {
  const auto trouble = [this](const char* kind, const std::string& slug) {
    break_with({{"match", "*"}, {"kind", kind}});
    return slug == "github" ? create() : ask("POST", "/model/v1/chat/completions", "{}");
  };
  const auto limited = trouble("rate_limit", "github");
  BOOST_TEST(limited.status == 403);
  BOOST_TEST(header(limited, "x-ratelimit-remaining") == "0");
  BOOST_TEST(header(limited, "x-ratelimit-reset") == std::to_string(now + 2));
  BOOST_TEST(trouble("rate_limit_429", "github").status == 429);
  BOOST_TEST(header(trouble("secondary_rate_limit", "github"), "retry-after") == "2");
  BOOST_TEST(trouble("bad_credentials", "github").status == 401);
  BOOST_TEST(trouble("forbidden", "github").status == 403);
  BOOST_TEST(trouble("server_error", "github").status == 500);
  BOOST_TEST(trouble("unavailable", "github").status == 503);
  BOOST_TEST(at(trouble("validation", "github"), "/errors/0").is_string());
  BOOST_TEST(trouble("rate_limit", "model").status == 429);
  BOOST_TEST(trouble("server_error", "model").status == 500);
  BOOST_TEST(trouble("overloaded", "model").status == 503);
  BOOST_TEST(at(trouble("context_length", "model"), "/error/code") == "context_length_exceeded");
  BOOST_TEST(at(trouble("insufficient_quota", "model"), "/error/code") == "insufficient_quota");
  BOOST_TEST(trouble("no-such", "model").status == 500);
  BOOST_TEST(count_issues() == 0u);
}

BOOST_AUTO_TEST_CASE(bad_faults_are_refused) {
  for (const char* bad : {"", "[]", "{}", R"({"match":""})", R"({"match":1})",
                          R"({"match":"*","kind":1})", R"({"match":"*","kind":""})",
                          R"({"match":"*","status":99})", R"({"match":"*","status":"500"})",
                          R"({"match":"*","times":-2})", R"({"match":"*","skip":-1})",
                          R"({"match":"*","delay_ms":3600001})", R"({"match":"*","bytes":0})",
                          R"({"match":"*","headers":{"a":1}})", R"({"match":"*","typo":1})"})
    BOOST_TEST(ask("POST", "/_control/fault", bad).status == 400, bad);
  BOOST_TEST(value(ask("GET", "/_control/fault")).as_array().empty());
}

BOOST_AUTO_TEST_CASE(there_is_an_end_to_faults) {
  for (int i = 0; i < 1000; ++i)
    break_with({{"match", "GET /never"}});
  BOOST_TEST(ask("POST", "/_control/fault", R"({"match":"*"})").status == 429);
  BOOST_TEST(value(ask("GET", "/_control/fault")).as_array().size() == 1000u);
}

BOOST_AUTO_TEST_CASE(the_journal_shows_what_was_asked) {
  create();
  github("GET", "/user?x=1");
  const auto all = value(ask("GET", "/_control/requests")).as_array();
  BOOST_REQUIRE_EQUAL(all.size(), 2u);
  BOOST_TEST(all[0].at("method") == "POST");
  BOOST_TEST(all[0].at("body") == R"({"title":"x"})");
  BOOST_TEST(all[0].at("status") == 201);
  BOOST_TEST(all[0].at("headers").at("authorization") == "Bearer ...ocat");
  BOOST_TEST(all[1].at("target") == "/github/api/user?x=1");
  const auto some = value(ask("GET", "/_control/requests?match=GET%20*user&secrets=1")).as_array();
  BOOST_REQUIRE_EQUAL(some.size(), 1u);
  BOOST_TEST(some[0].at("headers").at("authorization") == "Bearer sandbox-octocat");
}

BOOST_AUTO_TEST_CASE(the_journal_forgets_the_oldest) {
  for (int i = 0; i < 10'001; ++i)
    ask("GET", "/nothing");
  const auto all = value(ask("GET", "/_control/requests")).as_array();
  BOOST_TEST(all.size() == 10'000u);
  BOOST_TEST(all[0].at("id") == 2);
}

BOOST_AUTO_TEST_CASE(a_reset_takes_what_it_is_told) {
  const auto reset = [this](const std::string& body) {
    return ask("POST", "/_control/reset", body).status;
  };
  create();
  break_with({{"match", "PUT *"}});
  BOOST_TEST(reset(R"({"only":"journal"})") == 200);
  BOOST_TEST(value(ask("GET", "/_control/requests")).as_array().empty());
  BOOST_TEST(count_issues() == 1u);
  BOOST_TEST(reset(R"({"only":"faults"})") == 200);
  BOOST_TEST(value(ask("GET", "/_control/fault")).as_array().empty());
  BOOST_TEST(reset(R"({"only":"state"})") == 200);
  BOOST_TEST(count_issues() == 0u);
  create();
  BOOST_TEST(reset("") == 200);
  BOOST_TEST(count_issues() == 0u);
  BOOST_TEST(reset(R"({"only":"what"})") == 400);
  BOOST_TEST(reset("{") == 400);
}

BOOST_AUTO_TEST_CASE(the_state_outlives_a_world) {
  const auto token = connect("alice", "repo");
  create();
  const auto kept = json::serialize(outside->save());
  start({});
  BOOST_TEST(count_issues() == 0u);
  const auto saved = parse_json_object(kept);
  BOOST_REQUIRE(saved);
  BOOST_REQUIRE(outside->load(*saved));
  BOOST_TEST(count_issues() == 1u);
  BOOST_TEST(text(github("GET", "/user", nullptr, token), "login") == "alice");
  BOOST_TEST(at(create(), "/number") == 2);
}

BOOST_AUTO_TEST_CASE(a_state_that_is_none_is_refused) {
  for (const json::object& bad :
       {json::object{{"github", json::object{}}}, json::object{{"model", json::object{}}},
        json::object{{"model", {{"completions", -1}}}}})
    BOOST_TEST(!outside->load(bad));
  BOOST_TEST(create().status == 201);
}

BOOST_AUTO_TEST_CASE(the_addresses_are_told) {
  const auto x = ask("GET", "/_control");
  BOOST_TEST(at(x, "/github/api_base") == "http://sandbox.test/github/api");
  BOOST_TEST(at(x, "/model/base_url") == "http://sandbox.test/model/v1");
  BOOST_TEST(ask("GET", "/_control/what").status == 404);
  BOOST_TEST(ask("GET", "/").status == 404);
  BOOST_TEST(ask("GET", "/slack/api").status == 404);
}

BOOST_AUTO_TEST_CASE(bad_clients_are_refused_at_the_start) {
  for (const char* bad : {"", "x", ":x", "x:"})
    BOOST_TEST(!world::make({.clients = {bad}}));
}

BOOST_AUTO_TEST_SUITE_END()
