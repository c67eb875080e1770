#include "core/mcp/client_request.hpp"

#include <boost/test/unit_test.hpp>

using namespace callboard;
using namespace callboard::mcp;

namespace {

json::object object(std::string_view text) { return *parse_json_object(text); }

std::string header(const http_headers& headers, std::string_view name) {
  return std::string{find_header(headers, name).value_or("(none)")};
}

} // namespace

BOOST_AUTO_TEST_SUITE(client_request_test)

BOOST_AUTO_TEST_CASE(a_stateless_request_describes_itself) {
  outgoing_request x;
  x.method = "tools/call";
  x.params = R"({"name":"t","arguments":{"n":1.0},"_meta":{"progressToken":"client","trace":"7",)"
             R"("io.modelcontextprotocol/protocolVersion":"old"}})";
  x.progress_token = 5;
  x.capabilities = R"({"elicitation":{}})";
  x.client = R"({"name":"c","version":"1"})";
  x.log_level = "debug";
  auto params = encode_params(x, server_era::stateless);
  auto read = object(params);
  auto& meta = read.at("_meta").as_object();
  BOOST_TEST(meta.at("io.modelcontextprotocol/protocolVersion").as_string() == "2026-07-28");
  BOOST_TEST(
    meta.at("io.modelcontextprotocol/clientCapabilities").as_object().contains("elicitation"));
  BOOST_TEST(meta.at("io.modelcontextprotocol/clientInfo").at("name").as_string() == "c");
  BOOST_TEST(meta.at("io.modelcontextprotocol/logLevel").as_string() == "debug");
  BOOST_TEST(meta.at("progressToken").as_int64() == 5);
  BOOST_TEST(meta.at("trace").as_string() == "7");
  BOOST_TEST(params.find(R"("arguments":{"n":1.0})") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_session_request_tells_nothing_of_the_other_era) {
  outgoing_request x;
  x.params = R"({"name":"t","_meta":{"io.modelcontextprotocol/clientInfo":{},"progressToken":0}})";
  x.log_level = "debug";
  BOOST_TEST(encode_params(x, server_era::session) == R"({"name":"t"})");
  x.progress_token = 9;
  BOOST_TEST(encode_params(x, server_era::session)
             == R"({"name":"t","_meta":{"progressToken":9}})");
  BOOST_TEST(encode_params({}, server_era::session).empty());
}

BOOST_AUTO_TEST_CASE(the_clients_progress_token_keeps_its_type) {
  BOOST_TEST(progress_token_of(R"({"_meta":{"progressToken":0}})") == "0");
  BOOST_TEST(progress_token_of(R"({"_meta":{"progressToken":"0"}})") == "\"0\"");
  BOOST_TEST(progress_token_of("{}").empty());
  BOOST_TEST(progress_token_of("").empty());
}

BOOST_AUTO_TEST_CASE(names_are_repeated_in_headers) {
  auto tool = stateless_headers("tools/call", R"({"name":"add numbers"})");
  BOOST_TEST(header(tool, "mcp-method") == "tools/call");
  BOOST_TEST(header(tool, "mcp-name") == "add numbers");
  BOOST_TEST(header(tool, "mcp-protocol-version") == "2026-07-28");
  auto resource = stateless_headers("resources/read", R"({"uri":"test://é"})");
  BOOST_TEST(header(resource, "mcp-name") == "=?base64?dGVzdDovL8Op?=");
  BOOST_TEST(header(stateless_headers("tools/list", "{}"), "mcp-name") == "(none)");
}

BOOST_AUTO_TEST_CASE(a_handshake_and_an_error_are_well_formed) {
  auto params = object(initialize_params_text(session_version_newest, "", R"({"name":"c"})"));
  BOOST_TEST(params.at("protocolVersion").as_string() == "2025-11-25");
  BOOST_TEST(params.at("capabilities").as_object().empty());
  auto error =
    object(encode_error_text(rpc_id{std::string_view{"q"}}, -32601, "n\"o", R"({"a":1})"));
  BOOST_TEST(error.at("error").at("code").as_int64() == -32601);
  BOOST_TEST(error.at("error").at("data").at("a").as_int64() == 1);
}

BOOST_AUTO_TEST_SUITE_END()
