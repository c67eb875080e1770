#include "core/responses/item.hpp"

#include <boost/test/unit_test.hpp>

using namespace callboard;
using namespace callboard::responses;

namespace {

result<parsed_items> parse(std::string_view text) {
  return parse_items(parse_json(text).value().as_array(), "input");
}

std::string refused(std::string_view text) {
  auto x = parse(text);
  if (x)
    return "accepted";
  return code_of(x.error()) == errc::invalid_field ? param_of(x.error()) : "wrong error";
}

std::string pairing_problem(std::string_view text) {
  auto problem = check_pairing(parse(text).value().items);
  return problem ? message_of(problem) : "";
}

const char* const call_1 = R"({"type":"function_call","call_id":"c1","name":"f","arguments":"{}"})";
const char* const output_1 = R"({"type":"function_call_output","call_id":"c1","output":"ok"})";

std::string list(std::initializer_list<std::string_view> items) {
  std::string out = "[";
  for (auto x : items)
    out += (out.size() > 1 ? "," : "") + std::string{x};
  return out + "]";
}

} // namespace

BOOST_AUTO_TEST_SUITE(item_test)

BOOST_AUTO_TEST_CASE(messages_come_with_and_without_type) {
  auto x = parse(R"([{"role":"user","content":"a"},
    {"type":"message","role":"assistant","id":"msg_1","status":"completed","content":
      [{"type":"output_text","text":"b","annotations":[],"logprobs":[]},{"type":"refusal",
      "refusal":"no"}]},
    {"role":"developer","content":[{"type":"input_text","text":"c"}]},
    {"role":"user","content":[{"type":"input_image","image_url":"https://x/y.png",
    "detail":"low"}]}])")
             .value();
  BOOST_REQUIRE(x.items.size() == 4u);
  auto& first = std::get<message>(x.items[0]);
  BOOST_TEST(first.parts[0].text == "a");
  auto& second = std::get<message>(x.items[1]);
  BOOST_TEST((second.role == message::speaker::assistant));
  BOOST_TEST((second.parts[1].as == content_part::kind::refusal));
  auto& fourth = std::get<message>(x.items[3]);
  BOOST_TEST((fourth.parts[0].as == content_part::kind::image));
  BOOST_TEST(fourth.parts[0].detail == "low");
  BOOST_TEST(x.stored[1].at("id").as_string() == "msg_1");
  BOOST_TEST(
    json::serialize(x.stored[2])
    == R"({"type":"message","role":"developer","content":[{"type":"input_text","text":"c"}]})");
}

BOOST_AUTO_TEST_CASE(what_is_stored_reads_back_the_same) {
  auto x = parse(R"([{"role":"user","content":[{"type":"input_image","image_url":"https://x"},
    {"type":"input_image","image_url":"data:image/png;base64,AA","detail":"high"}]},
    {"type":"function_call","call_id":"c1","name":"f","arguments":"{}"},
    {"type":"function_call_output","call_id":"c1","output":[{"type":"input_text","text":"o"}]},
    {"type":"mcp_call","id":"m","server_label":"s","name":"t","arguments":"{}","error":"e"}])")
             .value();
  auto again = parse_items(x.stored, "input").value();
  BOOST_TEST((again.items == x.items));
  BOOST_TEST(json::serialize(again.stored) == json::serialize(x.stored));
}

BOOST_AUTO_TEST_CASE(calls_and_outputs_are_read) {
  auto x = parse(list({call_1, R"({"type":"function_call_output","call_id":"c1","output":
    [{"type":"input_text","text":"a"},{"type":"input_text","text":"b"}]})"}))
             .value();
  BOOST_TEST((std::get<tool_call>(x.items[0]) == tool_call{"c1", "f", "{}"}));
  BOOST_TEST((std::get<tool_output>(x.items[1]) == tool_output{"c1", "a\nb"}));
}

BOOST_AUTO_TEST_CASE(an_mcp_call_becomes_a_call_and_its_output) {
  auto x = parse(R"([{"type":"mcp_list_tools","id":"mcpl_1","server_label":"github","tools":[]},
    {"type":"reasoning","id":"rs_1","summary":[]},
    {"type":"mcp_call","id":"mcp_1","server_label":"github","name":"t","arguments":"{}",
    "output":"done",
     "error":null,"status":"completed","approval_request_id":null},
    {"type":"mcp_call","id":"mcp_2","server_label":"github","name":"t","arguments":"{}",
    "output":null,
     "error":"broken","status":"failed"},
    {"type":"mcp_call","id":"mcp_3","server_label":"github","name":"t","arguments":"{}",
    "output":null,
     "error":{"type":"http_error","code":1,"message":"m"}},
    {"type":"mcp_call","id":"mcp_4","server_label":"github","name":"t","arguments":"{}",
     "status":"incomplete"}])")
             .value();
  BOOST_REQUIRE(x.items.size() == 6u);
  BOOST_TEST((std::get<tool_call>(x.items[0]) == tool_call{"mcp_1", "t", "{}"}));
  BOOST_TEST((std::get<tool_output>(x.items[1]) == tool_output{"mcp_1", "done"}));
  BOOST_TEST((std::get<tool_output>(x.items[3]) == tool_output{"mcp_2", "broken"}));
  BOOST_TEST(std::get<tool_output>(x.items[5]).text.find("http_error") != std::string::npos);
  BOOST_TEST(x.stored.size() == 3u);
  BOOST_TEST(x.stored[1].at("status").as_string() == "failed");
  BOOST_TEST(!check_pairing(x.items));
}

BOOST_AUTO_TEST_CASE(bad_items_are_named) {
  const std::pair<std::string_view, std::string_view> cases[] = {
    {R"([1])", "input[0]"},
    {R"([{"role":"user","content":"a"},{}])", "input[1].role"},
    {R"([{"role":"robot","content":"a"}])", "input[0].role"},
    {R"([{"role":"user"}])", "input[0].content"},
    {R"([{"role":"user","content":7}])", "input[0].content"},
    {R"([{"role":"user","content":["a"]}])", "input[0].content[0]"},
    {R"([{"role":"user","content":[{}]}])", "input[0].content[0].type"},
    {R"([{"role":"user","content":[{"type":"input_text"}]}])", "input[0].content[0].text"},
    {R"([{"role":"user","content":[{"type":"input_text","text":1}]}])", "input[0].content[0].text"},
    {R"([{"role":"user","content":[{"type":"input_file","file_id":"f"}]}])",
     "input[0].content[0].type"},
    {R"([{"role":"user","content":[{"type":"input_image","file_id":"f"}]}])",
     "input[0].content[0].file_id"},
    {R"([{"role":"user","content":[{"type":"input_image"}]}])", "input[0].content[0].image_url"},
    {R"([{"role":"user","content":[{"type":"input_image","image_url":"file:///etc/passwd"}]}])",
     "input[0].content[0].image_url"},
    {R"([{"role":"assistant","content":[{"type":"input_image","image_url":"https://x"}]}])",
     "input[0].content[0].type"},
    {R"([{"role":"user","content":[{"type":"refusal","refusal":"x"}]}])",
     "input[0].content[0].type"},
    {R"([{"type":7}])", "input[0].type"},
    {R"([{"type":"item_reference","id":"x"}])", "input[0].type"},
    {R"([{"type":"mcp_approval_response"}])", "input[0].type"},
    {R"([{"type":"computer_call"}])", "input[0].type"},
    {R"([{"type":"function_call","name":"f","arguments":"{}"}])", "input[0].call_id"},
    {R"([{"type":"function_call","call_id":"","name":"f","arguments":"{}"}])", "input[0].call_id"},
    {R"([{"type":"function_call","call_id":"c","arguments":"{}"}])", "input[0].name"},
    {R"([{"type":"function_call","call_id":"c","name":"","arguments":"{}"}])", "input[0].name"},
    {R"([{"type":"function_call","call_id":"c","name":"f"}])", "input[0].arguments"},
    {R"([{"type":"function_call","call_id":"c","name":"f","arguments":{}}])", "input[0].arguments"},
    {R"([{"type":"function_call_output","output":"x"}])", "input[0].call_id"},
    {R"([{"type":"function_call_output","call_id":"c"}])", "input[0].output"},
    {R"([{"type":"function_call_output","call_id":"c","output":7}])", "input[0].output"},
    {R"([{"type":"function_call_output","call_id":"c","output":[{"type":"input_image"}]}])",
     "input[0].output[0].type"},
    {R"([{"type":"mcp_call","name":"t","arguments":"{}"}])", "input[0].id"},
    {R"([{"type":"mcp_call","id":"m","name":"t","arguments":"{}","output":7}])", "input[0].output"},
    {R"([{"role":"user","content":"a","id":7}])", "input[0].id"},
  };
  for (auto& [text, param] : cases)
    BOOST_TEST_CONTEXT(text) { BOOST_TEST(refused(text) == param); }
}

BOOST_AUTO_TEST_CASE(nothing_but_known_fields_is_stored) {
  auto x = parse(R"([{"role":"user","content":"a","authorization":"Bearer sk-eu_1"},
    {"type":"function_call","call_id":"c1","name":"f","arguments":"{}","authorization":"sk-eu_1"},
    {"type":"mcp_call","id":"m","server_label":"s","name":"t","arguments":"{}","output":"o",
     "authorization":"sk-eu_1"}])")
             .value();
  BOOST_TEST(x.stored.size() == 3u);
  BOOST_TEST(json::serialize(x.stored).find("sk-eu") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(calls_and_outputs_must_match) {
  BOOST_TEST(pairing_problem(list({call_1, output_1})) == "");
  BOOST_TEST(pairing_problem(list({call_1})) == "No tool output found for call_id c1.");
  BOOST_TEST(pairing_problem(list({output_1}))
             == "No tool call found for the output of call_id c1.");
  BOOST_TEST(pairing_problem(list({call_1, output_1, output_1}))
             == "The call_id c1 has two outputs.");
  BOOST_TEST(pairing_problem(list({call_1, call_1, output_1})) == "Two tool calls have the id c1.");
}

BOOST_AUTO_TEST_SUITE_END()
