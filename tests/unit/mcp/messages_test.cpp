#include "core/mcp/messages.hpp"

#include <boost/test/unit_test.hpp>

using namespace callboard;
using namespace callboard::mcp;

namespace {

json::object object(std::string_view text) { return parse_json_object(text).value(); }

std::string text_of(const json::object& x) { return json::serialize(x); }

constexpr auto oldest = session_version::v2024_11_05;
constexpr auto spring = session_version::v2025_03_26;
constexpr auto summer = session_version::v2025_06_18;
constexpr auto newest = session_version::v2025_11_25;

} // namespace

BOOST_AUTO_TEST_SUITE(messages_test)

BOOST_AUTO_TEST_CASE(initialize_tells_version_client_and_capabilities) {
  auto x = parse_initialize(object(R"({"protocolVersion":"2025-06-18","capabilities":
    {"sampling":{},"extensions":{"x":1}},"clientInfo":{"name":"c","version":"1","title":"T"}})"));
  BOOST_REQUIRE(x);
  BOOST_TEST((x->version == summer));
  BOOST_TEST(x->client_name == "c");
  BOOST_TEST(x->client_version == "1");
  BOOST_TEST(x->capabilities.contains("extensions"));
  auto future = parse_initialize(object(R"({"protocolVersion":"2030-01-01"})"));
  BOOST_REQUIRE(future);
  BOOST_TEST((future->version == newest));
  BOOST_TEST(future->requested_version == "2030-01-01");
  BOOST_TEST(future->client_name.empty());
}

BOOST_AUTO_TEST_CASE(malformed_initialize_params_are_named) {
  for (auto& [text, param] : std::vector<std::pair<const char*, const char*>>{
         {"{}", "protocolVersion"},
         {R"({"protocolVersion":20250618})", "protocolVersion"},
         {R"({"protocolVersion":"2025-06-18","capabilities":[]})", "capabilities"},
         {R"({"protocolVersion":"2025-06-18","clientInfo":"x"})", "clientInfo"}}) {
    auto x = parse_initialize(object(text));
    BOOST_REQUIRE(!x);
    BOOST_TEST((code_of(x.error()) == errc::invalid_params));
    BOOST_TEST(param_of(x.error()) == param);
  }
}

BOOST_AUTO_TEST_CASE(the_result_of_initialize_fits_its_version) {
  server_info server{"callboard", "Callboard", "1.2", ""};
  BOOST_TEST(text_of(initialize_result(newest, server, {}))
             == R"({"protocolVersion":"2025-11-25","capabilities":{"tools":{"listChanged":true},)"
                R"("logging":{}},"serverInfo":{"name":"callboard","title":"Callboard",)"
                R"("version":"1.2"}})");
  server.instructions = "Use it.";
  BOOST_TEST(text_of(initialize_result(spring, server, {false, false}))
             == R"({"protocolVersion":"2025-03-26","capabilities":{"tools":{"listChanged":false}},)"
                R"("serverInfo":{"name":"callboard","version":"1.2"},"instructions":"Use it."})");
}

BOOST_AUTO_TEST_CASE(a_tool_list_leaves_out_what_a_version_does_not_know) {
  const std::vector<json::object> tools{
    object(R"({"name":"a","title":"A","inputSchema":{},"annotations":{"readOnlyHint":true}})")};
  BOOST_TEST(text_of(tools_list_result(tools, newest))
             == R"({"tools":[{"name":"a","title":"A","inputSchema":{},)"
                R"("annotations":{"readOnlyHint":true}}]})");
  auto in_spring = tools_list_result(tools, spring);
  auto& old = in_spring.at("tools").at(0).as_object();
  BOOST_TEST(!old.contains("title"));
  BOOST_TEST(old.contains("annotations"));
  auto in_beginning = tools_list_result(tools, oldest);
  BOOST_TEST(!in_beginning.at("tools").at(0).as_object().contains("annotations"));
  BOOST_TEST(text_of(tools_list_result({}, newest)) == R"({"tools":[]})");
}

BOOST_AUTO_TEST_CASE(only_the_first_page_has_a_valid_cursor) {
  for (auto* good : {"{}", R"({"cursor":""})", R"({"cursor":null})", R"({"other":1})"})
    BOOST_TEST(static_cast<bool>(check_cursor(object(good))));
  for (auto* bad : {R"({"cursor":"x"})", R"({"cursor":1})", R"({"cursor":{}})"}) {
    auto x = check_cursor(object(bad));
    BOOST_REQUIRE(!x);
    BOOST_TEST(rpc_code_of(code_of(x.error())) == -32602);
  }
}

BOOST_AUTO_TEST_CASE(a_tool_call_has_name_arguments_and_progress_token) {
  auto x = parse_tool_call(
    object(R"({"name":"t","arguments":{"a":1},"_meta":{"progressToken":0,"x":"y"},"extra":true})"));
  BOOST_REQUIRE(x);
  BOOST_TEST(x->name == "t");
  BOOST_TEST(text_of(x->arguments) == R"({"a":1})");
  BOOST_REQUIRE(x->progress);
  BOOST_TEST(x->progress->key() == "0");
  BOOST_TEST(x->meta.contains("x"));
  for (auto* text : {R"({"name":"t"})", R"({"name":"t","arguments":null,"_meta":null})"}) {
    auto bare = parse_tool_call(object(text));
    BOOST_REQUIRE(bare);
    BOOST_TEST(bare->arguments.empty());
    BOOST_TEST(!bare->progress);
  }
}

BOOST_AUTO_TEST_CASE(malformed_tool_calls_are_invalid_params) {
  for (auto& [text, param] : std::vector<std::pair<const char*, const char*>>{
         {"{}", "name"},
         {R"({"name":""})", "name"},
         {R"({"name":5})", "name"},
         {R"({"name":"t","arguments":[]})", "arguments"},
         {R"({"name":"t","arguments":"{}"})", "arguments"},
         {R"({"name":"t","_meta":[]})", "_meta"},
         {R"({"name":"t","_meta":{"progressToken":null}})", "_meta.progressToken"},
         {R"({"name":"t","_meta":{"progressToken":1.5}})", "_meta.progressToken"},
         {R"({"name":"t","_meta":{"progressToken":{}}})", "_meta.progressToken"}}) {
    BOOST_TEST_CONTEXT(text) {
      auto x = parse_tool_call(object(text));
      BOOST_REQUIRE(!x);
      BOOST_TEST(rpc_code_of(code_of(x.error())) == -32602);
      BOOST_TEST(param_of(x.error()) == param);
    }
  }
  BOOST_TEST(rpc_code_of(code_of(unknown_tool("x"))) == -32602);
  BOOST_TEST(message_of(unknown_tool("x_y")) == "Unknown tool: x_y");
}

BOOST_AUTO_TEST_CASE(a_tool_result_is_structured_only_where_that_is_known) {
  tool_result x{"Issue #1 created", false, R"({"number":1})"};
  BOOST_TEST(call_tool_result(x, summer)
             == R"({"content":[{"type":"text","text":"Issue #1 created"}],)"
                R"("structuredContent":{"number":1},"isError":false})");
  BOOST_TEST(call_tool_result(x, spring)
             == R"({"content":[{"type":"text","text":"Issue #1 created"}],"isError":false})");
  BOOST_TEST(call_tool_result({"say \"no\"", true, {}}, newest)
             == R"({"content":[{"type":"text","text":"say \"no\""}],"isError":true})");
}

BOOST_AUTO_TEST_CASE(a_cancellation_names_its_request) {
  BOOST_TEST(cancelled_request(object(R"({"requestId":0,"reason":"r"})"))->key() == "0");
  BOOST_TEST(cancelled_request(object(R"({"requestId":"a"})"))->key() == "\"a\"");
  for (auto* bad : {"{}", R"({"requestId":null})", R"({"requestId":1.5})"})
    BOOST_TEST(!cancelled_request(object(bad)));
}

BOOST_AUTO_TEST_CASE(log_levels_are_the_eight_of_syslog_in_order) {
  const std::vector<std::string> names{"debug", "info",     "notice", "warning",
                                       "error", "critical", "alert",  "emergency"};
  auto last = -1;
  for (auto& name : names) {
    auto x = parse_set_level({{"level", name}});
    BOOST_REQUIRE(x);
    BOOST_TEST(to_string(*x) == name);
    BOOST_TEST(static_cast<int>(*x) == last + 1);
    last = static_cast<int>(*x);
  }
  for (auto* bad : {"{}", R"({"level":"Debug"})", R"({"level":3})", R"({"level":"trace"})"}) {
    auto x = parse_set_level(object(bad));
    BOOST_REQUIRE(!x);
    BOOST_TEST(rpc_code_of(code_of(x.error())) == -32602);
    BOOST_TEST(message_of(x.error()).find("debug, info, notice") != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(notifications_are_encoded_exactly) {
  BOOST_TEST(encode_log(log_level::warning, "github", "slow")
             == R"({"jsonrpc":"2.0","method":"notifications/message","params":)"
                R"({"level":"warning","logger":"github","data":"slow"}})");
  const progress_token token{std::int64_t{0}};
  BOOST_TEST(encode_progress(token, 1, 2, "half", newest)
             == R"({"jsonrpc":"2.0","method":"notifications/progress","params":)"
                R"({"progressToken":0,"progress":1,"total":2,"message":"half"}})");
  BOOST_TEST(encode_progress(progress_token{std::string_view{"t"}}, 3, 0, "half", oldest)
             == R"({"jsonrpc":"2.0","method":"notifications/progress","params":)"
                R"({"progressToken":"t","progress":3}})");
}

BOOST_AUTO_TEST_SUITE_END()
