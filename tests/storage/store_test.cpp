#include <thread>

#include <boost/test/unit_test.hpp>

#include "core/base/digest.hpp"
#include "tests/support/postgres_fixture.hpp"

using namespace callboard;
using namespace callboard::test;

namespace {

store_call find_user(const platform_id& platform, const std::string& id) {
  return {platform, "end_user/find", {store_value::text(id)}};
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(store_test, store_fixture)

BOOST_AUTO_TEST_CASE(answers_come_in_the_order_of_the_calls_and_errors_stay_with_their_own) {
  auto mine = platform("acme");
  auto user = end_user(mine, "u1");
  std::vector<store_call> calls;
  for (int i = 0; i < 60; ++i) {
    if (i % 6 == 1)
      calls.push_back(find_user(mine, "not a uuid"));
    else if (i % 6 == 3)
      calls.push_back({mine, "no/such", {}});
    else if (i % 6 == 5)
      calls.push_back({{}, "auth/version", {}});
    else
      calls.push_back(find_user(mine, user.value));
  }
  auto answers = db.run(calls);
  BOOST_REQUIRE(answers.size() == calls.size());
  for (std::size_t i = 0; i < answers.size(); ++i) {
    BOOST_TEST_CONTEXT("call " << i) {
      if (i % 6 == 1) {
        BOOST_REQUIRE(!answers[i]);
        BOOST_TEST((code_of(answers[i].error()) == errc::invalid_field));
      } else if (i % 6 == 3) {
        BOOST_REQUIRE(!answers[i]);
        BOOST_TEST((code_of(answers[i].error()) == errc::internal));
      } else {
        BOOST_REQUIRE(answers[i]);
        BOOST_REQUIRE(answers[i]->size() == 1u);
        auto column = i % 6 == 5 ? "version" : "external_id";
        BOOST_TEST(!store_row(*answers[i], 0).text(column).empty());
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(each_call_is_a_transaction_of_its_own) {
  auto mine = platform("acme");
  auto user = [&](const char* name, const std::string& key) {
    return store_call{mine,
                      "end_user/upsert",
                      {store_value::text(uuid4()), store_value::text(name), store_value::null(),
                       store_value::null(), store_value::text(key), store_value::key_secret("s"),
                       store_value::text("sk-eu_xx"), store_value::text("t"), store_value::null(),
                       store_value::null(), store_value::null()}};
  };
  auto key = make_key_id();
  // The second one violates the key's primary key after it has inserted its user.
  auto answers = db.run(std::vector{user("a", key), user("b", key), user("c", make_key_id())});
  BOOST_CHECK(answers[0]);
  BOOST_REQUIRE(!answers[1]);
  BOOST_TEST((code_of(answers[1].error()) == errc::conflict));
  BOOST_CHECK(answers[2]);
  BOOST_TEST(database.cell("SELECT string_agg(external_id, ',' ORDER BY external_id) FROM end_user")
             == "a,c");
}

BOOST_AUTO_TEST_CASE(the_scope_of_a_statement_is_enforced) {
  auto mine = platform("acme");
  BOOST_TEST((code({{}, "end_user/list", {}}) == errc::internal));
  BOOST_TEST((code({mine, "platform/list", {store_value::integer(1), store_value::integer(5)}})
              == errc::internal));
  BOOST_TEST((code({{}, "tenant_key/find", {store_value::null()}}) == errc::internal));
  BOOST_TEST((code({mine, "lane/enter_system", {}}) == errc::internal));
}

BOOST_AUTO_TEST_CASE(a_tenant_that_is_no_uuid_sees_nothing) {
  BOOST_TEST((code({{"x' OR true --"}, "platform/find", {}}) == errc::invalid_field));
  BOOST_TEST(run({{uuid4()}, "platform/find", {}}).empty());
}

BOOST_AUTO_TEST_CASE(a_wrong_number_of_values_is_an_error_of_that_call_only) {
  auto mine = platform("acme");
  auto answers =
    db.run(std::vector<store_call>{{mine, "end_user/find", {}}, {mine, "platform/find", {}}});
  BOOST_CHECK(!answers[0]);
  BOOST_CHECK(answers[1]);
}

BOOST_AUTO_TEST_CASE(text_with_a_zero_byte_is_refused_and_raw_bytes_may_hold_any) {
  auto mine = platform("acme");
  BOOST_TEST((code(find_user(mine, std::string("a\0b", 3))) == errc::invalid_field));
  auto rows =
    run({mine,
         "wallet/acquire",
         {store_value::text("n"), store_value::text(uuid4()), store_value::boolean(false)}});
  BOOST_TEST(rows.size() == 1u);
  auto top = run({mine,
                  "wallet/topup",
                  {store_value::integer(5), store_value::null(), store_value::text("k"),
                   store_value::bytes(std::string("\0\x01'\\\xff", 5))}});
  BOOST_TEST(store_row(top, 0).text("code") == "ok");
  BOOST_TEST(database.cell("SELECT request_hash FROM ledger") == "\\x0001275cff");
}

BOOST_AUTO_TEST_CASE(values_never_become_part_of_a_statement) {
  auto mine = platform("acme");
  auto evil = "x'); DROP TABLE end_user; --";
  auto user = end_user(mine, evil);
  BOOST_TEST(store_row(run(find_user(mine, user.value)), 0).text("external_id") == evil);
}

BOOST_AUTO_TEST_CASE(an_unreachable_server_is_reported_at_once) {
  store away{"host=/nonexistent user=callboard dbname=x", ring};
  auto rows = away.run(store_call{{}, "auth/version", {}});
  BOOST_REQUIRE(!rows);
  BOOST_TEST((code_of(rows.error()) == errc::store_unavailable));
  BOOST_TEST(!away.connected());
  BOOST_TEST(!away.ping());
}

BOOST_AUTO_TEST_CASE(a_database_without_schema_is_told_apart_from_an_absent_one) {
  // The roles exist in the cluster, so only the first statement can tell; migrations do.
  store plain{scratch_cluster::instance().conninfo("postgres"), ring};
  auto rows = plain.run(store_call{{}, "auth/version", {}});
  BOOST_REQUIRE(!rows);
  BOOST_TEST((code_of(rows.error()) == errc::internal));
}

BOOST_AUTO_TEST_CASE(a_connection_that_the_server_ended_while_idle_is_replaced_unnoticed) {
  auto before = run({{}, "auth/version", {}});
  BOOST_TEST(db.ping());
  database.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
               "current_database() AND pid <> pg_backend_pid()");
  // Waits for the server to have closed it; the end arrives without anything being asked.
  while (database.cell("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                       "AND pid <> pg_backend_pid()")
         != "0") {
  }
  auto after = run({{}, "auth/version", {}});
  BOOST_TEST(store_row(after, 0).integer("version") == store_row(before, 0).integer("version"));
}

BOOST_AUTO_TEST_CASE(a_server_that_ends_within_a_call_fails_that_call_and_the_next_works) {
  auto mine = platform("acme");
  // A lock keeps the call waiting while its backend is ended.
  auto blocker = connection::open(database.conninfo());
  BOOST_REQUIRE(blocker);
  auto exec = [&](const char* text) {
    return blocker->exec(statement{"test", statement_scope::internal, text}, {});
  };
  BOOST_REQUIRE(exec("BEGIN"));
  BOOST_REQUIRE(exec("SELECT * FROM wallet FOR UPDATE"));
  result<store_rows> answer{store_rows{}};
  std::thread caller{[&] {
    answer = db.run(store_call{
      mine,
      "wallet/acquire",
      {store_value::text("n"), store_value::text(uuid4()), store_value::boolean(false)}});
  }};
  while (
    database.cell("WITH stuck AS MATERIALIZED (SELECT pid FROM pg_stat_activity WHERE datname = "
                  "current_database() AND wait_event_type = 'Lock') "
                  "SELECT count(pg_terminate_backend(pid)) FROM stuck")
    == "0") {
  }
  caller.join();
  BOOST_REQUIRE(!answer);
  BOOST_TEST((code_of(answer.error()) == errc::store_unavailable));
  BOOST_TEST(!db.connected());
  BOOST_REQUIRE(exec("ROLLBACK"));
  BOOST_TEST(
    run({mine,
         "wallet/acquire",
         {store_value::text("n"), store_value::text(uuid4()), store_value::boolean(false)}})
      .size()
    == 1u);
}

BOOST_AUTO_TEST_CASE(a_call_that_waits_for_a_lock_ends_as_timeout_and_keeps_the_connection) {
  auto mine = platform("acme");
  auto blocker = connection::open(database.conninfo());
  BOOST_REQUIRE(blocker);
  auto exec = [&](const char* text) {
    return blocker->exec(statement{"test", statement_scope::internal, text}, {});
  };
  BOOST_REQUIRE(exec("BEGIN"));
  BOOST_REQUIRE(exec("SELECT * FROM wallet FOR UPDATE"));
  BOOST_TEST(
    (code({mine,
           "wallet/acquire",
           {store_value::text("n"), store_value::text(uuid4()), store_value::boolean(false)}})
     == errc::timeout));
  BOOST_TEST(db.connected());
}

BOOST_AUTO_TEST_CASE(deadlocks_are_retried_inside) {
  auto mine = platform("acme");
  auto user = end_user(mine, "u");
  // The other side takes two rows in the opposite order of platform/update and its trigger.
  auto other = connection::open(database.conninfo());
  BOOST_REQUIRE(other);
  auto exec = [&](const std::string& text) {
    return other->exec(statement{"test", statement_scope::internal, text}, {});
  };
  // Only we look for deadlocks in time, so we are the ones who are ended and try again.
  BOOST_REQUIRE(exec("SET deadlock_timeout = '10s'"));
  BOOST_REQUIRE(exec("BEGIN"));
  BOOST_REQUIRE(exec("UPDATE auth_version SET version = version + 1"));
  database.sql("ALTER DATABASE " + database.cell("SELECT current_database()")
               + " SET deadlock_timeout = '50ms'");
  store fresh{database.conninfo(), ring};
  result<store_rows> answer{store_rows{}};
  std::thread caller{[&] {
    answer =
      fresh.run(store_call{mine,
                           "end_user/update",
                           {store_value::text(user.value), store_value::null(), store_value::null(),
                            store_value::boolean(false), store_value::text("t")}});
  }};
  while (database.cell("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                       "AND wait_event_type = 'Lock'")
         == "0") {
  }
  BOOST_CHECK(exec("UPDATE end_user SET display_name = 'x'"));
  BOOST_CHECK(exec("COMMIT"));
  caller.join();
  BOOST_REQUIRE(answer);
  BOOST_TEST(answer->size() == 1u);
  BOOST_TEST(database.cell("SELECT is_active::text || display_name FROM end_user") == "falsex");
}

BOOST_AUTO_TEST_CASE(large_values_go_both_ways_through_one_pipeline) {
  auto mine = platform("acme");
  std::string large(3'000'000, 'x');
  std::vector<store_call> calls;
  for (int i = 0; i < 8; ++i) {
    auto id = "resp_" + std::to_string(i);
    calls.push_back(
      {mine,
       "response/insert",
       {store_value::text(id), store_value::null(), store_value::null(), store_value::text("[]"),
        store_value::text(large), store_value::integer(60'000)}});
    calls.push_back({mine, "response/find", {store_value::text(id), store_value::null()}});
  }
  auto answers = db.run(calls);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    BOOST_REQUIRE(answers[i]);
    if (i % 2 == 1)
      BOOST_TEST(store_row(*answers[i], 0).text("body").size() == large.size());
  }
}

BOOST_AUTO_TEST_CASE(an_immediate_restart_loses_nothing_acknowledged) {
  scratch_cluster cluster;
  scratch_database own{cluster};
  store conn{own.conninfo(), ring};
  platform_id mine{uuid4()};
  auto made = conn.run(store_call{
    {},
    "platform/create",
    {store_value::text(mine.value), store_value::text("a"), store_value::text("a"),
     store_value::text(uuid4()), store_value::text(make_key_id()), store_value::key_secret("s"),
     store_value::text("p"), store_value::text(make_key_id()), store_value::key_secret("s"),
     store_value::text("p"), store_value::text("t")}});
  BOOST_REQUIRE(made);
  store_call top{
    mine,
    "wallet/topup",
    {store_value::integer(7), store_value::null(), store_value::null(), store_value::null()}};
  int acknowledged = 0;
  for (int i = 0; i < 20; ++i)
    acknowledged += static_cast<bool>(conn.run(top));
  cluster.stop("immediate");
  auto away = conn.run(top);
  BOOST_REQUIRE(!away);
  BOOST_TEST((code_of(away.error()) == errc::store_unavailable));
  cluster.start();
  auto rows = conn.run(store_call{mine, "wallet/show", {}});
  BOOST_REQUIRE(rows);
  BOOST_TEST(store_row(*rows, 0).integer("balance") == 7 * acknowledged);
  auto violations = conn.run(store_call{{}, "ledger/verify", {}});
  BOOST_REQUIRE(violations);
  for (std::size_t i = 0; i < violations->size(); ++i)
    BOOST_TEST(store_row(*violations, i).integer("violations") == 0);
}

BOOST_AUTO_TEST_SUITE_END()
