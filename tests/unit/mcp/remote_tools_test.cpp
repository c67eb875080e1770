#include "core/mcp/remote_tools.hpp"

#include <boost/test/unit_test.hpp>

#include "core/mcp/input_request.hpp"

using namespace callboard;
using namespace callboard::mcp;

namespace {

std::string tool(const std::string& name, const std::string& more = {}) {
  return R"({"name":")" + name + R"(","description":"d","inputSchema":{"type":"object"})" + more
         + '}';
}

} // namespace

BOOST_AUTO_TEST_SUITE(remote_tools_test)

BOOST_AUTO_TEST_CASE(a_page_has_items_and_perhaps_a_cursor) {
  auto page = read_list_page(R"({"tools":[{"a":1.0},{"b":2}],"nextCursor":""})", "tools");
  BOOST_REQUIRE(page);
  BOOST_TEST(page->items.size() == 2u);
  BOOST_TEST(page->items[0] == R"({"a":1.0})");
  BOOST_TEST(page->next.value() == "");
  BOOST_TEST(!read_list_page(R"({"tools":[]})", "tools")->next);
  BOOST_TEST(!read_list_page(R"({"prompts":[]})", "tools"));
}

BOOST_AUTO_TEST_CASE(the_hash_tells_every_change_of_what_matters) {
  auto hash = [](const std::string& text) { return read_remote_tool(text)->hash; };
  auto first = hash(tool("t"));
  BOOST_TEST(hash(R"({"inputSchema":{"type":"object"},"description":"d","name":"t"})") == first);
  BOOST_TEST(hash(tool("t", R"(,"_meta":{"x":1},"icons":[])")) == first);
  BOOST_TEST(hash(tool("t", R"(,"title":"T")")) != first);
  BOOST_TEST(hash(tool("t", R"(,"annotations":{"readOnlyHint":true})")) != first);
  BOOST_TEST(hash(R"({"name":"t","description":"D","inputSchema":{"type":"object"}})") != first);
  BOOST_TEST(hash(R"({"name":"t","description":"d","inputSchema":{"type":"object","a":{}}})")
             != first);
}

BOOST_AUTO_TEST_CASE(unusable_tools_are_left_out) {
  for (auto text : {"{}", R"({"name":""})", R"({"name":"a"})", R"({"name":"a","inputSchema":true})",
                    R"({"name":"a","inputSchema":{"properties":{"p":{"type":"number",)"
                    R"("x-mcp-header":"P"}}}})"})
    BOOST_TEST(!read_remote_tool(text), text);
}

BOOST_AUTO_TEST_CASE(a_policy_decides_what_is_offered) {
  std::vector<remote_tool> tools{*read_remote_tool(tool("b")), *read_remote_tool(tool("a")),
                                 *read_remote_tool(tool("c"))};
  tool_policy policy;
  BOOST_TEST(offered_tools(tools, policy)[0] == tool("a"));
  policy.allowed = {"a", "b"};
  policy.withheld = {"b"};
  policy.prefix = "x_";
  auto offered = offered_tools(tools, policy);
  BOOST_REQUIRE(offered.size() == 1u);
  BOOST_TEST(offered[0] == tool("x_a"));
  BOOST_TEST(policy.unprefixed("x_a").value() == "a");
  BOOST_TEST(!policy.unprefixed("a"));
  BOOST_TEST(!policy.offers("b"));
  BOOST_TEST(!policy.offers("c"));
}

BOOST_AUTO_TEST_CASE(a_models_text_names_what_is_no_text) {
  auto told = read_tool_text(
    R"({"content":[{"type":"text","text":"one"},{"type":"image","data":"QQ==","mimeType":"image/png"},
        {"type":"resource","resource":{"uri":"x://1","text":"two"}},
        {"type":"resource_link","uri":"x://2"}],"isError":true,"structuredContent":{"n":1.0}})");
  BOOST_TEST(told.text == "one\n[image image/png]\ntwo\n[resource x://2]");
  BOOST_TEST(told.is_error);
  BOOST_TEST(told.structured == R"({"n":1.0})");
  BOOST_TEST(read_tool_text(tool_error_text("a\"b")).text == "a\"b");
}

BOOST_AUTO_TEST_CASE(results_are_brought_to_the_newest_form) {
  BOOST_TEST(with_result_type(R"({"a":1.0})") == R"({"resultType":"complete","a":1.0})");
  BOOST_TEST(with_result_type(R"({"resultType":"x"})") == R"({"resultType":"x"})");
  BOOST_TEST(result_type_of("{}") == "complete");
}

BOOST_AUTO_TEST_CASE(input_is_asked_for_and_given) {
  auto result = R"({"resultType":"input_required","requestState":"s1","inputRequests":{)"
                R"("who":{"method":"elicitation/create","params":{"message":"?"}},)"
                R"("roots":{"method":"roots/list"},"bad":{}}})";
  auto wanted = input_requests_of(result);
  BOOST_REQUIRE(wanted.size() == 2u);
  BOOST_TEST(wanted[0].key == "who");
  BOOST_TEST(wanted[0].params == R"({"message":"?"})");
  BOOST_TEST(wanted[1].params.empty());
  auto params = answered_params(R"({"name":"t","requestState":"s0","inputResponses":{"old":1}})",
                                result, {{"who", R"({"action":"accept"})"}});
  BOOST_TEST(params
             == R"({"name":"t","inputResponses":{"who":{"action":"accept"}},"requestState":"s1"})");
  BOOST_TEST(answered_params("", "{}", {}) == "{}");
}

BOOST_AUTO_TEST_CASE(only_declared_capabilities_may_be_asked_for) {
  auto capabilities = R"({"elicitation":{},"roots":{"listChanged":true}})";
  BOOST_TEST(may_ask(capabilities, "elicitation/create"));
  BOOST_TEST(may_ask(capabilities, "roots/list"));
  BOOST_TEST(!may_ask(capabilities, "sampling/createMessage"));
  BOOST_TEST(!may_ask(capabilities, "tools/call"));
  BOOST_TEST(!may_ask("", "elicitation/create"));
  BOOST_TEST(capability_for("sampling/createMessage") == "sampling");
  BOOST_TEST(capability_for("tools/call").empty());
}

BOOST_AUTO_TEST_CASE(a_servers_progress_token_stays_on_its_hop) {
  BOOST_TEST(without_progress_token(R"({"a":1.0,"_meta":{"progressToken":7}})") == R"({"a":1.0})");
  BOOST_TEST(without_progress_token(R"({"_meta":{"progressToken":7,"x":1}})")
             == R"({"_meta":{"x":1}})");
  BOOST_TEST(without_progress_token("").empty());
}

BOOST_AUTO_TEST_SUITE_END()
