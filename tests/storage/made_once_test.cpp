#include <functional>
#include <future>
#include <map>

#include <boost/test/unit_test.hpp>

#include "core/base/api_key.hpp"
#include "core/base/json.hpp"
#include "tests/support/open_session.hpp"
#include "tests/support/wallet_fixture.hpp"

using namespace callboard;
using namespace callboard::test;

namespace {

store_value text(const std::string& x) { return store_value::text(x); }

/// The statements that make something once per operation, each with values of its own every time.
struct made_once_fixture : wallet_fixture {
  /// A fresh raw key, as a keyed request seals it.
  static store_value raw_key(const std::string& operation) {
    return operation.empty()
             ? store_value::null()
             : store_value::secret(format_api_key(make_api_key(key_kind::platform)), operation);
  }

  store_call key(const std::string& operation, const std::string& asked,
                 const std::string& user = {}) const {
    auto none = store_value::null();
    return {tenant,
            "key/insert",
            {text(make_key_id()), text(user.empty() ? "platform" : "end_user"), maybe(user),
             store_value::key_secret("s"), text("p"), none, none, none, text("t"), none,
             maybe(operation), text(asked), raw_key(operation)}};
  }

  store_call user(const std::string& operation, const std::string& asked) const {
    return {tenant,
            "end_user/upsert",
            {text(uuid4()), text("external"), store_value::null(), store_value::null(),
             text(make_key_id()), store_value::key_secret("s"), text("p"), text("t"),
             maybe(operation), text(asked), raw_key(operation)}};
  }

  store_call webhook(const std::string& operation, const std::string& asked,
                     std::int64_t most = 9) const {
    auto id = uuid4();
    return {tenant,
            "webhook/insert",
            {text(id), text("https://x.example"), store_value::null(),
             text(R"(["budget.topped_up"])"), store_value::secret("whsec_" + id, id),
             store_value::integer(most), text("t"), maybe(operation), text(asked)}};
  }

  store_call app(const std::string& operation, const std::string& asked) const {
    auto none = store_value::null();
    return {tenant,
            "app/activate",
            {text(uuid4()), text("github"), none, text("client"),
             store_value::secret("s", "github"), text("https://x.example"), none, none, text("t"),
             maybe(operation), text(asked)}};
  }

  store_call server(const std::string& operation, const std::string& asked) const {
    auto none = store_value::null();
    return {tenant,
            "mcp_server/insert",
            {text("docs"), text("Docs"), text("https://mcp.example"), text("none"), none, none,
             text("{}"), none, text(""), text("t"), store_value::integer(9), maybe(operation),
             text(asked)}};
  }

  using maker = std::function<store_call(const std::string&, const std::string&)>;

  /// Each with the table whose rows it makes.
  std::map<std::string, maker> makers() const {
    return {
      {"api_key WHERE kind = 'platform'", [this](auto& op, auto& asked) { return key(op, asked); }},
      {"api_key WHERE kind = 'end_user'",
       [this](auto& op, auto& asked) { return user(op, asked); }},
      {"webhook", [this](auto& op, auto& asked) { return webhook(op, asked); }},
      {"platform_app", [this](auto& op, auto& asked) { return app(op, asked); }},
      {"mcp_server", [this](auto& op, auto& asked) { return server(op, asked); }}};
  }

  int count(const std::string& table) {
    return std::stoi(database.cell("SELECT count(*) FROM " + table));
  }

  /// What the caller would be shown: code, body and secret.
  std::string shown(const store_call& call) {
    auto rows = run(call);
    if (rows.empty())
      return "nothing";
    store_row row{rows, 0};
    return row.text("code") + row.text("body") + row.text("secret");
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(made_once_test, made_once_fixture)

BOOST_AUTO_TEST_CASE(an_operation_makes_once_and_shows_the_same_again) {
  for (auto& [table, make] : makers()) {
    BOOST_TEST_CONTEXT(table) {
      auto before = count(table), audited = count("audit");
      const auto operation = uuid4();
      auto first = shown(make(operation, "this"));
      BOOST_TEST(first.starts_with("ok{"));
      BOOST_TEST(shown(make(operation, "this")) == first);
      BOOST_TEST(shown(make(operation, "that")) == "mismatch");
      BOOST_TEST(count(table) == before + 1);
      BOOST_TEST(count("audit") == audited + 1);
    }
  }
}

BOOST_AUTO_TEST_CASE(the_secret_of_then_is_what_opens_what_was_made) {
  const auto operation = uuid4();
  auto call = key(operation, "this");
  auto first = run(call), again = run(key(operation, "this"));
  BOOST_TEST(store_row(again, 0).text("secret") == call.values.back().data);
  BOOST_TEST(store_row(again, 0).text("secret") == store_row(first, 0).text("secret"));
  auto body = parse_json_object(store_row(again, 0).text("body"));
  BOOST_REQUIRE(body);
  BOOST_TEST(*find_string(*body, "id") == call.values.front().data);
  BOOST_TEST(database.cell("SELECT strpos(encode(secret_sealed, 'escape'), 'sk-plat') FROM "
                           "operation_effect")
             == "0");
}

BOOST_AUTO_TEST_CASE(without_a_key_everything_is_made_anew) {
  for (int i = 0; i < 2; ++i) {
    BOOST_TEST(shown(key({}, {})).starts_with("ok{"));
    BOOST_TEST(shown(user({}, {})).starts_with("ok{"));
    BOOST_TEST(shown(webhook({}, {})).starts_with("ok{"));
  }
  BOOST_TEST(shown(app({}, {})).starts_with("ok{"));
  BOOST_TEST(shown(app({}, {})) == "nothing"); // active already
  BOOST_TEST(count("api_key WHERE kind = 'end_user'") == 2);
  BOOST_TEST(count("webhook") == 2);
  BOOST_TEST(count("operation_effect") == 0);
}

BOOST_AUTO_TEST_CASE(an_operation_that_made_nothing_may_ask_again) {
  const auto first = uuid4(), second = uuid4(), nobody = uuid4();
  BOOST_TEST(shown(key(first, "this", nobody)) == "nothing");
  BOOST_TEST(shown(key(first, "that")).starts_with("ok{"));
  BOOST_TEST(shown(webhook(second, "this", 0)) == "nothing");
  BOOST_TEST(shown(webhook(second, "this")).starts_with("ok{"));
  BOOST_TEST(shown(server({}, {})).starts_with("ok{"));
  BOOST_TEST((code(server(uuid4(), "this")) == errc::conflict));
}

BOOST_AUTO_TEST_CASE(a_day_later_a_key_may_be_used_anew) {
  const auto operation = uuid4();
  auto first = shown(webhook(operation, "this"));
  database.sql("UPDATE operation_effect SET created_at = created_at - interval '24 hours'");
  auto later = shown(webhook(operation, "that"));
  BOOST_TEST(later.starts_with("ok{"));
  BOOST_TEST(later != first);
  BOOST_TEST(count("webhook") == 2);
}

BOOST_AUTO_TEST_CASE(what_was_made_is_forgotten_after_its_time) {
  shown(webhook(uuid4(), "this"));
  shown(webhook(uuid4(), "this"));
  database.sql("UPDATE operation_effect SET created_at = created_at - interval '61 seconds' "
               "WHERE id = (SELECT id FROM operation_effect LIMIT 1)");
  auto sweep = [&](std::int64_t results_ms, std::int64_t made_ms) {
    run(
      {{},
       "idempotency/sweep",
       {store_value::integer(9), store_value::integer(results_ms), store_value::integer(made_ms)}});
    return count("operation_effect");
  };
  BOOST_TEST(sweep(0, 62'000) == 2);
  BOOST_TEST(sweep(62'000, 60'000) == 1);
}

BOOST_AUTO_TEST_CASE(of_two_at_once_the_second_waits_and_is_shown_what_the_first_made) {
  const auto operation = uuid4();
  open_session first{*this};
  first.tell("BEGIN");
  first.tell("INSERT INTO operation_effect (id, platform_id, body) VALUES ('" + operation + "', '"
             + tenant.value + R"(', '{"asked": "this", "gave": {"id": 1}}'))");
  auto second = std::async(std::launch::async, [&] { return shown(server(operation, "this")); });
  until_it_waits(second, *this);
  first.tell("COMMIT");
  BOOST_TEST(second.get() == R"(ok{"id": 1})");
  BOOST_TEST(count("mcp_server") == 0);
}

BOOST_AUTO_TEST_SUITE_END()
