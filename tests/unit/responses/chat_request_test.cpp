#include "core/responses/chat_request.hpp"

#include <boost/test/unit_test.hpp>

#include "core/responses/token_usage.hpp"

using namespace callboard;
using namespace callboard::responses;

namespace {

/// A request with two functions and the mcp items `github` and `slack`.
request parse(std::string_view members = "",
              std::string_view input = R"([{"role":"user","content":"hi"}])") {
  auto server = [](std::string label) {
    return R"({"type":"mcp","server_label":")" + label + R"(","server_url":"http://h/mcp/)" + label
           + R"(","authorization":"Bearer sk-eu_1"})";
  };
  auto body = R"({"model":"m","input":)" + std::string{input}
              + R"(,"tools":[{"type":"function","name":"f","parameters":{"type":"object"}},)"
              + server("github") + "," + server("slack")
              + R"(,{"type":"function","name":"g","strict":true}])" + (members.empty() ? "" : ",")
              + std::string{members} + "}";
  return parse_request(parse_json_object(body).value(),
                       {"http://h", [](std::string_view) { return true; }})
    .value();
}

mcp_tool tool(std::string label, std::string name, bool read_only = false) {
  json::object annotations;
  annotations["readOnlyHint"] = read_only;
  json::object schema;
  schema["type"] = "object";
  return {std::move(label), std::move(name), "d", std::move(schema), std::move(annotations)};
}

const std::vector<mcp_tool> tools{tool("github", "github_a"), tool("github", "github_b"),
                                  tool("slack", "slack_a")};

json::object body(const request& x, chat_round round = {}) {
  return chat_body(x, x.input.items, tools, {"up/model", 1000, false}, round);
}

std::string names(const json::object& chat_body) {
  std::string out;
  if (auto* list = find_array(chat_body, "tools"))
    for (auto& x : *list)
      out += to_std(x.at("function").at("name").as_string()) + ' ';
  return out;
}

std::string text(const json::object& object, std::string_view key) {
  auto* x = find(object, key);
  return x ? json::serialize(*x) : "absent";
}

std::string messages(std::string_view input, std::string_view members = "") {
  return text(body(parse(members, input)), "messages");
}

} // namespace

BOOST_AUTO_TEST_SUITE(chat_request_test)

BOOST_AUTO_TEST_CASE(a_body_is_streamed_with_usage_and_a_bound) {
  auto x = body(parse());
  BOOST_TEST(text(x, "model") == R"("up/model")");
  BOOST_TEST(text(x, "stream") == "true");
  BOOST_TEST(text(x, "stream_options") == R"({"include_usage":true})");
  BOOST_TEST(text(x, "max_tokens") == "1000");
  BOOST_TEST(text(x, "max_completion_tokens") == "absent");
  BOOST_TEST(text(x, "tool_choice") == R"("auto")");
  BOOST_TEST(text(x, "parallel_tool_calls") == "absent");
  BOOST_TEST(text(x, "response_format") == "absent");
  BOOST_TEST(names(x) == "f g github_a github_b slack_a ");
  BOOST_TEST(json::serialize(x.at("tools").as_array()[0])
             == R"({"type":"function","function":{"name":"f","parameters":{"type":"object"}}})");
  BOOST_TEST(json::serialize(x.at("tools").as_array()[1])
             == R"({"type":"function","function":{"name":"g","strict":true}})");
  BOOST_TEST(json::serialize(x.at("tools").as_array()[2])
             == R"({"type":"function","function":{"name":"github_a","description":"d",)"
                R"("parameters":{"type":"object"}}})");
}

BOOST_AUTO_TEST_CASE(the_smaller_bound_wins_and_shrinks_with_the_rounds) {
  auto x = parse(R"("max_output_tokens":100)");
  BOOST_TEST(output_tokens_bound(body(x)) == 100);
  chat_round second;
  second.first = false;
  second.output_tokens_used = 70;
  BOOST_TEST(output_tokens_bound(body(x, second)) == 30);
  second.output_tokens_used = 200;
  BOOST_TEST(output_tokens_bound(body(x, second)) == 1);
  auto large = parse(R"("max_output_tokens":100000)");
  BOOST_TEST(output_tokens_bound(body(large)) == 1000);
  auto newer = chat_body(large, large.input.items, tools, {"m", 5, true}, {});
  BOOST_TEST(text(newer, "max_completion_tokens") == "5");
  BOOST_TEST(text(newer, "max_tokens") == "absent");
  BOOST_TEST(output_tokens_bound(newer) == 5);
}

BOOST_AUTO_TEST_CASE(sampling_fields_and_formats_are_passed_on) {
  auto x = body(parse(R"("temperature":0.5,"top_p":0.25,"presence_penalty":1,"frequency_penalty":-1,
    "reasoning":{"effort":"low"},"parallel_tool_calls":false,
    "text":{"verbosity":"low","format":{"type":"json_schema","name":"n","schema":{},
    "strict":true}})"));
  BOOST_TEST(text(x, "temperature") == "5E-1");
  BOOST_TEST(text(x, "top_p") == "2.5E-1");
  BOOST_TEST(text(x, "presence_penalty") == "1E0");
  BOOST_TEST(text(x, "frequency_penalty") == "-1E0");
  BOOST_TEST(text(x, "reasoning_effort") == R"("low")");
  BOOST_TEST(text(x, "verbosity") == R"("low")");
  BOOST_TEST(text(x, "parallel_tool_calls") == "false");
  BOOST_TEST(text(x, "response_format")
             == R"({"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":{}}})");
  BOOST_TEST(text(body(parse(R"("text":{"format":{"type":"json_object"}})")), "response_format")
             == R"({"type":"json_object"})");
}

BOOST_AUTO_TEST_CASE(messages_keep_their_roles_and_parts) {
  BOOST_TEST(
    messages(R"([{"role":"developer","content":"d"},{"role":"user","content":
      [{"type":"input_text","text":"a"},{"type":"input_text","text":"b"}]},
      {"role":"assistant","content":[{"type":"output_text","text":"x"},{"type":"refusal",
      "refusal":"y"}]},
      {"role":"user","content":[{"type":"input_text","text":"see"},
        {"type":"input_image","image_url":"https://i/1.png","detail":"high"}]}])",
             R"("instructions":"be brief")")
    == R"([{"role":"system","content":"be brief"},{"role":"system","content":"d"},)"
       R"({"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},)"
       R"({"role":"assistant","content":"xy"},)"
       R"({"role":"user","content":[{"type":"text","text":"see"},)"
       R"({"type":"image_url","image_url":{"url":"https://i/1.png","detail":"high"}}]}])");
}

BOOST_AUTO_TEST_CASE(calls_of_one_turn_share_one_message) {
  auto expected =
    R"([{"role":"user","content":"hi"},{"role":"assistant","content":"Let me see.","tool_calls":[)"
    R"({"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}},)"
    R"({"id":"c2","type":"function","function":{"name":"g","arguments":"{}"}}]},)"
    R"({"role":"tool","tool_call_id":"c1","content":"one"},)"
    R"({"role":"tool","tool_call_id":"c2","content":"two"},)"
    R"({"role":"user","content":"go on"}])";
  std::string head =
    R"([{"role":"user","content":"hi"},{"role":"assistant","content":"Let me see."},
    {"type":"function_call","call_id":"c1","name":"f","arguments":"{\"a\":1}"},
    {"type":"function_call","call_id":"c2","name":"g","arguments":""},)";
  std::string one = R"({"type":"function_call_output","call_id":"c1","output":"one"})";
  std::string two = R"({"type":"function_call_output","call_id":"c2","output":"two"})";
  std::string user = R"({"role":"user","content":"go on"})";
  BOOST_TEST(messages(head + one + "," + two + "," + user + "]") == expected);
  // Outputs in another place stand behind their calls all the same.
  BOOST_TEST(messages(head + two + "," + user + "," + one + "]") == expected);
}

BOOST_AUTO_TEST_CASE(mcp_calls_of_the_history_are_calls_with_outputs) {
  BOOST_TEST(
    messages(R"([{"role":"user","content":"hi"},{"type":"mcp_call","id":"mcp_1",
      "server_label":"github","name":"github_a","arguments":"not json","output":null,
      "error":"bad"}])")
    == R"([{"role":"user","content":"hi"},{"role":"assistant","content":null,"tool_calls":[)"
       R"({"id":"mcp_1","type":"function","function":{"name":"github_a","arguments":"{}"}}]},)"
       R"({"role":"tool","tool_call_id":"mcp_1","content":"bad"}])");
}

BOOST_AUTO_TEST_CASE(a_forced_choice_holds_for_the_first_round_only) {
  chat_round later;
  later.first = false;
  const std::pair<std::string_view, std::string_view> cases[] = {
    {R"("required")", R"("required")"},
    {R"({"type":"function","name":"f"})", R"({"type":"function","function":{"name":"f"}})"},
    {R"({"type":"mcp","server_label":"github","name":"github_b"})",
     R"({"type":"function","function":{"name":"github_b"}})"},
    {R"({"type":"mcp","server_label":"slack"})", R"("required")"},
  };
  for (auto& [choice, first] : cases) {
    auto x = parse(R"("tool_choice":)" + std::string{choice});
    BOOST_TEST(text(body(x), "tool_choice") == first);
    BOOST_TEST(text(body(x, later), "tool_choice") == R"("auto")");
    BOOST_TEST(names(body(x, later)) == "f g github_a github_b slack_a ");
  }
  auto slack = parse(R"("tool_choice":{"type":"mcp","server_label":"slack"})");
  BOOST_TEST(names(body(slack)) == "slack_a ");
  auto none = parse(R"("tool_choice":"none")");
  BOOST_TEST(text(body(none), "tool_choice") == R"("none")");
  BOOST_TEST(text(body(none, later), "tool_choice") == R"("none")");
  later.no_more_tools = true;
  BOOST_TEST(text(body(parse(), later), "tool_choice") == R"("none")");
}

BOOST_AUTO_TEST_CASE(allowed_tools_of_the_choice_hold_for_all_rounds) {
  auto x = parse(R"("tool_choice":{"type":"allowed_tools","mode":"required","tools":[
    {"type":"function","name":"g"},{"type":"mcp","server_label":"github","name":"github_b"},
    {"type":"mcp","server_label":"slack"}]})");
  BOOST_TEST(names(body(x)) == "g github_b slack_a ");
  BOOST_TEST(text(body(x), "tool_choice") == R"("required")");
  chat_round later;
  later.first = false;
  BOOST_TEST(names(body(x, later)) == "g github_b slack_a ");
  BOOST_TEST(text(body(x, later), "tool_choice") == R"("auto")");
}

BOOST_AUTO_TEST_CASE(without_tools_there_is_no_choice) {
  auto x = parse_request(parse_json_object(R"({"model":"m","input":"hi"})").value(),
                         {"http://h", [](std::string_view) { return true; }})
             .value();
  auto chat = chat_body(x, x.input.items, {}, {"m", 5, false}, {});
  BOOST_TEST(text(chat, "tools") == "absent");
  BOOST_TEST(text(chat, "tool_choice") == "absent");
}

BOOST_AUTO_TEST_CASE(no_key_enters_the_prompt) {
  BOOST_TEST(json::serialize(body(parse())).find("sk-eu") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_item_may_limit_its_tools) {
  auto x = parse();
  auto listed = std::vector<mcp_tool>{tool("", "a", true), tool("", "b"), tool("", "c", true)};
  auto count = [&](auto change) {
    auto server = x.servers[0];
    change(server);
    return allowed_tools(server, listed).size();
  };
  BOOST_TEST(count([](mcp_server&) {}) == 3u);
  BOOST_TEST(count([](mcp_server& s) { s.allowed_tools = {"b", "c", "gone"}; }) == 2u);
  BOOST_TEST(count([](mcp_server& s) { s.read_only = true; }) == 2u);
  BOOST_TEST(count([](mcp_server& s) { s.allowed_tools.emplace(); }) == 0u);
  BOOST_TEST(allowed_tools(x.servers[0], listed)[0].server_label == "github");
}

BOOST_AUTO_TEST_CASE(shared_names_and_missing_choices_are_refused) {
  auto problem = [](const request& x, const std::vector<mcp_tool>& list) {
    auto found = check_tools(x, list);
    return found ? param_of(found) : std::string{"none"};
  };
  BOOST_TEST(problem(parse(), tools) == "none");
  // tools: 0 = f, 1 = github, 2 = slack, 3 = g
  BOOST_TEST(problem(parse(), {tool("github", "f")}) == "tools[1]");
  BOOST_TEST(problem(parse(), {tool("github", "g")}) == "tools[3]");
  BOOST_TEST(problem(parse(), {tool("github", "x"), tool("slack", "x")}) == "tools[2]");
  auto gone = parse(R"("tool_choice":{"type":"mcp","server_label":"github","name":"gone"})");
  BOOST_TEST(problem(gone, tools) == "tool_choice");
  auto allowed = parse(R"("tool_choice":{"type":"allowed_tools","mode":"auto","tools":[
    {"type":"mcp","server_label":"slack","name":"gone"}]})");
  BOOST_TEST(problem(allowed, tools) == "tool_choice");
  auto server = parse(R"("tool_choice":{"type":"mcp","server_label":"slack"})");
  BOOST_TEST(problem(server, tools) == "none");
  BOOST_TEST(problem(server, {tool("github", "github_a")}) == "tool_choice");
}

BOOST_AUTO_TEST_CASE(prompts_are_estimated_by_their_bytes) {
  BOOST_TEST(estimate_tokens(0) == 0);
  BOOST_TEST(estimate_tokens(1) == 1);
  BOOST_TEST(estimate_tokens(8) == 2);
  BOOST_TEST(estimate_tokens(9) == 3);
  auto small = estimate_input_tokens(body(parse()));
  BOOST_TEST(small > 20);
  BOOST_TEST(small < 200);
  auto text = R"([{"role":"user","content":")" + std::string(4000, 'x') + R"("}])";
  auto more = estimate_input_tokens(body(parse("", text)));
  BOOST_TEST(more >= small + 999);
  BOOST_TEST(more <= small + 1001);
  auto image =
    R"([{"role":"user","content":[{"type":"input_image","image_url":"data:image/png;base64,)"
    + std::string(400'000, 'A') + R"("}]}])";
  BOOST_TEST(estimate_input_tokens(body(parse("", image))) < small + 2000);
}

BOOST_AUTO_TEST_SUITE_END()
