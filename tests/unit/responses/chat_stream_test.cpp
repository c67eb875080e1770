#include "core/responses/chat_stream.hpp"

#include <boost/test/unit_test.hpp>
#include <rapidcheck.h>

using namespace callboard;
using namespace callboard::responses;

namespace {

struct assembled {
  responses::turn turn;
  std::string passed_on;
};

assembled assemble(std::string_view bytes, std::size_t piece = 1u << 20,
                   caf::error transport = {}) {
  chat_stream stream;
  assembled out;
  auto pass = [&](const stream_progress& progress) {
    for (auto& delta : progress.deltas)
      out.passed_on += (delta.refusal ? "!" : "") + delta.text;
  };
  for (std::size_t i = 0; i < bytes.size(); i += piece)
    pass(stream.feed(bytes.substr(i, piece)));
  stream_progress last;
  out.turn = stream.finish(std::move(transport), &last);
  pass(last);
  return out;
}

std::string event_of(std::string_view chunk) { return "data: " + std::string{chunk} + "\n\n"; }

/// A chunk with one choice.
std::string choice(std::string_view delta, std::string_view finish = "null") {
  return event_of(R"({"id":"x","object":"chat.completion.chunk","choices":[{"index":0,"delta":)"
                  + std::string{delta} + R"(,"finish_reason":)" + std::string{finish} + "}]}");
}

const std::string done = "data: [DONE]\n\n";
const std::string stop = choice("{}", R"("stop")");
const std::string tools_end = choice("{}", R"("tool_calls")");

std::string usage(int input, int output) {
  return event_of(R"({"choices":[],"usage":{"prompt_tokens":)" + std::to_string(input)
                  + R"(,"completion_tokens":)" + std::to_string(output) + "}}");
}

std::string calls_of(const turn& x) {
  std::string out;
  for (auto& call : x.calls)
    out += call.id + ':' + call.name + '(' + call.arguments + ')';
  return out;
}

std::string error_of(const turn& x) { return x.error ? to_string(code_of(x.error)) : "none"; }

} // namespace

BOOST_AUTO_TEST_SUITE(chat_stream_test)

BOOST_AUTO_TEST_CASE(a_text_turn_is_assembled) {
  auto x = assemble(choice(R"({"role":"assistant","content":""})") + choice(R"({"content":"Hel"})")
                    + choice(R"({"content":"lo"})") + stop + usage(10, 2) + done);
  BOOST_TEST(error_of(x.turn) == "none");
  BOOST_TEST(x.turn.text == "Hello");
  BOOST_TEST(x.passed_on == "Hello");
  BOOST_TEST((x.turn.finish == finish_reason::stop));
  BOOST_TEST(x.turn.usage.input == 10);
  BOOST_TEST(x.turn.usage.output == 2);
  BOOST_TEST(x.turn.usage.input_reported);
  BOOST_TEST(x.turn.usage.output_reported);
  BOOST_TEST(!x.turn.usage.estimated);
}

BOOST_AUTO_TEST_CASE(openai_splits_a_call_over_deltas) {
  auto x = assemble(
    choice(R"({"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call_a",)"
           R"("type":"function","function":{"name":"f","arguments":""}}]})")
    + choice(R"({"tool_calls":[{"index":0,"function":{"arguments":"{\"a\""}}]})")
    + choice(R"({"tool_calls":[{"index":0,"function":{"arguments":":1}"}}]})")
    + choice(R"({"tool_calls":[{"index":1,"id":"call_b","type":"function","function":{"name":"g",)"
             R"("arguments":"{}"}}]})")
    + tools_end
    + event_of(
      R"({"choices":[],"obfuscation":"x","service_tier":"default","usage":{"prompt_tokens":9,)"
      R"("completion_tokens":4,"prompt_tokens_details":{"cached_tokens":3},)"
      R"("completion_tokens_details":{"reasoning_tokens":1}}})")
    + done);
  BOOST_TEST(error_of(x.turn) == "none");
  BOOST_TEST(calls_of(x.turn) == R"(call_a:f({"a":1})call_b:g({}))");
  BOOST_TEST(x.turn.usage.cached == 3);
  BOOST_TEST(x.turn.usage.reasoning == 1);
}

BOOST_AUTO_TEST_CASE(azure_begins_without_a_choice) {
  auto x = assemble(
    event_of(R"({"choices":[],"prompt_filter_results":[{"prompt_index":0}]})")
    + event_of(R"({"choices":[{"index":0,"content_filter_results":{},"delta":{"content":"a"},)"
               R"("finish_reason":null}]})")
    + stop + done);
  BOOST_TEST(error_of(x.turn) == "none");
  BOOST_TEST(x.turn.text == "a");
}

BOOST_AUTO_TEST_CASE(bedrock_ends_with_content_and_repeats_the_type) {
  auto x = assemble(
    choice(R"({"tool_calls":[{"index":0,"id":"tooluse_1","type":"function","function":{"name":"f",)"
           R"("arguments":"{\"a\":"}}]})")
    + choice(R"({"tool_calls":[{"index":0,"type":"function","function":{"arguments":"2}"}}]})")
    + choice(R"({"content":"tail"})", R"("tool_calls")"));
  BOOST_TEST(error_of(x.turn) == "none");
  BOOST_TEST(calls_of(x.turn) == R"(tooluse_1:f({"a":2}))");
  BOOST_TEST(x.turn.text == "tail");
}

BOOST_AUTO_TEST_CASE(watsonx_finishes_with_the_calls_in_the_same_chunk) {
  auto x = assemble(
    choice(R"({"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"{}"}}]})",
           R"("tool_calls")"));
  BOOST_TEST(error_of(x.turn) == "none");
  BOOST_TEST(calls_of(x.turn) == "c:f({})");
}

BOOST_AUTO_TEST_CASE(ollama_reuses_index_0_with_new_ids) {
  auto x = assemble(
    choice(R"({"role":"assistant","content":"","reasoning":"hm","tool_calls":[{"index":0,)"
           R"("id":"call_1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]})")
    + choice(R"({"role":"assistant","content":"","tool_calls":[{"index":0,"id":"call_2",)"
             R"("type":"function","function":{"name":"f","arguments":"{\"a\":2}"}}]})")
    + choice(R"({"role":"assistant","content":""})", R"("stop")"));
  BOOST_TEST(error_of(x.turn) == "none");
  BOOST_TEST(calls_of(x.turn) == R"(call_1:f({"a":1})call_2:f({"a":2}))");
  BOOST_TEST(x.turn.reasoning == "hm");
  BOOST_TEST(!x.turn.usage.input_reported);
  BOOST_TEST(!x.turn.usage.output_reported);
}

BOOST_AUTO_TEST_CASE(gemini_sends_no_index_and_says_stop) {
  auto x = assemble(
    choice(R"({"tool_calls":[{"id":"g1","type":"function","function":{"name":"f",)"
           R"("arguments":"{\"a\":1}"}}]})")
    + choice(
      R"({"tool_calls":[{"id":"g2","type":"function","function":{"name":"g","arguments":"{}"}}]})")
    + stop);
  BOOST_TEST(calls_of(x.turn) == R"(g1:f({"a":1})g2:g({}))");
  auto nameless = assemble(
    choice(R"({"tool_calls":[{"id":"","function":{"name":"f","arguments":"{\"a\":1}"}}]})")
    + choice(R"({"tool_calls":[{"id":"","function":{"name":"f","arguments":"{\"a\":2}"}}]})")
    + stop);
  BOOST_TEST(calls_of(nameless.turn) == R"(call_0:f({"a":1})call_1:f({"a":2}))");
}

BOOST_AUTO_TEST_CASE(a_delta_without_index_and_id_continues_the_last_call) {
  auto x =
    assemble(choice(R"({"tool_calls":[{"id":"c","function":{"name":"f","arguments":"{\"a\""}}]})")
             + choice(R"({"tool_calls":[{"function":{"arguments":":1}"}}]})")
             + choice(R"({"tool_calls":[{"id":"c","function":{"arguments":""}}]})") + tools_end);
  BOOST_TEST(calls_of(x.turn) == R"(c:f({"a":1}))");
}

BOOST_AUTO_TEST_CASE(missing_and_repeated_ids_are_made_up) {
  auto x =
    assemble(choice(R"({"tool_calls":[{"index":0,"function":{"name":"f","arguments":"{}"}},)"
                    R"({"index":1,"id":"call_0","function":{"name":"g","arguments":"{}"}},)"
                    R"({"index":2,"id":"call_0","function":{"name":"h","arguments":null}}]})")
             + tools_end);
  BOOST_TEST(calls_of(x.turn) == "call_1:f({})call_0:g({})call_2:h()");
}

BOOST_AUTO_TEST_CASE(the_form_before_tool_calls_is_understood) {
  auto x = assemble(choice(R"({"function_call":{"name":"f","arguments":"{\"a\""}})")
                    + choice(R"({"function_call":{"arguments":":1}"}})")
                    + choice("{}", R"("function_call")"));
  BOOST_TEST(calls_of(x.turn) == R"(call_0:f({"a":1}))");
  auto object = assemble(
    choice(R"({"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":{"a":1}}}]})")
    + stop);
  BOOST_TEST(calls_of(object.turn) == R"(c:f({"a":1}))");
}

BOOST_AUTO_TEST_CASE(reasoning_is_collected_and_not_passed_on) {
  auto x = assemble(choice(R"({"reasoning_content":"a"})") + choice(R"({"reasoning":"b"})")
                    + choice(R"({"reasoning":"c","reasoning_content":"c"})")
                    + choice(R"({"content":"x"})") + stop);
  BOOST_TEST(x.turn.reasoning == "abc");
  BOOST_TEST(x.passed_on == "x");
}

BOOST_AUTO_TEST_CASE(a_refusal_is_kept_apart) {
  auto x = assemble(choice(R"({"content":null,"refusal":"I can"})")
                    + choice(R"({"refusal":"not."})") + stop);
  BOOST_TEST(x.turn.refusal == "I cannot.");
  BOOST_TEST(x.turn.text == "");
  BOOST_TEST(x.passed_on == "!I can!not.");
}

BOOST_AUTO_TEST_CASE(finish_reasons_are_mapped) {
  auto finish = [](std::string_view reason) {
    return assemble(choice(R"({"content":"a"})", reason)).turn;
  };
  BOOST_TEST((finish(R"("length")").finish == finish_reason::length));
  BOOST_TEST((finish(R"("content_filter")").finish == finish_reason::content_filter));
  BOOST_TEST((finish(R"("tool_calls")").finish == finish_reason::stop));
  BOOST_TEST((finish(R"("eos")").finish == finish_reason::stop));
  BOOST_TEST(error_of(finish(R"("error")")) == "upstream_failed");
  BOOST_TEST(error_of(finish("null")) == "upstream_failed");
  BOOST_TEST(error_of(finish(R"("")")) == "upstream_failed");
}

BOOST_AUTO_TEST_CASE(an_end_without_finish_reason_is_truncated) {
  BOOST_TEST(error_of(assemble(choice(R"({"content":"a"})") + done).turn) == "upstream_failed");
  BOOST_TEST(error_of(assemble(choice(R"({"content":"a"})")).turn) == "upstream_failed");
  BOOST_TEST(error_of(assemble("").turn) == "upstream_failed");
  BOOST_TEST(error_of(assemble(done).turn) == "upstream_failed");
  BOOST_TEST(error_of(assemble("<html>busy</html>").turn) == "upstream_failed");
  // The parts that came are kept, for the record.
  BOOST_TEST(assemble(choice(R"({"content":"a"})")).turn.text == "a");
}

BOOST_AUTO_TEST_CASE(a_broken_connection_is_told_unless_all_was_there) {
  auto broken = make_problem(errc::upstream_timeout, "No answer.");
  BOOST_TEST(error_of(assemble(choice(R"({"content":"a"})"), 100, broken).turn)
             == "upstream_timeout");
  BOOST_TEST(error_of(assemble(choice(R"({"content":"a"})") + stop, 100, broken).turn) == "none");
}

BOOST_AUTO_TEST_CASE(errors_in_the_stream_have_many_shapes) {
  const std::string begin = choice(R"({"content":"a"})");
  const std::pair<std::string, std::string> cases[] = {
    {begin
       + event_of(R"({"error":{"message":"boom","type":"server_error","param":null,"code":500}})")
       + done,
     "boom"},
    {begin + event_of(R"({"error":{"message":"boom","code":"bad"}})"), "boom"},
    {begin + event_of(R"({"object":"error","message":"boom","type":"BadRequestError","code":400})")
       + done,
     "boom"},
    {begin + event_of(R"({"error":"boom"})"), "boom"},
    {begin + event_of(R"([{"error":{"code":503,"message":"boom","status":"UNAVAILABLE"}}])"),
     "boom"},
    {event_of(R"({"error":{"message":"boom"}})"), "boom"},
    {R"({"error":{"message":"boom"}})", "boom"},
    {R"([{"error":{"message":"boom"}}])", "boom"},
    {begin
       + event_of(
         R"({"error":{"code":502,"message":"boom"},"choices":[{"index":0,"delta":{"content":""},)"
         R"("finish_reason":"error"}]})"),
     "boom"},
    {begin + "event: error\n" + event_of(R"({"error":{"message":"boom"}})"), "boom"},
  };
  for (auto& [bytes, text] : cases)
    BOOST_TEST_CONTEXT(bytes) {
      auto x = assemble(bytes).turn;
      BOOST_TEST(error_of(x) == "upstream_failed");
      BOOST_TEST(message_of(x.error).find(text) != std::string::npos);
    }
  auto none = assemble(event_of(R"({"error":null,"choices":[]})") + begin + stop).turn;
  BOOST_TEST(error_of(none) == "none");
}

BOOST_AUTO_TEST_CASE(rate_limits_and_credentials_are_recognised) {
  BOOST_TEST(error_of(assemble(event_of(R"({"error":{"message":"slow","code":429}})")).turn)
             == "rate_limit_exceeded");
  auto key =
    assemble(
      event_of(R"({"error":{"message":"Incorrect API key sk-123","code":"invalid_api_key"}})"))
      .turn;
  BOOST_TEST(message_of(key.error).find("sk-123") == std::string::npos);
  auto text = std::string(2000, 'x');
  auto large = assemble(event_of(R"({"error":{"message":")" + text + "\"}}")).turn;
  BOOST_TEST(message_of(large.error).size() < 600u);
}

BOOST_AUTO_TEST_CASE(statuses_are_mapped) {
  auto code = [](int status) {
    return to_string(code_of(upstream_status_error(status, R"({"error":{"message":"too long"}})")));
  };
  BOOST_TEST(code(400) == "bad_request");
  BOOST_TEST(code(422) == "bad_request");
  BOOST_TEST(code(401) == "upstream_failed");
  BOOST_TEST(code(404) == "upstream_failed");
  BOOST_TEST(code(429) == "rate_limit_exceeded");
  BOOST_TEST(code(500) == "upstream_failed");
  BOOST_TEST(message_of(upstream_status_error(400, R"({"error":{"message":"too long"}})"))
             == "The model server reported an error: too long");
  BOOST_TEST(message_of(upstream_status_error(400, R"({"object":"error","message":"too long"})"))
             == "The model server reported an error: too long");
  BOOST_TEST(message_of(upstream_status_error(500, "<html>"))
             == "The model server reported an error.");
  BOOST_TEST(message_of(upstream_status_error(401, R"({"error":{"message":"key sk-1"}})"))
             == "The model server refused our credentials.");
}

BOOST_AUTO_TEST_CASE(the_last_usage_wins) {
  auto x =
    assemble(usage(1, 1) + choice(R"({"content":"a"})")
             + event_of(R"({"choices":[{"index":0,"delta":{"content":""},"finish_reason":"stop"}],)"
                        R"("usage":{"prompt_tokens":7,"completion_tokens":null},"timings":{}})")
             + usage(8, 5) + event_of(R"({"choices":[],"usage":null})") + done);
  BOOST_TEST(x.turn.usage.input == 8);
  BOOST_TEST(x.turn.usage.output == 5);
  auto null_output = assemble(
    event_of(R"({"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":null}})") + stop);
  BOOST_TEST(null_output.turn.usage.input == 7);
  BOOST_TEST(null_output.turn.usage.output == 0);
}

BOOST_AUTO_TEST_CASE(senseless_usage_is_bounded) {
  auto x = assemble(
    event_of(R"({"choices":[],"usage":{"prompt_tokens":-5,"completion_tokens":9223372036854775807,)"
             R"("prompt_tokens_details":{"cached_tokens":99}}})")
    + stop);
  BOOST_TEST(x.turn.usage.input == 0);
  BOOST_TEST(x.turn.usage.cached == 0);
  BOOST_TEST(x.turn.usage.output == 1'000'000'000);
  auto deepseek =
    assemble(event_of(R"({"choices":[],"usage":{"prompt_tokens":50,"completion_tokens":1,)"
                      R"("prompt_cache_hit_tokens":20}})")
             + stop);
  BOOST_TEST(deepseek.turn.usage.cached == 20);
}

BOOST_AUTO_TEST_CASE(unreported_usage_is_estimated_and_flagged) {
  auto x = assemble(choice(R"({"content":"12345"})") + stop).turn;
  auto body = parse_json_object(R"({"messages":[{"role":"user","content":"1234"}]})").value();
  complete_usage(x, body);
  BOOST_TEST(x.usage.estimated);
  BOOST_TEST(x.usage.output == 2);
  BOOST_TEST(x.usage.input == estimate_input_tokens(body));
  auto reported = assemble(choice("{}", R"("stop")") + usage(3, 4)).turn;
  complete_usage(reported, body);
  BOOST_TEST(reported.usage.input == 3);
  BOOST_TEST(!reported.usage.estimated);
}

BOOST_AUTO_TEST_CASE(a_count_that_was_not_reported_is_estimated_beside_one_that_was) {
  auto body = parse_json_object(R"({"messages":[{"role":"user","content":"1234"}]})").value();
  auto input = estimate_input_tokens(body);
  const std::tuple<std::string, std::int64_t, std::int64_t> cases[] = {
    {R"("completion_tokens":90)", input, 90},
    {R"("prompt_tokens":80)", 80, 2},
    {R"("prompt_tokens":80,"completion_tokens":null)", 80, 2},
    {R"("prompt_tokens":-5,"completion_tokens":90)", input, 90},
    {R"("prompt_tokens":80,"completion_tokens":-1)", 80, 2},
    {R"("prompt_tokens_details":{"cached_tokens":0})", input, 2},
  };
  for (auto& [said, input_wanted, output_wanted] : cases)
    BOOST_TEST_CONTEXT(said) {
      auto x = assemble(choice(R"({"content":"12345"})") + stop
                        + event_of(R"({"choices":[],"usage":{)" + said + "}}") + done)
                 .turn;
      complete_usage(x, body);
      BOOST_TEST(x.usage.input == input_wanted);
      BOOST_TEST(x.usage.output == output_wanted);
      BOOST_TEST(x.usage.estimated);
    }
  auto nothing = assemble(choice(R"({"content":"12345"})") + stop + usage(0, 0)).turn;
  complete_usage(nothing, body);
  BOOST_TEST(nothing.usage.output == 0);
  BOOST_TEST(!nothing.usage.estimated);
}

BOOST_AUTO_TEST_CASE(early_usage_does_not_bound_an_answer_that_is_not_whole) {
  auto body = parse_json_object(R"({"messages":[{"role":"user","content":"1234"}]})").value();
  auto text = choice(R"({"content":")" + std::string(8000, 'x') + "\"}");
  auto broken = make_problem(errc::upstream_failed, "Reset.");
  auto completed = [&](turn x) {
    complete_usage(x, body);
    return x.usage;
  };
  auto partial = [&](const std::string& bytes) {
    chat_stream stream;
    stream.feed(bytes);
    return completed(stream.partial());
  };
  // Without the end, neither the finish reason nor an early report says that nothing comes.
  for (auto& x : {partial(usage(1000, 1) + text), partial(usage(1000, 1) + text + stop),
                  completed(assemble(usage(1000, 1) + text, 1u << 20, broken).turn),
                  completed(assemble(usage(1000, 1) + text + stop, 1u << 20, broken).turn)}) {
    BOOST_TEST(x.input == 1000);
    BOOST_TEST(x.output == 2000);
    BOOST_TEST(x.estimated);
  }
  auto ahead = partial(usage(1000, 3000) + text);
  BOOST_TEST(ahead.output == 3000);
  BOOST_TEST(!ahead.estimated);
  BOOST_TEST(partial(usage(2, 1) + text).input == 2); // a prompt does not grow
  BOOST_TEST(partial(usage(0, 0) + text).input == estimate_input_tokens(body));
  // With it, what was reported stands.
  for (auto& x : {completed(assemble(usage(1000, 1) + text + stop).turn),
                  partial(usage(1000, 1) + text + stop + done),
                  completed(assemble(text + stop + usage(1000, 1), 1u << 20, broken).turn),
                  partial(text + stop + usage(1000, 1))}) {
    BOOST_TEST(x.output == 1);
    BOOST_TEST(!x.estimated);
  }
}

BOOST_AUTO_TEST_CASE(a_plain_document_is_taken_too) {
  auto text = "\n\n\n" + std::string{R"({"id":"x","object":"chat.completion","choices":[{"index":0,
    "message":{"role":"assistant","content":"Hi","tool_calls":[
      {"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},
      {"id":"b","type":"function","function":{"name":"g","arguments":"{}"}}]},
    "finish_reason":"tool_calls"}],"usage":{"prompt_tokens":3,"completion_tokens":2}})"};
  for (std::size_t piece : {1u, 7u, 10'000u}) {
    auto x = assemble(text, piece);
    BOOST_TEST(error_of(x.turn) == "none");
    BOOST_TEST(x.passed_on == "Hi");
    BOOST_TEST(calls_of(x.turn) == "a:f({})b:g({})");
    BOOST_TEST(x.turn.usage.input == 3);
  }
  BOOST_TEST(error_of(assemble(text.substr(0, 100)).turn) == "upstream_failed");
}

BOOST_AUTO_TEST_CASE(odd_bytes_do_not_matter) {
  auto x = assemble("\r\n\r\n: keep-alive\r\n\r\nevent: message\r\ndata: {\"choices\":\r\n"
                    "data: [{\"delta\":{\"content\":[{\"type\":\"text\",\"text\":\"a\"}]},"
                    "\"finish_reason\":\"stop\"}]}\r\n\r\ndata:\r\n\r\ndata: [DONE]\r\n\r\n"
                    "data: {\"error\":{\"message\":\"after the end\"}}\r\n\r\n");
  BOOST_TEST(error_of(x.turn) == "none");
  BOOST_TEST(x.turn.text == "a");
  auto other_choices =
    assemble(event_of(R"({"choices":[{"index":1,"delta":{"content":"no"}},"x",{"index":0,)"
                      R"("delta":{"content":"yes"},"finish_reason":"stop"}]})"));
  BOOST_TEST(other_choices.turn.text == "yes");
  BOOST_TEST(error_of(assemble(event_of("{broken") + stop).turn) == "upstream_failed");
  BOOST_TEST(error_of(assemble(event_of("7") + stop).turn) == "upstream_failed");
  // The last blank line is missing.
  auto cut = choice(R"({"content":"a"})", R"("stop")");
  cut.resize(cut.size() - 2);
  BOOST_TEST(error_of(assemble(cut).turn) == "none");
}

BOOST_AUTO_TEST_CASE(sizes_are_bounded) {
  chat_stream_limits bounds;
  bounds.bytes_max = 1000;
  bounds.calls_max = 2;
  chat_stream large{bounds};
  for (int i = 0; i < 20 && !large.failed(); ++i)
    large.feed(choice(R"({"content":"0123456789"})"));
  BOOST_TEST(large.failed());
  BOOST_TEST(error_of(large.finish()) == "response_too_large");
  chat_stream many{bounds};
  for (auto id : {"a", "b", "c"})
    many.feed(choice(R"({"tool_calls":[{"id":")" + std::string{id}
                     + R"(","function":{"name":"f","arguments":"{}"}}]})"));
  BOOST_TEST(many.failed());
  auto x = many.finish();
  BOOST_TEST(error_of(x) == "response_too_large");
  BOOST_TEST(x.calls.size() == 2u);
}

BOOST_AUTO_TEST_CASE(chunks_are_kept_when_asked_for) {
  chat_stream_limits bounds;
  bounds.keep_chunks = true;
  chat_stream stream{bounds};
  BOOST_TEST(stream.feed(choice(R"({"content":"a"})") + stop).chunks.size() == 2u);
  BOOST_TEST(stream.finished());
  BOOST_TEST(stream.partial().text == "a");
}

BOOST_AUTO_TEST_CASE(where_the_bytes_are_cut_does_not_matter) {
  const auto bytes =
    event_of(R"({"choices":[]})") + choice(R"({"content":"Gr\u00fc\u00dfe \ud83d\ude00 ü"})")
    + ": c\r\n\r\n"
    + choice(
      R"({"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":"}}]})")
    + choice(R"({"tool_calls":[{"index":0,"function":{"arguments":"\"ä\"}"}}]})") + tools_end
    + usage(5, 6) + done;
  auto whole = assemble(bytes);
  BOOST_TEST(calls_of(whole.turn) == "a:f({\"x\":\"ä\"})");
  bool ok = rc::check("any cut gives the same turn", [&] {
    chat_stream stream;
    std::string passed_on;
    for (std::size_t i = 0; i < bytes.size();) {
      auto size = *rc::gen::inRange<std::size_t>(1, 40);
      for (auto& delta : stream.feed(std::string_view{bytes}.substr(i, size)).deltas)
        passed_on += delta.text;
      i += size;
    }
    auto x = stream.finish();
    RC_ASSERT(!x.error);
    RC_ASSERT(passed_on == whole.passed_on);
    RC_ASSERT(x.text == whole.turn.text);
    RC_ASSERT(x.calls == whole.turn.calls);
    RC_ASSERT(x.usage == whole.turn.usage);
  });
  BOOST_TEST(ok);
}

BOOST_AUTO_TEST_SUITE_END()
