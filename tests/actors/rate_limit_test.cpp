#include <boost/test/unit_test.hpp>

#include "core/billing/request_limits.hpp"
#include "tests/support/node_fixture.hpp"

using namespace callboard;
using namespace std::chrono_literals;

namespace {

constexpr auto model_url = "model.test";
constexpr auto issue_url = "api.github.com/repos";

std::optional<std::string> cell_of(const std::optional<std::int64_t>& x) {
  return x ? std::optional{std::to_string(*x)} : std::nullopt;
}

/// A node whose store has rate limits and keeps counts as the real one does.
struct rate_fixture : node_fixture {
  rate_fixture() {
    web->answer(model_url, {model_says("Hello")});
    web->answer(issue_url, {answer_json(200, R"({"number":7,"title":"T","state":"open"})")});
    db->answer("response/insert", {{"id", "r"}});
    db->answer("session/touch", {{"id_hash", "hash-1"}});
    db->handlers["rate_limit/sync"] = [this](const store_call& call) { return sync(call); };
    for (auto& [id, who] : keys)
      if (who.end_user == user)
        db->answer("session/find", {{"id_hash", "hash-1"},
                                    {"end_user_id", user.value},
                                    {"key_id", who.key.value},
                                    {"app_slug", "github"},
                                    {"protocol", "2025-11-25"}});
  }

  store_rows sync(const store_call& call) {
    store_rows rows;
    rows.columns = {"end_user_id", "rpm_limit", "tpm_limit", "rpd_limit", "mine", "others"};
    auto add = [&rows](const std::optional<std::string>& x) {
      rows.cells.push_back(x.value_or(""));
      rows.nulls.push_back(x ? 0 : 1);
    };
    auto items = json::parse(call.values.at(0).data).as_array();
    for (auto& item : items) {
      auto id = to_std(item.at("id").as_string());
      auto& counted = stored[id];
      auto day = std::to_string(item.at("day").as_int64()) + '/';
      auto writer = day + call.values.at(1).data;
      std::int64_t others = 0;
      for (auto& [who, requests] : counted)
        others += who == writer || !who.starts_with(day) ? 0 : requests;
      auto& own = limits_of[id];
      add(id);
      add(cell_of(own.requests_per_minute));
      add(cell_of(own.tokens_per_minute));
      add(cell_of(own.requests_per_day));
      add(std::to_string(counted[writer]));
      add(std::to_string(others));
      if (item.at("requests").is_int64())
        counted[writer] = item.at("requests").as_int64();
    }
    return rows;
  }

  std::int64_t stored_requests(const end_user_id& id) {
    std::int64_t sum = 0;
    for (auto& [writer, requests] : stored[id.value])
      sum += requests;
    return sum;
  }

  reply_record respond(const std::string& key, bool stream = false) {
    json::object x{{"model", "test-model"}, {"input", "Hi"}, {"stream", stream}};
    return serve({endpoint::responses_create, key, json::serialize(x), {}, {}, {}, "POST"});
  }
  reply_record respond() { return respond(user_key); }

  reply_record chat(const std::string& key, bool stream = false) {
    json::object x{{"model", "test-model"}, {"stream", stream}};
    x["messages"] = {{{"role", "user"}, {"content", "Hi"}}};
    return serve({endpoint::chat_completions, key, json::serialize(x), {}, {}, {}, "POST"});
  }

  reply_record loop_with_tools(int calls) {
    std::vector<std::pair<std::string, std::string>> wanted(
      static_cast<std::size_t>(calls),
      {"github_get_issue", R"({"owner":"o","repo":"r","issue_number":7})"});
    web->answer(model_url, {model_calls(wanted), model_says("Done")});
    json::object x{{"model", "test-model"}, {"input", "Hi"}};
    x["tools"] = {{{"type", "mcp"},
                   {"server_label", "github"},
                   {"server_url", "https://mcp.test/mcp/github"},
                   {"authorization", "Bearer " + user_key}}};
    return serve({endpoint::responses_create, user_key, json::serialize(x), {}, {}, {}, "POST"});
  }

  reply_record mcp(const std::string& body) {
    client_request x{endpoint::mcp_post, user_key, body, {}, {{"app", "github"}}, {}, "POST"};
    x.headers = {{"Mcp-Session-Id", "session-1"}, {"Content-Type", "application/json"}};
    return serve(std::move(x));
  }

  static std::string tool_call(const std::string& id) {
    return R"({"jsonrpc":"2.0","id":)" + id + R"(,"method":"tools/call","params":{"name":)"
           + R"("github_get_issue","arguments":{"owner":"o","repo":"r","issue_number":7}}})";
  }

  /// Lets time pass on both clocks.
  void wait(std::chrono::seconds time) {
    pass(time);
    *unix_now += time.count();
  }

  std::map<std::string, billing::request_limits> limits_of;
  /// By user, then by "<day>/<writer>".
  std::map<std::string, std::map<std::string, std::int64_t>> stored;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(rate_limit_test, rate_fixture)

BOOST_AUTO_TEST_CASE(the_request_beyond_the_limit_is_429_and_says_when) {
  limits_of[user.value].requests_per_minute = 2;
  BOOST_TEST(respond()->status == 200);
  auto second = chat(user_key);
  BOOST_TEST(second->status == 200);
  BOOST_TEST(second->header("x-ratelimit-limit-requests") == "2");
  BOOST_TEST(second->header("x-ratelimit-remaining-requests") == "0");
  BOOST_TEST(second->header("x-ratelimit-reset-requests") != "");
  auto holds = db->count("wallet/reserve");
  for (auto& refused : {respond(), respond(user_key, true), chat(user_key), chat(user_key, true)}) {
    BOOST_TEST(refused->status == 429);
    BOOST_TEST(refused->text("/error/code") == "rate_limit_exceeded");
    BOOST_TEST(refused->text("/error/type") == "rate_limit_error");
    BOOST_TEST(refused->text("/error/limit") == "rpm_limit");
    auto wait = std::stoi(refused->header("Retry-After"));
    BOOST_TEST(wait >= 60);
    BOOST_TEST(wait <= 65);
    BOOST_TEST(refused->header("x-ratelimit-limit-requests") == "2");
    BOOST_TEST(refused->header("x-ratelimit-remaining-requests") == "0");
    BOOST_TEST(refused->header("x-ratelimit-limit-tokens") == "");
  }
  BOOST_TEST(db->count("wallet/reserve") == holds); // it takes no hold
  wait(65s);
  BOOST_TEST(respond()->status == 200);
}

BOOST_AUTO_TEST_CASE(others_are_not_held_up) {
  limits_of[user.value].requests_per_minute = 1;
  BOOST_TEST(respond()->status == 200);
  BOOST_TEST(respond()->status == 429);
  for (int i = 0; i < 3; ++i) {
    auto other = respond(other_user_key);
    BOOST_TEST(other->status == 200);
    BOOST_TEST(other->header("x-ratelimit-limit-requests") == "");
    BOOST_TEST(respond(platform_key)->status == 200);
  }
}

BOOST_AUTO_TEST_CASE(limits_are_read_once_and_not_with_every_request) {
  for (int i = 0; i < 10; ++i)
    BOOST_TEST(respond()->status == 200);
  BOOST_TEST(respond(platform_key)->status == 200);
  BOOST_TEST(db->count("rate_limit/sync") == 1u);
  auto asked = db->only("rate_limit/sync");
  BOOST_TEST(asked.tenant.value == platform.value);
  wait(4s); // nothing to store for a user without limits
  BOOST_TEST(db->count("rate_limit/sync") == 1u);
  wait(3s);
  BOOST_TEST(db->count("rate_limit/sync") == 2u); // a change elsewhere is seen
  wait(60s);
  BOOST_TEST(db->count("rate_limit/sync") == 2u); // nobody asks any more
}

BOOST_AUTO_TEST_CASE(first_requests_that_come_together_wait_for_one_answer) {
  limits_of[user.value].requests_per_minute = 2;
  db->held = {"rate_limit/sync"};
  std::vector<reply_record> replies;
  for (int i = 0; i < 3; ++i)
    replies.push_back(respond());
  BOOST_TEST(db->count("wallet/reserve") == 0u);
  release("rate_limit/sync");
  int good = 0;
  for (auto& reply : replies)
    good += reply->status == 200;
  BOOST_TEST(good == 2);
  BOOST_TEST(db->count("rate_limit/sync") == 1u);
}

BOOST_AUTO_TEST_CASE(a_store_that_is_away_is_503_before_a_users_first_request) {
  db->refuse("rate_limit/sync", errc::store_unavailable);
  BOOST_TEST(respond()->status == 503);
  db->handlers["rate_limit/sync"] = [this](const store_call& call) { return sync(call); };
  BOOST_TEST(respond()->status == 200);
}

BOOST_AUTO_TEST_CASE(the_days_count_is_stored_each_second_and_goes_on_after_a_restart) {
  limits_of[user.value].requests_per_day = 5;
  for (int i = 0; i < 3; ++i)
    BOOST_TEST(respond()->status == 200);
  BOOST_TEST(stored_requests(user) == 0);
  wait(2s);
  BOOST_TEST(stored_requests(user) == 3);
  auto writes = db->count("rate_limit/sync");
  wait(30s);
  BOOST_TEST(db->count("rate_limit/sync") == writes); // nothing new
  BOOST_TEST(respond()->status == 200);
  // The actor ends in order, and another one takes its place.
  self->send_exit(tenant(), caf::exit_reason::user_shutdown);
  sched.run();
  BOOST_TEST(stored_requests(user) == 4);
  auto last = respond();
  BOOST_TEST(last->status == 200);
  BOOST_TEST(last->header("x-ratelimit-remaining-requests") == "0");
  auto refused = respond();
  BOOST_TEST(refused->status == 429);
  BOOST_TEST(refused->text("/error/limit") == "rpd_limit");
  BOOST_TEST(refused->header("x-should-retry") == "false"); // no SDK waits for tomorrow
  wait(std::chrono::seconds{std::stoi(refused->header("Retry-After"))});
  BOOST_TEST(respond()->status == 200);
}

BOOST_AUTO_TEST_CASE(what_another_node_counts_is_seen_with_the_next_second) {
  limits_of[user.value].requests_per_day = 10;
  BOOST_TEST(respond()->status == 200);
  stored[user.value][std::to_string(start_time / billing::day_seconds) + "/another"] = 9;
  wait(2s);
  BOOST_TEST(respond()->status == 429);
  BOOST_TEST(stored_requests(user) == 10);
}

BOOST_AUTO_TEST_CASE(a_count_that_could_not_be_stored_is_stored_later) {
  limits_of[user.value].requests_per_day = 10;
  BOOST_TEST(respond()->status == 200);
  db->refuse("rate_limit/sync", errc::store_unavailable);
  wait(3s);
  BOOST_TEST(respond()->status == 200); // nobody waits for it
  db->handlers["rate_limit/sync"] = [this](const store_call& call) { return sync(call); };
  wait(3s);
  BOOST_TEST(stored_requests(user) == 2);
}

BOOST_AUTO_TEST_CASE(a_request_counts_once_however_many_turns_and_tools_it_has) {
  limits_of[user.value] = {1, {}, 100};
  BOOST_TEST(loop_with_tools(3)->status == 200);
  BOOST_TEST(db->count("wallet/reserve") + db->count("wallet/reserve_many") > 2u);
  wait(2s);
  BOOST_TEST(stored_requests(user) == 1);
  BOOST_TEST(respond()->status == 429);
}

BOOST_AUTO_TEST_CASE(tokens_of_all_turns_count_and_no_later_turn_is_refused) {
  limits_of[user.value].tokens_per_minute = 150;
  // Two turns of 110 tokens: the second one goes beyond the limit, and goes.
  auto reply = loop_with_tools(1);
  BOOST_TEST(reply->status == 200);
  BOOST_TEST(reply->header("x-ratelimit-limit-tokens") == "150");
  auto refused = respond();
  BOOST_TEST(refused->status == 429);
  BOOST_TEST(refused->text("/error/limit") == "tpm_limit");
  BOOST_TEST(refused->header("x-ratelimit-remaining-tokens") == "0");
  wait(65s);
  web->answer(model_url, {model_says("Hello")});
  BOOST_TEST(respond()->status == 200);
}

BOOST_AUTO_TEST_CASE(estimates_give_way_to_real_numbers_and_failed_turns_count_nothing) {
  limits_of[user.value].tokens_per_minute = 1600;
  // Estimated at a little more than a thousand tokens each, which really are 110.
  for (int i = 0; i < 6; ++i)
    BOOST_TEST(respond()->status == 200);
  BOOST_TEST(respond()->status == 429);
  wait(65s);
  web->answer(model_url, {answer_json(500, R"({"error":{"message":"broken"}})")});
  for (int i = 0; i < 5; ++i)
    BOOST_TEST(respond()->status == 502);
  web->answer(model_url, {model_says("Hello")});
  auto good = respond();
  BOOST_TEST(good->status == 200);
}

BOOST_AUTO_TEST_CASE(a_request_that_is_refused_for_money_does_not_count) {
  limits_of[user.value] = {1, 1200, 1};
  auto works = db->handlers["wallet/reserve"];
  db->answer("wallet/reserve",
             {{"code", "insufficient"}, {"free", "f"}, {"amount", "0"}, {"status", std::nullopt}});
  for (int i = 0; i < 3; ++i)
    BOOST_TEST(respond()->status == 402);
  db->handlers["wallet/reserve"] = works;
  BOOST_TEST(respond()->status == 200);
  BOOST_TEST(respond()->status == 429);
}

BOOST_AUTO_TEST_CASE(asking_again_for_an_answer_that_is_being_made_does_not_count) {
  limits_of[user.value].requests_per_minute = 2;
  db->handlers["wallet/reserve"] = [](const store_call&) {
    return one_row({{"code", "exists"}, {"free", "f"}, {"amount", "1500"}, {"status", "P"}});
  };
  client_request x{endpoint::mcp_post,  user_key, tool_call("1"), {},
                   {{"app", "github"}}, {},       "POST"};
  x.headers = {{"Mcp-Session-Id", "session-1"},
               {"Content-Type", "application/json"},
               {"Idempotency-Key", "k"}};
  for (int i = 0; i < 5; ++i)
    BOOST_TEST(serve(x)->body.find("request_in_progress") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_tool_call_beyond_the_limit_is_an_error_in_band) {
  limits_of[user.value].requests_per_minute = 1;
  auto first = mcp(tool_call("1"));
  BOOST_TEST(first->status == 200);
  BOOST_TEST(first->text("/result/content/0/type") == "text");
  BOOST_TEST(first->header("x-ratelimit-limit-requests") == "1");
  BOOST_TEST(first->header("x-ratelimit-remaining-requests") == "0");
  auto sent = web->requests.size();
  auto refused = mcp(tool_call("2"));
  BOOST_TEST(refused->status == 200);
  BOOST_TEST(refused->text("/error/data/code") == "rate_limit_exceeded");
  BOOST_TEST(refused->object().at("error").at("data").at("retry_after").as_int64() >= 60);
  BOOST_TEST(refused->header("x-ratelimit-remaining-requests") == "0");
  BOOST_TEST(web->requests.size() == sent);
  // Looking is free.
  BOOST_TEST(mcp(R"({"jsonrpc":"2.0","id":3,"method":"tools/list"})")->body.find("github_get_issue")
             != std::string::npos);
  BOOST_TEST(mcp(R"({"jsonrpc":"2.0","id":4,"method":"ping"})")->body.find("result")
             != std::string::npos);
  BOOST_TEST(respond()->status == 429); // one count for all ways
  wait(65s);
  BOOST_TEST(mcp(tool_call("5"))->text("/result/content/0/type") == "text");
}

BOOST_AUTO_TEST_CASE(a_tool_call_that_never_gets_to_its_provider_does_not_count) {
  limits_of[user.value].requests_per_minute = 1;
  mcp(R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"github_nope"}})");
  mcp(R"({"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"github_get_issue",
      "arguments":{"owner":1}}})");
  BOOST_TEST(mcp(tool_call("3"))->text("/result/content/0/type") == "text");
}

BOOST_AUTO_TEST_CASE(changed_limits_hold_for_the_next_request) {
  const std::vector<name_value> path{{"platform_id", platform.value}, {"end_user_id", user.value}};
  BOOST_TEST(respond()->status == 200);
  db->answer("rate_limit/set", {{"body", R"({"rpm_limit":1})"}});
  auto put = serve({endpoint::rate_limits_put,
                    platform_key,
                    R"({"rpm_limit":1,"tpm_limit":null})",
                    {},
                    path,
                    {},
                    "PUT"});
  BOOST_TEST(put->status == 200);
  auto values = db->only("rate_limit/set").values;
  BOOST_TEST(values.at(0).data == user.value);
  BOOST_TEST(values.at(1).data == "1");
  BOOST_TEST((values.at(2).as == store_value::form::null));
  BOOST_TEST((values.at(3).as == store_value::form::null));
  limits_of[user.value].requests_per_minute = 1;
  BOOST_TEST(respond()->status == 200);
  BOOST_TEST(respond()->status == 429);
  db->answer("rate_limit/delete", {{"end_user_id", user.value}});
  limits_of.clear();
  BOOST_TEST(serve({endpoint::rate_limits_delete, platform_key, {}, {}, path, {}, "DELETE"})->status
             == 204);
  BOOST_TEST(respond()->status == 200);
}

BOOST_AUTO_TEST_CASE(a_platforms_defaults_are_kept_and_announced) {
  db->answer("platform/update", {{"body", "{}"}});
  BOOST_TEST(respond()->status == 200);
  limits_of[user.value].requests_per_minute = 1;
  auto patched = serve({endpoint::platform_patch,
                        platform_key,
                        R"({"settings":{"default_rate_limits":{"rpm_limit":1,"rpd_limit":9}}})",
                        {},
                        {{"platform_id", platform.value}},
                        {},
                        "PATCH"});
  BOOST_TEST(patched->status == 200);
  BOOST_TEST(db->only("platform/update").values.at(9).data
             == R"({"rpm_limit":1,"tpm_limit":null,"rpd_limit":9})");
  BOOST_TEST(respond()->status == 200);
  BOOST_TEST(respond()->status == 429);
}

BOOST_AUTO_TEST_CASE(a_user_reads_its_own_limits_and_a_platform_key_does_not) {
  db->answer("rate_limit/show", {{"body", R"({"rpm_limit":7,"resolution":"default"})"}});
  auto mine = serve({endpoint::me_rate_limits, user_key, {}, {}, {}, {}, "GET"});
  BOOST_TEST(mine->status == 200);
  BOOST_TEST(mine->text("/resolution") == "default");
  BOOST_TEST(db->only("rate_limit/show").values.at(0).data == user.value);
  BOOST_TEST(serve({endpoint::me_rate_limits, platform_key, {}, {}, {}, {}, "GET"})->status == 403);
}

BOOST_AUTO_TEST_CASE(answers_say_what_they_cost_and_how_long_they_were_here) {
  auto of_user = respond();
  BOOST_TEST(of_user->header("x-callboard-cost-usd") == "0.000120");
  BOOST_TEST(of_user->header("x-callboard-balance-usd") == "");      // no business of an end user
  BOOST_TEST(of_user->header("x-callboard-overhead-ms") == "0.000"); // virtual time stands still
  auto of_platform = chat(platform_key);
  BOOST_TEST(of_platform->header("x-callboard-cost-usd") == "0.000120");
  BOOST_TEST(of_platform->header("x-callboard-balance-usd") == "1.000000");
  auto tools = loop_with_tools(2);
  BOOST_TEST(tools->header("x-callboard-cost-usd") == "0.003240"); // two turns, two calls
  auto call = mcp(tool_call("1"));
  BOOST_TEST(call->header("x-callboard-cost-usd") == "0.001500");
  BOOST_TEST(call->header("x-callboard-balance-usd") == "");
  BOOST_TEST(call->header("x-callboard-overhead-ms") == "0.000");
}

BOOST_AUTO_TEST_CASE(a_stream_tells_its_overhead_and_nothing_about_money) {
  limits_of[user.value].requests_per_minute = 5;
  for (auto& stream : {respond(user_key, true), chat(user_key, true)}) {
    BOOST_TEST(stream->streaming);
    BOOST_TEST(stream->header("x-callboard-overhead-ms") == "0.000");
    BOOST_TEST(stream->header("x-ratelimit-limit-requests") == "5");
    BOOST_TEST(stream->header("x-callboard-cost-usd") == "");
  }
}

BOOST_AUTO_TEST_CASE(waiting_for_the_model_is_not_our_time) {
  db->held = {"wallet/resolve"};
  auto slow = model_says("Hello");
  slow.ends = false;
  web->answer(model_url, {slow});
  auto reply = chat(user_key);
  pass(2s); // the model takes its time
  auto [id, listener] = *web->listeners.begin();
  tell(listener, atom::done_v, id, caf::error{});
  pass(1s); // and so does the store
  release("wallet/resolve");
  BOOST_TEST(reply->status == 200);
  BOOST_TEST(reply->header("x-callboard-overhead-ms") == "1000.000");
}

BOOST_AUTO_TEST_SUITE_END()
