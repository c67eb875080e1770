#include "core/mcp/request_state.hpp"

#include <boost/test/unit_test.hpp>

using namespace callboard;
using namespace callboard::mcp;

namespace {

const state_scope scope{"p", "u", "app", "tools/call", "digest"};
constexpr std::int64_t now = 1'000'000;

} // namespace

BOOST_AUTO_TEST_SUITE(request_state_test)

BOOST_AUTO_TEST_CASE(a_state_opens_for_what_it_was_made_for) {
  auto text = seal_state({7, "node-1", "theirs", 3}, scope, now, "key");
  auto x = open_state(text, scope, now + request_state_seconds, "key");
  BOOST_REQUIRE(x);
  BOOST_TEST(x->exchange == 7u);
  BOOST_TEST(x->node == "node-1");
  BOOST_TEST(x->upstream == "theirs");
  BOOST_TEST(x->round == 3u);
}

BOOST_AUTO_TEST_CASE(anything_else_is_refused) {
  auto text = seal_state({7, "node-1", "theirs", 3}, scope, now, "key");
  BOOST_TEST(!open_state(text, scope, now + request_state_seconds + 1, "key"));
  BOOST_TEST(!open_state(text, scope, now, "other key"));
  for (auto member : {&state_scope::platform, &state_scope::end_user, &state_scope::app,
                      &state_scope::method, &state_scope::digest}) {
    auto other = scope;
    (other.*member) += "x";
    BOOST_TEST(!open_state(text, other, now, "key"));
  }
  // Moving a letter from one part to the next changes what is signed.
  BOOST_TEST(!open_state(text, {"pu", "", "app", "tools/call", "digest"}, now, "key"));
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto changed = text;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    // The last letter of base64 has bits that mean nothing.
    if (i + 1 != text.size() && changed != text)
      BOOST_TEST(!open_state(changed, scope, now, "key"), i);
  }
  for (auto* bad : {"", ".", "a", "a.b", "!.!"})
    BOOST_TEST(!open_state(bad, scope, now, "key"), bad);
}

BOOST_AUTO_TEST_CASE(the_digest_leaves_out_what_a_repetition_changes) {
  auto of = [](const char* text) { return request_digest(json::parse(text).as_object()); };
  BOOST_TEST(of(R"({"name":"t","_meta":{"a":1}})")
             == of(R"({"name":"t","inputResponses":{},"requestState":"s"})"));
  BOOST_TEST(of(R"({"name":"t"})") != of(R"({"name":"u"})"));
}

BOOST_AUTO_TEST_SUITE_END()
