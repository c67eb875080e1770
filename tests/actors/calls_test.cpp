#include <boost/test/unit_test.hpp>

#include "actors/calls/table.hpp"
#include "core/base/digest.hpp"
#include "tests/support/node_fixture.hpp"

using namespace callboard;
using namespace std::chrono_literals;

namespace {

constexpr auto u1 = "77777777-7777-4777-8777-777777777777";

/// A management request, what it sends to the store, and what the store answers.
struct management_case {
  endpoint target;
  const char* body;
  std::vector<name_value> fields;
  const char* statement;
  /// The first values as they are bound; nothing for any value.
  std::vector<std::optional<std::string>> values;
  std::vector<cell> answer;
  int status;
};

struct calls_fixture : node_fixture {
  reply_record ask_api(endpoint target, const std::string& key, std::string body = {},
                       std::vector<name_value> fields = {}, std::string query = {},
                       http_headers headers = {}) {
    fields.emplace_back("platform_id", platform.value);
    return serve({target, key, std::move(body), std::move(query), std::move(fields),
                  std::move(headers), "POST"});
  }

  /// Serves a management request and compares what reached the store.
  void check(const management_case& x) {
    db->calls.clear();
    if (x.answer.empty())
      db->answer_empty(x.statement);
    else
      db->answer(x.statement, x.answer);
    auto reply = ask_api(x.target, platform_key, x.body, x.fields);
    BOOST_TEST(reply->status == x.status, x.statement);
    auto sent = db->only(x.statement);
    BOOST_TEST(sent.tenant.value == platform.value);
    for (std::size_t i = 0; i < x.values.size(); ++i)
      if (x.values[i])
        BOOST_TEST(sent.values.at(i).data == *x.values[i], x.statement);
  }
};

/// A body that is refused, and the field that it is refused for.
struct refused_case {
  endpoint target;
  const char* body;
  const char* param;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(calls_test, calls_fixture)

BOOST_AUTO_TEST_CASE(every_endpoint_that_reaches_the_actors_has_a_rule) {
  for (int i = 0; i <= static_cast<int>(endpoint::well_known); ++i) {
    auto target = static_cast<endpoint>(i);
    if (target == endpoint::mcp_options || target == endpoint::well_known)
      continue; // answered by the edge
    BOOST_TEST((find_rule(target).target == target));
  }
}

BOOST_AUTO_TEST_CASE(without_a_good_key_it_is_401_with_a_challenge) {
  db->answer_empty("key/find");
  for (auto& key : {std::string{}, std::string{"nonsense"}, user_key})
    for (auto target : {endpoint::platform_get, endpoint::me_mcp_config, endpoint::models_list}) {
      auto reply = ask_api(target, key);
      BOOST_TEST(reply->status == 401);
      BOOST_TEST(reply->header("WWW-Authenticate") == "Bearer");
      BOOST_TEST(reply->text("/error/code") == "invalid_api_key");
    }
}

BOOST_AUTO_TEST_CASE(a_key_of_another_kind_is_403) {
  BOOST_TEST(ask_api(endpoint::platform_get, user_key)->status == 403);
  BOOST_TEST(ask_api(endpoint::platform_get, lifecycle_key)->status == 403);
  BOOST_TEST(ask_api(endpoint::me_mcp_config, platform_key)->status == 403);
  BOOST_TEST(ask_api(endpoint::models_list, lifecycle_key)->status == 403);
  BOOST_TEST(ask_api(endpoint::models_list, platform_key)->status == 200);
  BOOST_TEST(ask_api(endpoint::models_list, user_key)->status == 200);
}

BOOST_AUTO_TEST_CASE(another_platform_is_403_whether_it_exists_or_not) {
  auto reply = serve({endpoint::platform_get,
                      platform_key,
                      {},
                      {},
                      {{"platform_id", "99999999-9999-4999-8999-999999999999"}},
                      {},
                      "GET"});
  BOOST_TEST(reply->status == 403);
  BOOST_TEST(db->count("platform/find") == 0u);
}

BOOST_AUTO_TEST_CASE(a_platforms_own_id_may_be_written_in_upper_case) {
  platform = {"abcdefab-cdef-4abc-8def-abcdefabcdef"};
  auto key = add_key(key_kind::platform, {});
  db->answer("platform/find", {{"body", "{}"}});
  auto status_of = [&](const char* id) {
    return serve({endpoint::platform_get, key, {}, {}, {{"platform_id", id}}, {}, "GET"})->status;
  };
  BOOST_TEST(status_of("ABCDEFAB-CDEF-4ABC-8DEF-ABCDEFABCDEF") == 200);
  BOOST_TEST(status_of("ABCDEFAB-CDEF-4ABC-8DEF-ABCDEFABCDE0") == 403);
}

BOOST_AUTO_TEST_CASE(what_may_have_been_done_is_not_to_be_repeated_by_itself) {
  db->refuse("wallet/topup", errc::timeout);
  db->refuse("wallet/show", errc::timeout);
  auto reply = ask_api(endpoint::wallet_topup, platform_key, R"({"amount":"1"})");
  BOOST_TEST(reply->status == 504);
  BOOST_TEST(reply->header("x-should-retry") == "false");
  reply = serve(
    {endpoint::wallet_get, platform_key, {}, {}, {{"platform_id", platform.value}}, {}, "GET"});
  BOOST_TEST(reply->status == 504);
  BOOST_TEST(reply->header("x-should-retry") == "");
  db->refuse("wallet/topup", errc::store_unavailable);
  reply = ask_api(endpoint::wallet_topup, platform_key, R"({"amount":"1"})");
  BOOST_TEST(reply->status == 503);
  BOOST_TEST(reply->header("x-should-retry") == "");
}

BOOST_AUTO_TEST_CASE(inspection_wants_the_id_of_a_platform) {
  for (auto* kind : {"explain", "ledger", "holds", "tenant"}) {
    auto reply =
      ask_api(endpoint::inspect_get, operator_key, {}, {{"kind", kind}, {"id", "x"}}, "platform=x");
    BOOST_TEST(reply->status == 422, kind);
    BOOST_TEST(reply->text("/error/param") == "platform", kind);
  }
  auto reply =
    ask_api(endpoint::inspect_get, operator_key, {}, {{"kind", "wallet"}, {"id", "acme"}});
  BOOST_TEST(reply->status == 422);
  BOOST_TEST(reply->text("/error/param") == "id");
}

BOOST_AUTO_TEST_CASE(the_operator_key_opens_inspection_and_no_other_key_does) {
  std::vector<name_value> kind{{"kind", "actors"}};
  BOOST_TEST(ask_api(endpoint::inspect_get, platform_key, {}, kind)->status == 403);
  BOOST_TEST(ask_api(endpoint::inspect_get, "", {}, kind)->status == 401);
  auto reply = ask_api(endpoint::inspect_get, operator_key, {}, kind);
  BOOST_TEST(reply->status == 200);
  BOOST_TEST(reply->text("/node") == "node-a");
  BOOST_TEST(ask_api(endpoint::inspect_get, operator_key, {}, {{"kind", "secrets"}})->status
             == 404);
  BOOST_TEST(ask_api(endpoint::inspect_post, operator_key, {}, kind)->status == 405);
  BOOST_TEST(ask_api(endpoint::inspect_get, operator_key, {}, {{"kind", "wallet"}})->status == 422);
  BOOST_TEST(db->count("wallet/show") == 0u);
}

BOOST_AUTO_TEST_CASE(operators_have_a_request_explained_over_all_platforms_or_for_one) {
  const std::vector<name_value> what{{"kind", "explain"}, {"id", "req-1"}};
  BOOST_TEST(ask_api(endpoint::inspect_get, platform_key, {}, what)->status == 403);
  BOOST_TEST(db->count("request/explain") == 0u);
  auto reply = ask_api(endpoint::inspect_get, operator_key, {}, what);
  BOOST_TEST(reply->status == 404);
  BOOST_TEST(reply->text("/error/message").find("req-1") != std::string::npos);
  auto sent = db->only("request/explain");
  BOOST_TEST(sent.tenant.empty());
  BOOST_TEST(sent.values.at(0).data == "req-1");
  BOOST_TEST((sent.values.at(1).as == store_value::form::null));
  db->calls.clear();
  db->answer(
    "request/explain",
    {{"body", R"({"id":"h1","platform_id":"p1","platform":"Acme","request_id":"req-1","kind":"mcp",
                 "subject":"tool","free":true,"status":"V","amount":0})"},
     {"total", "1"}});
  reply = ask_api(endpoint::inspect_get, operator_key, {}, what, "platform=" + platform.value);
  BOOST_TEST(reply->status == 200);
  BOOST_TEST(reply->text("/requests/0/steps/0/status") == "void");
  BOOST_TEST(db->only("request/explain").values.at(1).data == platform.value);
}

BOOST_AUTO_TEST_CASE(operators_verify_the_ledger_of_all_platforms_or_of_one) {
  const std::vector<name_value> what{{"kind", "ledger"}, {"id", "verify"}};
  db->answer("ledger/verify", {{"invariant", "I1 x"}, {"violations", "0"}});
  BOOST_TEST(ask_api(endpoint::inspect_get, operator_key, {}, what)->text("/story/1")
             == "All 1 invariants hold.");
  BOOST_TEST(db->count("ledger/findings") == 0u);
  db->answer("ledger/verify_own", {{"invariant", "I1 x"}, {"violations", "1"}});
  db->answer("ledger/findings_own", {{"id", "I1"}, {"platform_id", "p1"}, {"finding", "here"}});
  const auto query = "platform=" + platform.value;
  db->answer_empty("platform/find");
  BOOST_TEST(ask_api(endpoint::inspect_get, operator_key, {}, what, query)->status == 404);
  db->answer("platform/find", {{"body", "{}"}});
  auto reply = ask_api(endpoint::inspect_get, operator_key, {}, what, query);
  BOOST_TEST(reply->status == 200);
  BOOST_TEST(reply->text("/invariants/0/findings/0/finding") == "here");
  BOOST_TEST(db->only("ledger/verify_own").tenant.value == platform.value);
  BOOST_TEST(db->only("ledger/findings_own").tenant.value == platform.value);
  BOOST_TEST(
    ask_api(endpoint::inspect_get, operator_key, {}, {{"kind", "ledger"}, {"id", "x"}})->status
    == 404);
}

BOOST_AUTO_TEST_CASE(operators_see_stuck_holds) {
  db->answer("hold/stuck", {{"data", R"([{"id":"h1"}])"}, {"total", "3"}, {"exposure", "2500"}});
  auto reply =
    ask_api(endpoint::inspect_get, operator_key, {}, {{"kind", "holds"}, {"id", "stuck"}});
  BOOST_TEST(reply->status == 200);
  BOOST_TEST(reply->text("/exposure") == "0.002500");
  BOOST_TEST(reply->text("/holds/0/id") == "h1");
  BOOST_TEST(
    ask_api(endpoint::inspect_get, operator_key, {}, {{"kind", "holds"}, {"id", "x"}})->status
    == 404);
}

BOOST_AUTO_TEST_CASE(a_malformed_query_is_400) {
  BOOST_TEST(ask_api(endpoint::platform_get, platform_key, {}, {}, "a=%zz")->status == 400);
}

BOOST_AUTO_TEST_CASE(probes_say_whether_the_node_and_its_store_are_there) {
  BOOST_TEST(ask_api(endpoint::healthz, "")->status == 200);
  BOOST_TEST(ask_api(endpoint::readyz, "")->status == 200);
  db->away = true;
  BOOST_TEST(ask_api(endpoint::healthz, "")->status == 200);
  auto reply = ask_api(endpoint::readyz, "");
  BOOST_TEST(reply->status == 503);
  BOOST_TEST(reply->header("Retry-After") == "1");
  BOOST_TEST(ask_api(endpoint::metrics, "")->header("Content-Type").starts_with("text/plain"));
  BOOST_TEST(ask_api(endpoint::openapi, "")->body == "openapi: 3.1.0\n");
}

BOOST_AUTO_TEST_CASE(a_store_that_is_away_is_503_for_every_management_request) {
  ask_api(endpoint::platform_get, platform_key);
  db->away = true;
  for (auto target : {endpoint::platform_get, endpoint::wallet_get, endpoint::app_list,
                      endpoint::end_user_list, endpoint::key_list, endpoint::usage_get}) {
    auto reply = ask_api(target, platform_key);
    BOOST_TEST(reply->status == 503);
    BOOST_TEST(reply->text("/error/code") == "store_unavailable");
  }
}

BOOST_AUTO_TEST_CASE(management_requests_reach_the_store_with_their_values) {
  const auto any = std::optional<std::string>{};
  const std::vector<cell> a_body{{"body", "{\"x\":1}"}};
  const management_case table[]{
    {endpoint::platform_patch,
     R"({"name":"N","settings":{"markup_percentage":20,"strict":true}})",
     {},
     "platform/update",
     {"N", any, "200000", "t"},
     a_body,
     200},
    {endpoint::platform_delete, "", {}, "platform/delete", {}, {{"id", "p"}}, 204},
    {endpoint::wallet_get, "", {}, "wallet/show", {}, a_body, 200},
    {endpoint::wallet_topup,
     R"({"amount":"12.5"})",
     {},
     "wallet/topup",
     {"12500000"},
     {{"code", "ok"}, {"body", "{}"}},
     201},
    {endpoint::wallet_topup,
     R"({"amount":1})",
     {},
     "wallet/topup",
     {"1000000"},
     {{"code", "mismatch"}, {"body", std::nullopt}},
     422},
    {endpoint::usage_get, "", {}, "usage/show", {"100"}, a_body, 200}};
  for (auto& x : table)
    check(x);
}

BOOST_AUTO_TEST_CASE(lists_of_allowed_tools_are_checked_stored_and_taken_away) {
  const std::vector<cell> a_body{{"body", "{\"x\":1}"}};
  for (auto* statement :
       {"platform/allow", "platform/update", "end_user/allow", "end_user/update", "key/insert"})
    db->answer(statement, a_body);
  auto send = [&](endpoint target, std::string body, std::vector<name_value> fields = {}) {
    fields.emplace_back("platform_id", platform.value);
    return serve({target, platform_key, std::move(body), {}, std::move(fields), {}, "PATCH"})
      ->status;
  };
  BOOST_TEST(send(endpoint::platform_patch, R"({"settings":{"allowed_tools":["github_*"]}})")
             == 200);
  BOOST_TEST(db->only("platform/allow").values.at(0).data == R"(["github_*"])");
  BOOST_TEST(send(endpoint::platform_patch, R"({"name":"N"})") == 200);
  BOOST_TEST(db->count("platform/allow") == 1u);
  BOOST_TEST(send(endpoint::end_user_patch, R"({"allowed_tools":null})", {{"end_user_id", u1}})
             == 200);
  BOOST_TEST(db->only("end_user/allow").values.at(0).data == u1);
  BOOST_TEST((db->only("end_user/allow").values.at(1).as == store_value::form::null));
  BOOST_TEST(send(endpoint::key_create, R"({"type":"platform","allowed_tools":["a"]})") == 201);
  BOOST_TEST(db->only("key/insert").values.at(9).data == R"(["a"])");
  for (auto* bad : {R"({"allowed_tools":"a"})", R"({"allowed_tools":["a*b"]})"}) {
    BOOST_TEST(send(endpoint::end_user_patch, bad, {{"end_user_id", u1}}) == 422, bad);
    BOOST_TEST(send(endpoint::key_create, bad) == 422, bad);
  }
  BOOST_TEST(db->count("end_user/update") == 1u);
  BOOST_TEST(db->count("key/insert") == 1u);
}

BOOST_AUTO_TEST_CASE(requests_about_users_keys_and_apps_reach_the_store_with_their_values) {
  const auto any = std::optional<std::string>{};
  const std::vector<cell> a_body{{"body", "{\"x\":1}"}};
  const management_case table[]{
    {endpoint::end_user_get, "", {{"end_user_id", u1}}, "end_user/find", {u1}, a_body, 200},
    {endpoint::end_user_get, "", {{"end_user_id", u1}}, "end_user/find", {u1}, {}, 404},
    {endpoint::end_user_patch,
     R"({"is_active":false})",
     {{"end_user_id", u1}},
     "end_user/update",
     {u1, any, any, "f"},
     a_body,
     200},
    {endpoint::end_user_delete,
     "",
     {{"end_user_id", u1}},
     "end_user/delete",
     {u1},
     {{"id", u1}},
     204},
    {endpoint::end_user_delete, "", {{"end_user_id", u1}}, "end_user/delete", {u1}, {}, 404},
    {endpoint::key_revoke, "", {{"key_id", "k1"}}, "key/revoke", {"k1"}, {{"key_id", "k1"}}, 204},
    {endpoint::key_revoke, "", {{"key_id", "k1"}}, "key/revoke", {"k1"}, {}, 404},
    {endpoint::app_patch,
     R"({"oauth_client_id":"c2"})",
     {{"app_slug", "github"}},
     "app/update",
     {"github", any, "c2"},
     {{"body", "{}"}, {"is_active", "t"}},
     200},
    {endpoint::app_deactivate,
     "",
     {{"app_slug", "github"}},
     "app/deactivate",
     {"github"},
     {{"app_slug", "github"}},
     204},
    {endpoint::app_deactivate, "", {{"app_slug", "github"}}, "app/deactivate", {"github"}, {}, 404},
    {endpoint::logs_list, "", {}, "log/list", {"1", "20"}, {{"data", "[]"}, {"total", "0"}}, 200}};
  for (auto& x : table)
    check(x);
}

BOOST_AUTO_TEST_CASE(an_id_that_is_none_is_422_and_named) {
  for (auto& [target, field] : {std::pair{endpoint::end_user_get, "end_user_id"},
                                std::pair{endpoint::webhook_get, "webhook_id"}}) {
    auto reply = ask_api(target, platform_key, "", {{field, "abc"}});
    BOOST_TEST(reply->status == 422);
    BOOST_TEST(reply->text("/error/param") == field);
  }
  client_request logs{endpoint::logs_list, platform_key, "", "end_user_id=abc", {}, {}, "GET"};
  logs.path_fields = {{"platform_id", platform.value}};
  BOOST_TEST(serve(std::move(logs))->text("/error/param") == "end_user_id");
  BOOST_TEST(db->count("log/list") == 0u);
}

BOOST_AUTO_TEST_CASE(a_markup_is_a_percentage_with_four_decimals) {
  db->answer("platform/update", {{"body", "{}"}});
  auto patch = [&](const std::string& markup) {
    return ask_api(endpoint::platform_patch, platform_key,
                   R"({"settings":{"markup_percentage":)" + markup + "}}");
  };
  for (auto* bad : {"-1", "1001", "\"12.34567\"", "12.345678", "1.0000001", "true", "\"x\""}) {
    auto reply = patch(bad);
    BOOST_TEST(reply->status == 422, bad);
    BOOST_TEST(reply->text("/error/param") == "settings.markup_percentage", bad);
    BOOST_TEST(reply->text("/error/message")
                 == "'markup_percentage' must be a percentage from 0 to 1000 with at most four "
                    "decimals.",
               bad);
  }
  for (auto [good, ppm] : {std::pair{"12.3456", "123456"}, {"\"1000\"", "10000000"}, {"0", "0"}}) {
    BOOST_TEST(patch(good)->status == 200);
    BOOST_TEST(db->calls_of("platform/update").back().values.at(2).data == ppm);
  }
}

BOOST_AUTO_TEST_CASE(keys_are_listed_by_a_type_that_there_is) {
  db->answer("key/list", {{"data", "[]"}, {"total", "0"}});
  BOOST_TEST(ask_api(endpoint::key_list, platform_key, {}, {}, "type=end_user")->status == 200);
  BOOST_TEST(db->only("key/list").values.at(2).data == "end_user");
  for (auto* bad : {"type=zzz", "type="})
    BOOST_TEST(
      ask_api(endpoint::key_list, platform_key, {}, {}, bad)->text("/error/param") == "type", bad);
  BOOST_TEST(db->count("key/list") == 1u);
}

BOOST_AUTO_TEST_CASE(query_fields_that_are_no_text_are_422_and_named) {
  const std::tuple<endpoint, std::string, const char*, const char*> table[]{
    {endpoint::logs_list, platform_key, "model=%ff", "model"},
    {endpoint::logs_list, platform_key, "page=1&model=a%00b", "model"},
    {endpoint::end_user_list, platform_key, "external_id=%ff", "external_id"},
    {endpoint::oauth_authorize, user_key, "app=%c0%80", "app"}};
  for (auto& [target, key, query, param] : table) {
    auto reply = ask_api(target, key, {}, {}, query);
    BOOST_TEST(reply->status == 422, query);
    BOOST_TEST(reply->text("/error/param") == param, query);
  }
  BOOST_TEST(db->count("log/list") + db->count("end_user/list") + db->count("app/find") == 0u);
  db->answer("log/list", {{"data", "[]"}, {"total", "0"}});
  BOOST_TEST(ask_api(endpoint::logs_list, platform_key, {}, {}, "model=%c3%a9&%ff=%ff")->status
             == 200);
}

BOOST_AUTO_TEST_CASE(bad_bodies_are_422_and_name_the_field) {
  const refused_case table[]{
    {endpoint::platform_patch, R"({"name":""})", "name"},
    {endpoint::wallet_topup, R"({})", "amount"},
    {endpoint::wallet_topup, R"({"amount":0})", "amount"},
    {endpoint::wallet_topup, R"({"amount":"1.0000001"})", "amount"},
    {endpoint::end_user_create, R"({})", "external_id"},
    {endpoint::end_user_create, R"({"external_id":7})", "external_id"},
    {endpoint::end_user_create, R"({"external_id":"a","metadata":[]})", "metadata"},
    {endpoint::end_user_patch, R"({"is_active":"yes"})", "is_active"},
    {endpoint::key_create, R"({"type":"root"})", "type"},
    {endpoint::key_create, R"({"type":"end_user"})", "end_user_id"},
    {endpoint::key_create, R"({"type":"platform","end_user_id":"u"})", "end_user_id"},
    {endpoint::key_create, R"({"expires_at":"soon"})", "expires_at"},
    {endpoint::key_create, R"({"expires_at":"2026-13-45T00:00:00Z"})", "expires_at"},
    {endpoint::app_activate, R"({})", "app_slug"},
    {endpoint::app_activate, R"({"app_slug":"nope"})", "app_slug"},
    {endpoint::app_activate, R"({"app_slug":"github"})", "oauth_client_id"},
    {endpoint::app_activate,
     R"({"app_slug":"github","oauth_client_id":"c","oauth_client_secret":"s",
         "redirect_url":"http://evil.test"})",
     "redirect_url"},
    {endpoint::app_activate,
     R"({"app_slug":"github","oauth_client_id":"c","oauth_client_secret":"s",
         "redirect_url":"https://a.test","provider_config":{"host":"x"}})",
     "provider_config"}};
  for (auto& x : table) {
    auto reply = ask_api(x.target, platform_key, x.body, {{"end_user_id", u1}});
    BOOST_TEST(reply->status == 422, x.body);
    BOOST_TEST(reply->text("/error/param") == x.param, x.body);
  }
  BOOST_TEST(ask_api(endpoint::end_user_create, platform_key, "{")->status == 400);
  BOOST_TEST(ask_api(endpoint::end_user_create, platform_key, "[]")->status >= 400);
  BOOST_TEST(ask_api(endpoint::logs_list, platform_key, {}, {}, "page=0")->status == 422);
}

BOOST_AUTO_TEST_CASE(a_new_users_raw_key_is_shown_once_and_works) {
  db->answer("end_user/upsert",
             {{"body", R"({"id":"u","api_key":{}})"}, {"id", "u"}, {"created", "t"}});
  auto reply = ask_api(endpoint::end_user_create, platform_key, R"({"external_id":"a"})");
  BOOST_TEST(reply->status == 201);
  auto key = parse_api_key(reply->text("/api_key/raw_key"));
  BOOST_REQUIRE(key.has_value());
  auto sent = db->only("end_user/upsert");
  BOOST_TEST(sent.values.at(4).data == key->id.value);
  BOOST_TEST((sent.values.at(5).as == store_value::form::key_secret));
  BOOST_TEST(sent.values.at(5).data == key->secret);
}

BOOST_AUTO_TEST_CASE(an_app_secret_is_sealed_and_a_second_activation_conflicts) {
  constexpr auto body = R"({"app_slug":"github","oauth_client_id":"c","oauth_client_secret":"s",
    "redirect_url":"https://a.test"})";
  db->answer("app/activate", {{"body", "{}"}, {"created", "t"}});
  BOOST_TEST(ask_api(endpoint::app_activate, platform_key, body)->status == 201);
  auto secret = db->only("app/activate").values.at(4);
  BOOST_TEST((secret.as == store_value::form::secret));
  BOOST_TEST(secret.row_id == "github");
  db->answer_empty("app/activate");
  auto again = ask_api(endpoint::app_activate, platform_key, body);
  BOOST_TEST(again->status == 409);
  BOOST_TEST(again->text("/error/code") == "app_already_active");
}

BOOST_AUTO_TEST_CASE(a_deactivated_app_takes_its_sessions_with_it) {
  db->answer("app/deactivate", {{"app_slug", "github"}});
  ask_api(endpoint::app_deactivate, platform_key, {}, {{"app_slug", "github"}});
  BOOST_TEST(db->only("session/end_app").values.at(0).data == "github");
  db->answer("app/update", {{"body", "{}"}, {"is_active", "f"}});
  ask_api(endpoint::app_patch, platform_key, R"({"is_active":false})", {{"app_slug", "github"}});
  BOOST_TEST(db->count("session/end_app") == 2u);
}

BOOST_AUTO_TEST_CASE(a_revoked_key_is_looked_up_again_at_once) {
  ask_api(endpoint::models_list, user_key);
  db->answer("key/revoke", {{"key_id", "k"}});
  ask_api(endpoint::key_revoke, platform_key, {}, {{"key_id", "k"}});
  db->answer_empty("key/find");
  BOOST_TEST(ask_api(endpoint::models_list, user_key)->status == 401);
}

BOOST_AUTO_TEST_CASE(mcp_config_has_one_entry_an_app_with_the_presented_key) {
  auto reply = ask_api(endpoint::me_mcp_config, user_key);
  BOOST_TEST(reply->header("Cache-Control") == "no-store");
  auto standard = reply->object().at("standard").at("github").as_object();
  BOOST_TEST(standard.size() == 3u);
  BOOST_TEST(reply->text("/standard/github/url") == "https://mcp.test/mcp/github");
  BOOST_TEST(reply->text("/standard/github/headers/Authorization") == "Bearer " + user_key);
  BOOST_TEST(reply->text("/openai/0/server_label") == "github");
  db->answer("connection/list", {{"data", "[]"}, {"total", "0"}});
  BOOST_TEST(ask_api(endpoint::me_mcp_config, user_key)->body == R"({"standard":{},"openai":[]})");
}

BOOST_AUTO_TEST_CASE(a_deleted_connection_is_revoked_at_the_provider) {
  db->answer("connection/deactivate", {{"id", "c"}});
  web->answer("applications/client-1/token", {answer_json(204, "")});
  auto reply = ask_api(endpoint::connection_delete, user_key, {}, {{"app", "github"}});
  BOOST_TEST(reply->status == 204);
  BOOST_TEST(reply->body.empty());
  BOOST_TEST(web->count("applications/client-1/token") == 1u);
  db->answer_empty("connection/deactivate");
  BOOST_TEST(ask_api(endpoint::connection_delete, user_key, {}, {{"app", "github"}})->status
             == 404);
  BOOST_TEST(ask_api(endpoint::connection_delete, user_key, {}, {{"app", "nope"}})->status == 404);
}

BOOST_AUTO_TEST_CASE(stored_responses_belong_to_their_user) {
  db->answer("response/find",
             {{"id", "r1"}, {"input", R"([{"id":"m1"},{"id":"m2"}])"}, {"body", R"({"id":"r1"})"}});
  db->answer("response/delete", {{"id", "r1"}});
  std::vector<name_value> id{{"response_id", "r1"}};
  BOOST_TEST(ask_api(endpoint::responses_get, user_key, {}, id)->text("/id") == "r1");
  BOOST_TEST(db->only("response/find").values.at(1).data == user.value);
  BOOST_TEST(ask_api(endpoint::responses_input_items, user_key, {}, id)->text("/last_id") == "m2");
  BOOST_TEST(ask_api(endpoint::responses_delete, user_key, {}, id)->status == 200);
  db->answer_empty("response/find");
  db->answer_empty("response/delete");
  for (auto target :
       {endpoint::responses_get, endpoint::responses_input_items, endpoint::responses_delete})
    BOOST_TEST(ask_api(target, user_key, {}, id)->status == 404);
}

BOOST_AUTO_TEST_SUITE_END()
