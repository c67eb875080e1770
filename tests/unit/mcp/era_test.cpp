#include "core/mcp/era.hpp"

#include <boost/test/unit_test.hpp>

using namespace callboard;
using namespace callboard::mcp;

namespace {

bool claims(std::string_view text) {
  auto body = decode_body(text);
  BOOST_REQUIRE_MESSAGE(std::holds_alternative<rpc_body>(body), text);
  return claims_stateless(std::get<rpc_body>(body));
}

} // namespace

BOOST_AUTO_TEST_SUITE(era_test)

BOOST_AUTO_TEST_CASE(the_body_decides_the_era_by_its_claim) {
  constexpr auto claim = R"({"jsonrpc":"2.0","id":1,"method":"server/discover","params":{"_meta":
    {"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}})";
  BOOST_TEST(claims(claim));
  BOOST_TEST(claims(R"({"jsonrpc":"2.0","method":"n","params":{"_meta":
    {"io.modelcontextprotocol/protocolVersion":null}}})"));
  BOOST_TEST(!claims(R"({"jsonrpc":"2.0","id":1,"method":"initialize","params":
    {"protocolVersion":"2025-11-25"}})"));
  BOOST_TEST(!claims(R"({"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":3}})"));
  BOOST_TEST(!claims(R"({"jsonrpc":"2.0","id":1,"method":"m"})"));
}

BOOST_AUTO_TEST_CASE(one_claim_in_a_batch_is_enough) {
  constexpr auto plain = R"({"jsonrpc":"2.0","id":1,"method":"ping"})";
  constexpr auto claim = R"({"jsonrpc":"2.0","id":2,"method":"ping","params":{"_meta":
    {"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}})";
  BOOST_TEST(!claims(std::string{"["} + plain + "," + plain + "]"));
  BOOST_TEST(claims(std::string{"["} + plain + "," + claim + "]"));
  BOOST_TEST(!claims("[5]"));
}

BOOST_AUTO_TEST_SUITE_END()
