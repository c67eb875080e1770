#include "core/responses/wire.hpp"

#include <boost/test/unit_test.hpp>

using namespace callboard;
using namespace callboard::responses;

namespace {

request parse(std::string_view members = "") {
  auto body = R"({"model":"m","input":"hi")" + std::string{members.empty() ? "" : ","}
              + std::string{members} + "}";
  return parse_request(parse_json_object(body).value(),
                       {"http://h", [](std::string_view) { return true; }})
    .value();
}

response_state state() {
  response_state x;
  x.id = "resp_1";
  x.created_at = 100;
  x.model = "m";
  return x;
}

} // namespace

BOOST_AUTO_TEST_SUITE(wire_test)

BOOST_AUTO_TEST_CASE(a_new_response_has_every_field) {
  BOOST_TEST(
    json::serialize(response_json(parse(), state()))
    == R"({"id":"resp_1","object":"response","created_at":100,"completed_at":null,)"
       R"("status":"in_progress","background":false,"error":null,"incomplete_details":null,)"
       R"("instructions":null,"max_output_tokens":null,"max_tool_calls":null,"metadata":{},)"
       R"("model":"m","output":[],"parallel_tool_calls":true,"presence_penalty":0E0,)"
       R"("frequency_penalty":0E0,"previous_response_id":null,"prompt_cache_key":null,)"
       R"("reasoning":{"effort":null,"summary":null},"safety_identifier":null,)"
       R"("service_tier":"default","store":true,"temperature":1E0,)"
       R"("text":{"format":{"type":"text"},"verbosity":"medium"},"tool_choice":"auto",)"
       R"("tools":[],"top_logprobs":0,"top_p":1E0,"truncation":"disabled","usage":null,)"
       R"("user":null})");
}

BOOST_AUTO_TEST_CASE(what_was_asked_is_echoed) {
  auto x = response_json(
    parse(R"("instructions":"i","max_output_tokens":20,"max_tool_calls":2,"metadata":{"a":"b"},
      "parallel_tool_calls":false,"previous_response_id":"resp_0","prompt_cache_key":"k",
      "reasoning":{"effort":"low"},"safety_identifier":"s","store":false,"temperature":0.5,
      "text":{"format":{"type":"json_object"}},"top_p":0.5,"truncation":"auto","user":"u",
      "tools":[{"type":"function","name":"f"}],"tool_choice":"required")"),
    state());
  auto text = [&](std::string_view key) { return json::serialize(*find(x, key)); };
  BOOST_TEST(text("instructions") == R"("i")");
  BOOST_TEST(text("max_output_tokens") == "20");
  BOOST_TEST(text("max_tool_calls") == "2");
  BOOST_TEST(text("metadata") == R"({"a":"b"})");
  BOOST_TEST(text("parallel_tool_calls") == "false");
  BOOST_TEST(text("previous_response_id") == R"("resp_0")");
  BOOST_TEST(text("prompt_cache_key") == R"("k")");
  BOOST_TEST(text("reasoning") == R"({"effort":"low","summary":null})");
  BOOST_TEST(text("safety_identifier") == R"("s")");
  BOOST_TEST(text("store") == "false");
  BOOST_TEST(text("temperature") == "5E-1");
  BOOST_TEST(text("text") == R"({"format":{"type":"json_object"},"verbosity":"medium"})");
  BOOST_TEST(text("truncation") == R"("auto")");
  BOOST_TEST(text("tool_choice") == R"("required")");
  BOOST_TEST(text("user") == R"("u")");
}

BOOST_AUTO_TEST_CASE(ended_responses_say_how) {
  auto x = state();
  x.completed_at = 105;
  x.status = "incomplete";
  x.incomplete_reason = "max_output_tokens";
  auto incomplete = response_json(parse(), x);
  BOOST_TEST(json::serialize(incomplete["incomplete_details"])
             == R"({"reason":"max_output_tokens"})");
  BOOST_TEST(incomplete["completed_at"].as_int64() == 105);
  x.status = "failed";
  x.error = make_problem(errc::mcp_unreachable, "Away.");
  auto failed = response_json(parse(), x);
  BOOST_TEST(
    json::serialize(failed["error"])
    == R"({"message":"Away.","type":"server_error","param":null,"code":"mcp_unreachable"})");
  BOOST_TEST(failed["incomplete_details"].is_null());
  x.status = "completed";
  BOOST_TEST(response_json(parse(), x)["error"].is_null());
}

BOOST_AUTO_TEST_CASE(usage_adds_up) {
  token_usage a{10, 4, 5, 2, true, true, false};
  token_usage b{1, 0, 2, 0, true, false, true};
  auto sum = a + b;
  BOOST_TEST(json::serialize(usage_json(sum))
             == R"({"input_tokens":11,"input_tokens_details":{"cached_tokens":4,)"
                R"("cache_write_tokens":0},"output_tokens":7,)"
                R"("output_tokens_details":{"reasoning_tokens":2},"total_tokens":18})");
  BOOST_TEST(sum.estimated);
  BOOST_TEST(sum.input_reported);
  BOOST_TEST(!sum.output_reported);
  BOOST_TEST(json::serialize(chat_usage_json(a))
             == R"({"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,)"
                R"("prompt_tokens_details":{"cached_tokens":4},)"
                R"("completion_tokens_details":{"reasoning_tokens":2}})");
}

BOOST_AUTO_TEST_CASE(listed_tools_never_hold_null) {
  json::object hint;
  hint["readOnlyHint"] = true;
  auto x = list_tools_json("mcpl_1", "github",
                           {{"github", "a", "", {}, {}}, {"github", "b", "d", {}, hint}});
  BOOST_TEST(
    json::serialize(x)
    == R"({"id":"mcpl_1","type":"mcp_list_tools","server_label":"github","tools":[)"
       R"({"name":"a","description":"","input_schema":{},"annotations":{"read_only":false}},)"
       R"({"name":"b","description":"d","input_schema":{},"annotations":{"readOnlyHint":true,)"
       R"("read_only":true}}]})");
}

BOOST_AUTO_TEST_CASE(ids_are_unique_and_repeatable) {
  id_source a{"resp_ab"};
  BOOST_TEST(a.next(id_kind::list_tools) == "mcpl_ab0000");
  BOOST_TEST(a.next(id_kind::mcp_call) == "mcp_ab0001");
  BOOST_TEST(a.next(id_kind::message) == "msg_ab0002");
  BOOST_TEST(a.next(id_kind::function_call) == "fc_ab0003");
  BOOST_TEST(a.next(id_kind::call) == "call_ab0004");
  BOOST_TEST(make_response_id(std::string(16, '\xab')) == "resp_abababababababababababababababab");
}

BOOST_AUTO_TEST_CASE(frames_carry_type_and_number) {
  event_writer x;
  json::object fields;
  fields["output_index"] = 3;
  BOOST_TEST(x.frame("response.x", fields)
             == "event: response.x\n"
                "data: {\"type\":\"response.x\",\"sequence_number\":0,\"output_index\":3}\n\n");
  BOOST_TEST(x.error_frame(make_problem(errc::rate_limited, "Slow.", "model"))
             == "event: error\ndata: "
                R"({"type":"error","sequence_number":1,"code":"rate_limit_exceeded",)"
                R"("message":"Slow.","param":"model","error":{"message":"Slow.",)"
                R"("type":"rate_limit_error","param":"model","code":"rate_limit_exceeded"}})"
                "\n\n");
  BOOST_TEST(done_frame() == "data: [DONE]\n\n");
}

BOOST_AUTO_TEST_SUITE_END()
