#include <thread>

#include <boost/test/unit_test.hpp>

#include "core/base/digest.hpp"
#include "storage/migrator.hpp"
#include "storage/transaction.hpp"
#include "tests/support/postgres_fixture.hpp"

using namespace callboard;
using namespace callboard::test;

namespace {

/// A database without any migration, beside the migrated template.
struct empty_database {
  empty_database() {
    database.sql("DROP SCHEMA public CASCADE");
    database.sql("CREATE SCHEMA public");
    database.sql("GRANT USAGE ON SCHEMA public TO public");
  }

  std::string refused() const {
    auto report = migrate(database.conninfo());
    BOOST_REQUIRE(!report);
    BOOST_TEST((code_of(report.error()) == errc::bad_setting));
    auto checked = check_schema(database.conninfo());
    BOOST_REQUIRE(!checked);
    BOOST_TEST((code_of(checked.error()) == errc::bad_setting));
    return caf::to_string(report.error());
  }

  /// Runs the migrations before the one of that name, as an older program did.
  static void migrate_before(const std::string& conninfo, std::string_view name) {
    auto conn = connection::open(conninfo);
    BOOST_REQUIRE(conn);
    BOOST_REQUIRE(conn->exec(*find_statement("schema/create"), {}));
    for (const auto& x : migrations()) {
      if (x.name.ends_with(name))
        return;
      auto tx = transaction::begin(*conn);
      BOOST_REQUIRE(tx);
      BOOST_REQUIRE(tx->script(x.name, x.text, std::chrono::minutes{1}));
      bound_values values;
      values.add_text(std::to_string(x.version));
      values.add_text(to_hex(sha256(x.text)));
      BOOST_REQUIRE(tx->exec(*find_statement("schema/record"), values));
      BOOST_REQUIRE(tx->commit());
    }
    BOOST_FAIL("there is no such migration");
  }

  scratch_database database;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(migrator_test, empty_database)

BOOST_AUTO_TEST_CASE(all_migrations_run_once_and_again_nothing_happens) {
  BOOST_CHECK(!check_schema(database.conninfo()));
  auto first = migrate(database.conninfo());
  BOOST_REQUIRE(first);
  BOOST_TEST(first->from == 0);
  BOOST_TEST(first->to == schema_version_wanted());
  BOOST_CHECK(check_schema(database.conninfo()));
  auto second = migrate(database.conninfo());
  BOOST_REQUIRE(second);
  BOOST_TEST(second->from == schema_version_wanted());
  BOOST_TEST(second->to == schema_version_wanted());
  BOOST_TEST(database.cell("SELECT count(*) FROM schema_version")
             == std::to_string(schema_version_wanted()));
}

BOOST_AUTO_TEST_CASE(several_nodes_may_migrate_at_once) {
  std::vector<std::thread> nodes;
  std::array<bool, 4> good{};
  for (std::size_t i = 0; i < good.size(); ++i)
    nodes.emplace_back([&, i] { good[i] = static_cast<bool>(migrate(database.conninfo())); });
  for (auto& node : nodes)
    node.join();
  for (auto x : good)
    BOOST_TEST(x);
  BOOST_CHECK(check_schema(database.conninfo()));
}

BOOST_AUTO_TEST_CASE(an_edited_migration_is_refused_by_name) {
  BOOST_REQUIRE(migrate(database.conninfo()));
  database.sql("UPDATE schema_version SET checksum = 'x' WHERE version = 2");
  BOOST_TEST(refused().find(migrations()[1].name) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_newer_database_is_refused) {
  BOOST_REQUIRE(migrate(database.conninfo()));
  database.sql("INSERT INTO schema_version (version, checksum) VALUES (9999, 'x')");
  BOOST_TEST(refused().find("9999") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_migration_that_fails_leaves_nothing_of_itself) {
  database.sql("CREATE TABLE stored_response (x int)");
  BOOST_CHECK(!migrate(database.conninfo()));
  BOOST_TEST(database.cell("SELECT max(version) FROM schema_version") == "3");
  BOOST_TEST(database.cell("SELECT to_regclass('session') IS NULL") == "t");
  database.sql("DROP TABLE stored_response");
  auto report = migrate(database.conninfo());
  BOOST_REQUIRE(report);
  BOOST_TEST(report->from == 3);
}

BOOST_AUTO_TEST_CASE(an_absent_server_is_told_apart) {
  auto report = migrate("host=/nonexistent");
  BOOST_REQUIRE(!report);
  BOOST_TEST((code_of(report.error()) == errc::store_unavailable));
}

BOOST_AUTO_TEST_CASE(budgets_of_an_older_database_get_rows_that_explain_them) {
  database.sql("DROP ROLE IF EXISTS older_login");
  database.sql("CREATE ROLE older_login LOGIN NOSUPERUSER CREATEROLE");
  database.sql("ALTER SCHEMA public OWNER TO older_login");
  auto conninfo = database.conninfo() + " user=older_login";
  migrate_before(conninfo, "_budgets");
  const std::string tenant = uuid4();
  database.sql("INSERT INTO platform (id, name, slug) VALUES ('" + tenant + "', 'p', 'p')");
  database.sql("INSERT INTO wallet (platform_id, id) VALUES ('" + tenant + "', '" + tenant + "')");
  auto add = [&](const std::string& name, const std::string& window) {
    auto user = uuid4();
    database.sql("INSERT INTO end_user (id, platform_id, external_id) VALUES ('" + user + "', '"
                 + tenant + "', '" + name + "')");
    database.sql("INSERT INTO budget (end_user_id, platform_id, max_amount) VALUES ('" + user
                 + "', '" + tenant + "', 1000)");
    if (!window.empty())
      database.sql("INSERT INTO budget_window (end_user_id, platform_id, win, lim, spent, overrun) "
                   "VALUES ('"
                   + user + "', '" + tenant + "', " + window + ")");
  };
  add("used", "'1970-01-01', 800, 300, 0"); // the limit of the latest admission, raised since
  add("over", "'1970-01-01', 1000, 1200, 200");
  add("fresh", "");
  BOOST_REQUIRE(migrate(conninfo));
  BOOST_TEST(database.cell("SELECT sum(violations) FROM budget_verify()") == "0");
  BOOST_TEST(database.cell("SELECT string_agg(external_id || ' ' || type || ' ' || amount, ', ' "
                           "ORDER BY external_id, b.id) FROM budget_transaction b JOIN end_user u "
                           "ON u.id = b.end_user_id")
             == "over opening 1000, over usage -1200, used opening 1000, used usage -300");
  BOOST_TEST(database.cell("SELECT string_agg(lim::text, ',') FROM budget_window") == "1000,1000");
}

BOOST_AUTO_TEST_CASE(a_login_role_without_superuser_rights_can_own_and_use_the_schema) {
  database.sql("DROP ROLE IF EXISTS plain_login");
  database.sql("CREATE ROLE plain_login LOGIN NOSUPERUSER CREATEROLE");
  database.sql("ALTER SCHEMA public OWNER TO plain_login");
  auto conninfo = database.conninfo() + " user=plain_login";
  BOOST_REQUIRE(migrate(conninfo));
  scratch_folder folder;
  store db{conninfo, *key_ring::load_or_create(folder.path() / "master.key")};
  auto rows = db.run(store_call{{}, "auth/version", {}});
  BOOST_REQUIRE(rows);
  BOOST_TEST(rows->size() == 1u);
  auto conn = connection::open(conninfo);
  BOOST_REQUIRE(conn);
  // The owner itself is bound by the policies as well, which name other roles: it sees nothing.
  auto seen =
    conn->exec(statement{"test", statement_scope::internal, "SELECT count(*) FROM platform"}, {});
  BOOST_REQUIRE(seen);
  BOOST_TEST(seen->cells.front() == "0");
}

BOOST_AUTO_TEST_CASE(a_transaction_that_is_not_committed_leaves_nothing) {
  auto conn = connection::open(database.conninfo());
  BOOST_REQUIRE(conn);
  {
    auto tx = transaction::begin(*conn);
    BOOST_REQUIRE(tx);
    BOOST_REQUIRE(tx->script("test", "CREATE TABLE a (x int); CREATE TABLE b (x int)",
                             connection::silence_max));
  }
  BOOST_TEST(database.cell("SELECT to_regclass('a') IS NULL") == "t");
  {
    auto tx = transaction::begin(*conn);
    BOOST_REQUIRE(tx);
    BOOST_REQUIRE(tx->script("test", "CREATE TABLE a (x int)", connection::silence_max));
    BOOST_REQUIRE(tx->commit());
  }
  BOOST_TEST(database.cell("SELECT to_regclass('a') IS NULL") == "f");
}

BOOST_AUTO_TEST_SUITE_END()
