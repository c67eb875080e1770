#include <boost/test/unit_test.hpp>

#include "tests/actors/upstream_fixture.hpp"

using namespace callboard;

BOOST_FIXTURE_TEST_SUITE(upstream_tokens_test, upstream_fixture)

BOOST_AUTO_TEST_CASE(a_scope_that_is_missing_is_noted_and_the_user_told_where_to_connect) {
  speak(era::stateless);
  connect("at-1", "read");
  server->handlers["tools/call"] = lacking("at-1", "read write");
  relay(tool_request(1));
  BOOST_TEST(server->count("tools/call") == 1u);
  auto& told = said->results.at(1);
  BOOST_TEST(told.find(R"("isError":true)") != std::string::npos);
  BOOST_TEST(told.find("https://mcp.test/oauth/authorize?app=docs") != std::string::npos, told);
  auto noted = db->only("connection/want_scopes").values;
  BOOST_TEST(noted.at(0).data == user.value);
  BOOST_TEST(noted.at(1).data == "docs");
  BOOST_TEST(noted.at(2).data == R"(["read","write"])");
  BOOST_TEST(settled() == "V");
}

BOOST_AUTO_TEST_CASE(a_scope_that_was_asked_for_already_is_not_asked_for_again) {
  for (auto which : {era::session, era::stateless}) {
    speak(which);
    connect("at-1", "read write");
    set("url", std::string{mcp_server_script::url} + (which == era::session ? "/a" : "/b"));
    tell(remote(), atom::drop_v);
    // Also when the first word to the server is refused already.
    server->handlers[which == era::session ? "initialize" : "server/discover"] =
      lacking("at-1", "write");
    said->results.clear();
    relay(tool_request(1));
    auto told = said->results.at(1);
    BOOST_TEST(told.find("'write'") != std::string::npos, told);
    BOOST_TEST(told.find("oauth/authorize") == std::string::npos, told);
  }
}

BOOST_AUTO_TEST_CASE(a_call_whose_user_has_connected_anew_meanwhile_is_made_again) {
  speak(era::stateless);
  connect("at-1", "read");
  auto refuse = lacking("at-1", "write");
  auto connection = unbox(
    ask<connection_actor>(parts.directory, atom::conn_v, platform, user, std::string{"docs"}));
  server->handlers["tools/call"] = [this, refuse, connection](const std::string& id,
                                                              const auto& x) {
    connect("at-2", "read write");
    self->send(connection, atom::drop_v);
    return refuse(id, x);
  };
  relay(tool_request(1));
  BOOST_REQUIRE(server->count("tools/call") == 2u);
  BOOST_TEST(server->of("tools/call").at(1).header("authorization") == "Bearer at-2");
  BOOST_TEST(said->results.at(1).find("isError") == std::string::npos);
  BOOST_TEST(db->count("connection/want_scopes") == 0u);
  auto told = parse_json_object(db->only("wallet/resolve").values.at(3).data);
  BOOST_TEST(find_integer(*told, "resends").value_or(0) == 1);
}

BOOST_AUTO_TEST_CASE(who_asks_for_lists_learns_that_connecting_again_helps) {
  speak(era::stateless);
  connect("at-1", "read");
  int asked = 0;
  server->handlers["server/discover"] = [&asked](const std::string& id, const auto&) {
    return ++asked > 1
             ? answer_json(401, "{}")
             : answer_json(200,
                           mcp_server_script::result(id, R"({"supportedVersions":["2026-07-28"],)"
                                                         R"("capabilities":{"tools":{}}})"));
  };
  // Also the one who comes before the server is asked again.
  for (int i = 0; i < 2; ++i) {
    auto tools = ask<std::string>(remote(), atom::relay_list_v, who, std::string{"tools"});
    BOOST_REQUIRE(!tools);
    BOOST_TEST((code_of(tools.error()) == errc::app_not_connected));
    BOOST_TEST(message_of(tools.error()).find("https://mcp.test/oauth/authorize?app=docs")
               != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(a_refused_token_is_not_the_concern_of_other_users) {
  speak(era::stateless);
  connect("at-1", "read write");
  db->handlers["connection/find"] = [this](const store_call& call) {
    return one_row(
      connection_row(call.values.at(0).data == user.value ? "at-1" : "at-2", "read write"));
  };
  server->handlers["server/discover"] = [](const std::string& id, const auto& x) {
    if (x.header("authorization") == "Bearer at-1")
      return answer_json(403, "{}",
                         {{"WWW-Authenticate", R"(Bearer error="insufficient_scope", scope="w")"}});
    return answer_json(
      200, mcp_server_script::result(id, R"({"supportedVersions":["2026-07-28"],"capabilities":)"
                                         R"({"tools":{}}})"));
  };
  auto other = tool_request(2);
  other.who = keys.at(parse_api_key(other_user_key)->id.value);
  auto handle = remote();
  self->send(handle, atom::relay_v, tool_request(1), ear);
  self->send(handle, atom::relay_v, other, ear);
  sched.run();
  BOOST_TEST(said->results.at(1).find(R"("isError":true)") != std::string::npos);
  BOOST_TEST(said->results.at(2).find("isError") == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
