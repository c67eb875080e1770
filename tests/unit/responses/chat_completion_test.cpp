#include "core/responses/chat_completion.hpp"

#include <boost/test/unit_test.hpp>

using namespace callboard;
using namespace callboard::responses;

namespace {

std::string with(std::string_view members) {
  return R"({"model":"m","messages":[{"role":"user","content":"hi"}])"
         + std::string{members.empty() ? "" : ","} + std::string{members} + "}";
}

result<chat_completion_request> parse(std::string_view body) {
  return parse_chat_completion(parse_json_object(body).value());
}

std::string refused(std::string_view body) {
  auto x = parse(body);
  if (x)
    return "accepted";
  return code_of(x.error()) == errc::invalid_field ? param_of(x.error()) : "wrong error";
}

std::string chunk(std::string_view delta, std::string_view finish = "null",
                  std::string_view more = "") {
  return R"(data: {"id":"up","object":"chat.completion.chunk","created":1,"model":"up/m",)"
         R"("choices":[{"index":0,"delta":)"
         + std::string{delta} + R"(,"finish_reason":)" + std::string{finish} + "}]"
         + std::string{more} + "}\n\n";
}

const std::string usage_chunk =
  "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2}}\n\n";
const std::string done = "data: [DONE]\n\n";

chat_relay relay(bool stream, bool include_usage = false) {
  return chat_relay{{"chatcmpl-1", 100, "m", stream, include_usage}};
}

std::string join(const std::vector<std::string>& frames) {
  std::string out;
  for (auto& frame : frames)
    out += frame;
  return out;
}

const std::string head =
  R"(data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":100,)"
  R"("model":"m","choices":)";

} // namespace

BOOST_AUTO_TEST_SUITE(chat_completion_test)

BOOST_AUTO_TEST_CASE(mcp_tools_are_refused_here) {
  BOOST_TEST(
    refused(with(R"("tools":[{"type":"function","function":{"name":"f"}},{"type":"mcp"}])"))
    == "tools[1].type");
}

BOOST_AUTO_TEST_CASE(a_second_choice_is_not_supported) {
  BOOST_TEST(message_of(parse(with(R"("n":2)")).error()) == "Only 1 is supported.");
}

BOOST_AUTO_TEST_CASE(bad_fields_are_named) {
  const std::pair<std::string_view, std::string_view> cases[] = {
    {R"("stream":"yes")", "stream"},
    {R"("stream_options":7)", "stream_options"},
    {R"("stream_options":{"include_usage":7})", "stream_options.include_usage"},
    {R"("temperature":3)", "temperature"},
    {R"("top_p":-0.1)", "top_p"},
    {R"("presence_penalty":9)", "presence_penalty"},
    {R"("frequency_penalty":9)", "frequency_penalty"},
    {R"("max_tokens":0)", "max_tokens"},
    {R"("max_completion_tokens":"x")", "max_completion_tokens"},
    {R"("n":2)", "n"},
    {R"("tools":7)", "tools"},
    {R"("tools":[7])", "tools[0]"},
    {R"("tools":[{}])", "tools[0].type"},
    {R"("tools":[{"type":"web_search"}])", "tools[0].type"},
    {R"("tools":[{"type":"function"}])", "tools[0].function"},
    {R"("tools":[{"type":"function","function":{}}])", "tools[0].function.name"},
    {R"("tools":[{"type":"function","function":{"name":""}}])", "tools[0].function.name"},
  };
  for (auto& [members, param] : cases)
    BOOST_TEST_CONTEXT(members) { BOOST_TEST(refused(with(members)) == param); }
  const std::pair<std::string_view, std::string_view> bodies[] = {
    {R"({"messages":[{"role":"user","content":"a"}]})", "model"},
    {R"({"model":"m"})", "messages"},
    {R"({"model":"m","messages":[]})", "messages"},
    {R"({"model":"m","messages":"a"})", "messages"},
    {R"({"model":"m","messages":[1]})", "messages[0]"},
    {R"({"model":"m","messages":[{"content":"a"}]})", "messages[0].role"},
    {R"({"model":"m","messages":[{"role":"robot","content":"a"}]})", "messages[0].role"},
    {R"({"model":"m","messages":[{"role":"user"}]})", "messages[0].content"},
    {R"({"model":"m","messages":[{"role":"user","content":7}]})", "messages[0].content"},
    {R"({"model":"m","messages":[{"role":"tool","content":"a"}]})", "messages[0].tool_call_id"},
  };
  for (auto& [body, param] : bodies)
    BOOST_TEST_CONTEXT(body) { BOOST_TEST(refused(body) == param); }
}

BOOST_AUTO_TEST_CASE(the_upstream_body_is_always_streamed_with_usage_and_a_bound) {
  auto x = parse(R"({"model":"m","messages":[{"role":"developer","content":"d"},
    {"role":"assistant","content":null,"tool_calls":[{"id":"c"}]}],"max_tokens":50,"seed":1,
    "store":true,"metadata":{"a":"b"},"unknown":1,"stop":null,"n":1})")
             .value();
  BOOST_TEST(!x.stream);
  auto body = upstream_chat_body(x, {"up/m", 1000, true});
  BOOST_TEST(json::serialize(body.at("messages"))
             == R"([{"role":"system","content":"d"},{"role":"assistant","content":null,)"
                R"("tool_calls":[{"id":"c"}]}])");
  BOOST_TEST(json::serialize(body.at("stream_options")) == R"({"include_usage":true})");
  BOOST_TEST(body.at("stream").as_bool());
  BOOST_TEST(body.at("max_completion_tokens").as_int64() == 50);
  BOOST_TEST(body.at("seed").as_int64() == 1);
  BOOST_TEST(body.at("model").as_string() == "up/m");
  for (auto key : {"store", "metadata", "unknown", "max_tokens", "stop", "n"})
    BOOST_TEST(!body.contains(key));
  auto unbound = upstream_chat_body(parse(with("")).value(), {"up/m", 1000, false});
  BOOST_TEST(unbound.at("max_tokens").as_int64() == 1000);
}

BOOST_AUTO_TEST_CASE(chunks_are_passed_on_under_our_name) {
  auto x = relay(true);
  auto frames = x.feed("data: {\"choices\":[],\"prompt_filter_results\":[]}\n\n"
                       + chunk(R"({"content":"Hi"})", "null", R"(,"usage":null)")
                       + chunk("{}", R"("stop")") + usage_chunk + done);
  BOOST_TEST(join(frames)
             == head + R"([{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]})" + "\n\n"
                  + head + R"([{"index":0,"delta":{},"finish_reason":"stop"}]})" + "\n\n");
  BOOST_TEST(x.started());
  auto end = x.finish({});
  BOOST_TEST(join(end.frames) == done);
  BOOST_TEST(end.turn.usage.input == 7);
  BOOST_TEST(!end.turn.error);
}

BOOST_AUTO_TEST_CASE(usage_is_sent_when_asked_for) {
  auto x = relay(true, true);
  auto frames = x.feed(chunk(R"({"content":"Hi"})") + chunk("{}", R"("stop")") + usage_chunk);
  BOOST_TEST(frames.size() == 2u);
  BOOST_TEST(frames[0].find(R"("usage":null)") != std::string::npos);
  auto end = x.finish({});
  BOOST_REQUIRE(end.frames.size() == 2u);
  BOOST_TEST(end.frames[0].find(R"("choices":[])") != std::string::npos);
  BOOST_TEST(end.frames[0].find(R"("prompt_tokens":7,"completion_tokens":2,"total_tokens":9)")
             != std::string::npos);
  BOOST_TEST(end.frames[1] == done);
}

BOOST_AUTO_TEST_CASE(dialects_are_smoothed) {
  auto x = relay(true);
  auto frames = join(x.feed(
    chunk(R"({"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{}"}}]})")
    + chunk("{}", R"("stop")")
    + chunk(R"({"content":""})", R"("stop")",
            R"(,"usage":{"prompt_tokens":1,"completion_tokens":1})")));
  BOOST_TEST(frames.find(R"("finish_reason":"tool_calls")") != std::string::npos);
  BOOST_TEST(frames.find(R"("finish_reason":"stop")") == std::string::npos);
  BOOST_TEST(frames.find("usage") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_client_that_does_not_stream_gets_one_object) {
  auto x = relay(false);
  BOOST_TEST(x.feed(chunk(R"({"role":"assistant","content":"H"})") + chunk(R"({"content":"i"})")
                    + chunk("{}", R"("length")") + usage_chunk + done)
               .empty());
  auto end = x.finish({});
  BOOST_TEST(end.frames.empty());
  BOOST_TEST(
    json::serialize(end.completion)
    == R"({"id":"chatcmpl-1","object":"chat.completion","created":100,"model":"m",)"
       R"("choices":[{"index":0,"message":{"role":"assistant","content":"Hi","refusal":null},)"
       R"("logprobs":null,"finish_reason":"length"}],"usage":{"prompt_tokens":7,)"
       R"("completion_tokens":2,"total_tokens":9,"prompt_tokens_details":{"cached_tokens":0},)"
       R"("completion_tokens_details":{"reasoning_tokens":0}}})");
  auto tools = relay(false);
  tools.feed(
    chunk(R"({"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{}"}}]})")
    + chunk("{}", R"("stop")"));
  auto called = json::serialize(tools.finish({}).completion);
  BOOST_TEST(
    called.find(R"("content":null,"refusal":null,"tool_calls":[{"id":"c","type":"function",)"
                R"("function":{"name":"f","arguments":"{}"}}])")
    != std::string::npos);
  BOOST_TEST(called.find(R"("finish_reason":"tool_calls")") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_plain_answer_becomes_a_chunk_for_a_streaming_client) {
  auto x = relay(true);
  BOOST_TEST(
    x.feed(R"({"id":"up","object":"chat.completion","choices":[{"index":0,)"
           R"("message":{"role":"assistant","content":"Hi","tool_calls":[{"id":"c",)"
           R"("type":"function","function":{"name":"f","arguments":"{}"}}]},)"
           R"("finish_reason":"tool_calls"}],"usage":{"prompt_tokens":1,"completion_tokens":1}})")
      .empty());
  auto end = x.finish({});
  BOOST_REQUIRE(end.frames.size() == 2u);
  BOOST_TEST(
    end.frames[0].find(
      R"("delta":{"role":"assistant","content":"Hi","tool_calls":[{"id":"c","type":"function",)"
      R"("function":{"name":"f","arguments":"{}"},"index":0}]})")
    != std::string::npos);
  BOOST_TEST(end.frames[0].find(R"("object":"chat.completion.chunk")") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_error_in_mid_stream_is_told) {
  auto x = relay(true);
  x.feed(chunk(R"({"content":"Hi"})"));
  BOOST_TEST(x.feed("data: {\"error\":{\"message\":\"boom\"}}\n\n" + done).empty());
  BOOST_TEST(x.failed());
  auto end = x.finish({});
  BOOST_REQUIRE(end.frames.size() == 2u);
  BOOST_TEST(end.frames[0].starts_with(
    R"(data: {"error":{"message":"The model server reported an error: boom",)"
    R"("type":"server_error")"));
  BOOST_TEST(end.frames[1] == done);
  BOOST_TEST(!!end.turn.error);
  auto plain = relay(false);
  plain.feed("data: {\"error\":{\"message\":\"boom\"}}\n\n");
  auto failed = plain.finish({});
  BOOST_TEST(failed.completion.empty());
  BOOST_TEST(!!failed.turn.error);
  BOOST_TEST(!plain.started());
}

BOOST_AUTO_TEST_CASE(a_client_that_left_is_billed_by_what_came) {
  auto x = relay(true);
  x.feed(chunk(R"({"content":"12345678"})"));
  BOOST_TEST(x.partial().text == "12345678");
  auto end = x.finish(parse_json_object(R"({"messages":[{"role":"user","content":"hi"}]})").value(),
                      make_problem(errc::cancelled, "Left."));
  BOOST_TEST(to_string(code_of(end.turn.error)) == "cancelled");
  BOOST_TEST(end.turn.usage.estimated);
  BOOST_TEST(end.turn.usage.output == 2);
}

BOOST_AUTO_TEST_SUITE_END()
