#include <boost/test/unit_test.hpp>

#include "core/base/digest.hpp"
#include "tests/support/mcp_server_script.hpp"
#include "tests/support/node_fixture.hpp"

using namespace callboard;

namespace {

/// A remote server that wants OAuth, its authorization server, and a user's browser.
struct server_oauth_fixture : node_fixture {
  server_oauth_fixture() {
    serve_row();
    resource();
    issuer("https://as.test");
    web->answer(
      "https://as.test/register",
      {answer_json(201, R"({"client_id":"registered","client_secret":"client-secret"})")});
    web->answer("https://as.test/token",
                {answer_json(200, R"({"access_token":"at-1","refresh_token":"rt-1",)"
                                  R"("expires_in":3600,"scope":"read"})")});
    scripted_answer knock{401, {{"WWW-Authenticate", R"(Bearer scope="read")"}}, {}, {}, true,
                          true};
    web->answer("https://remote.test/mcp", {knock});
    db->answer("oauth_state/insert", {{"id", "x"}});
    db->answer("connection/upsert", {{"id", "c"}});
  }

  void serve_row(const std::string& oauth = R"({"redirect_url":"https://platform.test"})") {
    db->answer("mcp_server/find", {{"id", "docs"},
                                   {"name", "Docs"},
                                   {"url", "https://remote.test/mcp"},
                                   {"auth", "oauth"},
                                   {"oauth", oauth},
                                   {"tool_prefix", ""},
                                   {"is_active", "t"},
                                   {"withheld", "[]"}});
  }

  void resource(const std::string& name = "https://remote.test/mcp") {
    web->answer("oauth-protected-resource",
                {answer_json(200, R"({"resource":")" + name
                                    + R"(","authorization_servers":["https://as.test"],)"
                                      R"("scopes_supported":["all"]})")});
  }

  void issuer(const std::string& name, const std::string& more = {}) {
    web->answer("oauth-authorization-server",
                {answer_json(200, R"({"issuer":")" + name
                                    + R"(","authorization_endpoint":"https://as.test/authorize",)"
                                      R"("token_endpoint":"https://as.test/token",)"
                                      R"("registration_endpoint":"https://as.test/register",)"
                                      R"("code_challenge_methods_supported":["S256"])"
                                    + more + '}')});
  }

  reply_record authorize(const std::string& extra = {}) {
    client_request x;
    x.target = endpoint::oauth_authorize;
    x.key = user_key;
    x.query = "app=docs" + extra;
    x.method = "GET";
    return serve(std::move(x));
  }

  /// The callback of the attempt that was begun last.
  reply_record come_back(const std::string& query) {
    auto kept = db->calls_of("oauth_state/insert").back();
    db->answer("oauth_state/consume", {{"id", kept.values.at(0).data},
                                       {"platform_id", platform.value},
                                       {"end_user_id", user.value},
                                       {"app_slug", "docs"},
                                       {"secret", kept.values.at(3).data},
                                       {"redirect_url", kept.values.at(4).data},
                                       {"expired", "f"},
                                       {"user_active", "t"}});
    client_request x;
    x.target = endpoint::oauth_callback;
    x.query = query;
    x.method = "GET";
    return serve(std::move(x));
  }

  static std::string field(const std::string& form, const std::string& key) {
    return find_field(*parse_form(form.substr(form.find('?') + 1)), key).value_or("(none)");
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(server_oauth_test, server_oauth_fixture)

BOOST_AUTO_TEST_CASE(a_user_connects_a_server_that_was_never_seen_before) {
  auto page = authorize();
  BOOST_REQUIRE(page->status == 302);
  auto url = page->header("Location");
  BOOST_TEST(url.starts_with("https://as.test/authorize?"));
  BOOST_TEST(field(url, "client_id") == "registered");
  BOOST_TEST(field(url, "scope") == "read");
  BOOST_TEST(field(url, "resource") == "https://remote.test/mcp");
  BOOST_TEST(field(url, "redirect_uri") == "https://mcp.test/oauth/callback");
  auto landed = come_back("state=s&code=c-1");
  BOOST_TEST(landed->header("Location").find("status=connected") != std::string::npos);
  auto exchange = web->requests_to("https://as.test/token").at(0).message;
  BOOST_TEST(field(exchange.body, "code") == "c-1");
  BOOST_TEST(field(exchange.body, "resource") == "https://remote.test/mcp");
  auto verifier = field(exchange.body, "code_verifier");
  BOOST_TEST(to_base64url(sha256(verifier)) == field(url, "code_challenge"));
  BOOST_TEST(find_header(exchange.headers, "Authorization").has_value());
  auto stored = db->only("connection/upsert");
  auto secret = *parse_json_object(stored.values.at(3).data);
  BOOST_TEST(secret.at("access_token").as_string() == "at-1");
  BOOST_TEST(secret.at("client_secret").as_string() == "client-secret");
  auto fields = *parse_json_object(stored.values.at(6).data);
  BOOST_TEST(fields.at("token_endpoint").as_string() == "https://as.test/token");
}

BOOST_AUTO_TEST_CASE(a_preset_client_comes_first_and_then_the_document) {
  issuer("https://as.test", R"(,"client_id_metadata_document_supported":true)");
  BOOST_TEST(field(authorize()->header("Location"), "client_id")
             == "https://mcp.test/oauth/client-metadata.json");
  serve_row(R"({"redirect_url":"https://platform.test","client_id":"preset","scopes":["a","b"]})");
  BOOST_TEST(field(authorize()->header("Location"), "client_id") == "preset");
  BOOST_TEST(web->count("https://as.test/register") == 0u);
  BOOST_TEST(field(authorize("&scope=more")->header("Location"), "scope") == "more");
}

BOOST_AUTO_TEST_CASE(a_client_is_registered_once_and_kept) {
  web->answer("https://as.test/register",
              {answer_json(201, R"({"client_id":"registered","client_secret":"client-secret",)"
                                R"("client_secret_expires_at":)"
                                  + std::to_string(start_time + 60) + '}')});
  auto first = authorize()->header("Location");
  BOOST_TEST(field(first, "client_id") == "registered");
  auto kept = db->only("oauth_client/insert").values;
  BOOST_TEST(kept.at(1).data == "https://as.test");
  BOOST_TEST(kept.at(2).data == "https://mcp.test/oauth/callback");
  BOOST_TEST(kept.at(3).data == "registered");
  BOOST_TEST(kept.at(4).data == "client-secret");
  BOOST_TEST(kept.at(4).row_id == kept.at(0).data);
  BOOST_TEST(kept.at(6).data == "60000");
  db->answer("oauth_client/use", {{"id", kept.at(0).data},
                                  {"client_id", "kept"},
                                  {"secret", "kept-secret"},
                                  {"auth_method", "client_secret_post"}});
  BOOST_TEST(field(authorize()->header("Location"), "client_id") == "kept");
  BOOST_TEST(db->calls_of("oauth_client/use").back().values.at(0).data == kept.at(0).data);
  BOOST_TEST(web->count("https://as.test/register") == 1u);
  come_back("state=s&code=c");
  auto exchange = web->requests_to("https://as.test/token").at(0).message;
  BOOST_TEST(field(exchange.body, "client_secret") == "kept-secret");
  auto answered = db->only("oauth_client/answered").values;
  BOOST_TEST(answered.at(0).data == kept.at(0).data);
  BOOST_TEST(answered.at(1).data == "kept");
  BOOST_TEST(db->count("oauth_client/delete") == 0u);
}

BOOST_AUTO_TEST_CASE(a_client_that_its_server_has_forgotten_is_forgotten) {
  db->answer(
    "oauth_client/use",
    {{"id", "r"}, {"client_id", "kept"}, {"secret", std::nullopt}, {"auth_method", "none"}});
  web->answer("https://as.test/token", {answer_json(401, R"({"error":"invalid_client"})")});
  authorize();
  auto landed = come_back("state=s&code=c")->header("Location");
  BOOST_TEST(landed.find("error=token_exchange_failed") != std::string::npos);
  BOOST_TEST(db->only("oauth_client/delete").values.at(1).data == "kept");
  web->answer("https://as.test/token", {answer_json(400, R"({"error":"invalid_grant"})")});
  authorize();
  come_back("state=s&code=c");
  BOOST_TEST(db->count("oauth_client/delete") == 1u);
  // A client that was not registered by us is nobody's to forget.
  serve_row(R"({"redirect_url":"https://platform.test","client_id":"preset"})");
  web->answer("https://as.test/token", {answer_json(401, R"({"error":"invalid_client"})")});
  authorize();
  come_back("state=s&code=c");
  BOOST_TEST(db->count("oauth_client/delete") == 1u);
}

BOOST_AUTO_TEST_CASE(who_ends_a_connection_does_not_wait_for_the_servers_to_hear_of_it) {
  auto connected = [&](const std::string& more) {
    db->answer("connection/find",
               {{"id", "c"},
                {"secret", R"({"access_token":"at","refresh_token":"rt","client_secret":"cs"})"},
                {"provider_fields",
                 R"({"client_id":"cid","auth_method":"client_secret_post")" + more + '}'}});
  };
  db->answer("connection/deactivate", {{"id", "c"}});
  web->answer("https://as.test/revoke", {answer_never()});
  auto end = [&] {
    client_request x;
    x.target = endpoint::connection_delete;
    x.key = user_key;
    x.path_fields = {{"app", "docs"}};
    x.method = "DELETE";
    return serve(std::move(x))->status;
  };
  connected("");
  BOOST_TEST(end() == 204);
  BOOST_TEST(web->requests.empty());
  connected(R"(,"revocation_endpoint":"https://as.test/revoke")");
  BOOST_TEST(end() == 204);
  auto told = web->requests_to("https://as.test/revoke");
  BOOST_REQUIRE(told.size() == 2u);
  BOOST_TEST(field(told.at(0).message.body, "token") == "rt");
  BOOST_TEST(field(told.at(0).message.body, "token_type_hint") == "refresh_token");
  BOOST_TEST(field(told.at(0).message.body, "client_secret") == "cs");
  BOOST_TEST(field(told.at(1).message.body, "token") == "at");
  BOOST_TEST((told.at(0).timeout <= limits::token_call_timeout));
}

BOOST_AUTO_TEST_CASE(where_tokens_are_given_back_is_kept_when_it_is_public) {
  auto kept = [&] {
    authorize();
    come_back("state=s&code=c");
    auto stored = db->calls_of("connection/upsert").back();
    return to_std(
      parse_json_object(stored.values.at(6).data)->at("revocation_endpoint").as_string());
  };
  issuer("https://as.test", R"(,"revocation_endpoint":"https://as.test/revoke")");
  BOOST_TEST(kept() == "https://as.test/revoke");
  issuer("https://as.test", R"(,"revocation_endpoint":"http://10.0.0.1/revoke")");
  BOOST_TEST(kept().empty());
}

BOOST_AUTO_TEST_CASE(connecting_anew_asks_for_what_was_there_and_what_was_missing) {
  auto connected = [&](const std::string& issuer) {
    db->answer("connection/scopes",
               {{"scopes", R"(["read","given"])"},
                {"wanted_scopes", R"(["write"])"},
                {"provider_fields", R"({"issuer":")" + issuer + R"(","scope":"read asked"})"}});
  };
  connected("https://as.test");
  BOOST_TEST(field(authorize()->header("Location"), "scope") == "read asked given write");
  auto asked = db->only("connection/scopes").values;
  BOOST_TEST(asked.at(0).data == user.value);
  BOOST_TEST(asked.at(1).data == "docs");
  // Who names scopes gets those.
  BOOST_TEST(field(authorize("&scope=more")->header("Location"), "scope") == "more");
  // Another issuer need not know the scopes of the last one; what the server misses, it misses.
  connected("https://former.test");
  BOOST_TEST(field(authorize()->header("Location"), "scope") == "read write");
}

BOOST_AUTO_TEST_CASE(another_resource_or_issuer_is_refused) {
  resource("https://evil.test/mcp");
  BOOST_TEST(authorize()->status == 502);
  resource();
  issuer("https://evil.test");
  BOOST_TEST(authorize()->status == 502);
  BOOST_TEST(db->count("oauth_state/insert") == 0u);
}

BOOST_AUTO_TEST_CASE(an_answer_of_another_issuer_is_not_believed) {
  issuer("https://as.test", R"(,"authorization_response_iss_parameter_supported":true)");
  for (auto query : {"state=s&code=c", "state=s&code=c&iss=https%3A%2F%2Fevil.test",
                     "state=s&error=access_denied&error_description=evil&iss=https://evil.test"}) {
    authorize();
    auto landing = come_back(query)->header("Location");
    BOOST_TEST(landing.find("error=internal_error") != std::string::npos, landing);
    BOOST_TEST(landing.find("evil") == std::string::npos, landing);
  }
  BOOST_TEST(web->count("https://as.test/token") == 0u);
  authorize();
  BOOST_TEST(come_back("state=s&code=c&iss=https%3A%2F%2Fas.test")
               ->header("Location")
               .find("status=connected")
             != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_token_goes_with_calls_and_is_renewed_where_it_came_from) {
  auto server = mcp_server_script::install(web, mcp_server_script::era::stateless);
  db->answer("connection/find",
             {{"id", "44444444-4444-4444-8444-444444444444"},
              {"secret", R"({"access_token":"old","refresh_token":"rt-0","client_secret":"cs"})"},
              {"expires_in_ms", std::nullopt},
              {"scopes", "[]"},
              {"provider_fields", R"({"issuer":"https://as.test","token_endpoint":)"
                                  R"("https://as.test/token","client_id":"cid","auth_method":)"
                                  R"("client_secret_post","resource":"https://remote.test/mcp"})"},
              {"version", "1"},
              {"is_active", "t"},
              {"needs_reconnect", "f"},
              {"app_active", "t"}});
  server->handlers["server/discover"] = [](const std::string& id, const auto& x) {
    if (x.header("authorization") == "Bearer old")
      return answer_json(401, "{}");
    return answer_json(
      200, mcp_server_script::result(id, R"({"supportedVersions":["2026-07-28"],"capabilities":)"
                                         R"({"tools":{}}})"));
  };
  auto who = keys.at(parse_api_key(user_key)->id.value);
  auto remote =
    unbox(ask<upstream_actor>(parts.directory, atom::relay_v, platform, std::string{"docs"}));
  auto tools = ask<std::string>(remote, atom::relay_list_v, who, std::string{"tools"});
  BOOST_TEST(unbox(tools).find("echo") != std::string::npos);
  auto renewal = web->requests_to("https://as.test/token").at(0).message;
  BOOST_TEST(field(renewal.body, "refresh_token") == "rt-0");
  BOOST_TEST(field(renewal.body, "client_secret") == "cs");
  BOOST_TEST(server->of("tools/list").at(0).header("authorization") == "Bearer at-1");
  auto stored = *parse_json_object(db->only("connection/update_tokens").values.at(2).data);
  BOOST_TEST(stored.at("client_secret").as_string() == "cs");
}

BOOST_AUTO_TEST_CASE(a_renewal_that_knows_no_client_ends_the_connection_and_the_registration) {
  db->answer("connection/find",
             {{"id", "44444444-4444-4444-8444-444444444444"},
              {"secret", R"({"access_token":"old","refresh_token":"rt-0"})"},
              {"expires_in_ms", std::nullopt},
              {"scopes", "[]"},
              {"provider_fields", R"({"token_endpoint":"https://as.test/token","client_id":"cid",)"
                                  R"("auth_method":"none","registration":"r"})"},
              {"version", "1"},
              {"is_active", "t"},
              {"needs_reconnect", "f"},
              {"app_active", "t"}});
  db->answer("connection/claim_refresh", {{"id", "c"}, {"version", "1"}});
  web->answer("https://as.test/token", {answer_json(401, R"({"error":"invalid_client"})")});
  auto connection = unbox(
    ask<connection_actor>(parts.directory, atom::conn_v, platform, user, std::string{"docs"}));
  auto outcome = ask<credentials>(connection, atom::refresh_v, std::string{"old"});
  BOOST_TEST(!outcome);
  auto forgotten = db->only("oauth_client/delete").values;
  BOOST_TEST(forgotten.at(0).data == "r");
  BOOST_TEST(forgotten.at(1).data == "cid");
  BOOST_TEST(db->count("connection/mark_broken") == 1u);
}

BOOST_AUTO_TEST_CASE(a_server_without_oauth_needs_no_connecting) {
  db->answer("mcp_server/find", {{"id", "docs"}, {"auth", "none"}, {"is_active", "t"}});
  BOOST_TEST(authorize()->status == 422);
  db->answer_empty("mcp_server/find");
  BOOST_TEST(authorize()->status == 404);
}

BOOST_AUTO_TEST_SUITE_END()
