#include "core/mcp/era_probe.hpp"

#include <boost/test/unit_test.hpp>

using namespace callboard;
using namespace callboard::mcp;

namespace {

std::vector<server_message> messages(std::string_view text) {
  return decode_server_messages(text).value();
}

std::vector<server_message> error(int code, std::string_view data = "null") {
  return messages(R"({"jsonrpc":"2.0","id":1,"error":{"code":)" + std::to_string(code)
                  + R"(,"message":"m","data":)" + std::string{data} + "}}");
}

} // namespace

BOOST_AUTO_TEST_SUITE(era_probe_test)

BOOST_AUTO_TEST_CASE(the_answer_tells_the_era) {
  using enum probe_verdict;
  auto discovered = messages(R"({"jsonrpc":"2.0","id":1,"result":{"resultType":"complete",)"
                             R"("supportedVersions":["2026-07-28"],"capabilities":{}}})");
  BOOST_TEST((classify_probe(200, discovered) == stateless));
  BOOST_TEST((classify_probe(400, {}) == session));
  BOOST_TEST((classify_probe(404, {}) == session));
  BOOST_TEST((classify_probe(405, {}) == session));
  for (auto code : {-32601, -32000, -32001, -32020, -32021, -32600, -32602})
    BOOST_TEST((classify_probe(400, error(code)) == session), code);
  BOOST_TEST((classify_probe(200, error(-32601)) == session));
  BOOST_TEST((classify_probe(400, error(-32022, R"({"supported":["2026-07-28"]})")) == again));
  BOOST_TEST((classify_probe(400, error(-32022, R"({"supported":["2027-01-01"]})")) == session));
  BOOST_TEST((classify_probe(401, {}) == refused));
  BOOST_TEST((classify_probe(403, {}) == refused));
  for (auto status : {500, 502, 503, 504, 408, 429})
    BOOST_TEST((classify_probe(status, {}) == failed), status);
}

BOOST_AUTO_TEST_CASE(modern_errors_are_recognised) {
  auto is_modern = [](const std::vector<server_message>& x) {
    return is_modern_error(std::get<server_error>(x.at(0)));
  };
  BOOST_TEST(is_modern(error(-32020)));
  BOOST_TEST(is_modern(error(-32021)));
  BOOST_TEST(is_modern(error(-32022, R"({"supported":["2026-07-28"]})")));
  BOOST_TEST(!is_modern(error(-32022)));
  BOOST_TEST(!is_modern(error(-32000)));
}

BOOST_AUTO_TEST_CASE(both_eras_give_one_profile) {
  auto modern = read_discover(R"({"supportedVersions":["2026-07-28"],"instructions":"use me",)"
                              R"("capabilities":{"tools":{"listChanged":true}},"_meta":{)"
                              R"("io.modelcontextprotocol/serverInfo":{"name":"s"}}})");
  BOOST_REQUIRE(modern);
  BOOST_TEST((modern->era == server_era::stateless));
  BOOST_TEST(modern->info == R"({"name":"s"})");
  BOOST_TEST(modern->instructions == "use me");
  BOOST_TEST(offers(*modern, "tools"));
  BOOST_TEST(offers(*modern, "tools", "listChanged"));
  BOOST_TEST(!offers(*modern, "resources"));
  auto old = read_initialize(R"({"protocolVersion":"2025-06-18","capabilities":{"resources":{}},)"
                             R"("serverInfo":{"name":"o","version":"1"}})");
  BOOST_REQUIRE(old);
  BOOST_TEST((old->era == server_era::session));
  BOOST_TEST(old->version == "2025-06-18");
  BOOST_TEST(!offers(*old, "resources", "subscribe"));
}

BOOST_AUTO_TEST_CASE(a_version_that_we_do_not_speak_is_refused) {
  BOOST_TEST(!read_discover(R"({"supportedVersions":["2027-01-01"]})"));
  BOOST_TEST(!read_discover("{}"));
  BOOST_TEST(!read_initialize(R"({"protocolVersion":"1999-01-01"})"));
  BOOST_TEST(!read_initialize(R"({"protocolVersion":"2026-07-28"})"));
  BOOST_TEST(!read_initialize("{}"));
}

BOOST_AUTO_TEST_SUITE_END()
