#include "core/base/digest.hpp"
#include "tests/sandbox/sandbox_fixture.hpp"

using namespace callboard;
using namespace callboard::sandbox;

namespace {

struct oauth_fixture : sandbox_fixture {
  answer authorize(const std::string& extra, const std::string& method = "GET") {
    return ask(method, "/github/login/oauth/authorize?client_id=sandbox-client&state=s%2F1"
                       "&redirect_uri=https%3A%2F%2Fhere%2Fback%3Fx%3D1&scope=repo%20gist"
                         + extra);
  }

  std::string code(const std::string& extra = "") {
    return location_field(authorize("&auto=approve" + extra), "code");
  }

  answer exchange(const std::string& fields, const std::string& accept = "application/json") {
    return ask("POST", "/github/login/oauth/access_token",
               "client_id=sandbox-client&client_secret=sandbox-secret" + fields,
               {{"Accept", accept}, {"Content-Type", "application/x-www-form-urlencoded"}});
  }

  std::string error_of(const answer& x) {
    BOOST_TEST(x.status == 200);
    return text(x, "error");
  }

  answer revoke(const std::string& token, const std::string& credentials,
                const std::string& what = "token") {
    return ask("DELETE", "/github/api/applications/sandbox-client/" + what,
               json::serialize(json::object{{"access_token", token}}),
               {{"User-Agent", "test"}, {"Authorization", "Basic " + to_base64(credentials)}});
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(github_oauth_test, oauth_fixture)

BOOST_AUTO_TEST_CASE(a_person_sees_a_form_and_approves) {
  const auto page = authorize("");
  BOOST_TEST(page.status == 200);
  BOOST_TEST(page.body.find("name=\"state\" value=\"s/1\"") != std::string::npos);
  BOOST_TEST(page.body.find("gist,repo") != std::string::npos);
  const auto back =
    ask("POST", "/github/login/oauth/authorize",
        "client_id=sandbox-client&redirect_uri=http%3A%2F%2Fhere&state=a&decision=approve");
  BOOST_TEST(back.status == 302);
  BOOST_TEST(header(back, "Location").starts_with("http://here?code="));
  BOOST_TEST(location_field(back, "state") == "a");
}

BOOST_AUTO_TEST_CASE(what_a_page_shows_is_escaped) {
  const auto page = ask("GET", "/github/login/oauth/authorize?client_id=sandbox-client&"
                               "redirect_uri=http%3A%2F%2Fhere&state=%22%3E%3Cscript%3E");
  BOOST_TEST(page.body.find("<script>") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_script_approves_with_one_request) {
  for (const auto& back : {authorize("&auto=approve"), authorize("", "POST")}) {
    BOOST_TEST(back.status == 302);
    BOOST_TEST(header(back, "Location").starts_with("https://here/back?x=1&code="));
    BOOST_TEST(location_field(back, "state") == "s/1");
  }
}

BOOST_AUTO_TEST_CASE(a_denial_comes_back_as_access_denied) {
  const auto back = authorize("&auto=deny");
  BOOST_TEST(location_field(back, "error") == "access_denied");
  BOOST_TEST(location_field(back, "state") == "s/1");
  BOOST_TEST(location_field(back, "code").empty());
}

BOOST_AUTO_TEST_CASE(unknown_clients_and_bad_addresses_get_no_redirect) {
  const std::string path = "/github/login/oauth/authorize?auto=approve&";
  BOOST_TEST(ask("GET", path + "client_id=who&redirect_uri=http%3A%2F%2Fx").status == 404);
  BOOST_TEST(ask("GET", path + "client_id=sandbox-client").status == 400);
  BOOST_TEST(ask("GET", path + "client_id=sandbox-client&redirect_uri=javascript%3Ax").status
             == 400);
  BOOST_TEST(ask("PUT", path + "client_id=sandbox-client").status == 405);
}

BOOST_AUTO_TEST_CASE(a_code_becomes_a_token_that_works) {
  const auto got = exchange("&code=" + code());
  BOOST_TEST(got.status == 200);
  BOOST_TEST(text(got, "token_type") == "bearer");
  BOOST_TEST(text(got, "scope") == "gist,repo");
  BOOST_TEST(!object(got).contains("expires_in"));
  const auto token = text(got, "access_token");
  BOOST_TEST(token.starts_with("gho_"));
  const auto user = github("GET", "/user", nullptr, token);
  BOOST_TEST(text(user, "login") == "octocat");
  BOOST_TEST(header(user, "X-OAuth-Scopes") == "gist,repo");
}

BOOST_AUTO_TEST_CASE(the_user_who_consents_owns_the_token) {
  const auto alice = connect("alice", "repo");
  const auto bob = connect("bob", "repo");
  BOOST_TEST(text(github("GET", "/user", nullptr, alice), "login") == "alice");
  BOOST_TEST(text(github("GET", "/user", nullptr, bob), "login") == "bob");
  BOOST_TEST(at(github("GET", "/user", nullptr, alice), "/id")
             != at(github("GET", "/user", nullptr, bob), "/id"));
}

BOOST_AUTO_TEST_CASE(without_accept_the_answer_is_a_form) {
  const auto got = exchange("&code=" + code(), "*/*");
  BOOST_TEST(header(got, "Content-Type").starts_with("application/x-www-form-urlencoded"));
  const auto fields = parse_form(got.body);
  BOOST_REQUIRE(fields);
  BOOST_TEST(find_field(*fields, "access_token").value_or("").starts_with("gho_"));
}

BOOST_AUTO_TEST_CASE(the_fields_may_be_json) {
  const json::object fields{
    {"client_id", "sandbox-client"}, {"client_secret", "sandbox-secret"}, {"code", code()}};
  const auto got = ask("POST", "/github/login/oauth/access_token", json::serialize(fields),
                       {{"Accept", "application/json"}, {"Content-Type", "application/json"}});
  BOOST_TEST(text(got, "access_token").starts_with("gho_"));
}

BOOST_AUTO_TEST_CASE(a_code_works_once) {
  const auto once = code();
  BOOST_TEST(object(exchange("&code=" + once)).contains("access_token"));
  BOOST_TEST(error_of(exchange("&code=" + once)) == "bad_verification_code");
}

BOOST_AUTO_TEST_CASE(a_code_lives_ten_minutes) {
  const auto late = code();
  const auto in_time = code();
  now += 599;
  BOOST_TEST(object(exchange("&code=" + in_time)).contains("access_token"));
  now += 1;
  BOOST_TEST(error_of(exchange("&code=" + late)) == "bad_verification_code");
}

BOOST_AUTO_TEST_CASE(wrong_exchanges_are_errors_with_status_200) {
  BOOST_TEST(error_of(exchange("")) == "bad_verification_code");
  BOOST_TEST(error_of(exchange("&code=nonsense")) == "bad_verification_code");
  BOOST_TEST(error_of(exchange("&code=" + code() + "&redirect_uri=https%3A%2F%2Felsewhere"))
             == "redirect_uri_mismatch");
  BOOST_TEST(error_of(exchange("&grant_type=password")) == "unsupported_grant_type");
  const auto path = "/github/login/oauth/access_token";
  for (const std::string& bad : {"client_id=sandbox-client&client_secret=wrong&code=" + code(),
                                 "client_id=sandbox-client&code=" + code(),
                                 "client_id=who&client_secret=sandbox-secret&code=" + code()})
    BOOST_TEST(error_of(ask("POST", path, bad, {{"Accept", "application/json"}}))
               == "incorrect_client_credentials");
  BOOST_TEST(ask("GET", path).status == 404);
}

BOOST_AUTO_TEST_CASE(a_code_belongs_to_its_client) {
  start({.clients = {"one:first", "two:second"}});
  const auto back = ask("GET", "/github/login/oauth/authorize?client_id=one&auto=approve&"
                               "redirect_uri=http%3A%2F%2Fx");
  const auto got = ask("POST", "/github/login/oauth/access_token",
                       "client_id=two&client_secret=second&code=" + location_field(back, "code"),
                       {{"Accept", "application/json"}});
  BOOST_TEST(error_of(got) == "bad_verification_code");
}

BOOST_AUTO_TEST_CASE(a_challenge_wants_its_verifier) {
  const std::string verifier = "a-verifier-of-at-least-forty-three-characters-";
  const auto extra = "&code_challenge_method=S256&code_challenge=" + to_base64url(sha256(verifier));
  BOOST_TEST(
    object(exchange("&code=" + code(extra) + "&code_verifier=" + verifier)).contains("scope"));
  BOOST_TEST(error_of(exchange("&code=" + code(extra))) == "bad_verification_code");
  BOOST_TEST(error_of(exchange("&code=" + code(extra) + "&code_verifier=x"))
             == "bad_verification_code");
  BOOST_TEST(location_field(authorize("&auto=approve&code_challenge=x"), "error")
             == "invalid_request");
}

BOOST_AUTO_TEST_CASE(an_expiring_token_is_refreshed_once) {
  const auto got = exchange("&code=" + code("&expiring=1"));
  const auto token = text(got, "access_token");
  BOOST_TEST(token.starts_with("ghu_"));
  BOOST_TEST(at(got, "/expires_in") == 28800);
  BOOST_TEST(github("GET", "/user", nullptr, token).status == 200);
  now += 28800;
  BOOST_TEST(github("GET", "/user", nullptr, token).status == 401);
  const auto refresh = "&grant_type=refresh_token&refresh_token=" + text(got, "refresh_token");
  const auto again = exchange(refresh);
  BOOST_TEST(github("GET", "/user", nullptr, text(again, "access_token")).status == 200);
  BOOST_TEST(text(again, "refresh_token") != text(got, "refresh_token"));
  BOOST_TEST(error_of(exchange(refresh)) == "bad_refresh_token");
}

BOOST_AUTO_TEST_CASE(a_refresh_voids_the_old_access_token) {
  const auto got = exchange("&code=" + code("&expiring=1"));
  exchange("&grant_type=refresh_token&refresh_token=" + text(got, "refresh_token"));
  BOOST_TEST(github("GET", "/user", nullptr, text(got, "access_token")).status == 401);
}

BOOST_AUTO_TEST_CASE(the_life_of_tokens_can_be_set) {
  BOOST_TEST(ask("POST", "/_control/configure/github", R"({"token_seconds":5})").status == 200);
  const auto got = exchange("&code=" + code("&expiring=1"));
  BOOST_TEST(at(got, "/expires_in") == 5);
  now += 5;
  BOOST_TEST(github("GET", "/user", nullptr, text(got, "access_token")).status == 401);
}

BOOST_AUTO_TEST_CASE(a_revoked_token_is_gone) {
  const auto token = connect("alice", "repo");
  BOOST_TEST(revoke(token, "sandbox-client:wrong").status == 401);
  BOOST_TEST(revoke("other", "sandbox-client:sandbox-secret").status == 404);
  BOOST_TEST(github("GET", "/user", nullptr, token).status == 200);
  const auto done = revoke(token, "sandbox-client:sandbox-secret");
  BOOST_TEST(done.status == 204);
  BOOST_TEST(done.body.empty());
  BOOST_TEST(github("GET", "/user", nullptr, token).status == 401);
}

BOOST_AUTO_TEST_CASE(a_revoked_grant_takes_all_tokens_of_its_user) {
  const auto first = connect("alice", "repo");
  const auto second = connect("alice", "gist");
  const auto other = connect("bob", "repo");
  BOOST_TEST(revoke(first, "sandbox-client:sandbox-secret", "grant").status == 204);
  BOOST_TEST(github("GET", "/user", nullptr, first).status == 401);
  BOOST_TEST(github("GET", "/user", nullptr, second).status == 401);
  BOOST_TEST(github("GET", "/user", nullptr, other).status == 200);
}

BOOST_AUTO_TEST_SUITE_END()
