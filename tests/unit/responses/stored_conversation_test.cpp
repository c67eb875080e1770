#include "core/responses/stored_conversation.hpp"

#include <boost/test/unit_test.hpp>

#include "core/responses/chat_request.hpp"
#include "tests/unit/responses/loop_driver.hpp"

using namespace callboard;
using namespace callboard::responses;

namespace {

request parse(std::string_view input) {
  auto body = R"({"model":"m","instructions":"secret tone","input":)" + std::string{input}
              + R"(,"tools":[{"type":"mcp","server_label":"github",)"
                R"("server_url":"http://h/mcp/github","authorization":"Bearer sk-eu_1"}]})";
  return parse_request(parse_json_object(body).value(),
                       {"http://h", [](std::string_view) { return true; }})
    .value();
}

std::string messages_of(const conversation& items) {
  request plain;
  auto body = chat_body(plain, items, {}, {}, {});
  return json::serialize(body.at("messages"));
}

} // namespace

BOOST_AUTO_TEST_SUITE(stored_conversation_test)

BOOST_AUTO_TEST_CASE(every_stored_item_has_an_id) {
  auto stored = stored_input({}, parse(R"([{"role":"user","content":"a"},
    {"type":"function_call","call_id":"c","name":"f","arguments":"{}"},
    {"type":"function_call_output","call_id":"c","output":"o"},
    {"role":"user","content":"b","id":"msg_mine"}])"),
                             "resp_ab");
  std::string ids;
  for (auto& x : stored)
    ids += to_std(x.at("id").as_string()) + ' ';
  BOOST_TEST(ids == "msg_abi0000 fc_abi0001 fco_abi0002 msg_mine ");
  auto text = json::serialize(stored);
  BOOST_TEST(text.find("sk-eu") == std::string::npos);
  BOOST_TEST(text.find("secret tone") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_conversation_goes_on_after_a_loop) {
  loop_driver first{loop_driver::tools({"github"}, {"f"})};
  first.start_and_list();
  first.call({"github_a"});
  first.outcome(0, "issue 1");
  first.call({"github_b", "f"}, "One moment.");
  auto input = stored_input({}, parse(R"("hi")"), "resp_0011");
  auto history = history_of(input, first.response().at("output").as_array());
  auto items = load_history(history).value();
  BOOST_TEST((code_of(check_pairing(items)) == errc::invalid_field)); // f awaits its output
  auto next = parse(R"([{"type":"function_call_output","call_id":"call_2","output":"42"}])");
  auto whole = items;
  whole.insert(whole.end(), next.input.items.begin(), next.input.items.end());
  BOOST_TEST(!check_pairing(whole));
  BOOST_TEST(
    messages_of(whole)
    == R"([{"role":"user","content":"hi"},{"role":"assistant","content":null,"tool_calls":[)"
       R"({"id":"mcp_00110001","type":"function","function":{"name":"github_a",)"
       R"("arguments":"{}"}}]},)"
       R"({"role":"tool","tool_call_id":"mcp_00110001","content":"issue 1"},)"
       R"({"role":"assistant","content":"One moment.","tool_calls":[)"
       R"({"id":"call_2","type":"function","function":{"name":"f","arguments":"{}"}}]},)"
       R"({"role":"tool","tool_call_id":"call_2","content":"42"}])");
  // The third request's history is the second's input and output.
  auto second_input = stored_input(history, next, "resp_0022");
  BOOST_TEST(second_input.size() == history.size() + 1);
  BOOST_TEST(messages_of(load_history(second_input).value()) == messages_of(whole));
}

BOOST_AUTO_TEST_CASE(what_was_never_answered_is_left_out) {
  auto output = parse_json(R"([{"id":"l","type":"mcp_list_tools","server_label":"s","tools":[]},
    {"id":"r","type":"reasoning","summary":[]},
    {"id":"m1","type":"mcp_call","status":"incomplete","name":"t","arguments":"{}","error":null,
    "output":null,"server_label":"s"},
    {"id":"m2","type":"mcp_call","status":"failed","name":"t","arguments":"{}","error":"e",
    "output":null,"server_label":"s"},
    7])")
                  .value();
  auto history = history_of({}, output.as_array());
  BOOST_REQUIRE(history.size() == 1u);
  BOOST_TEST(history[0].at("id").as_string() == "m2");
  BOOST_TEST(!check_pairing(load_history(history).value()));
}

BOOST_AUTO_TEST_CASE(damage_is_an_internal_error) {
  auto damaged = parse_json(R"([{"type":"message"}])").value();
  auto x = load_history(damaged.as_array());
  BOOST_REQUIRE(!x);
  BOOST_TEST(to_string(code_of(x.error())) == "internal_error");
}

BOOST_AUTO_TEST_SUITE_END()
