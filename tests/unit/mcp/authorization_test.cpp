#include "core/mcp/authorization.hpp"

#include <boost/test/unit_test.hpp>

#include "core/base/json.hpp"

using namespace callboard;
using namespace callboard::mcp;

namespace {

constexpr auto server_url = "https://mcp.example.com/a/mcp?x=1";

authorization_server good_server() {
  return *read_authorization_server(
    R"({"issuer":"https://as.example","authorization_endpoint":"https://as.example/authorize",)"
    R"("token_endpoint":"https://as.example/token","code_challenge_methods_supported":["S256"],)"
    R"("authorization_response_iss_parameter_supported":true,)"
    R"("token_endpoint_auth_methods_supported":["client_secret_post"]})",
    "https://as.example");
}

std::string field(const std::string& form, const std::string& key) {
  return find_field(*parse_form(form.substr(form.find('?') + 1)), key).value_or("(none)");
}

} // namespace

BOOST_AUTO_TEST_SUITE(authorization_test)

BOOST_AUTO_TEST_CASE(a_challenge_is_read_in_every_spelling) {
  auto x = read_challenge(
    {{"Content-Type", "x"},
     {"www-authenticate", R"(Bearer realm="a\"b, c=d", error="insufficient_scope",)"
                          R"( resource_metadata="https://x/.well-known/y", scope="a b")"}});
  BOOST_REQUIRE(x.has_value());
  BOOST_TEST(x->resource_metadata == "https://x/.well-known/y");
  BOOST_TEST(x->scope == "a b");
  BOOST_TEST(x->error == "insufficient_scope");
  BOOST_TEST(read_challenge({{"WWW-Authenticate", "bearer scope=a,error=b"}})->error == "b");
  BOOST_TEST(read_challenge({{"WWW-Authenticate", "Bearer"}}).has_value());
  BOOST_TEST(!read_challenge({{"WWW-Authenticate", "Basic realm=\"x\""}}));
  BOOST_TEST(!read_challenge({}));
}

BOOST_AUTO_TEST_CASE(metadata_is_looked_for_where_it_may_be) {
  std::vector<std::string> resource{
    "https://mcp.example.com/.well-known/oauth-protected-resource/a/mcp",
    "https://mcp.example.com/.well-known/oauth-protected-resource"};
  BOOST_TEST(resource_metadata_urls(server_url) == resource, boost::test_tools::per_element());
  BOOST_TEST(resource_metadata_urls("https://mcp.example.com/").size() == 1u);
  BOOST_TEST(resource_metadata_urls("nonsense").empty());
  std::vector<std::string> issuer{"https://as.example/.well-known/oauth-authorization-server/t",
                                  "https://as.example/.well-known/openid-configuration/t",
                                  "https://as.example/t/.well-known/openid-configuration"};
  BOOST_TEST(issuer_metadata_urls("https://as.example/t") == issuer,
             boost::test_tools::per_element());
  BOOST_TEST(issuer_metadata_urls("https://as.example").size() == 2u);
}

BOOST_AUTO_TEST_CASE(a_resource_must_be_ours) {
  auto read = [](const std::string& resource) {
    return read_resource_metadata(R"({"resource":")" + resource
                                    + R"(","authorization_servers":["https://as"],)"
                                      R"("scopes_supported":["a","b"]})",
                                  server_url);
  };
  for (auto good : {"https://mcp.example.com/a/mcp", "https://MCP.example.com/a/",
                    "https://mcp.example.com", "https://mcp.example.com/"})
    BOOST_TEST(static_cast<bool>(read(good)), good);
  for (auto bad : {"https://evil.example.com/a/mcp", "http://mcp.example.com/a/mcp",
                   "https://mcp.example.com/a/mcp/deeper", "https://mcp.example.com/a/mc",
                   "https://mcp.example.com:8443/a/mcp", ""})
    BOOST_TEST(!read(bad), bad);
  BOOST_TEST(!read_resource_metadata(R"({"resource":"https://mcp.example.com"})", server_url));
  BOOST_TEST(read("https://mcp.example.com")->scopes.size() == 2u);
}

BOOST_AUTO_TEST_CASE(an_authorization_server_must_be_itself_and_know_pkce) {
  BOOST_TEST(good_server().sends_issuer);
  auto text = [](const char* issuer, const char* methods) {
    return std::string{R"({"issuer":")"} + issuer
           + R"(","authorization_endpoint":"a","token_endpoint":"t",)"
             R"("code_challenge_methods_supported":)"
           + methods + '}';
  };
  BOOST_TEST(static_cast<bool>(
    read_authorization_server(text("https://as.example", R"(["S256"])"), "https://as.example")));
  BOOST_TEST(
    !read_authorization_server(text("https://as.example/", R"(["S256"])"), "https://as.example"));
  BOOST_TEST(
    !read_authorization_server(text("https://as.example", R"(["plain"])"), "https://as.example"));
  BOOST_TEST(!read_authorization_server("{}", ""));
  BOOST_TEST(assumed_authorization_server("https://x").token_endpoint == "https://x/token");
}

BOOST_AUTO_TEST_CASE(scopes_are_chosen_in_order) {
  resource_metadata resource{"r", "i", {"s1", "s2"}};
  authorization_server server;
  BOOST_TEST(choose_scope("c", {"p"}, resource, server) == "c");
  BOOST_TEST(choose_scope("", {"p", "q"}, resource, server) == "p q");
  BOOST_TEST(choose_scope("", {}, resource, server) == "s1 s2");
  resource.scopes.clear();
  BOOST_TEST(choose_scope("", {}, resource, server).empty());
  server.scopes = {"offline_access"};
  BOOST_TEST(choose_scope("c", {}, resource, server) == "c offline_access");
  BOOST_TEST(choose_scope("offline_access", {}, resource, server) == "offline_access");
}

BOOST_AUTO_TEST_CASE(scopes_of_before_are_asked_for_again_with_the_missing_ones) {
  resource_metadata resource;
  resource.scopes = {"all"};
  authorization_server server;
  BOOST_TEST(choose_scope("read", {}, resource, server, {"read", "write"}) == "read write");
  BOOST_TEST(choose_scope("", {"p"}, resource, server, {"w"}) == "p w");
  resource.scopes.clear();
  BOOST_TEST(choose_scope("", {}, resource, server, {"w"}) == "w");
  server.scopes = {"offline_access"};
  BOOST_TEST(choose_scope("r", {}, resource, server, {"offline_access", "w"})
             == "r offline_access w");
}

BOOST_AUTO_TEST_CASE(only_words_that_are_scopes_are_read) {
  std::vector<std::string> good{"a", "b:c/d"};
  BOOST_TEST(read_scopes(" a  b:c/d a \"x\" y\\z \xc3\xa4 ") == good);
  BOOST_TEST(read_scopes("").empty());
  std::string many;
  for (int i = 0; i < 100; ++i)
    many += "s" + std::to_string(i) + ' ';
  BOOST_TEST(read_scopes(many).size() == scopes_max);
}

BOOST_AUTO_TEST_CASE(another_connect_helps_only_with_a_scope_that_was_not_asked_for) {
  BOOST_TEST(can_step_up({"write"}, "read"));
  BOOST_TEST(can_step_up({"read", "write"}, "read"));
  BOOST_TEST(!can_step_up({"read", "write"}, "write read"));
  BOOST_TEST(can_step_up({"rea"}, "read"));
  BOOST_TEST(!can_step_up({}, "read"));
}

BOOST_AUTO_TEST_CASE(the_consent_page_is_asked_for_the_resource_with_pkce) {
  oauth_plan plan;
  plan.client_id = "c";
  plan.resource = "https://mcp.example.com/a/mcp";
  plan.scope = "a b";
  auto url = consent_url(good_server(), plan, "https://us/cb", "st", "verifier");
  BOOST_TEST(url.starts_with("https://as.example/authorize?"));
  BOOST_TEST(field(url, "resource") == plan.resource);
  BOOST_TEST(field(url, "scope") == "a b");
  BOOST_TEST(field(url, "code_challenge_method") == "S256");
  BOOST_TEST(field(url, "code_challenge").size() == 43u);
  plan.scope.clear();
  BOOST_TEST(field(consent_url(good_server(), plan, "r", "s", "v"), "scope") == "(none)");
}

BOOST_AUTO_TEST_CASE(the_client_proves_itself_as_the_server_wants) {
  authorization_server server;
  BOOST_TEST(choose_auth_method(server, false) == "none");
  BOOST_TEST(choose_auth_method(server, true) == "client_secret_basic");
  server.token_auth_methods = {"client_secret_post"};
  BOOST_TEST(choose_auth_method(server, true) == "client_secret_post");
  oauth_plan plan;
  plan.client_id = "a:b";
  plan.resource = "r";
  plan.auth_method = "client_secret_basic";
  auto basic = token_request(plan, "s", {{"grant_type", "x"}});
  BOOST_TEST(std::string{*find_header(basic.headers, "Authorization")} == "Basic YSUzQWI6cw==");
  BOOST_TEST(field(basic.body, "client_id") == "(none)");
  BOOST_TEST(field(basic.body, "resource") == "r");
  plan.auth_method = "client_secret_post";
  BOOST_TEST(field(token_request(plan, "s", {}).body, "client_secret") == "s");
  plan.auth_method = "none";
  BOOST_TEST(field(token_request(plan, "s", {}).body, "client_secret") == "(none)");
  BOOST_TEST(field(token_request(plan, "s", {}).body, "client_id") == "a:b");
}

BOOST_AUTO_TEST_CASE(the_issuer_of_an_answer_is_checked_to_the_letter) {
  oauth_plan plan;
  plan.issuer = "https://as.example";
  BOOST_TEST(static_cast<bool>(check_issuer(plan, std::nullopt)));
  BOOST_TEST(static_cast<bool>(check_issuer(plan, "https://as.example")));
  BOOST_TEST(!check_issuer(plan, "https://as.example/"));
  BOOST_TEST(!check_issuer(plan, "https://evil.example"));
  plan.sends_issuer = true;
  BOOST_TEST(!check_issuer(plan, std::nullopt));
}

BOOST_AUTO_TEST_CASE(a_plan_survives_being_kept) {
  oauth_plan plan{"i", "t", "c", "none", "r", "s", true, "v", "g"};
  auto back = oauth_plan::from(plan.fields());
  BOOST_TEST((back.fields() == plan.fields()));
  BOOST_TEST(back.sends_issuer);
  BOOST_TEST(oauth_plan::from({}).issuer.empty());
}

BOOST_AUTO_TEST_CASE(registrations_are_read) {
  auto read = read_registration({201, {}, R"({"client_id":"c","client_secret":"s"})"});
  BOOST_REQUIRE(read);
  BOOST_TEST(read->secret == "s");
  BOOST_TEST(!read_registration({400, {}, R"({"error":"invalid_redirect_uri"})"}));
  BOOST_TEST(!read_registration({201, {}, "{}"}));
  auto body = *parse_json_object(registration_body("https://us/cb", "none"));
  BOOST_TEST(body.at("redirect_uris").as_array().size() == 1u);
  auto document = *parse_json_object(client_document("https://us/doc", "https://us/cb"));
  BOOST_TEST(document.at("client_id").as_string() == "https://us/doc");
}

BOOST_AUTO_TEST_CASE(tokens_are_given_back_by_the_client_that_got_them) {
  oauth_plan plan;
  plan.client_id = "c";
  plan.auth_method = "client_secret_basic";
  BOOST_TEST(revocation_requests(plan, "s", "r", "a").empty());
  plan.revocation_endpoint = "https://as.example/revoke";
  auto requests = revocation_requests(plan, "s", "r", "a");
  BOOST_REQUIRE(requests.size() == 2u);
  BOOST_TEST(requests[0].url == "https://as.example/revoke");
  BOOST_TEST(requests[0].body == "token=r&token_type_hint=refresh_token");
  BOOST_TEST(find_header(requests[0].headers, "Authorization").value_or("") == "Basic Yzpz");
  BOOST_TEST(requests[1].body == "token=a&token_type_hint=access_token");
  BOOST_TEST(revocation_requests(plan, "s", "", "a").size() == 1u);
  plan.auth_method = "none";
  BOOST_TEST(revocation_requests(plan, "", "r", "")[0].body
             == "token=r&token_type_hint=refresh_token&client_id=c");
}

BOOST_AUTO_TEST_CASE(a_registration_belongs_to_an_issuer_and_a_redirect_uri) {
  auto id = registration_id("https://as.example", "https://gw/cb");
  BOOST_TEST(id.size() == 64u);
  BOOST_TEST(registration_id("https://as.example", "https://gw/cb") == id);
  BOOST_TEST(registration_id("https://as.example/", "https://gw/cb") != id);
  BOOST_TEST(registration_id("https://as.example", "https://other/cb") != id);
  auto read = read_registration(
    {201, {}, R"({"client_id":"c","client_secret":"s","client_secret_expires_at":1700})"});
  BOOST_TEST(read->expires_at == 1700);
  BOOST_TEST(is_client_unknown("invalid_client"));
  BOOST_TEST(!is_client_unknown("invalid_grant"));
}

BOOST_AUTO_TEST_CASE(a_client_is_registered_for_what_both_sides_can_do) {
  authorization_server server;
  BOOST_TEST(choose_registered_method(server) == "none");
  server.token_auth_methods = {"private_key_jwt", "client_secret_post", "none"};
  BOOST_TEST(choose_registered_method(server) == "client_secret_post");
}

BOOST_AUTO_TEST_SUITE_END()
