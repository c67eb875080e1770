#include "core/responses/request.hpp"

#include <boost/test/unit_test.hpp>

#include "core/responses/request_tools.hpp"

using namespace callboard;
using namespace callboard::responses;

namespace {

const std::string item_text =
  R"({"type":"mcp","server_label":"github","server_url":"http://127.0.0.1:4000/mcp/github",)"
  R"("authorization":"Bearer sk-eu_1"})";

request_context context() {
  return {"http://127.0.0.1:4000",
          [](std::string_view slug) { return slug == "github" || slug == "slack"; }};
}

result<request> parse(std::string_view body) {
  return parse_request(parse_json_object(body).value(), context());
}

/// A body with more members.
std::string with(std::string_view members) {
  return R"({"model":"m","input":"hi")" + std::string{members.empty() ? "" : ","}
         + std::string{members} + '}';
}

/// A body with an mcp item in which members are added or, by null, taken away.
std::string with_item(std::string_view changes) {
  auto item = parse_json_object(item_text).value();
  auto patch = parse_json_object(changes).value();
  for (auto& member : patch) {
    if (member.value().is_null())
      item.erase(member.key());
    else
      item[member.key()] = member.value();
  }
  return with(R"("tools":[)" + json::serialize(item) + "]");
}

/// The param of the refusal, or what went wrong with it.
std::string refused(std::string_view body) {
  auto x = parse(body);
  if (x)
    return "accepted";
  if (code_of(x.error()) != errc::invalid_field || message_of(x.error()).empty())
    return "wrong error: " + to_string(code_of(x.error()));
  return param_of(x.error());
}

} // namespace

BOOST_AUTO_TEST_SUITE(request_test)

BOOST_AUTO_TEST_CASE(the_smallest_request_has_all_defaults) {
  auto x = parse(with("")).value();
  BOOST_TEST(x.model == "m");
  BOOST_TEST(x.store);
  BOOST_TEST(!x.stream);
  BOOST_TEST(x.parallel_tool_calls);
  BOOST_TEST(!x.temperature);
  BOOST_TEST(json::serialize(x.text_format) == R"({"type":"text"})");
  BOOST_TEST(json::serialize(x.choice.echo) == R"("auto")");
  BOOST_TEST(
    json::serialize(x.input.stored)
    == R"([{"type":"message","role":"user","content":[{"type":"input_text","text":"hi"}]}])");
}

BOOST_AUTO_TEST_CASE(all_fields_are_read) {
  auto x = parse(with(R"("instructions":"be brief","previous_response_id":"resp_1","stream":true,
    "store":false,"temperature":0.5,"top_p":1,"max_output_tokens":16,"max_tool_calls":3,
    "parallel_tool_calls":false,"metadata":{"a":"b"},"user":"u","truncation":"auto",
    "reasoning":{"effort":"low","summary":null},"text":{"verbosity":"high","format":
    {"type":"json_schema","name":"n","schema":{"type":"object"},"strict":true}},
    "include":[],"stream_options":{"include_obfuscation":false},"unknown":{"x":1},
    "background":false,"conversation":null,"presence_penalty":-1,"top_logprobs":2)"))
             .value();
  BOOST_TEST(x.instructions.value() == "be brief");
  BOOST_TEST(x.previous_response_id.value() == "resp_1");
  BOOST_TEST(x.stream);
  BOOST_TEST(!x.store);
  BOOST_TEST(x.temperature.value() == 0.5);
  BOOST_TEST(x.top_p.value() == 1.0);
  BOOST_TEST(x.max_output_tokens.value() == 16);
  BOOST_TEST(x.max_tool_calls.value() == 3);
  BOOST_TEST(!x.parallel_tool_calls);
  BOOST_TEST(json::serialize(x.metadata) == R"({"a":"b"})");
  BOOST_TEST(x.user == "u");
  BOOST_TEST(x.truncation == "auto");
  BOOST_TEST(x.reasoning_effort == "low");
  BOOST_TEST(x.reasoning_summary == "");
  BOOST_TEST(x.verbosity == "high");
  BOOST_TEST(json::serialize(x.text_format)
             == R"({"type":"json_schema","name":"n","strict":true,"schema":{"type":"object"}})");
}

BOOST_AUTO_TEST_CASE(the_chat_form_of_the_format_is_accepted) {
  auto x = parse(with(R"("response_format":{"type":"json_schema","json_schema":{"name":"n",
    "schema":{}}})"))
             .value();
  BOOST_TEST(json::serialize(x.text_format)
             == R"({"type":"json_schema","name":"n","strict":false,"schema":{}})");
  BOOST_TEST(refused(with(R"("response_format":{"type":"json_schema"})"))
             == "response_format.json_schema");
}

BOOST_AUTO_TEST_CASE(bad_fields_are_named) {
  const std::pair<std::string_view, std::string_view> cases[] = {
    {R"("temperature":2.1)", "temperature"},
    {R"("temperature":"hot")", "temperature"},
    {R"("temperature":-1)", "temperature"},
    {R"("top_p":1.5)", "top_p"},
    {R"("max_output_tokens":0)", "max_output_tokens"},
    {R"("max_output_tokens":1.5)", "max_output_tokens"},
    {R"("max_tool_calls":0)", "max_tool_calls"},
    {R"("presence_penalty":3)", "presence_penalty"},
    {R"("frequency_penalty":-3)", "frequency_penalty"},
    {R"("top_logprobs":21)", "top_logprobs"},
    {R"("stream":"yes")", "stream"},
    {R"("store":1)", "store"},
    {R"("parallel_tool_calls":[])", "parallel_tool_calls"},
    {R"("instructions":[])", "instructions"},
    {R"("previous_response_id":7)", "previous_response_id"},
    {R"("metadata":[])", "metadata"},
    {R"("metadata":{"a":1})", "metadata"},
    {R"("text":"x")", "text"},
    {R"("text":{"format":{}})", "text.format.type"},
    {R"("text":{"format":{"type":"xml"}})", "text.format.type"},
    {R"("text":{"format":{"type":"json_schema","schema":{}}})", "text.format.name"},
    {R"("text":{"format":{"type":"json_schema","name":"n"}})", "text.format.schema"},
    {R"("text":{"verbosity":"loud"})", "text.verbosity"},
    {R"("reasoning":1)", "reasoning"},
    {R"("reasoning":{"effort":1})", "reasoning.effort"},
    {R"("truncation":"maybe")", "truncation"},
    {R"("background":true)", "background"},
    {R"("conversation":"conv_1")", "conversation"},
    {R"("prompt":{"id":"p"})", "prompt"},
    {R"("user":1)", "user"},
    {R"("include":"x")", "include"},
    {R"("stream_options":1)", "stream_options"},
    {R"("tools":{})", "tools"},
    {R"("tools":[1])", "tools[0]"},
    {R"("tools":[{}])", "tools[0].type"},
    {R"("tools":[{"type":"web_search"}])", "tools[0].type"},
    {R"("tools":[{"type":"function"}])", "tools[0].name"},
    {R"("tools":[{"type":"function","name":"a b"}])", "tools[0].name"},
    {R"("tools":[{"type":"function","name":""}])", "tools[0].name"},
    {R"("tools":[{"type":"function","function":{}}])", "tools[0].function.name"},
    {R"("tools":[{"type":"function","function":7}])", "tools[0].function"},
    {R"("tools":[{"type":"function","name":"a","parameters":[]}])", "tools[0].parameters"},
    {R"("tools":[{"type":"function","name":"a","strict":"x"}])", "tools[0].strict"},
    {R"("tools":[{"type":"function","name":"a"},{"type":"function","name":"a"}])", "tools[1].name"},
    {R"("tool_choice":"sometimes")", "tool_choice"},
    {R"("tool_choice":7)", "tool_choice"},
    {R"("tool_choice":"required")", "tool_choice"},
    {R"("tool_choice":{})", "tool_choice.type"},
    {R"("tool_choice":{"type":"file_search"})", "tool_choice.type"},
    {R"("tool_choice":{"type":"function","name":"gone"})", "tool_choice.name"},
    {R"("tool_choice":{"type":"mcp","server_label":"github"})", "tool_choice.server_label"},
    {R"("tool_choice":{"type":"allowed_tools","mode":"auto"})", "tool_choice.tools"},
    {R"("tool_choice":{"type":"allowed_tools","mode":"no","tools":[]})", "tool_choice.mode"},
    {R"("tool_choice":{"type":"allowed_tools","mode":"auto","tools":[1]})", "tool_choice.tools[0]"},
    {R"("tool_choice":{"type":"allowed_tools","mode":"auto","tools":[{"type":"function",)"
     R"("name":"x"}]})",
     "tool_choice.tools[0].name"},
  };
  for (auto& [members, param] : cases)
    BOOST_TEST_CONTEXT(members) { BOOST_TEST(refused(with(members)) == param); }
  BOOST_TEST(refused(R"({"input":"hi"})") == "model");
  BOOST_TEST(refused(R"({"model":1,"input":"hi"})") == "model");
  BOOST_TEST(refused(R"({"model":"m"})") == "input");
  BOOST_TEST(refused(R"({"model":"m","input":7})") == "input");
  BOOST_TEST(refused(R"({"model":"m","input":[]})") == "input");
}

BOOST_AUTO_TEST_CASE(too_large_metadata_and_too_many_tools_are_refused) {
  json::object metadata;
  for (int i = 0; i < 17; ++i)
    metadata["k" + std::to_string(i)] = "v";
  BOOST_TEST(refused(with(R"("metadata":)" + json::serialize(metadata))) == "metadata");
  BOOST_TEST(refused(with(R"("metadata":{"a":")" + std::string(513, 'x') + "\"}")) == "metadata");
  std::string tools;
  for (int i = 0; i < 129; ++i)
    tools +=
      (i ? "," : "") + std::string{R"({"type":"function","name":"f)"} + std::to_string(i) + "\"}";
  BOOST_TEST(refused(with(R"("tools":[)" + tools + "]")) == "tools");
}

BOOST_AUTO_TEST_CASE(an_empty_model_asks_for_the_default) {
  BOOST_TEST(parse(R"({"model":"","input":"hi"})").value().model == "");
}

BOOST_AUTO_TEST_CASE(an_mcp_item_is_read_and_its_key_is_bare) {
  for (auto key : {"Bearer sk-eu_1", "bearer sk-eu_1", "BEARER   sk-eu_1", "sk-eu_1"}) {
    auto x = parse(with_item(R"({"authorization":")" + std::string{key} + "\"}")).value();
    BOOST_REQUIRE(x.servers.size() == 1u);
    BOOST_TEST(x.servers[0].label == "github");
    BOOST_TEST(x.servers[0].authorization == "sk-eu_1");
    BOOST_TEST(!x.servers[0].allowed_tools);
  }
  auto twice = parse(with_item(R"({"authorization":"Bearer Bearer sk-eu_1"})")).value();
  BOOST_TEST(twice.servers[0].authorization == "Bearer sk-eu_1");
}

BOOST_AUTO_TEST_CASE(bad_mcp_items_are_named) {
  const std::pair<std::string_view, std::string_view> cases[] = {
    {R"({"server_label":null})", "server_label"},
    {R"({"server_label":7})", "server_label"},
    {R"({"server_label":"jira"})", "server_label"},
    {R"({"server_url":null})", "server_url"},
    {R"({"server_url":7})", "server_url"},
    {R"({"server_url":"http://127.0.0.1:4000/mcp/slack"})", "server_url"},
    {R"({"server_label":"slack"})", "server_url"},
    {R"({"server_url":"http://evil.example/mcp/github"})", "server_url"},
    {R"({"authorization":null})", "authorization"},
    {R"({"authorization":""})", "authorization"},
    {R"({"authorization":"Bearer "})", "authorization"},
    {R"({"authorization":{}})", "authorization"},
    {R"({"require_approval":"always"})", "require_approval"},
    {R"({"require_approval":"sometimes"})", "require_approval"},
    {R"({"require_approval":true})", "require_approval"},
    {R"({"require_approval":{}})", "require_approval"},
    {R"({"require_approval":{"always":{"tool_names":["x"]}}})", "require_approval"},
    {R"({"require_approval":{"never":{"tool_names":["y"]},"always":{"tool_names":["x"]}}})",
     "require_approval"},
    {R"({"allowed_tools":"x"})", "allowed_tools"},
    {R"({"allowed_tools":[1]})", "allowed_tools"},
    {R"({"allowed_tools":{"tool_names":"x"}})", "allowed_tools.tool_names"},
    {R"({"allowed_tools":{"read_only":"x"}})", "allowed_tools.read_only"},
    {R"({"connector_id":"c"})", "connector_id"},
    {R"({"headers":"x"})", "headers"},
  };
  for (auto& [changes, param] : cases)
    BOOST_TEST_CONTEXT(changes) {
      BOOST_TEST(refused(with_item(changes)) == "tools[0]." + std::string{param});
    }
  BOOST_TEST(refused(with(R"("tools":[)" + item_text + "," + item_text + "]"))
             == "tools[1].server_label");
}

BOOST_AUTO_TEST_CASE(only_never_is_an_approval) {
  for (auto value : {R"("never")", R"({"never":{"tool_names":["x"]}})",
                     R"({"never":{"tool_names":["x"]},"always":null})"})
    BOOST_TEST(refused(with_item(R"({"require_approval":)" + std::string{value} + "}"))
               == "accepted");
  auto with_null = item_text.substr(0, item_text.size() - 1) + R"(,"require_approval":null})";
  BOOST_TEST(refused(with(R"("tools":[)" + with_null + "]")) == "accepted");
}

BOOST_AUTO_TEST_CASE(allowed_tools_has_three_forms) {
  auto array = parse(with_item(R"({"allowed_tools":["a","b"]})")).value();
  BOOST_TEST(array.servers[0].allowed_tools.value().size() == 2u);
  auto object =
    parse(with_item(R"({"allowed_tools":{"tool_names":["a"],"read_only":true}})")).value();
  BOOST_TEST(object.servers[0].allowed_tools.value().size() == 1u);
  BOOST_TEST(object.servers[0].read_only);
  auto star = parse(with_item(R"({"allowed_tools":["*"]})")).value();
  BOOST_TEST(!star.servers[0].allowed_tools);
}

BOOST_AUTO_TEST_CASE(only_our_own_address_of_the_app_is_a_server_url) {
  auto own = [](std::string_view url) {
    return is_own_server_url(url, "https://mcp.example.com", "github");
  };
  BOOST_TEST(own("https://mcp.example.com/mcp/github"));
  BOOST_TEST(own("https://mcp.example.com/mcp/github/"));
  BOOST_TEST(own("HTTPS://MCP.example.com:443/mcp/github"));
  for (auto url :
       {"http://mcp.example.com/mcp/github", "https://mcp.example.com:8443/mcp/github",
        "https://mcp.example.com.evil.net/mcp/github", "https://mcp.example.com/mcp/slack",
        "https://mcp.example.com/mcp/github?x=1", "https://mcp.example.com/mcp/github#x",
        "https://mcp.example.com@evil.net/mcp/github", "https://u@mcp.example.com/mcp/github",
        "https://mcp.example.com/x/mcp/github", "https://mcp.example.com/mcp/../mcp/github",
        "https://mcp.example.com/mcp//github", "//mcp.example.com/mcp/github", "/mcp/github", "",
        "not a url", "file:///mcp/github"})
    BOOST_TEST_CONTEXT(url) { BOOST_TEST(!own(url)); }
  BOOST_TEST(is_own_server_url("http://h:1/base/mcp/github", "http://h:1/base/", "github"));
}

BOOST_AUTO_TEST_CASE(functions_come_in_both_forms_and_are_echoed_flat) {
  auto x = parse(with(R"("tools":[{"type":"function","function":{"name":"a","description":"d",)"
                      R"("parameters":{"type":"object"},"strict":true}},)"
                      R"({"type":"function","name":"b","parameters":null,"strict":null}])"))
             .value();
  BOOST_REQUIRE(x.functions.size() == 2u);
  BOOST_TEST(
    json::serialize(echoed_tools(x))
    == R"([{"type":"function","name":"a","description":"d","parameters":{"type":"object"},)"
       R"("strict":true},)"
       R"({"type":"function","name":"b","description":null,"parameters":null,"strict":null}])");
}

BOOST_AUTO_TEST_CASE(echoed_tools_keep_their_order_and_hold_no_secret) {
  auto x = parse(with(R"("tools":[{"type":"function","name":"a"},)"
                      + item_text.substr(0, item_text.size() - 1)
                      + R"(,"headers":{"Authorization":"Bearer sk-eu_2"},"allowed_tools":["t"]},)"
                      + R"({"type":"function","name":"b"}])"))
             .value();
  auto text = json::serialize(echoed_tools(x));
  BOOST_TEST(text.find("sk-eu") == std::string::npos);
  BOOST_TEST(
    text
    == R"([{"type":"function","name":"a","description":null,"parameters":null,"strict":null},)"
       R"({"type":"mcp","server_label":"github","server_url":"http://127.0.0.1:4000/mcp/github",)"
       R"("server_description":null,"headers":null,"allowed_tools":["t"],)"
       R"("require_approval":"never"},)"
       R"({"type":"function","name":"b","description":null,"parameters":null,"strict":null}])");
  BOOST_TEST(authorization_path(1) == "tools[1].authorization");
}

BOOST_AUTO_TEST_CASE(tool_choice_has_many_forms) {
  auto choice = [](std::string_view text) {
    return parse(with(R"("tools":[{"type":"function","name":"f"},)" + item_text
                      + R"(],"tool_choice":)" + std::string{text}))
      .value()
      .choice;
  };
  BOOST_TEST((choice(R"("none")").as == tool_choice::mode::none));
  BOOST_TEST((choice(R"("required")").as == tool_choice::mode::required));
  for (auto text :
       {R"({"type":"function","name":"f"})", R"({"type":"function","function":{"name":"f"}})"}) {
    auto x = choice(text);
    BOOST_TEST((x.as == tool_choice::mode::function));
    BOOST_TEST(x.name == "f");
    BOOST_TEST(json::serialize(x.echo) == R"({"type":"function","name":"f"})");
  }
  auto mcp = choice(R"({"type":"mcp","server_label":"github","name":"t"})");
  BOOST_TEST((mcp.as == tool_choice::mode::mcp));
  BOOST_TEST(mcp.label == "github");
  BOOST_TEST(mcp.name == "t");
  auto allowed =
    choice(R"({"type":"allowed_tools","mode":"required","tools":[)"
           R"({"type":"mcp","server_label":"github"},{"type":"function","name":"f"}]})");
  BOOST_TEST((allowed.as == tool_choice::mode::required));
  BOOST_TEST(allowed.allowed.value().size() == 2u);
  BOOST_TEST(json::serialize(allowed.echo)
             == R"({"type":"allowed_tools","mode":"required","tools":[)"
                R"({"type":"mcp","server_label":"github"},{"type":"function","name":"f"}]})");
}

BOOST_AUTO_TEST_SUITE_END()
