#include "actors/calls/shortcut.hpp"

#include <boost/test/unit_test.hpp>

#include "actors/look_up.hpp"
#include "tests/support/node_fixture.hpp"

using namespace callboard;
using namespace std::chrono_literals;

namespace {

constexpr const char* ping = R"({"jsonrpc":"2.0","id":1,"method":"ping"})";

struct shortcut_fixture : node_fixture {
  session_id id{"session-1"};
  principal who;

  shortcut_fixture() {
    who = unbox(ask<principal>(parts.authenticator, atom::auth_v, user_key));
    db->answer("session/find", {{"id_hash", to_hex(sha256(id.value))},
                                {"end_user_id", user.value},
                                {"key_id", who.key.value},
                                {"app_slug", "github"},
                                {"protocol", "2025-06-18"},
                                {"capabilities", "{}"}});
  }

  void activate() {
    unbox(ask<session_actor>(parts.directory, atom::session_v, id, who, std::string{"github"}));
  }

  client_request request(const std::string& body = ping) {
    client_request x;
    x.target = endpoint::mcp_post;
    x.key = user_key;
    x.body = body;
    x.path_fields = {{"app", "github"}};
    x.headers = {{"Content-Type", "application/json"},
                 {"Accept", "application/json, text/event-stream"},
                 {"Mcp-Session-Id", id.value},
                 {"MCP-Protocol-Version", "2025-06-18"}};
    return x;
  }

  bool passes(client_request x) {
    answer = std::make_shared<recorded_reply>();
    bool passed = calls::pass_to_session(parts, make_call(std::move(x), answer));
    sched.run();
    return passed;
  }

  reply_record answer;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(shortcut_test, shortcut_fixture)

BOOST_AUTO_TEST_CASE(a_message_of_a_live_session_is_passed_on_and_answered) {
  activate();
  BOOST_TEST(passes(request()));
  BOOST_TEST(answer->status == 200);
  BOOST_TEST(answer->body.find("\"result\":{}") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_session_that_is_not_live_here_is_for_a_call_actor) {
  BOOST_TEST(!passes(request()));
}

BOOST_AUTO_TEST_CASE(a_key_that_is_not_known_here_is_for_a_call_actor) {
  activate();
  forget_keys(self.ptr(), parts);
  BOOST_TEST(!passes(request()));
}

BOOST_AUTO_TEST_CASE(somebody_elses_key_does_not_open_the_session) {
  activate();
  unbox(ask<principal>(parts.authenticator, atom::auth_v, other_user_key));
  auto x = request();
  x.key = other_user_key;
  BOOST_TEST(!passes(x));
}

BOOST_AUTO_TEST_CASE(a_platform_key_does_not_open_a_session) {
  activate();
  unbox(ask<principal>(parts.authenticator, atom::auth_v, platform_key));
  auto x = request();
  x.key = platform_key;
  BOOST_TEST(!passes(x));
}

BOOST_AUTO_TEST_CASE(what_is_wrong_with_a_request_is_for_a_call_actor_to_say) {
  activate();
  auto spoilt = [&](auto spoil) {
    auto x = request();
    spoil(x);
    return x;
  };
  auto set = [](client_request& x, const std::string& name, const std::string& value) {
    for (auto& field : x.headers)
      if (field.name == name)
        field.value = value;
  };
  BOOST_TEST(!passes(spoilt([&](auto& x) { x.target = endpoint::mcp_get; })));
  BOOST_TEST(!passes(spoilt([&](auto& x) { x.key.clear(); })));
  BOOST_TEST(!passes(spoilt([&](auto& x) { x.body = "{"; })));
  BOOST_TEST(!passes(spoilt([&](auto& x) { x.body += std::string(16 * 1024, ' '); })));
  BOOST_TEST(!passes(spoilt([&](auto& x) { set(x, "Content-Type", "text/plain"); })));
  BOOST_TEST(!passes(spoilt([&](auto& x) { set(x, "Accept", "text/html"); })));
  BOOST_TEST(!passes(spoilt([&](auto& x) { set(x, "Mcp-Session-Id", ""); })));
  BOOST_TEST(!passes(spoilt([&](auto& x) { set(x, "Mcp-Session-Id", "session-2"); })));
  BOOST_TEST(!passes(spoilt([&](auto& x) { set(x, "MCP-Protocol-Version", "1999-01-01"); })));
  BOOST_TEST(!passes(spoilt([&](auto& x) { x.path_fields = {{"app", "slack"}}; })));
}

BOOST_AUTO_TEST_CASE(a_request_of_the_stateless_era_is_for_a_call_actor) {
  activate();
  auto x = request(R"({"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{)"
                   R"("io.modelcontextprotocol/protocolVersion":"2026-07-28",)"
                   R"("io.modelcontextprotocol/clientInfo":{"name":"c","version":"1"},)"
                   R"("io.modelcontextprotocol/clientCapabilities":{}}}})");
  BOOST_TEST(!passes(x));
}

BOOST_AUTO_TEST_CASE(a_session_hears_of_a_change_before_the_directory_has_told_it) {
  activate();
  BOOST_TEST(passes(request()));
  db->answer_empty("session/find");
  BOOST_TEST(passes(request())); // nobody said that anything changed
  BOOST_TEST(answer->status == 200);
  parts.addresses->note_change();
  BOOST_TEST(passes(request()));
  BOOST_TEST(answer->status == 404);
}

BOOST_AUTO_TEST_CASE(an_expired_key_is_for_a_call_actor) {
  activate();
  auto digest = sha256(user_key);
  auto known = *parts.principals->find(digest);
  known.expires_at = *unix_now + 10;
  parts.principals->insert(digest, known, parts.principals->epoch());
  BOOST_TEST(passes(request()));
  *unix_now += 10;
  BOOST_TEST(!passes(request()));
}

BOOST_AUTO_TEST_SUITE_END()
