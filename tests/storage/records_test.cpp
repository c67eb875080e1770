#include <boost/test/unit_test.hpp>

#include "core/base/digest.hpp"
#include "core/base/json.hpp"
#include "tests/support/postgres_fixture.hpp"

using namespace callboard;
using namespace callboard::test;

namespace {

store_value text(const std::string& x) { return store_value::text(x); }
store_value number(std::int64_t x) { return store_value::integer(x); }
const store_value none = store_value::null();

struct records_fixture : store_fixture {
  records_fixture() : mine(platform("acme")), user(end_user(mine, "u1").value) {}

  store_rows tenant(const char* statement, std::vector<store_value> values) {
    return run({mine, statement, std::move(values)});
  }

  store_rows system(const char* statement, std::vector<store_value> values) {
    return run({{}, statement, std::move(values)});
  }

  std::int64_t auth_version() {
    return store_row(system("auth/version", {}), 0).integer("version");
  }

  /// Adds a key of the user.
  std::string key(const char* secret, const store_value& expires_at = none,
                  const store_value& tools = none) {
    auto id = make_key_id();
    auto rows = tenant("key/insert", {text(id), text("end_user"), text(user),
                                      store_value::key_secret(secret), text("sk-eu_ab"), none, none,
                                      expires_at, text("t"), tools, none, none, none});
    BOOST_REQUIRE(rows.size() == 1);
    return id;
  }

  store_rows find_key(const std::string& id, const char* secret) {
    return system("key/find", {text(id), store_value::key_secret(secret)});
  }

  bool key_works(const std::string& id, const char* secret) {
    auto rows = find_key(id, secret);
    return !rows.empty() && store_row(rows, 0).boolean("matches")
           && store_row(rows, 0).boolean("is_active");
  }

  store_rows activate(const char* slug, const char* secret) {
    return tenant("app/activate", {text(uuid4()), text(slug), none, text("client"),
                                   store_value::secret(secret, slug), text("https://x.example"),
                                   none, none, text("t"), none, none});
  }

  std::string connect(const char* slug, const char* tokens) {
    auto id = uuid4();
    auto rows =
      tenant("connection/upsert", {text(id), text(user), text(slug),
                                   store_value::secret(tokens, id), number(3'600'000), none, none});
    BOOST_REQUIRE(rows.size() == 1);
    return id;
  }

  store_rows connection_of(const char* slug) {
    return tenant("connection/find", {text(user), text(slug)});
  }

  platform_id mine;
  std::string user;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(records_test, records_fixture)

BOOST_AUTO_TEST_CASE(a_platform_comes_with_wallet_and_two_keys) {
  BOOST_TEST(database.cell("SELECT string_agg(kind, ',' ORDER BY kind) FROM api_key WHERE "
                           "end_user_id IS NULL")
             == "lifecycle_live,platform");
  BOOST_TEST(tenant("wallet/show", {}).size() == 1u);
  auto rows = tenant("platform/update",
                     {text("New name"), none, number(125'000), store_value::boolean(true),
                      number(1000), number(2'500'000), text("gpt"), none, text("t"), none});
  auto body = parse_json_object(store_row(rows, 0).text("body"));
  BOOST_REQUIRE(body);
  const auto* settings = find_object(*body, "settings");
  BOOST_REQUIRE(settings != nullptr);
  BOOST_TEST(*find_string(*body, "name") == "New name");
  BOOST_TEST(*find_string(*body, "slug") == "acme");
  BOOST_TEST(json::serialize(settings->at("markup_percentage")) == "1.25E1");
  BOOST_TEST(*find_string(*settings, "default_budget_usd") == "2.500000");
  BOOST_TEST(*find_integer(*settings, "free_calls_per_month") == 1000);
  auto found = tenant("platform/find", {});
  BOOST_TEST(store_row(found, 0).integer("markup_ppm") == 125'000);
  BOOST_TEST(store_row(found, 0).boolean("strict_mode"));
  tenant("platform/update",
         {none, none, none, none, number(-1), number(0), text(""), none, text("t"), none});
  found = tenant("platform/find", {});
  BOOST_CHECK(!store_row(found, 0).maybe_text("free_calls"));
  BOOST_CHECK(!store_row(found, 0).maybe_text("default_budget"));
  BOOST_CHECK(!store_row(found, 0).maybe_text("default_model"));
  BOOST_TEST(store_row(found, 0).text("name") == "New name");
}

BOOST_AUTO_TEST_CASE(a_taken_slug_is_a_conflict) {
  BOOST_TEST((code({{},
                    "platform/create",
                    {text(uuid4()), text("x"), text("acme"), text(uuid4()), text(make_key_id()),
                     store_value::key_secret("s"), text("p"), text(make_key_id()),
                     store_value::key_secret("s"), text("p"), text("t")}})
              == errc::conflict));
}

BOOST_AUTO_TEST_CASE(deleting_a_platform_takes_everything_with_it) {
  topup(mine, 100);
  activate("github", "s");
  connect("github", "{}");
  auto rows = tenant("platform/delete", {text("t")});
  BOOST_TEST(store_row(rows, 0).text("id") == mine.value);
  for (auto table : {"platform", "end_user", "api_key", "wallet", "ledger", "platform_app",
                     "connection", "tenant_key"})
    BOOST_TEST(database.cell(std::string{"SELECT count(*) FROM "} + table) == "0", table);
  BOOST_TEST(database.cell("SELECT count(*) FROM audit WHERE action = 'platform.delete'") == "1");
  BOOST_TEST(tenant("platform/delete", {text("t")}).empty());
}

BOOST_AUTO_TEST_CASE(the_same_external_id_finds_the_user_and_adds_a_key) {
  auto again =
    tenant("end_user/upsert",
           {text(uuid4()), text("u1"), text("Other name"), text(R"({"a":1})"), text(make_key_id()),
            store_value::key_secret("s"), text("p"), text("t"), none, none, none});
  BOOST_TEST(!store_row(again, 0).boolean("created"));
  BOOST_TEST(store_row(again, 0).text("end_user_id") == user);
  auto body = parse_json_object(store_row(again, 0).text("body"));
  BOOST_TEST(body->at("display_name").is_null());
  BOOST_TEST(database.cell("SELECT count(*) FROM api_key WHERE end_user_id IS NOT NULL") == "2");
  auto created =
    tenant("end_user/upsert",
           {text(uuid4()), text("u2"), text("Name"), text(R"({"a":1})"), text(make_key_id()),
            store_value::key_secret("s"), text("p"), text("t"), none, none, none});
  BOOST_TEST(store_row(created, 0).boolean("created"));
}

BOOST_AUTO_TEST_CASE(lists_are_paged_newest_first_with_their_total) {
  for (int i = 2; i <= 5; ++i)
    end_user(mine, "u" + std::to_string(i));
  auto page = [&](int n, const store_value& filter) {
    auto rows = tenant("end_user/list", {number(n), number(2), filter});
    std::string out = std::to_string(store_row(rows, 0).integer("total"));
    auto data = parse_json(store_row(rows, 0).text("data"));
    for (const auto& item : data->as_array())
      out += " " + *find_string(item.as_object(), "external_id");
    return out;
  };
  BOOST_TEST(page(1, none) == "5 u5 u4");
  BOOST_TEST(page(3, none) == "5 u1");
  BOOST_TEST(page(9, none) == "5");
  BOOST_TEST(page(1, text("u2")) == "1 u2");
  BOOST_TEST(page(1, text("nobody")) == "0");
}

BOOST_AUTO_TEST_CASE(a_key_is_found_by_id_and_only_its_secret_matches) {
  auto id = key("right");
  auto rows = find_key(id, "right");
  store_row row{rows, 0};
  BOOST_TEST(row.boolean("matches"));
  BOOST_TEST(row.boolean("is_active"));
  BOOST_TEST(row.text("kind") == "end_user");
  BOOST_TEST(row.text("platform_id") == mine.value);
  BOOST_TEST(row.text("end_user_id") == user);
  BOOST_TEST(row.text("external_id") == "u1");
  BOOST_TEST(row.text("scopes") == R"(["inference"])");
  BOOST_TEST(!store_row(find_key(id, "wrong"), 0).boolean("matches"));
  BOOST_TEST(find_key(make_key_id(), "right").empty());
  auto raw =
    database.cell("SELECT encode(secret_hmac, 'escape') FROM api_key WHERE key_id = '" + id + "'");
  BOOST_TEST(raw.find("right") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_key_is_found_with_the_lists_of_tools_that_hold_for_it) {
  auto id = key("a");
  auto tools = [&] {
    auto rows = find_key(id, "a");
    return store_row(rows, 0).text("tools");
  };
  BOOST_TEST(tools() == "");
  auto before = auth_version();
  auto allowed = tenant("end_user/allow", {text(user), text(R"(["github_get_*"])"), text("t")});
  BOOST_REQUIRE(allowed.size() == 1u);
  auto body = json::parse(store_row(allowed, 0).text("body"));
  BOOST_TEST(body.at("allowed_tools").as_array().size() == 1u);
  BOOST_TEST(tools() == R"([null, ["github_get_*"], null])");
  BOOST_TEST(auth_version() > before);
  before = auth_version();
  tenant("platform/allow", {text(R"(["github_*"])"), text("t")});
  id = key("a", none, text("[]"));
  BOOST_TEST(tools() == R"([["github_*"], ["github_get_*"], []])");
  BOOST_TEST(auth_version() > before);
  tenant("platform/allow", {none, text("t")});
  tenant("end_user/allow", {text(user), none, text("t")});
  BOOST_TEST(tools() == "[null, null, []]");
  BOOST_TEST(tenant("end_user/allow", {text(uuid4()), none, text("t")}).empty());
}

BOOST_AUTO_TEST_CASE(everything_that_ends_a_key_raises_the_version_that_caches_watch) {
  auto a = key("a");
  auto before = auth_version();
  BOOST_TEST(tenant("key/revoke", {text(a), text("t")}).size() == 1u);
  BOOST_TEST(!key_works(a, "a"));
  BOOST_TEST(auth_version() > before);

  auto b = key("b");
  before = auth_version();
  auto user_active = [&](bool on) {
    tenant("end_user/update", {text(user), none, none, store_value::boolean(on), text("t")});
  };
  user_active(false);
  BOOST_TEST(!key_works(b, "b"));
  BOOST_TEST(auth_version() > before);
  user_active(true);
  BOOST_TEST(key_works(b, "b"));

  before = auth_version();
  auto platform_active = [&](bool on) {
    tenant("platform/update",
           {none, none, none, none, none, none, none, store_value::boolean(on), text("t"), none});
  };
  platform_active(false);
  BOOST_TEST(!key_works(b, "b"));
  BOOST_TEST(auth_version() > before);
  platform_active(true);

  before = auth_version();
  activate("github", "s");
  tenant("app/deactivate", {text("github"), text("t")});
  BOOST_TEST(auth_version() > before);

  before = auth_version();
  tenant("end_user/delete", {text(user), text("t")});
  BOOST_TEST(find_key(b, "b").empty());
  BOOST_TEST(auth_version() > before);

  before = auth_version();
  topup(mine, 5); // ordinary work does not
  BOOST_TEST(auth_version() == before);
}

BOOST_AUTO_TEST_CASE(keys_expire) {
  auto old = key("a", text("2020-01-01T00:00:00Z"));
  BOOST_TEST(!key_works(old, "a"));
  auto fresh = key("b", text("2999-01-01T00:00:00Z"));
  BOOST_TEST(key_works(fresh, "b"));
  BOOST_TEST(store_row(find_key(fresh, "b"), 0).text("expires_at") == "2999-01-01T00:00:00Z");
  BOOST_TEST(store_row(find_key(fresh, "b"), 0).integer("expires_in_ms") > 0);
}

BOOST_AUTO_TEST_CASE(an_app_is_activated_once_updated_deactivated_and_activated_again) {
  BOOST_TEST(store_row(activate("github", "one"), 0).boolean("created"));
  BOOST_TEST(activate("github", "two").empty()); // active already
  auto found = tenant("app/find", {text("github")});
  BOOST_TEST(store_row(found, 0).text("secret") == "one");
  auto updated = tenant("app/update", {text("github"), text("My GitHub"), none,
                                       store_value::secret("three", "github"), none,
                                       text(R"(["repo"])"), none, none, text("t")});
  auto body = store_row(updated, 0).text("body");
  BOOST_TEST(body.find("My GitHub") != std::string::npos);
  BOOST_TEST(body.find("secret") == std::string::npos);
  found = tenant("app/find", {text("github")});
  BOOST_TEST(store_row(found, 0).text("secret") == "three");
  BOOST_TEST(store_row(found, 0).text("oauth_client_id") == "client");
  BOOST_TEST(store_row(found, 0).text("scopes") == R"(["repo"])");
  BOOST_TEST(tenant("app/deactivate", {text("github"), text("t")}).size() == 1u);
  BOOST_TEST(tenant("app/deactivate", {text("github"), text("t")}).empty());
  BOOST_TEST(store_row(tenant("app/active_list", {}), 0).text("data") == "[]");
  auto again = activate("github", "four");
  BOOST_TEST(!store_row(again, 0).boolean("created"));
  BOOST_TEST(store_row(tenant("app/find", {text("github")}), 0).text("secret") == "four");
  BOOST_TEST(store_row(tenant("app/active_list", {}), 0).text("data")
             == R"([{"app_slug": "github"}])");
  BOOST_TEST(
    tenant("app/update", {text("slack"), none, none, none, none, none, none, none, text("t")})
      .empty());
}

BOOST_AUTO_TEST_CASE(an_authorization_state_works_once) {
  auto id = to_hex(sha256("state"));
  auto insert = [&](const std::string& state, std::int64_t ttl) {
    tenant("oauth_state/insert",
           {text(state), text(user), text("github"), store_value::secret("verifier", state),
            text("https://x.example"), text("https://cb.example"), number(ttl)});
  };
  insert(id, 600'000);
  auto rows = system("oauth_state/consume", {text(id)});
  store_row row{rows, 0};
  BOOST_TEST(row.text("secret") == "verifier");
  BOOST_TEST(row.text("platform_id") == mine.value);
  BOOST_TEST(row.text("end_user_id") == user);
  BOOST_TEST(row.text("callback_url") == "https://cb.example");
  BOOST_TEST(!row.boolean("expired"));
  BOOST_TEST(row.boolean("user_active"));
  BOOST_TEST(system("oauth_state/consume", {text(id)}).empty());
  auto late = to_hex(sha256("late"));
  insert(late, -1);
  BOOST_TEST(store_row(system("oauth_state/consume", {text(late)}), 0).boolean("expired"));
  auto old = to_hex(sha256("old"));
  insert(old, -7'200'000);
  BOOST_TEST(store_row(system("oauth_state/sweep", {}), 0).integer("deleted") == 1);
}

BOOST_AUTO_TEST_CASE(a_second_connect_replaces_the_first) {
  activate("github", "s");
  auto first = connect("github", "one");
  auto second = connect("github", "two");
  auto rows = connection_of("github");
  BOOST_TEST(store_row(rows, 0).text("id") == second);
  BOOST_TEST(store_row(rows, 0).text("secret") == "two");
  auto list = tenant("connection/list", {text(user)});
  BOOST_TEST(store_row(list, 0).integer("total") == 1);
  auto data = parse_json(store_row(list, 0).text("data"));
  const auto& item = data->as_array().at(0).as_object();
  BOOST_TEST(*find_string(item, "id") == second);
  BOOST_TEST(*find_string(item, "appSlug") == "github");
  BOOST_TEST(find_string(item, "createdAt")->size() == 20u);
  BOOST_TEST(
    database.cell("SELECT secret_sealed IS NULL FROM connection WHERE id = '" + first + "'")
    == "t");
}

BOOST_AUTO_TEST_CASE(connections_to_an_inactive_app_are_kept_but_not_shown) {
  activate("github", "s");
  connect("github", "one");
  tenant("app/deactivate", {text("github"), text("t")});
  BOOST_TEST(store_row(tenant("connection/list", {text(user)}), 0).integer("total") == 0);
  BOOST_TEST(!store_row(connection_of("github"), 0).boolean("app_active"));
  activate("github", "s2");
  BOOST_TEST(store_row(tenant("connection/list", {text(user)}), 0).integer("total") == 1);
  BOOST_TEST(store_row(connection_of("github"), 0).text("secret") == "one");
  BOOST_TEST(tenant("connection/deactivate", {text(user), text("github"), text("t")}).size() == 1u);
  BOOST_TEST(tenant("connection/deactivate", {text(user), text("github"), text("t")}).empty());
  BOOST_TEST(connection_of("github").empty());
}

BOOST_AUTO_TEST_CASE(scopes_that_a_connection_lacks_are_kept_until_it_is_made_anew) {
  activate("github", "s");
  auto want = [&](const char* scopes, std::int64_t most = 9) {
    return tenant("connection/want_scopes",
                  {text(user), text("github"), text(scopes), number(most)})
      .size();
  };
  auto wanted = [&] {
    auto rows = tenant("connection/scopes", {text(user), text("github")});
    return rows.empty() ? std::string{"(none)"} : store_row(rows, 0).text("wanted_scopes");
  };
  BOOST_TEST(want(R"(["a"])") == 0u);
  BOOST_TEST(wanted() == "(none)");
  auto id = connect("github", "one");
  BOOST_TEST(wanted() == "[]");
  auto version = database.cell("SELECT version FROM auth_version");
  BOOST_TEST(want(R"(["b","a"])") == 1u);
  BOOST_TEST(want(R"(["c","a"])") == 1u);
  BOOST_TEST(wanted() == R"(["a", "b", "c"])");
  BOOST_TEST(database.cell("SELECT version FROM auth_version") == version);
  BOOST_TEST(want(R"(["d"])", 3) == 1u);
  BOOST_TEST(wanted() == R"(["a", "b", "c"])");
  // One that broke is about to be made anew, and what it lacked still counts.
  tenant("connection/mark_broken", {text(id), number(1)});
  BOOST_TEST(wanted() == R"(["a", "b", "c"])");
  BOOST_TEST(want(R"(["e"])") == 0u);
  connect("github", "two");
  BOOST_TEST(wanted() == "[]");
  tenant("connection/deactivate", {text(user), text("github"), text("t")});
  BOOST_TEST(wanted() == "(none)");
}

BOOST_AUTO_TEST_CASE(one_refresh_wins_and_newer_tokens_are_never_overwritten) {
  activate("github", "s");
  auto id = connect("github", "one");
  auto claim = [&](int version, std::int64_t lease) {
    return tenant("connection/claim_refresh", {text(id), number(version), number(lease)}).size();
  };
  BOOST_TEST(claim(1, 30'000) == 1u);
  BOOST_TEST(claim(1, 30'000) == 0u); // somebody else refreshes
  auto store_tokens = [&](int version, const char* tokens) {
    return tenant("connection/update_tokens",
                  {text(id), number(version), store_value::secret(tokens, id), number(60'000), none,
                   none})
      .size();
  };
  BOOST_TEST(store_tokens(1, "two") == 1u);
  BOOST_TEST(store_tokens(1, "stale") == 0u);
  BOOST_TEST(tenant("connection/mark_broken", {text(id), number(1)}).empty());
  BOOST_TEST(store_row(connection_of("github"), 0).text("secret") == "two");
  BOOST_TEST(store_row(connection_of("github"), 0).integer("version") == 2);
  BOOST_TEST(claim(1, 30'000) == 0u);
  BOOST_TEST(claim(2, -1) == 1u);
  BOOST_TEST(claim(2, 1000) == 1u); // the former holder died
  BOOST_TEST(tenant("connection/mark_broken", {text(id), number(2)}).size() == 1u);
  auto broken = connection_of("github");
  BOOST_TEST(store_row(broken, 0).boolean("needs_reconnect"));
  BOOST_CHECK(!store_row(broken, 0).maybe_text("secret"));
  auto fresh = connect("github", "three");
  BOOST_TEST(store_row(connection_of("github"), 0).text("id") == fresh);
}

BOOST_AUTO_TEST_CASE(a_session_lives_until_it_ends_and_the_cap_ends_the_longest_idle) {
  auto key_id = key("k");
  auto open = [&](const std::string& name, std::int64_t cap, std::int64_t ttl = 60'000) {
    auto rows = tenant("session/insert", {text(to_hex(sha256(name))), text(user), text(key_id),
                                          text("github"), text("2025-11-25"), text("{}"),
                                          text(R"({"name":"c"})"), number(ttl), number(cap)});
    return store_row(rows, 0).integer("evicted");
  };
  auto live = [&](const std::string& name) {
    return !tenant("session/find", {text(to_hex(sha256(name)))}).empty();
  };
  BOOST_TEST(open("a", 2) == 0);
  BOOST_TEST(open("b", 2) == 0);
  tenant("session/touch", {text(to_hex(sha256("a"))), number(60'000)});
  BOOST_TEST(open("c", 2) == 1);
  BOOST_TEST(live("a"));
  BOOST_TEST(!live("b"));
  BOOST_TEST(live("c"));
  BOOST_TEST(tenant("session/end", {text(to_hex(sha256("a")))}).size() == 1u);
  BOOST_TEST(tenant("session/end", {text(to_hex(sha256("a")))}).empty());
  BOOST_TEST(tenant("session/touch", {text(to_hex(sha256("a"))), number(60'000)}).empty());
  BOOST_TEST(!live("a"));
  open("late", 9, -1);
  BOOST_TEST(!live("late"));
  BOOST_TEST(store_row(system("session/count", {}), 0).integer("live") == 1);
  BOOST_TEST(store_row(system("session/sweep", {number(100)}), 0).integer("deleted") == 0);
  database.sql("UPDATE session SET ended_at = ended_at - interval '2 minutes', expires_at = "
               "expires_at - interval '2 minutes' WHERE id_hash <> '"
               + to_hex(sha256("c")) + "'");
  BOOST_TEST(store_row(system("session/sweep", {number(100)}), 0).integer("deleted") == 3);
  BOOST_TEST(tenant("session/end_app", {text("slack")}).empty());
  BOOST_TEST(tenant("session/end_app", {text("github")}).size() == 1u);
  BOOST_TEST(!live("c"));
}

BOOST_AUTO_TEST_CASE(a_response_belongs_to_its_user_and_knows_its_history) {
  auto other = end_user(mine, "u2").value;
  auto keep = [&](const char* id, const store_value& before, std::int64_t ttl = 60'000) {
    tenant("response/insert", {text(id), text(user), before, text(R"([{"b":1,"a":2}])"),
                               text(std::string{R"({"id":")"} + id + "\"}"), number(ttl)});
  };
  keep("r1", none);
  keep("r2", text("r1"));
  keep("r2", text("r1")); // may run twice
  keep("r3", text("r2"));
  auto history = tenant("response/history", {text("r3"), text(user)});
  BOOST_REQUIRE(history.size() == 3u);
  BOOST_TEST(store_row(history, 0).text("id") == "r1");
  BOOST_TEST(store_row(history, 0).text("input") == R"([{"b":1,"a":2}])");
  BOOST_TEST(store_row(history, 2).text("id") == "r3");
  BOOST_TEST(tenant("response/history", {text("r3"), text(other)}).empty());
  BOOST_TEST(tenant("response/find", {text("r1"), text(other)}).empty());
  BOOST_TEST(tenant("response/find", {text("r1"), none}).empty());
  BOOST_TEST(tenant("response/delete", {text("r1"), text(other)}).empty());
  BOOST_TEST(tenant("response/find", {text("r1"), text(user)}).size() == 1u);
  BOOST_TEST(tenant("response/delete", {text("r1"), text(user)}).size() == 1u);
  keep("old", none, -1);
  BOOST_TEST(tenant("response/find", {text("old"), text(user)}).empty());
  BOOST_TEST(store_row(system("response/sweep", {number(10)}), 0).integer("deleted") == 1);
}

BOOST_AUTO_TEST_CASE(one_model_is_the_default_and_only_enabled_ones_are_found) {
  auto set = [&](const char* slug, bool is_default, bool enabled, const store_value& secret) {
    return system("model/set",
                  {text(slug), text("http://m"), text("provider-model"), secret, number(1'000'000),
                   number(500'000), number(2'000'000), number(128'000), number(4096),
                   store_value::boolean(is_default), store_value::boolean(enabled), text("t")});
  };
  set("a", true, true, store_value::secret("key a", "a"));
  set("b", true, true, none);
  set("c", false, false, none);
  BOOST_TEST(store_row(system("model/default", {none}), 0).text("slug") == "b");
  tenant("platform/update", {none, none, none, none, none, none, text("a"), none, text("t"), none});
  BOOST_TEST(store_row(system("model/default", {text(mine.value)}), 0).text("slug") == "a");
  set("a", false, true, none); // keeps its key
  auto found = system("model/find", {text("a")});
  BOOST_TEST(store_row(found, 0).text("secret") == "key a");
  BOOST_TEST(store_row(found, 0).integer("output_price") == 2'000'000);
  BOOST_TEST(system("model/find", {text("c")}).empty());
  auto list = system("model/list", {});
  BOOST_TEST(store_row(list, 0).integer("total") == 2);
  BOOST_TEST(parse_json(store_row(list, 0).text("details"))->as_array().size() == 3u);
  BOOST_TEST(store_row(list, 0).text("data").find("secret") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_nearest_tool_price_in_force_counts_and_old_versions_stay) {
  auto price = [&] {
    auto rows = system("tool_price/find", {text("github_create_issue"), text("github")});
    return store_row(rows, 0).text("scope") + store_row(rows, 0).text("price");
  };
  auto set = [&](const char* scope, const char* name, std::int64_t micro) {
    system("tool_price/set", {text(scope), text(name), number(micro), text("t")});
  };
  BOOST_TEST(price() == "global1000");
  set("app", "github", 2000);
  BOOST_TEST(price() == "app2000");
  set("tool", "github_create_issue", 0);
  BOOST_TEST(price() == "tool0");
  set("tool", "github_create_issue", 7);
  BOOST_TEST(price() == "tool7");
  BOOST_TEST(store_row(system("tool_price/list", {}), 0).integer("total") == 3);
  BOOST_TEST(database.cell("SELECT count(*) FROM tool_price") == "4");
  BOOST_TEST((code({{}, "tool_price/set", {text("tool"), text(""), number(1), text("t")}})
              == errc::internal));
}

BOOST_AUTO_TEST_CASE(changes_leave_a_trace_with_their_actor) {
  tenant("key/revoke", {text(key("x")), text("operator")});
  auto rows = tenant("audit/list", {number(1), number(5)});
  auto data = parse_json(store_row(rows, 0).text("data"));
  const auto& item = data->as_array().at(0).as_object();
  BOOST_TEST(*find_string(item, "action") == "key.revoke");
  BOOST_TEST(*find_string(item, "actor") == "operator");
}

BOOST_AUTO_TEST_SUITE_END()
