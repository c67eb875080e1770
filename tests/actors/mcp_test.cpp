#include <boost/test/unit_test.hpp>

#include "core/base/digest.hpp"
#include "tests/support/node_fixture.hpp"

using namespace callboard;

namespace {

constexpr auto initialize = R"({"jsonrpc":"2.0","id":0,"method":"initialize","params":{
  "protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}})";
constexpr auto ping = R"({"jsonrpc":"2.0","id":1,"method":"ping"})";

struct mcp_fixture : node_fixture {
  reply_record post(std::string body, http_headers headers = {}, std::string app = "github",
                    std::string type = "application/json") {
    headers.push_back({"Content-Type", std::move(type)});
    return serve({endpoint::mcp_post,
                  user_key,
                  std::move(body),
                  {},
                  {{"app", std::move(app)}},
                  std::move(headers),
                  "POST"});
  }
  reply_record get(http_headers headers) {
    return serve(
      {endpoint::mcp_get, user_key, {}, {}, {{"app", "github"}}, std::move(headers), "GET"});
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(mcp_test, mcp_fixture)

BOOST_AUTO_TEST_CASE(initialize_opens_a_session_of_which_only_the_hash_is_kept) {
  auto reply = post(initialize);
  BOOST_TEST(reply->status == 200);
  auto id = reply->header("Mcp-Session-Id");
  BOOST_TEST(id.size() == 43u);
  BOOST_TEST(reply->text("/result/protocolVersion") == "2025-06-18");
  BOOST_TEST(reply->text("/result/serverInfo/version") == "1.2.3");
  auto values = db->only("session/insert").values;
  BOOST_TEST(values.at(0).data == to_hex(sha256(id)));
  BOOST_TEST(values.at(1).data == user.value);
  BOOST_TEST(values.at(3).data == "github");
  BOOST_TEST(values.at(4).data == "2025-06-18");
  BOOST_TEST(values.at(7).data == "1800000");
  BOOST_TEST(values.at(8).data == "100");
}

BOOST_AUTO_TEST_CASE(an_app_that_is_unknown_or_not_connected_opens_none) {
  BOOST_TEST(post(initialize, {}, "nope")->status == 404);
  db->answer_empty("connection/find");
  auto reply = post(initialize);
  BOOST_TEST(reply->status == 403);
  BOOST_TEST(reply->text("/error/data/code") == "app_not_connected");
  BOOST_TEST(db->count("session/insert") == 0u);
}

BOOST_AUTO_TEST_CASE(malformed_posts_have_their_statuses) {
  BOOST_TEST(post("{")->status == 400);
  BOOST_TEST(post("[]")->status == 400);
  BOOST_TEST(post(R"({"jsonrpc":"2.0","id":null,"method":"ping"})")->status == 400);
  BOOST_TEST(post(ping)->status == 400); // no session
  BOOST_TEST(post(ping, {{"Accept", "text/html"}})->status == 406);
  BOOST_TEST(post(ping, {}, "github", "text/plain")->status == 415);
  BOOST_TEST(post(ping, {{"MCP-Protocol-Version", "1999-01-01"}})->status == 400);
  BOOST_TEST(post(ping, {{"Mcp-Session-Id", "unknown"}})->status == 404);
  BOOST_TEST(post(ping, {{"MCP-Protocol-Version", "2026-07-28"}})->status == 400);
  auto modern = post(R"({"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{
    "io.modelcontextprotocol/protocolVersion":"2026-07-28"}}})");
  BOOST_TEST(modern->status == 400);
}

BOOST_AUTO_TEST_CASE(without_key_it_is_401_as_json_rpc) {
  auto reply = serve({endpoint::mcp_post, {}, ping, {}, {{"app", "github"}}, {}, "POST"});
  BOOST_TEST(reply->status == 401);
  BOOST_TEST(reply->header("WWW-Authenticate") == "Bearer");
  BOOST_TEST(reply->text("/jsonrpc") == "2.0");
}

BOOST_AUTO_TEST_CASE(a_stream_needs_a_session_and_accept) {
  auto bare = get({{"Accept", "text/event-stream"}});
  BOOST_TEST(bare->status == 405);
  BOOST_TEST(bare->header("Allow") == "POST, DELETE");
  BOOST_TEST(get({{"Mcp-Session-Id", "x"}})->status == 406);
  BOOST_TEST(get({{"Mcp-Session-Id", "x"}, {"Accept", "text/event-stream"}})->status == 404);
}

BOOST_AUTO_TEST_CASE(delete_needs_a_session_that_is_there) {
  auto remove = [&](http_headers headers) {
    return serve({endpoint::mcp_delete,
                  user_key,
                  {},
                  {},
                  {{"app", "github"}},
                  std::move(headers),
                  "DELETE"})
      ->status;
  };
  BOOST_TEST(remove({}) == 400);
  BOOST_TEST(remove({{"Mcp-Session-Id", "unknown"}}) == 404);
}

BOOST_AUTO_TEST_SUITE_END()
