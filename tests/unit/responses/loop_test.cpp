#include "core/responses/loop.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/unit/responses/loop_driver.hpp"

using namespace callboard;
using namespace callboard::responses;

namespace {

const std::string begun = "created in_progress";
const std::string listed = " output_item.added mcp_list_tools.in_progress mcp_list_tools.completed"
                           " output_item.done";
const std::string called =
  " output_item.added mcp_call_arguments.delta mcp_call_arguments.done mcp_call.in_progress"
  " mcp_call.completed output_item.done";
const std::string call_failed =
  " output_item.added mcp_call_arguments.delta mcp_call_arguments.done mcp_call.in_progress"
  " mcp_call.failed output_item.done";
const std::string function_called =
  " output_item.added function_call_arguments.delta function_call_arguments.done"
  " output_item.done";
const std::string said = " output_item.added content_part.added output_text.delta output_text.done"
                         " content_part.done output_item.done";
const std::string failed_end = " error failed";

std::string code_of(const loop_driver& x) {
  return x.failed() ? to_string(callboard::code_of(x.problem())) : "none";
}

std::string at(const json::object& x, std::string_view pointer) {
  json::error_code ec;
  const json::value whole(x);
  auto* found = whole.find_pointer({pointer.data(), pointer.size()}, ec);
  return found ? json::serialize(*found) : "absent";
}

} // namespace

BOOST_AUTO_TEST_SUITE(loop_test)

BOOST_AUTO_TEST_CASE(a_plain_answer_is_one_message) {
  loop_driver x{""};
  x.start();
  BOOST_TEST(x.turns().size() == 1u);
  x.text("Hel");
  x.text("lo");
  x.answer("Hello");
  BOOST_TEST(x.stream() == begun + said + " completed");
  BOOST_TEST(x.succeeded());
  BOOST_TEST(x.output() == "message:completed");
  BOOST_TEST(at(x.response(), "/output/0/content/0/text") == R"("Hello")");
  BOOST_TEST(at(x.response(), "/usage")
             == R"({"input_tokens":10,"input_tokens_details":{"cached_tokens":2,)"
                R"("cache_write_tokens":0},"output_tokens":5,"output_tokens_details":)"
                R"({"reasoning_tokens":1},"total_tokens":15})");
}

BOOST_AUTO_TEST_CASE(one_server_and_one_call_give_exactly_the_documented_stream) {
  loop_driver x{loop_driver::tools({"github"})};
  x.start();
  BOOST_TEST(x.types() == begun + " output_item.added mcp_list_tools.in_progress");
  BOOST_REQUIRE(x.lists().size() == 1u);
  x.list(0);
  BOOST_TEST(x.types() == begun + listed);
  BOOST_REQUIRE(x.turns().size() == 1u);
  x.call({R"(github_a={"n":1})"});
  BOOST_REQUIRE(x.runs().size() == 1u);
  BOOST_TEST(x.runs()[0].label == "github");
  BOOST_TEST(x.runs()[0].name == "github_a");
  BOOST_TEST(json::serialize(x.runs()[0].arguments) == R"({"n":1})");
  x.outcome(0, "Issue 42");
  BOOST_REQUIRE(x.turns().size() == 2u);
  x.text("Do");
  x.text("ne.");
  x.answer("Done.");
  BOOST_TEST(x.stream() == begun + listed + called + said + " completed");
  BOOST_TEST(x.output() == "mcp_list_tools mcp_call:completed message:completed");
  BOOST_TEST(
    at(x.response(), "/output/1")
    == R"({"id":"mcp_00110001","type":"mcp_call","status":"completed","approval_request_id":null,)"
       R"("arguments":"{\"n\":1}","error":null,"name":"github_a","output":"Issue 42",)"
       R"("server_label":"github"})");
  BOOST_TEST(x.runs()[0].item_id == "mcp_00110001");
  BOOST_TEST(at(x.response(), "/output/0/tools/0")
             == R"({"name":"github_a","description":"d","input_schema":{"type":"object"},)"
                R"("annotations":{"read_only":false}})");
  BOOST_TEST(at(x.response(), "/output/0/tools/1/description") == R"("")");
  BOOST_TEST(at(x.response(), "/usage/total_tokens") == "30");
  BOOST_TEST(
    x.messages()
    == R"([{"role":"user","content":"hi"},{"role":"assistant","content":null,"tool_calls":[)"
       R"({"id":"call_0","type":"function","function":{"name":"github_a",)"
       R"("arguments":"{\"n\":1}"}}]},)"
       R"({"role":"tool","tool_call_id":"call_0","content":"Issue 42"}])");
}

BOOST_AUTO_TEST_CASE(the_documented_stream_is_the_same_without_emit) {
  loop_driver x{loop_driver::tools({"github"}), false};
  x.start_and_list();
  x.call({"github_a"});
  x.outcome(0, "ok");
  x.answer("Done.");
  BOOST_TEST(x.frames().empty());
  BOOST_TEST(x.output() == "mcp_list_tools mcp_call:completed message:completed");
  BOOST_TEST(at(x.response(), "/status") == R"("completed")");
  BOOST_TEST(at(x.response(), "/output/2/content/0/text") == R"("Done.")");
}

BOOST_AUTO_TEST_CASE(lists_are_announced_in_the_order_of_the_request) {
  loop_driver x{loop_driver::tools({"github", "slack"})};
  x.start();
  BOOST_REQUIRE(x.lists().size() == 2u);
  x.list(1);
  BOOST_TEST(x.types() == begun + " output_item.added mcp_list_tools.in_progress");
  x.list(1); // twice is ignored
  x.list(0);
  BOOST_TEST(x.types() == begun + listed + listed);
  x.answer("ok");
  BOOST_TEST(x.stream() == begun + listed + listed + said + " completed");
  BOOST_TEST(at(x.response(), "/output/0/server_label") == R"("github")");
  BOOST_TEST(at(x.response(), "/output/1/server_label") == R"("slack")");
}

BOOST_AUTO_TEST_CASE(calls_of_one_turn_run_together_and_are_told_in_order) {
  loop_driver x{loop_driver::tools({"github", "slack"})};
  x.start_and_list();
  x.call({"github_a=", "slack_a", "github_b"});
  BOOST_REQUIRE(x.runs().size() == 3u);
  auto open = begun + listed + listed
              + " output_item.added mcp_call_arguments.delta mcp_call_arguments.done"
                " mcp_call.in_progress";
  BOOST_TEST(x.types() == open);
  x.outcome(2, "three");
  x.outcome(1, "two", true);
  BOOST_TEST(x.types() == open);
  x.outcome(1, "again"); // ignored
  x.outcome(0, "one");
  x.answer("ok");
  BOOST_TEST(x.stream()
             == begun + listed + listed + called + call_failed + called + said + " completed");
  BOOST_TEST(x.output()
             == "mcp_list_tools mcp_list_tools mcp_call:completed mcp_call:failed"
                " mcp_call:completed message:completed");
  BOOST_TEST(at(x.response(), "/output/3/error") == R"("two")");
  BOOST_TEST(at(x.response(), "/output/3/output") == "null");
  BOOST_TEST(at(x.response(), "/output/2/arguments") == R"("{}")");
  BOOST_TEST(x.messages().find(R"({"role":"tool","tool_call_id":"call_0","content":"one"},)"
                               R"({"role":"tool","tool_call_id":"call_1","content":"two"},)"
                               R"({"role":"tool","tool_call_id":"call_2","content":"three"})")
             != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_mixed_turn_returns_the_functions_and_runs_nothing) {
  loop_driver x{loop_driver::tools({"github"}, {"lookup"})};
  x.start_and_list();
  x.call({"github_a"});
  x.outcome(0, "ok");
  x.call({"github_b", R"(lookup={"q":1})", "made_up"}, "One moment.");
  BOOST_TEST(x.runs().size() == 1u);
  BOOST_TEST(x.succeeded());
  BOOST_TEST(x.stream() == begun + listed + called + said + function_called + " completed");
  BOOST_TEST(x.output()
             == "mcp_list_tools mcp_call:completed message:completed function_call:completed");
  BOOST_TEST(at(x.response(), "/status") == R"("completed")");
  BOOST_TEST(at(x.response(), "/output/3")
             == R"({"id":"fc_00110003","type":"function_call","status":"completed",)"
                R"("name":"lookup","arguments":"{\"q\":1}","call_id":"call_2"})");
  BOOST_TEST(json::serialize(x.response()).find("github_b\",\"output") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(only_functions_return_at_once) {
  loop_driver x{loop_driver::tools({}, {"f", "g"})};
  x.start();
  x.call({"f", "g=not json"});
  BOOST_TEST(x.stream() == begun + function_called + function_called + " completed");
  BOOST_TEST(x.output() == "function_call:completed function_call:completed");
  BOOST_TEST(at(x.response(), "/output/1/arguments") == R"("not json")");
}

BOOST_AUTO_TEST_CASE(text_before_calls_is_closed_before_them) {
  loop_driver x{loop_driver::tools({"github"})};
  x.start_and_list();
  x.text("Let me see.");
  x.call({"github_a"}, "Let me see.");
  x.outcome(0, "ok");
  x.answer("Done.");
  BOOST_TEST(x.stream() == begun + listed + said + called + said + " completed");
  BOOST_TEST(x.messages().find(R"("content":"Let me see.","tool_calls")") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(blank_text_before_calls_opens_no_message) {
  loop_driver x{loop_driver::tools({"github"})};
  x.start_and_list();
  x.text("\n");
  x.text("\n ");
  x.call({"github_a"}, "\n\n ");
  x.outcome(0, "ok");
  x.text(" \n");
  x.text("Done.");
  x.answer(" \nDone.");
  BOOST_TEST(x.stream() == begun + listed + called + said + " completed");
  BOOST_TEST(at(x.response(), "/output/2/content/0/text") == R"(" \nDone.")");
}

BOOST_AUTO_TEST_CASE(a_failing_tool_is_told_to_the_model) {
  loop_driver x{loop_driver::tools({"github"})};
  x.start_and_list();
  x.call({"github_a"});
  x.outcome(0, "No such repository.", true);
  x.answer("Sorry.");
  BOOST_TEST(x.stream() == begun + listed + call_failed + said + " completed");
  BOOST_TEST(x.succeeded());
  BOOST_TEST(x.messages().find(R"("content":"No such repository.")") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(bad_arguments_fail_without_a_run) {
  loop_driver x{loop_driver::tools({"github"})};
  x.start_and_list();
  x.call({"github_a={broken", "github_b=[1]"});
  BOOST_TEST(x.runs().empty());
  BOOST_REQUIRE(x.turns().size() == 2u);
  x.answer("Sorry.");
  BOOST_TEST(x.stream() == begun + listed + call_failed + call_failed + said + " completed");
  BOOST_TEST(at(x.response(), "/output/1/arguments") == R"("{broken")");
  BOOST_TEST(x.messages().find("not a valid JSON object") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_made_up_tool_is_answered_but_no_item) {
  loop_driver x{loop_driver::tools({"github"})};
  x.start_and_list();
  x.call({"made_up", "github_a"});
  BOOST_REQUIRE(x.runs().size() == 1u);
  x.outcome(0, "ok");
  x.answer("Done.");
  BOOST_TEST(x.stream() == begun + listed + called + said + " completed");
  BOOST_TEST(x.messages().find("There is no tool with the name made_up.") != std::string::npos);
  loop_driver only{""};
  only.start();
  only.call({"made_up"});
  BOOST_TEST(only.turns().size() == 2u);
  only.answer("ok");
  BOOST_TEST(only.stream() == begun + said + " completed");
}

BOOST_AUTO_TEST_CASE(the_tenth_turn_may_not_ask_for_more) {
  loop_driver x{loop_driver::tools({"github"})};
  x.start_and_list();
  std::string calls;
  for (std::size_t i = 0; i < 9; ++i) {
    x.call({"github_a"});
    x.outcome(i, "ok");
    calls += called;
  }
  BOOST_TEST(x.turns().size() == 10u);
  BOOST_TEST(x.turns().back().iteration == 10);
  x.call({"github_a"});
  BOOST_TEST(x.runs().size() == 9u);
  BOOST_TEST(code_of(x) == "max_iterations_exceeded");
  BOOST_TEST(x.stream() == begun + listed + calls + failed_end);
  BOOST_TEST(at(x.response(), "/status") == R"("failed")");
  BOOST_TEST(at(x.response(), "/error/code") == R"("max_iterations_exceeded")");
  BOOST_TEST(at(x.response(), "/error/type") == R"("server_error")");
  BOOST_TEST(at(x.response(), "/usage/total_tokens") == "150");
}

BOOST_AUTO_TEST_CASE(the_tenth_turn_may_answer_or_return_functions) {
  for (bool function : {false, true}) {
    loop_driver x{loop_driver::tools({"github"}, {"f"}), false};
    x.start_and_list();
    for (std::size_t i = 0; i < 9; ++i) {
      x.call({"github_a"});
      x.outcome(i, "ok");
    }
    if (function)
      x.call({"f", "github_a"});
    else
      x.answer("Done.");
    BOOST_TEST(x.succeeded());
    BOOST_TEST(x.runs().size() == 9u);
  }
}

BOOST_AUTO_TEST_CASE(a_failing_turn_closes_the_message_and_fails) {
  loop_driver x{loop_driver::tools({"github"})};
  x.start_and_list();
  x.call({"github_a"});
  x.outcome(0, "ok");
  x.text("Hal");
  x.turn_failed(make_problem(errc::upstream_failed, "The model server ended too early."));
  BOOST_TEST(x.stream() == begun + listed + called + said + failed_end);
  BOOST_TEST(code_of(x) == "upstream_failed");
  BOOST_TEST(x.output() == "mcp_list_tools mcp_call:completed message:incomplete");
  BOOST_TEST(at(x.response(), "/usage/total_tokens") == "15");
  BOOST_TEST(at(x.response(), "/error/message") == R"("The model server ended too early.")");
}

BOOST_AUTO_TEST_CASE(money_that_runs_out_later_has_one_code) {
  auto empty = [] { return make_problem(errc::budget_exhausted, "The budget is used up."); };
  loop_driver first{loop_driver::tools({"github"})};
  first.start_and_list();
  first.stop(empty());
  BOOST_TEST(code_of(first) == "budget_exhausted");
  BOOST_TEST(first.stream() == begun + listed + failed_end);
  loop_driver x{loop_driver::tools({"github"})};
  x.start_and_list();
  x.call({"github_a"});
  x.outcome(0, "ok");
  x.stop(with_details(empty(), R"({"required_usd":"0.002500","resets_at":"tomorrow"})"));
  BOOST_TEST(code_of(x) == "payment_required");
  BOOST_TEST(param_of(x.problem()) == "budget_exhausted");
  BOOST_TEST(x.stream() == begun + listed + called + failed_end);
  BOOST_TEST(at(x.response(), "/error/reason") == R"("budget_exhausted")");
  BOOST_TEST(at(x.response(), "/error/type") == R"("payment_required")");
  std::string problem;
  auto events = read_frames(x.frames(), problem).events;
  auto& error = events[events.size() - 2];
  BOOST_TEST(at(error, "/code") == R"("payment_required")");
  BOOST_TEST(at(error, "/param") == "null");
  BOOST_TEST(at(error, "/error/code") == R"("payment_required")");
  BOOST_TEST(at(error, "/error/reason") == R"("budget_exhausted")");
  BOOST_TEST(at(error, "/error/required_usd") == R"("0.002500")");
  BOOST_TEST(at(x.response(), "/error/resets_at") == R"("tomorrow")");
}

BOOST_AUTO_TEST_CASE(a_failure_while_tools_run_closes_them_honestly) {
  loop_driver x{loop_driver::tools({"github"})};
  x.start_and_list();
  x.call({"github_a", "github_b", "github_a"});
  x.outcome(2, "three");
  x.stop(make_problem(errc::wallet_insufficient, "Empty."));
  BOOST_TEST(x.output() == "mcp_list_tools mcp_call:incomplete mcp_call:completed");
  BOOST_TEST(x.stream()
             == begun + listed
                  + " output_item.added mcp_call_arguments.delta mcp_call_arguments.done"
                    " mcp_call.in_progress output_item.done"
                  + called + failed_end);
  x.outcome(0, "late"); // after the end: ignored
  x.stop(make_problem(errc::internal, "again"));
  x.answer("late");
  x.text("late");
  BOOST_TEST(x.output() == "mcp_list_tools mcp_call:incomplete mcp_call:completed");
}

BOOST_AUTO_TEST_CASE(unreachable_tools_fail_the_request) {
  auto away = [] { return make_problem(errc::mcp_unreachable, "slack cannot be reached."); };
  const std::string list_failed =
    " output_item.added mcp_list_tools.in_progress mcp_list_tools.failed output_item.done";
  loop_driver x{loop_driver::tools({"slack"})};
  x.start();
  x.list_failed(0, away());
  BOOST_TEST(code_of(x) == "mcp_unreachable");
  BOOST_TEST(x.turns().empty());
  BOOST_TEST(x.stream() == begun + list_failed + failed_end);
  BOOST_TEST(at(x.response(), "/output/0/error") == R"("slack cannot be reached.")");
  loop_driver second{loop_driver::tools({"github", "zendesk", "slack", "zoho_mail"})};
  second.start();
  second.list(1);
  second.list_failed(2, away());
  BOOST_TEST(second.stream() == begun + list_failed + listed + list_failed + failed_end);
  loop_driver stopped{loop_driver::tools({"github", "slack"})};
  stopped.start();
  stopped.stop(make_problem(errc::shutting_down, "Bye."));
  BOOST_TEST(stopped.stream() == begun + list_failed + failed_end);
}

BOOST_AUTO_TEST_CASE(clashing_names_fail_before_the_first_turn) {
  loop_driver x{loop_driver::tools({"github"}, {"github_a"})};
  x.start_and_list();
  BOOST_TEST(x.turns().empty());
  BOOST_TEST(code_of(x) == "validation_error");
  BOOST_TEST(param_of(x.problem()) == "tools[1]");
  BOOST_TEST(x.stream() == begun + listed + failed_end);
}

BOOST_AUTO_TEST_CASE(unanswered_calls_in_the_input_fail_at_once) {
  loop_driver x{loop_driver::tools({"github"}), true,
                R"([{"type":"function_call","call_id":"c","name":"f","arguments":"{}"}])"};
  x.start();
  BOOST_TEST(x.lists().empty());
  BOOST_TEST(code_of(x) == "validation_error");
  BOOST_TEST(param_of(x.problem()) == "input");
  BOOST_TEST(x.stream() == begun + failed_end);
}

BOOST_AUTO_TEST_CASE(an_answer_that_is_cut_is_incomplete) {
  loop_driver x{""};
  x.start();
  x.text("Once upon");
  x.answer("Once upon", finish_reason::length);
  BOOST_TEST(x.stream() == begun + said + " incomplete");
  BOOST_TEST(x.output() == "message:incomplete");
  BOOST_TEST(at(x.response(), "/incomplete_details") == R"({"reason":"max_output_tokens"})");
  BOOST_TEST(at(x.response(), "/error") == "null");
  loop_driver filtered{loop_driver::tools({"github"})};
  filtered.start_and_list();
  filtered.call({"github_a"}, "", finish_reason::content_filter);
  BOOST_TEST(filtered.runs().empty());
  BOOST_TEST(filtered.stream() == begun + listed + " incomplete");
  BOOST_TEST(at(filtered.response(), "/incomplete_details/reason") == R"("content_filter")");
}

BOOST_AUTO_TEST_CASE(calls_of_a_cut_turn_count_only_when_whole) {
  loop_driver whole{loop_driver::tools({"github"})};
  whole.start_and_list();
  whole.call({R"(github_a={"n":1})"}, "", finish_reason::length);
  BOOST_TEST(whole.runs().size() == 1u);
  loop_driver cut{loop_driver::tools({"github"})};
  cut.start_and_list();
  cut.call({"github_a", R"(github_a={"n":)"}, "", finish_reason::length);
  BOOST_TEST(cut.runs().empty());
  BOOST_TEST(at(cut.response(), "/status") == R"("incomplete")");
}

BOOST_AUTO_TEST_CASE(a_refusal_is_a_part_of_its_own) {
  loop_driver x{""};
  x.start();
  x.text("I can", true);
  x.text("not.", true);
  turn end;
  end.refusal = "I cannot.";
  end.finish = finish_reason::stop;
  for (auto& effect : x.subject().turn_finished(end, 5))
    if (auto* good = std::get_if<succeed>(&effect))
      BOOST_TEST(at(good->response, "/output/0/content")
                 == R"([{"type":"refusal","refusal":"I cannot."}])");
  BOOST_TEST(x.types() == begun + " output_item.added content_part.added refusal.delta");
}

BOOST_AUTO_TEST_CASE(text_and_refusal_are_two_parts) {
  loop_driver x{""};
  x.start();
  x.text("Well.");
  x.text("No.", true);
  x.answer("Well.");
  BOOST_TEST(x.stream()
             == begun
                  + " output_item.added content_part.added output_text.delta output_text.done"
                    " content_part.done content_part.added refusal.delta refusal.done"
                    " content_part.done output_item.done completed");
}

BOOST_AUTO_TEST_CASE(an_empty_answer_is_an_empty_message) {
  loop_driver x{""};
  x.start();
  x.answer("");
  BOOST_TEST(x.stream()
             == begun
                  + " output_item.added content_part.added output_text.done content_part.done"
                    " output_item.done completed");
  BOOST_TEST(x.output() == "message:completed");
}

BOOST_AUTO_TEST_CASE(usage_is_estimated_when_nobody_counted) {
  loop_driver x{"", false};
  x.start();
  turn end;
  end.text = "12345678";
  end.finish = finish_reason::stop;
  auto out = x.subject().turn_finished(end, 5);
  BOOST_TEST(x.subject().usage().estimated);
  BOOST_TEST(x.subject().usage().output == 2);
  BOOST_TEST(x.subject().usage().input == x.turns()[0].input_tokens_estimate);
  BOOST_TEST(x.subject().ended());
}

BOOST_AUTO_TEST_CASE(max_tool_calls_stops_the_tools_not_the_answer) {
  loop_driver x{R"("max_tool_calls":2,)" + loop_driver::tools({"github"})};
  x.start_and_list();
  x.call({"github_a"});
  x.outcome(0, "ok");
  BOOST_TEST(at(x.turns()[1].body, "/tool_choice") == R"("auto")");
  x.call({"github_a", "github_b"});
  BOOST_TEST(x.runs().size() == 2u);
  x.outcome(1, "ok");
  BOOST_TEST(at(x.turns()[2].body, "/tool_choice") == R"("none")");
  x.answer("Done.");
  BOOST_TEST(x.stream() == begun + listed + called + called + call_failed + said + " completed");
}

BOOST_AUTO_TEST_CASE(max_output_tokens_holds_for_all_turns_together) {
  loop_driver x{R"("max_output_tokens":12,)" + loop_driver::tools({"github"})};
  x.start_and_list();
  BOOST_TEST(x.turns()[0].output_tokens_max == 12);
  x.call({"github_a"});
  x.outcome(0, "ok");
  BOOST_TEST(x.turns()[1].output_tokens_max == 7);
  x.call({"github_a"});
  x.outcome(1, "ok");
  BOOST_TEST(x.turns()[2].output_tokens_max == 2);
  x.call({"github_a"});
  x.outcome(2, "ok");
  BOOST_TEST(x.turns().size() == 3u);
  BOOST_TEST(at(x.response(), "/incomplete_details/reason") == R"("max_output_tokens")");
  BOOST_TEST(x.stream() == begun + listed + called + called + called + " incomplete");
}

BOOST_AUTO_TEST_CASE(too_many_calls_in_one_turn_are_answered_as_failed) {
  loop_driver x{loop_driver::tools({"github"})};
  x.start_and_list();
  std::vector<std::string> calls(limits::turn_tool_calls_max + 3, "github_a");
  x.call(calls);
  BOOST_TEST(x.runs().size() == limits::turn_tool_calls_max);
  for (std::size_t i = 0; i < x.runs().size(); ++i)
    x.outcome(i, "ok");
  x.answer("Done.");
  BOOST_TEST(x.succeeded());
  BOOST_TEST(check_stream(x.frames()) == "");
  BOOST_TEST(x.messages().find("Too many tool calls") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(large_outputs_are_cut_between_characters) {
  loop_driver x{loop_driver::tools({"github"})};
  x.start_and_list();
  x.call({"github_a"});
  std::string text(limits::tool_output_bytes_max - 1, 'x');
  x.outcome(0, text + "üüü");
  x.answer("Done.");
  auto output = x.response().at("output").at(1).at("output").as_string();
  BOOST_TEST(output.size() < limits::tool_output_bytes_max + 100);
  BOOST_TEST(
    std::string_view(output.data(), output.size()).ends_with("x\n[The rest was cut off.]"));
}

BOOST_AUTO_TEST_CASE(repeated_upstream_ids_are_made_unique) {
  loop_driver x{loop_driver::tools({"github"}), true,
                R"([{"type":"function_call","call_id":"call_0","name":"f","arguments":"{}"},
                    {"type":"function_call_output","call_id":"call_0","output":"o"}])"};
  x.start_and_list();
  x.call({"github_a"}); // the driver's first id is call_0 again
  x.outcome(0, "ok");
  BOOST_TEST(x.messages().find(R"("tool_call_id":"call_0","content":"o")") != std::string::npos);
  BOOST_TEST(x.messages().find(R"("tool_call_id":"call_00110001","content":"ok")")
             != std::string::npos);
}

BOOST_AUTO_TEST_CASE(allowed_tools_limit_what_is_offered_and_run) {
  auto tools = R"("tools":[{"type":"mcp","server_label":"github","server_url":"http://h/mcp/github",
    "authorization":"k","allowed_tools":["github_b"]}])";
  loop_driver x{tools};
  x.start_and_list();
  BOOST_TEST(at(x.turns()[0].body, "/tools/0/function/name") == R"("github_b")");
  BOOST_TEST(at(x.turns()[0].body, "/tools/1") == "absent");
  x.call({"github_a"});
  BOOST_TEST(x.runs().empty());
  x.answer("ok");
  BOOST_TEST(at(x.response(), "/output/0/tools/1") == "absent");
}

BOOST_AUTO_TEST_CASE(calls_against_the_tool_choice_are_not_run) {
  // Ollama ignores tool_choice and calls all the same.
  loop_driver none{R"("tool_choice":"none",)" + loop_driver::tools({"github"}, {"f"})};
  none.start_and_list();
  none.call({"github_a", "f"});
  BOOST_TEST(none.runs().empty());
  none.answer("ok");
  BOOST_TEST(none.stream() == begun + listed + call_failed + said + " completed");
  loop_driver some{R"("tool_choice":{"type":"allowed_tools","mode":"auto","tools":[)"
                   R"({"type":"mcp","server_label":"github","name":"github_b"}]},)"
                   + loop_driver::tools({"github"})};
  some.start_and_list();
  some.call({"github_a", "github_b"});
  BOOST_REQUIRE(some.runs().size() == 1u);
  BOOST_TEST(some.runs()[0].name == "github_b");
}

BOOST_AUTO_TEST_CASE(nothing_secret_leaves_the_loop) {
  loop_driver x{loop_driver::tools({"github"}, {"f"})};
  x.start_and_list();
  x.call({"github_a"});
  x.outcome(0, "ok");
  x.answer("Done.");
  auto everything = json::serialize(x.response());
  for (auto& frame : x.frames())
    everything += frame;
  for (auto& turn : x.turns())
    everything += json::serialize(turn.body);
  BOOST_TEST(everything.find("sk-eu") == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
