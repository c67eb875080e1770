#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include <boost/test/unit_test.hpp>
#include <libpq-fe.h>

#include "storage/statement.hpp"
#include "tests/support/postgres_fixture.hpp"
#include "tests/support/source_tree.hpp"

using namespace callboard;
using namespace callboard::test;

namespace {

/// The documentation of a statement, one entry a documented thing, continuation lines joined.
std::vector<std::string> documentation_of(const statement& x) {
  std::vector<std::string> out;
  std::istringstream in{std::string{x.text}};
  for (std::string line; std::getline(in, line) && line.starts_with("--");) {
    if (line.starts_with("--   "))
      out.back() += line.substr(line.find_first_not_of(' ', 2) - 1);
    else
      out.push_back(line.substr(std::min<std::size_t>(3, line.size())));
  }
  return out;
}

/// The documented columns: first word of each part between commas outside of parentheses.
std::vector<std::string> documented_columns(const statement& x) {
  std::vector<std::string> out;
  for (const auto& line : documentation_of(x)) {
    if (!line.starts_with("-> "))
      continue;
    std::string plain;
    int depth = 0;
    for (char c : line.substr(3)) {
      depth += c == '(';
      if (depth == 0)
        plain += c;
      depth -= c == ')';
    }
    std::istringstream in{plain};
    for (std::string part; std::getline(in, part, ',');) {
      std::istringstream words{part};
      std::string word;
      words >> word;
      out.push_back(word == "secret" ? "secret_sealed" : word);
    }
  }
  return out;
}

std::size_t documented_parameters(const statement& x) {
  std::size_t count = 0;
  for (const auto& line : documentation_of(x))
    count += line.starts_with("$" + std::to_string(count + 1) + " ");
  return count;
}

bool describable(const statement& x) {
  static const std::set<std::string_view> commands{
    "lane/begin", "lane/commit", "lane/rollback", "schema/create", "schema/comment", "schema/lock"};
  return commands.count(x.name) == 0;
}

} // namespace

BOOST_AUTO_TEST_SUITE(statement_test)

BOOST_AUTO_TEST_CASE(every_statement_prepares_as_its_role_with_the_documented_shape) {
  scratch_database database;
  auto conn = connection::open(database.conninfo());
  BOOST_REQUIRE(conn);
  BOOST_TEST(statements().size() > 60u);
  for (const auto& x : statements()) {
    if (!describable(x))
      continue;
    BOOST_TEST_CONTEXT("statement " << x.name) {
      statement role{"role", statement_scope::internal,
                     x.scope == statement_scope::tenant ? "SET ROLE callboard_app"
                                                        : "SET ROLE callboard_system"};
      BOOST_REQUIRE(conn->exec(role, {}));
      BOOST_REQUIRE(conn->prepare(x));
      result_ptr shape{PQdescribePrepared(conn->raw(), std::string{x.name}.c_str())};
      BOOST_REQUIRE(PQresultStatus(shape.get()) == PGRES_COMMAND_OK);
      BOOST_TEST(static_cast<std::size_t>(PQnparams(shape.get())) == documented_parameters(x));
      BOOST_TEST(parameter_count(x) == documented_parameters(x));
      std::vector<std::string> columns;
      for (int i = 0; i < PQnfields(shape.get()); ++i)
        columns.emplace_back(PQfname(shape.get(), i));
      BOOST_TEST(columns == documented_columns(x), boost::test_tools::per_element());
    }
  }
}

BOOST_AUTO_TEST_CASE(a_sealed_column_always_has_its_row_beside_it) {
  for (const auto& x : statements()) {
    auto columns = documented_columns(x);
    std::set<std::string> names{columns.begin(), columns.end()};
    if (names.count("secret_sealed") == 0)
      continue;
    BOOST_TEST_CONTEXT("statement " << x.name) {
      BOOST_TEST(names.count("id") == 1u);
      if (x.scope == statement_scope::system && !x.name.starts_with("model/"))
        BOOST_TEST(names.count("platform_id") == 1u);
    }
  }
}

BOOST_AUTO_TEST_CASE(statements_are_found_by_name_only) {
  const auto* x = find_statement("platform/find");
  BOOST_REQUIRE(x != nullptr);
  BOOST_TEST((x->scope == statement_scope::tenant));
  BOOST_TEST(find_statement("platform/find ") == nullptr);
  BOOST_TEST(find_statement("") == nullptr);
  BOOST_TEST(find_statement("zzz/zzz") == nullptr);
}

BOOST_AUTO_TEST_CASE(the_overview_lists_every_statement_once) {
  std::ifstream in{source_tree() / "storage/sql/README.md"};
  std::string text{std::istreambuf_iterator<char>{in}, {}};
  for (const auto& x : statements())
    if (x.scope != statement_scope::internal) {
      auto scope = x.scope == statement_scope::tenant ? "tenant" : "system";
      auto row = "| `" + std::string{x.name} + "` | " + scope + " | ";
      BOOST_TEST(text.find(row) != std::string::npos, row);
      // Of two one is out of date.
      auto name = "| `" + std::string{x.name} + "` |";
      BOOST_TEST(text.find(name) == text.rfind(name), name);
    }
}

// A lane keeps plans that were made while the tables were empty.
BOOST_AUTO_TEST_CASE(look_ups_by_id_take_the_primary_key_even_while_a_table_is_empty) {
  scratch_database database;
  auto plan = [&](const std::string& query) {
    std::string text;
    for (auto& line : database.sql("EXPLAIN " + query).cells)
      text += line + '\n';
    return text;
  };
  auto uuid = "'11111111-1111-4111-8111-111111111111'::uuid";
  auto hold =
    plan(std::string{"SELECT * FROM hold WHERE platform_id = "} + uuid + " AND id = " + uuid);
  BOOST_TEST(hold.find("hold_pkey") != std::string::npos, hold);
  auto session = plan(std::string{"SELECT * FROM session WHERE id_hash = 'x' AND platform_id = "}
                      + uuid + " AND ended_at IS NULL AND expires_at > clock_timestamp()");
  BOOST_TEST(session.find("session_pkey") != std::string::npos, session);
}

BOOST_AUTO_TEST_SUITE_END()
