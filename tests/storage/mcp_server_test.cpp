#include <boost/test/unit_test.hpp>

#include "core/base/digest.hpp"
#include "core/base/json.hpp"
#include "tests/support/postgres_fixture.hpp"

using namespace callboard;
using namespace callboard::test;

namespace {

store_value text(const std::string& x) { return store_value::text(x); }
const store_value none = store_value::null();
constexpr std::int64_t cap = 3;

std::string hash(char digit) { return std::string(64, digit); }

struct server_fixture : store_fixture {
  server_fixture() : mine(platform("acme")), user(end_user(mine, "u1").value) {}

  store_rows tenant(const char* statement, std::vector<store_value> values) {
    return run({mine, statement, std::move(values)});
  }

  store_call insert(const std::string& slug, const std::string& auth = "none") {
    bool header = auth == "header";
    return {mine,
            "mcp_server/insert",
            {text(slug), text("Docs"), text("https://mcp.example.com"), text(auth),
             header ? text("X-Api-Key") : none, header ? store_value::secret("s3cret", slug) : none,
             text("{}"), none, text(""), text("t"), store_value::integer(cap), none, none}};
  }

  store_rows update(std::vector<store_value> given) {
    given.insert(given.begin(), text("docs"));
    given.push_back(text("t"));
    return tenant("mcp_server/update", std::move(given));
  }

  /// A row that outlives the answer it came with.
  struct kept_row {
    store_rows rows;
    std::string text(std::string_view column) const { return store_row(rows, 0).text(column); }
    bool boolean(std::string_view column) const { return store_row(rows, 0).boolean(column); }
    std::optional<std::string> maybe_text(std::string_view column) const {
      return store_row(rows, 0).maybe_text(column);
    }
  };
  kept_row found(store_rows rows) { return {std::move(rows)}; }

  store_rows pin(const std::string& tools) {
    return tenant("mcp_server/pin", {text("docs"), text(tools)});
  }

  void connect(const char* slug) {
    auto id = uuid4();
    tenant("connection/upsert",
           {text(id), text(user), text(slug), store_value::secret("{}", id), none, none, none});
  }

  std::string list(const char* statement, std::vector<store_value> values) {
    auto rows = tenant(statement, std::move(values));
    return store_row(rows, 0).text("data");
  }

  platform_id mine;
  std::string user;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(mcp_server_test, server_fixture)

BOOST_AUTO_TEST_CASE(a_server_is_registered_shown_without_its_secret_and_found_with_it) {
  auto made = run(insert("docs", "header"));
  auto body = store_row(made, 0).text("body");
  BOOST_TEST(body.find("s3cret") == std::string::npos);
  BOOST_TEST(body.find("\"X-Api-Key\"") != std::string::npos);
  auto rows = tenant("mcp_server/find", {text("docs")});
  BOOST_TEST(found(rows).text("secret") == "s3cret");
  BOOST_TEST(found(rows).text("header_name") == "X-Api-Key");
  BOOST_TEST((code(insert("docs")) == errc::conflict));
  BOOST_TEST(list("mcp_server/list", {}).find("s3cret") == std::string::npos);
  auto other = platform("other");
  BOOST_TEST(run({other, "mcp_server/find", {text("docs")}}).empty());
  BOOST_TEST(run({other, "mcp_server/delete", {text("docs"), text("t")}}).empty());
  BOOST_TEST(run({mine, "mcp_server/delete", {text("docs"), text("t")}}).size() == 1u);
  BOOST_TEST(tenant("mcp_server/find", {text("docs")}).empty());
}

BOOST_AUTO_TEST_CASE(a_platform_has_only_so_many) {
  for (auto slug : {"a", "b", "c"})
    BOOST_TEST(run(insert(slug)).size() == 1u);
  BOOST_TEST(run(insert("d")).empty());
}

BOOST_AUTO_TEST_CASE(what_is_not_given_stays_and_credentials_change_as_a_whole) {
  run(insert("docs", "header"));
  update({text("New"), none, none, none, none, none, text("[\"a\"]"), text("d_"), none});
  auto rows = tenant("mcp_server/find", {text("docs")});
  BOOST_TEST(found(rows).text("name") == "New");
  BOOST_TEST(found(rows).text("secret") == "s3cret");
  BOOST_TEST(found(rows).text("allowed_tools") == "[\"a\"]");
  BOOST_TEST(found(rows).text("tool_prefix") == "d_");
  update({none, none, text("none"), none, none, none, text("null"), none, none});
  rows = tenant("mcp_server/find", {text("docs")});
  BOOST_TEST(found(rows).text("auth") == "none");
  BOOST_TEST(!found(rows).maybe_text("secret"));
  BOOST_TEST(!found(rows).maybe_text("allowed_tools"));
}

BOOST_AUTO_TEST_CASE(a_new_tool_is_pinned_and_a_changed_one_waits_for_approval) {
  run(insert("docs"));
  auto first = pin(R"([{"tool":"a","hash":")" + hash('1') + R"("}])");
  BOOST_TEST(found(first).boolean("approved"));
  BOOST_TEST(found(pin(R"([{"tool":"a","hash":")" + hash('2') + R"("}])")).text("approved") == "f");
  auto rows = tenant("mcp_server/find", {text("docs")});
  BOOST_TEST(found(rows).text("withheld") == "[\"a\"]");
  BOOST_TEST(database.cell("SELECT subject FROM audit WHERE action = 'mcp_server.tool_changed'")
             == "docs/a");
  pin(R"([{"tool":"a","hash":")" + hash('2') + R"("}])"); // seen again: no second event
  BOOST_TEST(database.cell("SELECT count(*) FROM audit WHERE action = 'mcp_server.tool_changed'")
             == "1");
  // Approving a definition that is not the present one changes nothing.
  BOOST_TEST(
    tenant("mcp_server/approve", {text("docs"), text("a"), text(hash('3')), text("t")}).empty());
  BOOST_TEST(
    tenant("mcp_server/approve", {text("docs"), text("a"), text(hash('2')), text("t")}).size()
    == 1u);
  BOOST_TEST(found(tenant("mcp_server/find", {text("docs")})).text("withheld") == "[]");
  // A definition that comes back to the approved one needs nobody.
  pin(R"([{"tool":"a","hash":")" + hash('4') + R"("}])");
  BOOST_TEST(found(pin(R"([{"tool":"a","hash":")" + hash('2') + R"("}])")).boolean("approved"));
}

BOOST_AUTO_TEST_CASE(approving_raises_the_version_that_nodes_watch_and_keeping_lists_does_not) {
  run(insert("docs"));
  pin(R"([{"tool":"a","hash":")" + hash('1') + R"("}])");
  pin(R"([{"tool":"a","hash":")" + hash('2') + R"("}])");
  auto version = [&] { return database.cell("SELECT version FROM auth_version"); };
  auto before = version();
  tenant("mcp_server/save_lists", {text("docs"), text("{}")});
  BOOST_TEST(version() == before);
  tenant("mcp_server/approve", {text("docs"), none, none, text("t")});
  BOOST_TEST(version() != before);
}

BOOST_AUTO_TEST_CASE(a_server_without_oauth_is_connected_for_everybody) {
  run(insert("docs"));
  auto rows = tenant("connection/find", {text(user), text("docs")});
  BOOST_REQUIRE(rows.size() == 1u);
  BOOST_TEST(found(rows).boolean("is_active"));
  BOOST_TEST(found(rows).boolean("app_active"));
  BOOST_TEST(!found(rows).maybe_text("secret"));
  BOOST_TEST(list("app/active_list", {}).find("docs") != std::string::npos);
  BOOST_TEST(list("connection/list", {text(user)}).find("docs") != std::string::npos);
  update({none, none, none, none, none, none, none, none, store_value::boolean(false)});
  BOOST_TEST(!found(tenant("connection/find", {text(user), text("docs")})).boolean("app_active"));
  BOOST_TEST(list("app/active_list", {}) == "[]");
  BOOST_TEST(list("connection/list", {text(user)}) == "[]");
  BOOST_TEST(tenant("connection/find", {text(user), text("unknown")}).empty());
}

BOOST_AUTO_TEST_CASE(a_server_with_oauth_is_connected_by_each_user_for_one_address) {
  run(insert("docs", "oauth"));
  BOOST_TEST(tenant("connection/find", {text(user), text("docs")}).empty());
  BOOST_TEST(list("connection/list", {text(user)}) == "[]");
  connect("docs");
  BOOST_TEST(found(tenant("connection/find", {text(user), text("docs")})).boolean("app_active"));
  BOOST_TEST(list("connection/list", {text(user)}).find("docs") != std::string::npos);
  // Tokens for one address are never sent to another.
  update({none, text("https://other.example.com"), none, none, none, none, none, none, none});
  BOOST_TEST(tenant("connection/find", {text(user), text("docs")}).empty());
  connect("docs");
  tenant("mcp_server/delete", {text("docs"), text("t")});
  BOOST_TEST(database.cell("SELECT count(*) FROM connection WHERE is_active") == "0");
}

BOOST_AUTO_TEST_CASE(a_registered_client_is_used_until_its_server_sends_nobody_back) {
  auto id = hash('a');
  auto keep = [&](const std::string& row, const char* client, store_value expires = none,
                  std::int64_t most = cap) {
    tenant("oauth_client/insert",
           {text(row), text("https://as.example"), text("https://gw/cb"), text(client),
            store_value::secret("s3cret", row), text("client_secret_post"), expires,
            store_value::integer(most)});
  };
  auto use = [&](const std::string& row) {
    return tenant("oauth_client/use", {text(row), store_value::integer(3)});
  };
  BOOST_TEST(use(id).empty());
  keep(id, "one");
  BOOST_TEST(found(use(id)).text("client_id") == "one");
  BOOST_TEST(found(use(id)).text("secret") == "s3cret");
  BOOST_TEST(use(id).empty()); // three went and none came back
  BOOST_TEST(tenant("oauth_client/answered", {text(id), text("other")}).empty());
  BOOST_TEST(use(id).empty());
  BOOST_TEST(tenant("oauth_client/answered", {text(id), text("one")}).size() == 1u);
  BOOST_TEST(use(id).size() == 1u);
  keep(id, "two");
  BOOST_TEST(found(use(id)).text("client_id") == "two");
  BOOST_TEST(tenant("oauth_client/delete", {text(id), text("one")}).empty());
  BOOST_TEST(tenant("oauth_client/delete", {text(id), text("two")}).size() == 1u);
  BOOST_TEST(use(id).empty());
  keep(id, "ended", store_value::integer(-1));
  BOOST_TEST(use(id).empty());
  BOOST_TEST(run({platform("other"), "oauth_client/delete", {text(id), text("ended")}}).empty());
}

BOOST_AUTO_TEST_CASE(the_oldest_registered_clients_give_way) {
  for (char digit : {'1', '2', '3', '4'})
    tenant("oauth_client/insert", {text(hash(digit)), text("i"), text("r"), text("c"), none,
                                   text("none"), none, store_value::integer(cap)});
  BOOST_TEST(database.cell("SELECT string_agg(left(id, 1), '' ORDER BY id) FROM oauth_client")
             == "234");
}

BOOST_AUTO_TEST_SUITE_END()
