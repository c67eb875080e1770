#include <map>

#include <boost/test/unit_test.hpp>

#include "core/base/digest.hpp"
#include "tests/support/postgres_fixture.hpp"

using namespace callboard;
using namespace callboard::test;

namespace {

/// One platform with a canary in everything that can be listed or found, and another one beside it.
struct two_platforms : store_fixture {
  static constexpr const char* canary = "canary-7f3a";

  two_platforms() : mine(platform("canary-7f3a")), other(platform("other")) {
    user = end_user(mine, canary).value;
    topup(mine, 5'000'000);
    run(
      {mine,
       "app/activate",
       {store_value::text(uuid4()), store_value::text("github"), store_value::text(canary),
        store_value::text(canary), store_value::secret(canary, "github"),
        store_value::text("https://canary-7f3a.example"), store_value::null(), store_value::null(),
        store_value::text(canary), store_value::null(), store_value::null()}});
    run({mine,
         "connection/upsert",
         {store_value::text(connection), store_value::text(user), store_value::text("github"),
          store_value::secret(canary, connection), store_value::null(), store_value::null(),
          store_value::text(R"({"note":"canary-7f3a"})")}});
    key = database.cell("SELECT key_id FROM api_key WHERE end_user_id IS NOT NULL");
    run({mine,
         "session/insert",
         {store_value::text(hash), store_value::text(user), store_value::text(key),
          store_value::text("github"), store_value::text("2025-11-25"), store_value::text("{}"),
          store_value::text(R"({"name":"canary-7f3a"})"), store_value::integer(60'000),
          store_value::integer(100)}});
    run({mine,
         "response/insert",
         {store_value::text("resp_1"), store_value::text(user), store_value::null(),
          store_value::text(R"(["canary-7f3a"])"), store_value::text(R"({"x":"canary-7f3a"})"),
          store_value::integer(60'000)}});
    register_server();
    register_client();
    spend();
    run({mine,
         "budget/create",
         {store_value::text(user), store_value::integer(1'000'000), store_value::text("monthly"),
          store_value::boolean(false), store_value::null(), store_value::null(),
          store_value::text(canary), store_value::text(uuid4())}});
    run({mine,
         "rate_limit/set",
         {store_value::text(user), store_value::integer(7), store_value::null(),
          store_value::null(), store_value::text(canary)}});
    run({mine,
         "webhook/insert",
         {store_value::text(webhook), store_value::text("https://canary-7f3a.example"),
          store_value::text(canary), store_value::text(R"(["budget.topped_up"])"),
          store_value::secret(canary, webhook), store_value::integer(10), store_value::text(canary),
          store_value::null(), store_value::null()}});
    run({mine,
         "budget/topup",
         {store_value::text(user), store_value::integer(5), store_value::text(canary),
          store_value::null(), store_value::null(), store_value::text(canary)}});
    delivery = database.cell("SELECT id FROM webhook_delivery");
  }

  void register_server() {
    auto text = [](const char* x) { return store_value::text(x); };
    auto null = store_value::null();
    run({mine,
         "mcp_server/insert",
         {text("docs"), text(canary), text("https://canary-7f3a.example"), text("header"),
          text("X-Key"), store_value::secret(canary, "docs"), text("{}"), null, text(""),
          text(canary), store_value::integer(100), null, null}});
    run({mine,
         "mcp_server/pin",
         {text("docs"), text(R"([{"tool":"canary-7f3a","hash":"0000000000000000000000000000000)"
                             R"(000000000000000000000000000000000"}])")}});
  }

  void register_client() {
    auto text = [](const std::string& x) { return store_value::text(x); };
    run({mine,
         "oauth_client/insert",
         {text(hash), text(canary), text("https://gw/cb"), text(canary),
          store_value::secret(canary, hash), text("none"), store_value::null(),
          store_value::integer(100)}});
  }

  void spend() {
    auto token = uuid4();
    auto rows =
      run({mine,
           "wallet/acquire",
           {store_value::text("n"), store_value::text(token), store_value::boolean(false)}});
    for (const auto& id : {hold, open_hold})
      run({mine,
           "wallet/reserve",
           {store_value::text(store_row{rows, 0}.text("epoch")), store_value::text(token),
            store_value::text(id), store_value::bytes("h"), store_value::text("llm"),
            store_value::integer(100), store_value::integer(60'000), store_value::text(user),
            store_value::text(canary), store_value::text(canary), store_value::text(loop),
            store_value::integer(1), store_value::integer(10), store_value::null(),
            store_value::integer(100), store_value::null()}});
    run({mine,
         "wallet/resolve",
         {store_value::text(hold), store_value::text("S"), store_value::integer(50),
          store_value::text(R"({"error_message":"canary-7f3a"})"),
          store_value::text("canary-7f3a")}});
  }

  /// Parameters for every statement that reads, naming the canary platform's rows.
  std::map<std::string, std::vector<store_value>> readers() const {
    auto text = [](const std::string& x) { return store_value::text(x); };
    auto page = store_value::integer(1);
    auto limit = store_value::integer(100);
    auto null = store_value::null();
    return {{"platform/find", {}},
            {"end_user/list", {page, limit, null}},
            {"end_user/find", {text(user)}},
            {"key/list", {page, limit, null, null}},
            {"audit/list", {page, limit}},
            {"app/list", {}},
            {"app/active_list", {}},
            {"app/find", {text("github")}},
            {"connection/list", {text(user)}},
            {"connection/find", {text(user), text("github")}},
            {"connection/scopes", {text(user), text("github")}},
            {"mcp_server/list", {}},
            {"mcp_server/show", {text("docs")}},
            {"mcp_server/find", {text("docs")}},
            {"session/find", {text(hash)}},
            {"response/find", {text("resp_1"), text(user)}},
            {"response/history", {text("resp_1"), text(user)}},
            {"wallet/show", {}},
            {"wallet/transactions", {page, limit}},
            {"wallet/holds", {page, limit}},
            {"hold/find", {text(hold)}},
            {"hold/result", {text(hold)}},
            {"loop/show", {text(loop)}},
            {"budget/show", {text(user)}},
            {"rate_limit/show", {text(user)}},
            {"budget/transactions", {page, limit, text(user)}},
            {"webhook/find", {text(webhook)}},
            {"webhook/list", {page, limit}},
            {"webhook/delivery_list", {page, limit, text(webhook), null}},
            {"usage/show", {store_value::integer(100)}},
            {"log/list", {page, limit, null, null}}};
  }

  platform_id mine;
  platform_id other;
  std::string user;
  std::string key;
  std::string connection = uuid4();
  std::string hash = to_hex(sha256("session"));
  std::string hold = uuid4();
  std::string open_hold = uuid4();
  std::string loop = uuid4();
  std::string webhook = uuid4();
  std::string delivery;
};

bool reads(std::string_view name) {
  for (auto verb : {"/find", "/list", "list", "/show", "/transactions", "/holds", "/history",
                    "/result", "/scopes"})
    if (name.ends_with(verb))
      return true;
  return false;
}

std::string all_of(const store_rows& rows) {
  std::string out;
  for (const auto& cell : rows.cells)
    out += cell + "|";
  return out;
}

} // namespace

BOOST_AUTO_TEST_SUITE(rls_test)

BOOST_FIXTURE_TEST_CASE(no_statement_shows_another_platforms_rows, two_platforms) {
  auto known = readers();
  for (const auto& x : statements()) {
    if (x.scope != statement_scope::tenant || !reads(x.name))
      continue;
    BOOST_TEST_CONTEXT("statement " << x.name) {
      auto pos = known.find(std::string{x.name});
      BOOST_REQUIRE(pos != known.end());
      auto seen = all_of(run({mine, pos->first, pos->second}));
      BOOST_TEST(!seen.empty());
      auto leaked = all_of(run({other, pos->first, pos->second}));
      BOOST_TEST(leaked.find(canary) == std::string::npos, leaked);
      BOOST_TEST(leaked.find(mine.value) == std::string::npos, leaked);
      BOOST_TEST(leaked.find(user) == std::string::npos, leaked);
    }
  }
}

BOOST_FIXTURE_TEST_CASE(no_statement_changes_another_platforms_rows, two_platforms) {
  auto text = [](const std::string& x) { return store_value::text(x); };
  auto null = store_value::null();
  std::vector<store_call> calls{
    {other, "end_user/update", {text(user), text("x"), null, text("f"), text("t")}},
    {other, "end_user/delete", {text(user), text("t")}},
    {other, "end_user/allow", {text(user), text("[]"), text("t")}},
    {other, "key/revoke", {text(key), text("t")}},
    {other, "key/touch", {text(key)}},
    {other,
     "key/insert",
     {text(make_key_id()), text("end_user"), text(user), store_value::key_secret("s"), text("p"),
      null, null, null, text("t"), null, null, null, null}},
    {other,
     "app/update",
     {text("github"), text("x"), null, null, null, null, null, null, text("t")}},
    {other, "app/deactivate", {text("github"), text("t")}},
    {other, "connection/deactivate", {text(user), text("github"), text("t")}},
    {other,
     "connection/want_scopes",
     {text(user), text("github"), text(R"(["w"])"), store_value::integer(9)}},
    {other, "connection/claim_refresh", {text(connection), text("1"), text("1000")}},
    {other,
     "connection/update_tokens",
     {text(connection), text("1"), store_value::secret("x", connection), null, null, null}},
    {other, "connection/mark_broken", {text(connection), text("1")}},
    {other,
     "mcp_server/update",
     {text("docs"), text("x"), null, null, null, null, null, null, null, null, text("t")}},
    {other, "mcp_server/delete", {text("docs"), text("t")}},
    {other, "mcp_server/approve", {text("docs"), null, null, text("t")}},
    {other, "mcp_server/save_lists", {text("docs"), text("{}")}},
    {other, "mcp_server/pin", {text("docs"), text(R"([{"tool":"canary-7f3a","hash":"1"}])")}},
    {other, "oauth_client/use", {text(hash), store_value::integer(100)}},
    {other, "oauth_client/answered", {text(hash), text(canary)}},
    {other, "oauth_client/delete", {text(hash), text(canary)}},
    {other, "session/touch", {text(hash), text("1000")}},
    {other, "session/end", {text(hash)}},
    {other, "session/end_app", {text("github")}},
    {other, "response/delete", {text("resp_1"), text(user)}},
    {other, "hold/checkpoint", {text(open_hold), text("5"), null, null}},
    {other, "rate_limit/set", {text(user), text("5"), null, null, text("t")}},
    {other, "rate_limit/delete", {text(user), text("t")}},
    {other,
     "rate_limit/sync",
     {text(R"([{"id":")" + user + R"(","day":1,"requests":1}])"), text(uuid4())}},
    {other, "webhook/update", {text(webhook), text("x"), null, null, text("f"), text("t")}},
    {other, "webhook/delete", {text(webhook), text("t")}},
    {other, "webhook/replay", {text(webhook), text(delivery), text("t")}},
    {other, "webhook/replay_since", {text(webhook), text("2026-01-01"), text("10"), text("t")}}};
  for (const auto& call : calls)
    BOOST_TEST(run(call).empty(), call.statement);
  const std::vector<store_call> answering{
    {other, "wallet/resolve", {text(open_hold), text("V"), text("0"), null, null}},
    {other,
     "budget/create",
     {text(user), text("5"), text("daily"), text("f"), null, null, text("t"), null}},
    {other,
     "budget/update",
     {text(user), text("5"), null, text("t"), null, null, null, text("f"), null, text("t"), null}},
    {other, "budget/topup", {text(user), text("5"), null, null, null, text("t")}},
    {other, "budget/debit", {text(user), text("5"), null, null, null, text("t")}},
    {other, "webhook/test", {text(webhook)}}};
  for (const auto& call : answering) {
    auto rows = run(call);
    BOOST_TEST(store_row(rows, 0).text("code") == "not_found", call.statement);
  }
}

BOOST_AUTO_TEST_CASE(every_table_of_a_platform_forces_row_level_security) {
  scratch_database database;
  auto open = database.sql(
    "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE n.nspname = 'public' AND c.relkind = 'r' AND (c.relname = 'platform' OR EXISTS ("
    "  SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname IN ('platform_id', "
    "'end_user_id') AND NOT a.attisdropped))"
    " AND NOT (c.relrowsecurity AND c.relforcerowsecurity "
    "   AND 2 = (SELECT count(*) FROM pg_policy p WHERE p.polrelid = c.oid))");
  BOOST_TEST(all_of(open) == "");
  auto guarded = database.cell("SELECT count(*) FROM pg_class WHERE relforcerowsecurity");
  BOOST_TEST(std::stoi(guarded) >= 17);
}

BOOST_AUTO_TEST_CASE(the_roles_have_no_privilege_that_undoes_it) {
  scratch_database database;
  BOOST_TEST(database.cell("SELECT count(*) FROM pg_roles WHERE rolname IN ('callboard_app', "
                           "'callboard_system') AND NOT rolsuper AND NOT rolbypassrls AND NOT "
                           "rolcanlogin AND NOT rolcreaterole")
             == "2");
  BOOST_TEST(database.cell("SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner "
                           "WHERE r.rolname LIKE 'callboard_%'")
             == "0");
  // A view shows what its owner may see, unless it says otherwise.
  BOOST_TEST(database.cell("SELECT count(*) FROM pg_class WHERE relnamespace = "
                           "'public'::regnamespace AND relkind = 'v' AND NOT coalesce("
                           "'security_invoker=true' = ANY (reloptions), false)")
             == "0");
}

BOOST_AUTO_TEST_CASE(every_table_and_money_column_says_what_it_is) {
  scratch_database database;
  auto silent = database.sql("SELECT relname FROM pg_class c WHERE relnamespace = "
                             "'public'::regnamespace AND relkind = 'r' AND "
                             "obj_description(c.oid) IS NULL");
  BOOST_TEST(all_of(silent) == "");
}

BOOST_FIXTURE_TEST_CASE(without_a_platform_there_are_errors_and_no_rows, two_platforms) {
  auto conn = callboard::connection::open(database.conninfo());
  BOOST_REQUIRE(conn);
  auto exec = [&](const char* text) {
    return conn->exec(statement{"test", statement_scope::internal, text}, {});
  };
  BOOST_REQUIRE(exec("SET ROLE callboard_app"));
  BOOST_CHECK(!exec("SELECT * FROM end_user"));
  BOOST_CHECK(!exec("SELECT * FROM wallet"));
  BOOST_REQUIRE(exec("BEGIN"));
  BOOST_REQUIRE(conn->exec(*find_statement("lane/enter_tenant"), [&] {
    bound_values x;
    x.add_text(mine.value);
    return x;
  }()));
  auto seen = exec("SELECT * FROM end_user");
  BOOST_REQUIRE(seen);
  BOOST_TEST(seen->size() == 1u);
  BOOST_REQUIRE(exec("COMMIT"));
  // The setting is '' now, which is no platform either.
  BOOST_CHECK(!exec("SELECT * FROM end_user"));
}

BOOST_FIXTURE_TEST_CASE(a_row_for_another_platform_cannot_be_inserted, two_platforms) {
  auto conn = callboard::connection::open(database.conninfo());
  BOOST_REQUIRE(conn);
  auto exec = [&](const std::string& text) {
    return conn->exec(statement{"test", statement_scope::internal, text}, {});
  };
  BOOST_REQUIRE(exec("SET ROLE callboard_app"));
  BOOST_REQUIRE(exec("SELECT set_config('callboard.tenant', '" + mine.value + "', false)"));
  BOOST_CHECK(!exec("INSERT INTO end_user (id, platform_id, external_id) VALUES ('" + uuid4()
                    + "', '" + other.value + "', 'x')"));
  BOOST_CHECK(!exec("UPDATE end_user SET platform_id = '" + other.value + "'"));
  BOOST_CHECK(exec("INSERT INTO end_user (id, external_id) VALUES ('" + uuid4() + "', 'x')"));
  BOOST_CHECK(!exec("SELECT * FROM tenant_key"));
  BOOST_CHECK(!exec("UPDATE ledger SET amount = 0"));
}

BOOST_AUTO_TEST_SUITE_END()
