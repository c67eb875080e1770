#include <boost/test/unit_test.hpp>

#include "core/base/digest.hpp"
#include "core/base/json.hpp"
#include "tests/support/node_fixture.hpp"

using namespace callboard;

namespace {

constexpr auto w1 = "88888888-8888-4888-8888-888888888888";
constexpr auto d1 = "99999999-9999-4999-8999-999999999999";
constexpr auto u1 = "77777777-7777-4777-8777-777777777777";

/// A request, the values that must reach the store in order ("null", or text), what the store
/// answers, and the status and error code of the answer.
struct move_case {
  endpoint target;
  const char* body;
  const char* statement;
  std::vector<std::string> values;
  std::vector<cell> answer;
  int status;
  const char* code;
};

struct budget_calls_fixture : node_fixture {
  reply_record ask_api(endpoint target, const std::string& key, std::string body = {},
                       std::string query = {}) {
    return serve({target,
                  key,
                  std::move(body),
                  std::move(query),
                  {{"platform_id", platform.value},
                   {"end_user_id", u1},
                   {"webhook_id", w1},
                   {"delivery_id", d1}},
                  {},
                  "POST"});
  }

  static std::string shown(const store_value& x) {
    return x.as == store_value::form::null ? "null" : x.data;
  }

  void check(const move_case& x) {
    db->calls.clear();
    if (x.answer.empty())
      db->answer_empty(x.statement);
    else
      db->answer(x.statement, x.answer);
    auto reply = ask_api(x.target, platform_key, x.body);
    BOOST_TEST(reply->status == x.status, x.body << ": " << reply->body);
    if (*x.code != '\0')
      BOOST_TEST(reply->text("/error/code") == x.code, x.body);
    auto sent = db->only(x.statement);
    BOOST_TEST(sent.tenant.value == platform.value);
    for (std::size_t i = 0; i < x.values.size(); ++i)
      BOOST_TEST(shown(sent.values.at(i)) == x.values[i], x.body << " value " << i + 1);
  }
};

const std::vector<cell> fine{{"code", "ok"}, {"body", "{\"x\":1}"}};

} // namespace

BOOST_FIXTURE_TEST_SUITE(budget_calls_test, budget_calls_fixture)

BOOST_AUTO_TEST_CASE(budget_requests_reach_the_store_with_their_values) {
  const move_case table[]{
    {endpoint::budget_create,
     R"({"max_usd":2.5})",
     "budget/create",
     {u1, "2500000", "one_time", "f", "null", "null"},
     fine,
     201,
     ""},
    {endpoint::budget_create,
     R"({"max_usd":"1","period":"daily","auto_replenish":true,"replenish_amount":"0.5",
         "low_balance_threshold":0})",
     "budget/create",
     {u1, "1000000", "daily", "t", "500000", "0"},
     fine,
     201,
     ""},
    {endpoint::budget_create,
     R"({"max_usd":1})",
     "budget/create",
     {},
     {{"code", "exists"}},
     409,
     "conflict"},
    {endpoint::budget_create,
     R"({"max_usd":1})",
     "budget/create",
     {},
     {{"code", "not_found"}},
     404,
     "not_found"},
    {endpoint::budget_patch,
     R"({"is_suspended":true,"reason":"fraud"})",
     "budget/update",
     {u1, "null", "null", "t", "null", "null", "null", "f", "fraud"},
     fine,
     200,
     ""},
    {endpoint::budget_patch,
     R"({"max_usd":3,"low_balance_threshold":null})",
     "budget/update",
     {u1, "3000000", "null", "null", "null", "null", "null", "t", "null"},
     fine,
     200,
     ""},
    {endpoint::budget_patch,
     R"({"auto_replenish":true})",
     "budget/update",
     {u1, "null", "null", "null", "t"},
     {{"code", "no_amount"}},
     422,
     "validation_error"},
    {endpoint::budget_topup,
     R"({"amount":1,"reason":"gift","metadata":{"a":1}})",
     "budget/topup",
     {u1, "1000000", "gift", R"({"a":1})"},
     fine,
     201,
     ""},
    {endpoint::budget_topup,
     R"({"amount_usd":"0.000001"})",
     "budget/topup",
     {u1, "1", "null", "null"},
     fine,
     201,
     ""},
    {endpoint::budget_debit,
     R"({"amount":1})",
     "budget/debit",
     {u1, "1000000"},
     {{"code", "suspended"}},
     402,
     "budget_suspended"},
    {endpoint::budget_debit, R"({"amount":1})", "budget/debit", {u1}, {}, 404, "not_found"},
    {endpoint::budget_transactions,
     "",
     "budget/transactions",
     {"1", "20", u1},
     {{"data", "[]"}, {"total", "0"}},
     200,
     ""},
    {endpoint::budget_get, "", "budget/show", {u1}, {{"body", "{}"}}, 200, ""},
    {endpoint::budget_get, "", "budget/show", {u1}, {}, 404, "not_found"}};
  for (auto& x : table)
    check(x);
}

BOOST_AUTO_TEST_CASE(an_amount_that_is_null_leaves_its_place_to_the_other) {
  check({endpoint::budget_topup,
         R"({"amount":2,"amount_usd":null})",
         "budget/topup",
         {u1, "2000000"},
         fine,
         201,
         ""});
}

BOOST_AUTO_TEST_CASE(a_refused_debit_says_what_there_is) {
  db->answer(
    "budget/debit",
    {{"code", "over_budget"}, {"remaining", "250000"}, {"resets_at", "2026-12-01T00:00:00Z"}});
  auto reply = ask_api(endpoint::budget_debit, platform_key, R"({"amount":"1"})");
  BOOST_TEST(reply->status == 402);
  BOOST_TEST(reply->text("/error/code") == "budget_exhausted");
  BOOST_TEST(reply->text("/error/type") == "payment_required");
  BOOST_TEST(reply->text("/error/required_usd") == "1.000000");
  BOOST_TEST(reply->text("/error/remaining_usd") == "0.250000");
  BOOST_TEST(reply->text("/error/resets_at") == "2026-12-01T00:00:00Z");
  BOOST_TEST(reply->text("/error/message").ends_with("Top it up, or ask for less."));
  db->answer("budget/debit", {{"code", "suspended"}});
  reply = ask_api(endpoint::budget_debit, platform_key, R"({"amount":"1"})");
  BOOST_TEST(reply->text("/error/message").ends_with("PATCH resumes it."));
  db->answer("budget/debit", {{"code", "held"}, {"remaining", "250000"}});
  reply = ask_api(endpoint::budget_debit, platform_key, R"({"amount":"1"})");
  BOOST_TEST(reply->status == 409);
  BOOST_TEST(reply->header("Retry-After") == "2");
}

BOOST_AUTO_TEST_CASE(a_key_that_moved_a_budget_in_another_way_is_refused) {
  for (auto [target, statement] : {std::pair{endpoint::budget_topup, "budget/topup"},
                                   std::pair{endpoint::budget_debit, "budget/debit"}}) {
    db->answer(statement, {{"code", "mismatch"}});
    auto reply = ask_api(target, platform_key, R"({"amount":"1"})");
    BOOST_TEST(reply->status == 422);
    BOOST_TEST(reply->text("/error/code") == "idempotency_mismatch");
  }
}

BOOST_AUTO_TEST_CASE(end_users_read_their_own_budget_and_change_none) {
  db->answer("budget/show", {{"body", R"({"is_suspended":true})"}, {"is_suspended", "t"}});
  BOOST_TEST(ask_api(endpoint::me_budget, user_key)->status == 200);
  BOOST_TEST(db->only("budget/show").values.at(0).data == user.value);
  BOOST_TEST(ask_api(endpoint::me_budget, platform_key)->status == 403);
  for (auto target :
       {endpoint::budget_create, endpoint::budget_get, endpoint::budget_patch,
        endpoint::budget_topup, endpoint::budget_debit, endpoint::budget_transactions,
        endpoint::webhook_create, endpoint::webhook_list, endpoint::webhook_get,
        endpoint::webhook_patch, endpoint::webhook_delete, endpoint::webhook_test,
        endpoint::webhook_deliveries, endpoint::webhook_replay, endpoint::webhook_replay_since})
    BOOST_TEST(ask_api(target, user_key, R"({"amount":1,"max_usd":1})")->status == 403);
}

BOOST_AUTO_TEST_CASE(a_budget_is_made_for_a_user_that_exists) {
  db->answer("budget/create", {{"code", "not_found"}});
  auto reply = ask_api(endpoint::budget_create, platform_key, R"({"max_usd":1})");
  BOOST_TEST(reply->text("/error/message") == "There is no such end user.");
}

BOOST_AUTO_TEST_CASE(what_has_no_budget_has_no_ledger) {
  check({endpoint::budget_transactions, "", "budget/transactions", {}, {}, 404, "not_found"});
}

BOOST_AUTO_TEST_CASE(users_without_a_budget_are_told_what_limits_them) {
  db->answer_empty("budget/show");
  const std::pair<std::optional<std::string>, const char*> table[]{
    {std::nullopt, "You have no budget of your own; the platform's wallet is the only limit."},
    {"5000000", "You have no budget yet; your first paid call gives you one of 5.000000 US "
                "dollars."}};
  for (auto& [given, message] : table) {
    db->answer("platform/find", {{"default_budget", given}});
    auto reply = ask_api(endpoint::me_budget, user_key);
    BOOST_TEST(reply->status == 404);
    BOOST_TEST(reply->text("/error/message") == message);
  }
}

BOOST_AUTO_TEST_CASE(bad_terms_are_422_and_name_the_field) {
  const std::tuple<endpoint, const char*, const char*> table[]{
    {endpoint::budget_create, R"({})", "max_usd"},
    {endpoint::budget_create, R"({"max_usd":0})", "max_usd"},
    {endpoint::budget_create, R"({"max_usd":1,"period":"weekly"})", "period"},
    {endpoint::budget_create, R"({"max_usd":1,"auto_replenish":true})", "replenish_amount"},
    {endpoint::budget_create, R"({"max_usd":1,"replenish_amount":0})", "replenish_amount"},
    {endpoint::budget_create, R"({"max_usd":1,"low_balance_threshold":-1})",
     "low_balance_threshold"},
    {endpoint::budget_patch, R"({"is_suspended":"yes"})", "is_suspended"},
    {endpoint::budget_patch, R"({"max_usd":"1.0000001"})", "max_usd"},
    {endpoint::budget_patch, R"({"replenish_amount":null})", "replenish_amount"},
    {endpoint::budget_topup, R"({})", "amount"},
    {endpoint::budget_topup, R"({"amount":-1})", "amount"},
    {endpoint::budget_topup, R"({"amount_usd":0})", "amount_usd"},
    {endpoint::budget_topup, R"({"amount":1,"amount_usd":2})", "amount_usd"},
    {endpoint::budget_debit, R"({"amount":1,"amount_usd":1})", "amount_usd"},
    {endpoint::budget_debit, R"({"amount_usd":null})", "amount"},
    {endpoint::budget_debit, R"({"amount":1,"metadata":[]})", "metadata"},
    {endpoint::webhook_create, R"({})", "url"},
    {endpoint::webhook_create, R"({"url":"/relative"})", "url"},
    {endpoint::webhook_create, R"({"url":"http://plain.test"})", "url"},
    {endpoint::webhook_create, R"({"url":"ftp://x.test"})", "url"},
    {endpoint::webhook_create, R"({"url":"https://me:pw@x.test"})", "url"},
    {endpoint::webhook_create, R"({"url":"https://x.test:99999/"})", "url"},
    {endpoint::webhook_create, R"({"url":"https://x.test","subscribed_events":[]})",
     "subscribed_events"},
    {endpoint::webhook_create, R"({"url":"https://x.test","subscribed_events":["all"]})",
     "subscribed_events"},
    {endpoint::webhook_patch, R"({"active":1})", "active"},
    {endpoint::webhook_replay_since, R"({})", "since"},
    {endpoint::webhook_replay_since, R"({"since":"yesterday"})", "since"},
    {endpoint::webhook_replay_since, R"({"since":"2026-02-30T00:00:00Z"})", "since"}};
  for (auto& [target, body, param] : table) {
    auto reply = ask_api(target, platform_key, body);
    BOOST_TEST(reply->status == 422, body);
    BOOST_TEST(reply->text("/error/param") == param, body);
  }
  BOOST_TEST(ask_api(endpoint::webhook_deliveries, platform_key, {}, "status=lost")->status == 422);
}

BOOST_AUTO_TEST_CASE(a_new_endpoints_secret_is_sealed_and_shown_once) {
  db->answer("webhook/insert", {{"code", "ok"}, {"body", R"({"id":"w"})"}, {"secret", "whsec_x"}});
  auto reply = ask_api(endpoint::webhook_create, platform_key, R"({"url":"https://x.test/hook"})");
  BOOST_TEST(reply->status == 201);
  auto sent = db->only("webhook/insert");
  BOOST_TEST((sent.values.at(4).as == store_value::form::secret));
  BOOST_TEST(sent.values.at(4).row_id == sent.values.at(0).data);
  BOOST_TEST(sent.values.at(4).data.starts_with("whsec_"));
  BOOST_TEST(reply->text("/secret") == "whsec_x"); // that of an earlier try, it may be
  BOOST_TEST(sent.values.at(3).data.find("debited") == std::string::npos);
  db->answer_empty("webhook/insert");
  BOOST_TEST(ask_api(endpoint::webhook_create, platform_key, R"({"url":"https://x.test"})")->status
             == 409);
}

BOOST_AUTO_TEST_CASE(plain_http_is_for_nodes_that_may_reach_private_addresses) {
  settings->allow_private_upstreams = true;
  db->answer("webhook/insert", {{"body", "{}"}});
  BOOST_TEST(
    ask_api(endpoint::webhook_create, platform_key, R"({"url":"http://127.0.0.1:9/x"})")->status
    == 201);
}

BOOST_AUTO_TEST_CASE(webhook_requests_reach_the_store_with_their_values) {
  const move_case table[]{
    {endpoint::webhook_patch,
     R"({"active":false,"subscribed_events":["budget.debited"]})",
     "webhook/update",
     {w1, "null", "null", R"(["budget.debited"])", "f"},
     fine,
     200,
     ""},
    {endpoint::webhook_patch, "{}", "webhook/update", {w1}, {}, 404, "not_found"},
    {endpoint::webhook_get, "", "webhook/find", {w1}, fine, 200, ""},
    {endpoint::webhook_delete, "", "webhook/delete", {w1}, {{"id", w1}}, 204, ""},
    {endpoint::webhook_delete, "", "webhook/delete", {w1}, {}, 404, "not_found"},
    {endpoint::webhook_test, "", "webhook/test", {w1}, fine, 202, ""},
    {endpoint::webhook_test, "", "webhook/test", {w1}, {{"code", "inactive"}}, 409, "conflict"},
    {endpoint::webhook_test, "", "webhook/test", {w1}, {{"code", "not_found"}}, 404, "not_found"},
    {endpoint::webhook_list,
     "",
     "webhook/list",
     {"1", "20"},
     {{"data", "[]"}, {"total", "0"}},
     200,
     ""},
    {endpoint::webhook_deliveries,
     "",
     "webhook/delivery_list",
     {"1", "20", w1, "null"},
     {{"data", "[]"}, {"total", "0"}},
     200,
     ""},
    {endpoint::webhook_replay, "", "webhook/replay", {w1, d1}, fine, 202, ""},
    {endpoint::webhook_replay, "", "webhook/replay", {w1, d1}, {}, 404, "not_found"},
    {endpoint::webhook_replay_since,
     R"({"since":"2026-11-01T00:00:00Z"})",
     "webhook/replay_since",
     {w1, "2026-11-01T00:00:00Z"},
     {{"replayed", "3"}},
     202,
     ""},
    {endpoint::webhook_replay_since,
     R"({"since":"2026-11-01T00:00:00Z"})",
     "webhook/replay_since",
     {w1},
     {},
     404,
     "not_found"}};
  for (auto& x : table)
    check(x);
}

BOOST_AUTO_TEST_SUITE_END()
