#include "core/connectors/oauth.hpp"

#include <set>

#include <boost/test/unit_test.hpp>

#include "core/base/digest.hpp"
#include "tests/unit/connectors/sample_apps.hpp"

using namespace callboard;
using namespace callboard::connectors;

namespace {

const oauth_client client{"Iv1.id", "s3cret&"};

const app& app_named(std::string_view slug) { return *sample::all()->find_app(slug); }

http_response json_answer(int status, std::string body) {
  return {status, {{"Content-Type", "application/json; charset=utf-8"}}, std::move(body)};
}

std::string header(const http_request& x, std::string_view name) {
  return std::string{find_header(x.headers, name).value_or("(none)")};
}

/// The fields of a form body or of the part of a URL after "?".
std::vector<name_value> form(std::string_view text) { return parse_form(text).value(); }

std::string field(const std::vector<name_value>& fields, std::string_view name) {
  return find_field(fields, name).value_or("(none)");
}

token_failure failure_of(std::string_view slug, const http_response& answer) {
  auto x = parse_token_answer(app_named(slug), answer);
  BOOST_REQUIRE(std::holds_alternative<token_failure>(x));
  return std::get<token_failure>(x);
}

token_set tokens_of(std::string_view slug, const http_response& answer) {
  auto x = parse_token_answer(app_named(slug), answer);
  BOOST_REQUIRE(std::holds_alternative<token_set>(x));
  return std::get<token_set>(x);
}

} // namespace

BOOST_AUTO_TEST_SUITE(oauth_test)

BOOST_AUTO_TEST_CASE(the_challenge_is_that_of_rfc_7636) {
  BOOST_TEST(code_challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
             == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

BOOST_AUTO_TEST_CASE(verifiers_are_long_and_never_repeat) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    auto x = make_code_verifier();
    BOOST_TEST(x.size() == 43u);
    seen.insert(x);
  }
  BOOST_TEST(seen.size() == 100u);
}

BOOST_AUTO_TEST_CASE(the_consent_url_of_github_carries_everything) {
  authorize_input input{"https://mcp.example.com/oauth/callback/", "st&te", {}, "verifier", {}};
  auto url = authorize_url(app_named("github"), client, input).value();
  BOOST_TEST(url.find("https://github.com/login/oauth/authorize?") == 0u);
  auto query = form(std::string_view{url}.substr(url.find('?') + 1));
  BOOST_TEST(field(query, "client_id") == "Iv1.id");
  BOOST_TEST(field(query, "redirect_uri") == "https://mcp.example.com/oauth/callback/");
  BOOST_TEST(field(query, "scope") == "repo gist");
  BOOST_TEST(field(query, "state") == "st&te");
  BOOST_TEST(field(query, "response_type") == "code");
  BOOST_TEST(field(query, "code_challenge") == code_challenge("verifier"));
  BOOST_TEST(field(query, "code_challenge_method") == "S256");
  BOOST_TEST(url.find("verifier") == std::string::npos);
  BOOST_TEST(url.find("s3cret") == std::string::npos);
  input.scopes = {"read:user", "gist"};
  url = authorize_url(app_named("github"), client, input).value();
  BOOST_TEST(url.find("scope=read%3Auser%20gist&") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_consent_urls_of_others_follow_their_description) {
  authorize_input input{"https://m/cb", "s", {}, "v", sample::fields()};
  auto slack = authorize_url(app_named("slack"), client, input).value();
  BOOST_TEST(slack.find("user_scope=chat%3Awrite%2Cchannels%3Aread&") != std::string::npos);
  BOOST_TEST(slack.find("code_challenge") == std::string::npos);
  auto zoho = authorize_url(app_named("zoho_mail"), client, input).value();
  BOOST_TEST(zoho.find("https://accounts.zoho.eu/oauth/v2/auth?") == 0u);
  BOOST_TEST(zoho.find("&access_type=offline&prompt=consent") != std::string::npos);
  auto zendesk = authorize_url(app_named("zendesk"), client, input).value();
  BOOST_TEST(zendesk.find("https://acme.zendesk.com/oauth/authorizations/new?") == 0u);
  input.fields.clear();
  auto missing = authorize_url(app_named("zendesk"), client, input);
  BOOST_REQUIRE(!missing);
  BOOST_TEST(param_of(missing.error()) == "subdomain");
}

BOOST_AUTO_TEST_CASE(nothing_is_built_without_client_id_and_secret) {
  auto& github = app_named("github");
  for (auto& bad : {oauth_client{"", "s"}, oauth_client{"i", ""}, oauth_client{}}) {
    auto code = [](const auto& x) { return to_string(code_of(x.error())); };
    BOOST_TEST(code(authorize_url(github, bad, {})) == "missing_oauth_credentials");
    BOOST_TEST(code(exchange_request(github, bad, {})) == "missing_oauth_credentials");
    BOOST_TEST(code(refresh_request(github, bad, "r", {})) == "missing_oauth_credentials");
    BOOST_TEST(code(revoke_request(github, bad, {}, {})) == "missing_oauth_credentials");
  }
}

BOOST_AUTO_TEST_CASE(a_code_is_exchanged_with_the_proof_in_the_body) {
  auto x = exchange_request(app_named("github"), client, {"c0de", "https://m/cb", "ver", {}});
  BOOST_REQUIRE(x);
  BOOST_TEST(x->method == "POST");
  BOOST_TEST(x->url == "https://github.com/login/oauth/access_token");
  BOOST_TEST(header(*x, "Accept") == "application/json");
  BOOST_TEST(header(*x, "Content-Type") == "application/x-www-form-urlencoded");
  BOOST_TEST(header(*x, "Authorization") == "(none)");
  auto body = form(x->body);
  BOOST_TEST(field(body, "grant_type") == "authorization_code");
  BOOST_TEST(field(body, "code") == "c0de");
  BOOST_TEST(field(body, "redirect_uri") == "https://m/cb");
  BOOST_TEST(field(body, "client_id") == "Iv1.id");
  BOOST_TEST(field(body, "client_secret") == "s3cret&");
  BOOST_TEST(field(body, "code_verifier") == "ver");
}

BOOST_AUTO_TEST_CASE(a_code_is_exchanged_with_the_proof_in_a_header) {
  auto x = exchange_request(app_named("slack"), client, {"c", "https://m/cb", "ver", {}}).value();
  BOOST_TEST(header(x, "Authorization") == "Basic " + to_base64("Iv1.id:s3cret%26"));
  auto body = form(x.body);
  BOOST_TEST(field(body, "client_secret") == "(none)");
  BOOST_TEST(field(body, "code_verifier") == "(none)");
}

BOOST_AUTO_TEST_CASE(a_refresh_names_its_token) {
  auto x = refresh_request(app_named("zoho_mail"), client, "r3f", sample::fields()).value();
  BOOST_TEST(x.url == "https://accounts.zoho.eu/oauth/v2/token");
  BOOST_TEST(field(form(x.body), "grant_type") == "refresh_token");
  BOOST_TEST(field(form(x.body), "refresh_token") == "r3f");
}

BOOST_AUTO_TEST_CASE(tokens_are_revoked_as_each_provider_wants) {
  token_set tokens{"acc3ss", "r3fresh", {}, {}, {}};
  auto github = revoke_request(app_named("github"), client, tokens, {}).value().value();
  BOOST_TEST(github.method == "DELETE");
  BOOST_TEST(github.url == "https://api.github.com/applications/Iv1.id/token");
  BOOST_TEST(header(github, "Authorization") == "Basic " + to_base64("Iv1.id:s3cret&"));
  BOOST_TEST(header(github, "User-Agent") == "Callboard");
  BOOST_TEST(github.body == R"({"access_token":"acc3ss"})");
  auto slack = revoke_request(app_named("slack"), client, tokens, {}).value().value();
  BOOST_TEST(header(slack, "Authorization") == "Bearer acc3ss");
  BOOST_TEST(slack.body.empty());
  auto zoho = revoke_request(app_named("zoho_mail"), client, tokens, sample::fields());
  BOOST_TEST(zoho.value().value().body == "token=r3fresh");
  BOOST_TEST(header(zoho.value().value(), "Authorization") == "(none)");
  auto without = app_named("github");
  without.oauth.revoke.reset();
  BOOST_TEST(!revoke_request(without, client, tokens, {}).value());
}

BOOST_AUTO_TEST_CASE(good_answers_become_tokens) {
  auto plain = tokens_of(
    "github",
    json_answer(200, R"({"access_token":"gho_1","scope":"repo,gist","token_type":"bearer"})"));
  BOOST_TEST(plain.access_token == "gho_1");
  BOOST_TEST(plain.refresh_token.empty());
  BOOST_TEST(!plain.expires_in);
  BOOST_TEST(plain.scope == "repo,gist");
  auto expiring = tokens_of(
    "github", json_answer(200, R"({"access_token":"a","refresh_token":"r","expires_in":"28800"})"));
  BOOST_TEST(expiring.refresh_token == "r");
  BOOST_TEST((expiring.expires_in == std::chrono::seconds{28800}));
  auto slack = tokens_of("slack", json_answer(200, R"({"ok":true,"team":{"id":"T1"},"authed_user":
    {"access_token":"xoxp-1","scope":"chat:write","expires_in":43200}})"));
  BOOST_TEST(slack.access_token == "xoxp-1");
  BOOST_TEST(slack.extra.at("team_id") == "T1");
  BOOST_TEST((slack.expires_in == std::chrono::seconds{43200}));
}

BOOST_AUTO_TEST_CASE(a_form_answer_is_read_too) {
  http_response answer{200,
                       {{"content-type", "application/x-www-form-urlencoded; charset=utf-8"}},
                       "access_token=gho_1&scope=repo%2Cgist&token_type=bearer"};
  auto x = tokens_of("github", answer);
  BOOST_TEST(x.access_token == "gho_1");
  BOOST_TEST(x.scope == "repo,gist");
  answer.body = "error=bad_verification_code&error_description=The+code+is+wrong.";
  auto failure = failure_of("github", answer);
  BOOST_TEST(to_string(failure.code) == "token_exchange_failed");
  BOOST_TEST(failure.description == "bad_verification_code: The code is wrong.");
}

BOOST_AUTO_TEST_CASE(odd_lifetimes_do_no_harm) {
  auto lifetime = [](const char* value) {
    return tokens_of("github", json_answer(200, std::string{R"({"access_token":"a","expires_in":)"}
                                                  + value + "}"))
      .expires_in;
  };
  for (auto* none : {"0", "-5", "null", "\"\"", "\"soon\"", "[]", "true"})
    BOOST_TEST_CONTEXT(none)
  BOOST_TEST(!lifetime(none));
  BOOST_TEST((lifetime("9223372036854775807") == std::chrono::hours{24 * 3650}));
}

BOOST_AUTO_TEST_CASE(errors_are_told_from_missing_tokens) {
  struct row {
    const char* slug;
    int status;
    const char* body;
    const char* code;
    const char* description;
    bool permanent;
  };
  const row rows[]{
    {"github", 200,
     R"({"error":"bad_verification_code","error_description":"Expired.","error_uri":"u"})",
     "token_exchange_failed", "bad_verification_code: Expired.", true},
    {"github", 200, R"({"error":"slow_down"})", "token_exchange_failed", "slow_down", false},
    {"github", 503, R"({"error":"server_error"})", "token_exchange_failed", "server_error", false},
    {"github", 503, R"({"error":"bad_refresh_token"})", "token_exchange_failed",
     "bad_refresh_token", false},
    {"github", 429, R"({"error":"x"})", "token_exchange_failed", "x", false},
    {"slack", 200, R"({"ok":false,"error":"invalid_code"})", "token_exchange_failed",
     "invalid_code", true},
    {"slack", 429, R"({"ok":false,"error":"ratelimited"})", "token_exchange_failed", "ratelimited",
     false},
    {"zendesk", 400, R"({"error":"invalid_grant","error_description":"No."})",
     "token_exchange_failed", "invalid_grant: No.", true},
    {"zendesk", 401, R"({"x":1})", "token_exchange_failed",
     "Zendesk refused the request (status 401).", false},
    {"zendesk", 502, "<html>", "token_exchange_failed",
     "Zendesk gave an unreadable answer (status 502).", false},
    {"github", 200, "", "token_exchange_failed", "GitHub gave an unreadable answer (status 200).",
     false},
    {"github", 200, "[]", "token_exchange_failed", "GitHub gave an unreadable answer (status 200).",
     false},
    {"github", 200, "{}", "no_access_token", "GitHub answered without an access token.", false},
    {"github", 200, R"({"access_token":""})", "no_access_token",
     "GitHub answered without an access token.", false},
    {"github", 200, R"({"access_token":null})", "no_access_token",
     "GitHub answered without an access token.", false},
    {"github", 200, R"({"access_token":{"a":1}})", "no_access_token",
     "GitHub answered without an access token.", false},
    {"github", 200, R"({"access_token":"a\r\nX-Evil: 1"})", "no_access_token",
     "GitHub answered without an access token.", false},
    {"slack", 200, R"({"ok":true,"access_token":"xoxb"})", "no_access_token",
     "Slack answered without an access token.", false},
  };
  for (auto& x : rows) {
    BOOST_TEST_CONTEXT(x.slug << ' ' << x.status << ' ' << x.body) {
      auto got = failure_of(x.slug, json_answer(x.status, x.body));
      BOOST_TEST(to_string(got.code) == x.code);
      BOOST_TEST(got.description == x.description);
      BOOST_TEST(got.permanent == x.permanent);
    }
  }
}

BOOST_AUTO_TEST_CASE(descriptions_are_short_and_clean) {
  auto got = failure_of("github", json_answer(200, R"({"error":"e","error_description":")"
                                                     + std::string(5000, 'x') + R"(\n"})"));
  BOOST_TEST(got.description.size() == 200u);
  got = failure_of("github", json_answer(200, R"({"error":"a\nb"})"));
  BOOST_TEST(got.description == "a b");
}

BOOST_AUTO_TEST_CASE(the_callback_tells_a_refusal_from_other_failures) {
  BOOST_TEST(!callback_failure({{"code", "c"}, {"state", "s"}}));
  auto refused = callback_failure({{"error", "access_denied"}, {"state", "s"}});
  BOOST_REQUIRE(refused);
  BOOST_TEST(to_string(refused->code) == "access_denied");
  BOOST_TEST(refused->description == "The user refused the connection.");
  auto other =
    callback_failure({{"error", "invalid_scope"}, {"error_description", "No such scope."}});
  BOOST_REQUIRE(other);
  BOOST_TEST(to_string(other->code) == "internal_error");
  BOOST_TEST(other->description == "invalid_scope: No such scope.");
  auto nothing = callback_failure({{"state", "s"}});
  BOOST_REQUIRE(nothing);
  BOOST_TEST(to_string(nothing->code) == "internal_error");
  auto broken = callback_failure({{"error", "\xff"}, {"error_description", "\xfe"}});
  BOOST_REQUIRE(broken);
  BOOST_TEST(broken->description.empty());
}

BOOST_AUTO_TEST_CASE(the_names_of_errors_are_the_closed_set) {
  const std::vector<std::pair<connect_error, std::string>> names{
    {connect_error::access_denied, "access_denied"},
    {connect_error::token_exchange_failed, "token_exchange_failed"},
    {connect_error::no_access_token, "no_access_token"},
    {connect_error::missing_oauth_credentials, "missing_oauth_credentials"},
    {connect_error::unknown_app, "unknown_app"},
    {connect_error::internal_error, "internal_error"}};
  for (auto& [code, name] : names)
    BOOST_TEST(to_string(code) == name);
}

BOOST_AUTO_TEST_SUITE_END()
