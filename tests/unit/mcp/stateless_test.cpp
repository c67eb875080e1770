#include "core/mcp/stateless.hpp"

#include <boost/test/unit_test.hpp>

using namespace callboard;
using namespace callboard::mcp;

namespace {

constexpr auto good_meta = R"("_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",
  "io.modelcontextprotocol/clientCapabilities":{}})";

std::string request(const std::string& method, const std::string& params,
                    const std::string& id = "1") {
  return R"({"jsonrpc":"2.0","id":)" + id + R"(,"method":")" + method + R"(","params":{)" + params
         + "}}";
}

http_headers fields(const std::string& method, http_headers more = {}) {
  more.push_back({"MCP-Protocol-Version", "2026-07-28"});
  more.push_back({"mcp-method", method});
  return more;
}

refusal refused(const routed_post& x) {
  BOOST_REQUIRE(std::holds_alternative<refusal>(x));
  return std::get<refusal>(x);
}

void check_refused(const http_headers& headers, const std::string& body, int status, int code) {
  auto routed = route_post(headers, body);
  BOOST_REQUIRE_MESSAGE(std::holds_alternative<refusal>(routed), body);
  auto& x = std::get<refusal>(routed);
  BOOST_TEST(x.status == status, body << ": " << x.message);
  BOOST_TEST(x.code == code, body << ": " << x.message);
  BOOST_TEST(static_cast<bool>(parse_json(encode_error(x))));
}

} // namespace

BOOST_AUTO_TEST_SUITE(stateless_test)

BOOST_AUTO_TEST_CASE(a_request_with_its_envelope_is_read) {
  auto body = request("tools/list", R"("_meta":{
    "io.modelcontextprotocol/protocolVersion":"2026-07-28","progressToken":0,
    "io.modelcontextprotocol/clientCapabilities":{"elicitation":{}},
    "io.modelcontextprotocol/clientInfo":{"name":"c"},
    "io.modelcontextprotocol/logLevel":"warning"})",
                      "0");
  auto routed = route_post(fields("tools/list"), body);
  BOOST_REQUIRE(std::holds_alternative<stateless_request>(routed));
  auto& x = std::get<stateless_request>(routed);
  BOOST_TEST(x.id.key() == "0");
  BOOST_TEST(x.method == "tools/list");
  BOOST_TEST(declares(x.client.capabilities, "elicitation"));
  BOOST_TEST(!declares(x.client.capabilities, "sampling"));
  BOOST_TEST((x.client.level == log_level::warning));
  BOOST_TEST(x.progress->key() == "0");
}

BOOST_AUTO_TEST_CASE(the_body_decides_the_era) {
  auto is_session = [](const http_headers& headers, const std::string& body) {
    return std::holds_alternative<rpc_body>(route_post(headers, body));
  };
  const http_headers old{{"MCP-Protocol-Version", "2025-11-25"}};
  BOOST_TEST(is_session({}, R"({"jsonrpc":"2.0","id":1,"method":"tools/list"})"));
  // A header of the other era alone decides nothing (mcp-remote sends it).
  BOOST_TEST(is_session({{"Mcp-Method", "tools/list"}},
                        R"({"jsonrpc":"2.0","id":1,"method":"tools/list"})"));
  BOOST_TEST(is_session(old, request("initialize", R"("protocolVersion":"2026-07-28")")));
  // Half an envelope does not take the handshake away from its era.
  BOOST_TEST(is_session({}, request("initialize", R"("protocolVersion":"2025-11-25","_meta":{
    "io.modelcontextprotocol/protocolVersion":"2026-07-28"})")));
  BOOST_TEST(is_session({}, R"([{"jsonrpc":"2.0","id":1,"method":"ping"}])"));
  auto notice = route_post({}, R"({"jsonrpc":"2.0","method":"notifications/x","params":{"_meta":{
    "io.modelcontextprotocol/protocolVersion":"2026-07-28"}}})");
  BOOST_TEST(std::holds_alternative<stateless_notice>(notice));
  auto handshake = route_post(fields("initialize"), request("initialize", good_meta));
  BOOST_TEST(std::holds_alternative<stateless_request>(handshake),
             "a removed method, answered 404");
}

BOOST_AUTO_TEST_CASE(what_is_wrong_with_a_post_as_a_whole_is_refused) {
  const http_headers modern{{"MCP-Protocol-Version", "2026-07-28"}};
  check_refused({}, "{", 400, code_parse_error);
  check_refused({}, "[]", 400, code_invalid_request);
  check_refused({}, R"({"jsonrpc":"2.0","id":null,"method":"m"})", 400, code_invalid_request);
  check_refused({}, "[" + request("tools/list", good_meta) + "]", 400, code_invalid_request);
  check_refused(modern, R"([{"jsonrpc":"2.0","id":1,"method":"ping"}])", 400, code_invalid_request);
  // Step 4 and step 6 of the decision.
  check_refused(modern, request("initialize", R"("protocolVersion":"2025-11-25")"), 400,
                code_header_mismatch);
  check_refused(modern, R"({"jsonrpc":"2.0","id":1,"method":"tools/list"})", 400,
                code_invalid_params);
  // An answer has no place in that era (N19).
  check_refused(modern, R"({"jsonrpc":"2.0","id":1,"result":{}})", 400, code_invalid_params);
}

BOOST_AUTO_TEST_CASE(an_incomplete_envelope_is_400_with_invalid_params) {
  auto meta = [](const std::string& members) {
    return request("tools/list",
                   R"("_meta":{"io.modelcontextprotocol/protocolVersion":)" + members + "}");
  };
  auto headers = fields("tools/list");
  check_refused(headers, meta(R"("2026-07-28")"), 400, code_invalid_params);
  check_refused(headers, meta(R"(3,"io.modelcontextprotocol/clientCapabilities":{})"), 400,
                code_invalid_params);
  check_refused(headers, meta(R"("2026-07-28","io.modelcontextprotocol/clientCapabilities":[])"),
                400, code_invalid_params);
  const std::string good = R"("2026-07-28","io.modelcontextprotocol/clientCapabilities":{},)";
  check_refused(headers, meta(good + R"("io.modelcontextprotocol/clientInfo":"x")"), 400,
                code_invalid_params);
  check_refused(headers, meta(good + R"("io.modelcontextprotocol/logLevel":"loud")"), 400,
                code_invalid_params);
  check_refused(headers, meta(good + R"("progressToken":1.5)"), 400, code_invalid_params);
}

BOOST_AUTO_TEST_CASE(versions_are_compared_with_the_header) {
  auto body = [](const std::string& version) {
    return request("tools/list", R"("_meta":{"io.modelcontextprotocol/protocolVersion":")" + version
                                   + R"(","io.modelcontextprotocol/clientCapabilities":{}})");
  };
  auto with = [](const std::string& version) {
    return http_headers{{"MCP-Protocol-Version", version}, {"Mcp-Method", "tools/list"}};
  };
  check_refused({}, body("2026-07-28"), 400, code_header_mismatch);
  check_refused(with("2025-11-25"), body("2026-07-28"), 400, code_header_mismatch);
  check_refused(with("2026-07-28"), body("2025-11-25"), 400, code_header_mismatch);
  for (auto* version : {"2025-11-25", "2027-01-01", "nonsense"}) {
    check_refused(with(version), body(version), 400, code_unsupported_version);
    auto x = refused(route_post(with(version), body(version)));
    BOOST_TEST(json::serialize(x.data)
               == std::string{R"({"supported":["2026-07-28"],"requested":")"} + version + "\"}");
  }
}

BOOST_AUTO_TEST_CASE(method_and_name_are_compared_with_their_headers) {
  auto call = request("tools/call", R"("name":"a tool",)" + std::string{good_meta});
  auto read = request("resources/read", R"("uri":"test://ä",)" + std::string{good_meta});
  auto is_good = [](const http_headers& headers, const std::string& body) {
    return std::holds_alternative<stateless_request>(route_post(headers, body));
  };
  BOOST_TEST(is_good(fields(" tools/call ", {{"Mcp-Name", "  a tool "}}), call));
  BOOST_TEST(is_good(fields("tools/call", {{"mcp-name", "=?base64?YSB0b29s?="}}), call));
  BOOST_TEST(is_good(fields("resources/read", {{"Mcp-Name", "=?base64?dGVzdDovL8Ok?="}}), read));
  const http_headers version{{"MCP-Protocol-Version", "2026-07-28"}};
  check_refused(version, call, 400, code_header_mismatch);
  check_refused(fields("Tools/Call", {{"Mcp-Name", "a tool"}}), call, 400, code_header_mismatch);
  check_refused(fields("tools/call"), call, 400, code_header_mismatch);
  check_refused(fields("tools/call", {{"Mcp-Name", "b"}}), call, 400, code_header_mismatch);
  check_refused(fields("tools/call", {{"Mcp-Name", "=?base64?!!!?="}}), call, 400,
                code_header_mismatch);
  check_refused(fields("tools/call", {{"Mcp-Name", "a tool"}, {"Mcp-Name", "a tool"}}), call, 400,
                code_header_mismatch);
  // Params without a name are the handler's to refuse.
  BOOST_TEST(is_good(fields("tools/call"), request("tools/call", good_meta)));
}

BOOST_AUTO_TEST_CASE(errors_have_the_statuses_of_the_revision) {
  BOOST_TEST(stateless_status_of(-32601) == 404);
  for (int code : {-32700, -32600, -32020, -32021, -32022})
    BOOST_TEST(stateless_status_of(code) == 400);
  for (int code : {-32602, -32603, -32000, 1})
    BOOST_TEST(stateless_status_of(code) == 200);
}

BOOST_AUTO_TEST_CASE(results_say_what_they_are_and_how_long_they_hold) {
  server_info server;
  server.version = "1";
  auto list = complete_result({{"tools", json::array{}}}, server, true);
  BOOST_TEST(list.at("resultType").as_string() == "complete");
  BOOST_TEST(list.at("ttlMs").as_int64() == list_ttl_ms);
  BOOST_TEST(list.at("cacheScope").as_string() == "private");
  BOOST_TEST(list.at("_meta").at("io.modelcontextprotocol/serverInfo").at("name").as_string()
             == "callboard");
  auto shorter = complete_result({{"ttlMs", 5}, {"cacheScope", "public"}}, server, true);
  BOOST_TEST(shorter.at("ttlMs").as_int64() == 5);
  BOOST_TEST(shorter.at("cacheScope").as_string() == "private");
  auto call = complete_result({{"content", json::array{}}}, server, false);
  BOOST_TEST(!call.contains("ttlMs"));
  auto asking = complete_result({{"resultType", "input_required"}}, server, true);
  BOOST_TEST(!asking.contains("ttlMs"));
  BOOST_TEST(!session_result(list).contains("resultType"));
  BOOST_TEST(json::serialize(session_result(list)) == R"({"tools":[]})");
  auto discovered = discover_result({tools_capability(), server});
  BOOST_TEST(json::serialize(discovered.at("supportedVersions")) == R"(["2026-07-28"])");
  BOOST_TEST(discovered.contains("ttlMs"));
}

BOOST_AUTO_TEST_CASE(a_subscription_names_itself_in_every_frame) {
  auto filter = parse_listen(
    json::parse(R"({"notifications":{"toolsListChanged":true,"resourceSubscriptions":["a:b"]}})")
      .as_object());
  BOOST_REQUIRE(filter);
  BOOST_TEST(filter->tools);
  BOOST_TEST(!filter->prompts);
  BOOST_TEST(admits(*filter, "notifications/tools/list_changed", {}));
  BOOST_TEST(!admits(*filter, "notifications/prompts/list_changed", {}));
  BOOST_TEST(admits(*filter, "notifications/resources/updated", {{"uri", "a:b"}}));
  BOOST_TEST(!admits(*filter, "notifications/resources/updated", {{"uri", "a:c"}}));
  BOOST_TEST(!admits(*filter, "notifications/message", {}));
  auto frame = parse_json_object(encode_acknowledged(rpc_id(std::int64_t{0}), *filter));
  BOOST_REQUIRE(frame);
  auto& params = frame->at("params");
  BOOST_TEST(params.at("_meta").at("io.modelcontextprotocol/subscriptionId").as_int64() == 0);
  BOOST_TEST(params.at("notifications").at("toolsListChanged").as_bool());
  auto end = parse_json_object(encode_listen_end(rpc_id(std::string_view{"x"})));
  BOOST_REQUIRE(end);
  BOOST_TEST(end->at("result").at("resultType").as_string() == "complete");
  for (auto* bad : {"{}", R"({"notifications":3})", R"({"notifications":{"toolsListChanged":1}})",
                    R"({"notifications":{"resourceSubscriptions":[1]}})"})
    BOOST_TEST(!parse_listen(json::parse(bad).as_object()), bad);
}

BOOST_AUTO_TEST_CASE(input_is_asked_for_and_taken_out_of_the_next_request) {
  auto result = input_required_result({{"k", "elicitation/create", {{"message", "m"}}}}, "sealed");
  BOOST_TEST(json::serialize(result)
             == R"({"resultType":"input_required","inputRequests":{"k":{"method":)"
                R"("elicitation/create","params":{"message":"m"}}},"requestState":"sealed"})");
  auto params =
    json::parse(R"({"name":"t","inputResponses":{"k":{}},"requestState":"s"})").as_object();
  auto answers = take_input(params);
  BOOST_REQUIRE(answers);
  BOOST_TEST(answers->responses.contains("k"));
  BOOST_TEST(*answers->state == "s");
  BOOST_TEST(json::serialize(params) == R"({"name":"t"})");
  for (auto* bad : {R"({"inputResponses":[]})", R"({"requestState":1})"}) {
    auto x = json::parse(bad).as_object();
    BOOST_TEST(!take_input(x));
  }
  BOOST_TEST(capability_of("roots/list") == "roots");
  BOOST_TEST(capability_of("tools/list") == "");
}

BOOST_AUTO_TEST_SUITE_END()
