#include <boost/test/unit_test.hpp>

#include "core/base/digest.hpp"
#include "tests/support/node_fixture.hpp"

using namespace callboard;

namespace {

constexpr auto token_url = "login/oauth/access_token";

struct oauth_fixture : node_fixture {
  oauth_fixture() {
    db->answer("oauth_state/consume", state_row());
    db->answer("oauth_state/insert", {{"id", "s"}});
    db->answer("connection/upsert", {{"id", "c"}, {"replaced_id", std::nullopt}});
    web->answer(token_url, {answer_json(200, R"({"access_token":"gho_new","scope":"repo,gist"})")});
  }

  std::vector<cell> state_row() const {
    return {{"id", "s"},
            {"platform_id", platform.value},
            {"end_user_id", user.value},
            {"app_slug", "github"},
            {"secret", R"({"code_verifier":"v1","fields":{}})"},
            {"redirect_url", "https://platform.test/base/"},
            {"callback_url", "https://mcp.test/oauth/callback"},
            {"expired", "f"},
            {"user_active", "t"}};
  }

  void change_state(const std::string& column, const std::string& value) {
    auto row = state_row();
    for (auto& x : row)
      if (x.first == column)
        x.second = value;
    db->answer("oauth_state/consume", row);
  }

  void change_app(const std::string& column, std::optional<std::string> value) {
    std::vector<cell> row{{"id", "github"},         {"oauth_client_id", "client-1"},
                          {"secret", "shh"},        {"redirect_url", "https://platform.test"},
                          {"scopes", std::nullopt}, {"provider_config", "{}"},
                          {"is_active", "t"}};
    for (auto& x : row)
      if (x.first == column)
        x.second = value;
    db->answer("app/find", row);
  }

  reply_record authorize(std::string query) {
    return serve({endpoint::oauth_authorize, user_key, {}, std::move(query), {}, {}, "GET"});
  }
  reply_record callback(std::string query) {
    return serve({endpoint::oauth_callback, {}, {}, std::move(query), {}, {}, "GET"});
  }

  /// The code that a landing URL carries.
  std::string error_of(const reply_record& reply) const {
    auto url = reply->header("Location");
    BOOST_TEST(reply->status == 302);
    BOOST_TEST(url.starts_with("https://platform.test/base/mcp/oauth-callback?app=github"));
    auto fields = unbox(parse_form(url.substr(url.find('?') + 1)));
    BOOST_TEST(find_field(fields, "error_description").value_or("") != "");
    return find_field(fields, "error").value_or("");
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(oauth_test, oauth_fixture)

BOOST_AUTO_TEST_CASE(
  authorize_redirects_to_the_provider_with_a_state_that_only_its_hash_is_kept_of) {
  auto reply = authorize("app=github");
  BOOST_TEST(reply->status == 302);
  BOOST_TEST(reply->header("Cache-Control") == "no-store");
  auto url = reply->header("Location");
  BOOST_TEST(url.starts_with("https://github.com/login/oauth/authorize?"));
  auto fields = unbox(parse_form(url.substr(url.find('?') + 1)));
  BOOST_TEST(find_field(fields, "client_id").value_or("") == "client-1");
  BOOST_TEST(find_field(fields, "redirect_uri").value_or("") == "https://mcp.test/oauth/callback");
  BOOST_TEST(find_field(fields, "code_challenge_method").value_or("") == "S256");
  auto state = find_field(fields, "state").value_or("");
  BOOST_TEST(state.size() >= 43u);
  auto kept = db->only("oauth_state/insert").values;
  BOOST_TEST(kept.at(0).data == to_hex(sha256(state)));
  BOOST_TEST((kept.at(3).as == store_value::form::secret));
  BOOST_TEST(kept.at(6).data == "600000");
}

BOOST_AUTO_TEST_CASE(authorize_answers_mistakes_as_json) {
  BOOST_TEST(authorize("")->status == 422);
  BOOST_TEST(authorize("app=nope")->text("/error/code") == "unknown_app");
  change_app("oauth_client_id", std::nullopt);
  auto reply = authorize("app=github");
  BOOST_TEST(reply->status == 409);
  BOOST_TEST(reply->text("/error/code") == "missing_oauth_credentials");
  change_app("is_active", "f");
  BOOST_TEST(authorize("app=github")->text("/error/code") == "app_not_active");
  db->answer_empty("app/find");
  BOOST_TEST(authorize("app=github")->status == 404);
}

BOOST_AUTO_TEST_CASE(a_good_callback_stores_sealed_tokens_and_lands_connected) {
  auto reply = callback("code=c1&state=s1");
  BOOST_TEST(reply->status == 302);
  BOOST_TEST(reply->header("Location")
             == "https://platform.test/base/mcp/oauth-callback?app=github&status=connected");
  BOOST_TEST(reply->header("Cache-Control") == "no-store");
  BOOST_TEST(reply->header("Referrer-Policy") == "no-referrer");
  BOOST_TEST(db->only("oauth_state/consume").values.at(0).data == to_hex(sha256("s1")));
  auto sent = web->requests.front().message.body;
  BOOST_TEST(sent.find("code_verifier=v1") != std::string::npos);
  auto kept = db->only("connection/upsert");
  BOOST_TEST(kept.tenant.value == platform.value);
  BOOST_TEST((kept.values.at(3).as == store_value::form::secret));
  BOOST_TEST(kept.values.at(3).row_id == kept.values.at(0).data);
  BOOST_TEST(kept.values.at(5).data == R"(["repo","gist"])");
}

BOOST_AUTO_TEST_CASE(a_browser_that_leaves_does_not_lose_the_tokens_it_was_given) {
  db->held.insert("oauth_state/consume");
  auto reply = begin({endpoint::oauth_callback, {}, {}, "code=c1&state=s1", {}, {}, "GET"});
  sched.run();
  reply->leave();
  release("oauth_state/consume");
  sched.run();
  BOOST_TEST(db->only("connection/upsert").tenant.value == platform.value);
}

BOOST_AUTO_TEST_CASE(an_unknown_or_used_state_is_a_page_and_never_a_redirect) {
  db->answer_empty("oauth_state/consume");
  for (auto* query : {"", "state=", "code=c1&state=unknown"}) {
    auto reply = callback(query);
    BOOST_TEST(reply->status == 400);
    BOOST_TEST(reply->header("Location") == "");
    BOOST_TEST(reply->header("Content-Type").starts_with("text/html"));
  }
}

BOOST_AUTO_TEST_CASE(every_failure_lands_with_its_code) {
  BOOST_TEST(error_of(callback("error=access_denied&state=s1")) == "access_denied");
  BOOST_TEST(error_of(callback("error=invalid_scope&state=s1")) == "internal_error");
  BOOST_TEST(error_of(callback("state=s1")) == "internal_error");
  web->answer(token_url, {answer_json(200, R"({"error":"bad_verification_code"})")});
  BOOST_TEST(error_of(callback("code=c&state=s1")) == "token_exchange_failed");
  web->answer(token_url, {answer_nothing(errc::upstream_timeout)});
  BOOST_TEST(error_of(callback("code=c&state=s1")) == "token_exchange_failed");
  web->answer(token_url, {answer_json(200, "{}")});
  BOOST_TEST(error_of(callback("code=c&state=s1")) == "no_access_token");
  change_state("expired", "t");
  BOOST_TEST(error_of(callback("code=c&state=s1")) == "internal_error");
  change_state("user_active", "f");
  BOOST_TEST(error_of(callback("code=c&state=s1")) == "internal_error");
  change_state("expired", "f");
  change_app("secret", std::nullopt);
  BOOST_TEST(error_of(callback("code=c&state=s1")) == "missing_oauth_credentials");
  change_app("is_active", "f");
  BOOST_TEST(error_of(callback("code=c&state=s1")) == "unknown_app");
  BOOST_TEST(db->count("connection/upsert") == 0u);
}

BOOST_AUTO_TEST_CASE(a_store_that_goes_away_lands_with_internal_error_once_the_state_is_known) {
  db->refuse("connection/upsert", errc::store_unavailable);
  BOOST_TEST(error_of(callback("code=c&state=s1")) == "internal_error");
  db->refuse("app/find", errc::store_unavailable);
  BOOST_TEST(error_of(callback("code=c&state=s1")) == "internal_error");
  db->away = true;
  auto reply = callback("code=c&state=s1");
  BOOST_TEST(reply->status == 503);
  BOOST_TEST(reply->header("Location") == "");
}

BOOST_AUTO_TEST_SUITE_END()
