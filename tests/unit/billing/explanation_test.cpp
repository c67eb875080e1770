#include "core/billing/explanation.hpp"

#include <algorithm>

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include "core/base/digest.hpp"
#include "core/base/limits.hpp"
#include "core/billing/telling.hpp"

using namespace callboard;
using namespace callboard::billing;

namespace {

const std::string acme = "11111111-1111-4111-8111-111111111111";
const std::string loop_a = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa";

booking hold_of(std::string kind, char status, std::int64_t held) {
  booking x;
  x.id = {uuid4()};
  x.platform = {acme};
  x.platform_name = "Acme";
  x.request = {"req-1"};
  x.end_user = {"22222222-2222-4222-8222-222222222222"};
  x.external_id = "user-1";
  x.is_turn = kind == "llm";
  x.subject = x.is_turn ? "gpt" : "github_get_issue";
  x.held = {held};
  x.status = status;
  x.created_at = "2026-11-25T10:00:00Z";
  x.expires_at = "2026-11-25T10:15:00Z";
  if (status != 'P')
    x.resolved_at = "2026-11-25T10:00:02Z";
  return x;
}

/// What a settlement writes beside the hold.
void settle(booking& x, std::int64_t charged, std::int64_t balance_after) {
  static int ledger_id = 8;
  x.settled = {charged};
  x.ledger = ledger_entry{std::to_string(++ledger_id),
                          x.is_turn ? "llm_usage" : "mcp_usage",
                          {-charged},
                          {balance_after},
                          x.subject,
                          "2026-11-25T10:00:02Z"};
  x.log = log_entry{x.is_turn ? "response" : "mcp_tool", {}, false, {charged}, 7, "success", {}};
}

/// A settled turn of `loop_a`: 120 tokens in, 20 of them cached, 35 out, at 2.50, 1.25 and 10.
booking turn(std::int64_t number, std::int64_t held, std::int64_t charged,
             std::int64_t markup_ppm = 0) {
  auto x = hold_of("llm", 'S', held);
  x.loop = {loop_a};
  x.turn = number;
  x.turns_max = 10;
  x.id = turn_hold(x.loop, number);
  x.prices = turn_prices{{{2'500'000}, {1'250'000}, {10'000'000}}, {markup_ppm}};
  settle(x, charged, 5'000'000 - charged);
  x.log->tokens = {120, 20, 35};
  return x;
}

booking paid_call(std::string scope, std::string name, std::int64_t version) {
  auto x = hold_of("mcp", 'S', 1000);
  x.price = tool_price_version{std::move(scope), std::move(name), version, {1000}};
  settle(x, 1000, 4'999'000);
  return x;
}

explanation told(std::vector<booking> bookings) {
  const auto count = static_cast<std::int64_t>(bookings.size());
  return explain("req-1", std::move(bookings), count);
}

const explained_step& only_step(const explanation& x) {
  BOOST_REQUIRE(x.requests.size() == 1u);
  BOOST_REQUIRE(x.requests.front().steps.size() == 1u);
  return x.requests.front().steps.front();
}

std::string text_of(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines)
    text += line + "\n";
  return text;
}

bool says(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

/// The only step in words, after a look at its alarms.
std::string story(const booking& x, std::size_t alarms = 0) {
  const auto all = told({x});
  const auto& step = only_step(all);
  BOOST_TEST(step.alarms.size() == alarms, text_of(step.alarms));
  return text_of(tell_step(step));
}

} // namespace

BOOST_AUTO_TEST_SUITE(explanation_test)

BOOST_AUTO_TEST_CASE(a_turn_is_computed_again_from_tokens_and_prices) {
  auto x = turn(1, 1000, 625);
  auto text = story(x);
  BOOST_TEST(says(text, "model turn 1 on gpt: 0.000625 charged"), text);
  BOOST_TEST(says(text, "120 input tokens, 20 of them cached, and 35 output tokens"), text);
  BOOST_TEST(says(text, "(100 x 2.500000 + 20 x 1.250000 + 35 x 10.000000) / 1000000 = 0.000625, "
                        "that is 0.000625"),
             text);
  BOOST_TEST(says(text, "0.001000 were held before; 0.000375 went back."), text);
  BOOST_TEST(!says(text, "markup"), text);
}

BOOST_AUTO_TEST_CASE(a_markup_and_the_rounding_are_written_out) {
  auto text = story(turn(1, 1000, 700, 120'000));
  BOOST_TEST(says(text, "= 0.000625, x 1.12 (markup) = 0.0007, that is 0.000700"), text);
  text = story(turn(1, 1000, 626, 1));
  BOOST_TEST(says(text, "x 1.000001 (markup) = 0.000625000625, rounded up 0.000626"), text);
}

BOOST_AUTO_TEST_CASE(calculations_are_exact_to_the_last_digit_or_not_written) {
  BOOST_TEST(calculation({1, 0, 0}, {{{1}, {0}, {0}}, {1}})
             == "(1 x 0.000001) / 1000000 = 0.000000000001, x 1.000001 (markup) = "
                "0.000000000001000001, rounded up 0.000001");
  BOOST_TEST(calculation({0, 0, 0}, {{{1}, {1}, {1}}, {}})
             == "(0) / 1000000 = 0, that is 0.000000");
  BOOST_TEST(calculation({3'000'000, 0, 0}, {{{2'500'000}, {0}, {0}}, {}})
             == "(3000000 x 2.500000) / 1000000 = 7.5, that is 7.500000");
  BOOST_TEST(calculation({9'000'000'000, 0, 0}, {{money_max, {0}, {0}}, {}}).empty());
}

BOOST_AUTO_TEST_CASE(an_amount_that_the_tokens_do_not_give_is_an_alarm) {
  auto text = story(turn(1, 1000, 624), 1);
  BOOST_TEST(says(text, "ALARM: It should have been charged 0.000625, but 0.000624 was charged."),
             text);
  const auto all = told({turn(1, 1000, 624)});
  BOOST_TEST(all.alarms() == 1u);
  BOOST_TEST(says(text_of(tell(all)), "1 ALARM: the rows contradict each other."));
  auto impossible = turn(1, 1000, 625);
  impossible.log->tokens.cached = 500;
  story(impossible, 1);
}

BOOST_AUTO_TEST_CASE(rows_that_contradict_the_hold_are_alarms) {
  auto x = turn(1, 1000, 625);
  x.ledger->amount = {-600};
  BOOST_TEST(says(story(x, 1), "takes 0.000600, but the hold was settled at 0.000625"));
  x = turn(1, 1000, 625);
  x.ledger.reset();
  BOOST_TEST(says(story(x, 1), "no ledger row"));
  x = turn(1, 1000, 625);
  x.log->cost = {1};
  BOOST_TEST(says(story(x, 1), "The log row says 0.000001"));
  x = turn(1, 1000, 625);
  x.overage = {5};
  BOOST_TEST(says(story(x, 1), "the hold says 0.000005"));
  x = hold_of("mcp", 'V', 1000);
  x.ledger = paid_call("global", "", 1).ledger;
  BOOST_TEST(says(story(x, 1), "takes 0.001000, though nothing was to be charged"));
}

BOOST_AUTO_TEST_CASE(without_prices_nothing_is_claimed) {
  auto x = turn(1, 1000, 999);
  x.prices.reset();
  auto text = story(x);
  BOOST_TEST(says(text, "cannot be computed again"), text);
  BOOST_TEST(!only_step(told({x})).expected);
}

BOOST_AUTO_TEST_CASE(estimated_tokens_are_called_so) {
  auto x = turn(1, 1000, 625);
  x.log->estimated = true;
  x.log->status = "client_disconnected";
  auto text = story(x);
  BOOST_TEST(says(text, "estimated, since the model server did not report them"), text);
  BOOST_TEST(says(text, "ended as client_disconnected"), text);
}

BOOST_AUTO_TEST_CASE(an_overage_is_charged_by_default_and_absorbed_in_strict_mode) {
  auto x = turn(1, 600, 625);
  x.overage = {25};
  auto text = story(x);
  BOOST_TEST(says(text, "0.000025 above the 0.000600 held; no strict mode, so it was charged"),
             text);
  BOOST_TEST(!says(text, "went back"), text);
  x = turn(1, 600, 600);
  x.overage = {25};
  x.strict = true;
  text = story(x);
  BOOST_TEST(says(text, "0.000025 above the 0.000600 held; strict mode, so it was absorbed"), text);
  x.strict = false;
  story(x, 1);
}

BOOST_AUTO_TEST_CASE(a_free_call_has_its_number_and_no_row) {
  auto x = hold_of("mcp", 'S', 0);
  x.free = true;
  x.free_slot = free_call{"2026-11", 7, 100};
  auto text = story(x);
  BOOST_TEST(says(text, "tool call github_get_issue: free"), text);
  BOOST_TEST(says(text, "Free call 7 of 100 in 2026-11: it leaves no ledger row"), text);
  auto all = text_of(tell(told({x})));
  BOOST_TEST(says(all, "Sum: nothing charged, no ledger row."), all);
  x.settled = {1};
  story(x, 1);
}

BOOST_AUTO_TEST_CASE(a_paid_call_names_the_scope_and_version_of_its_price) {
  BOOST_TEST(says(story(paid_call("tool", "github_get_issue", 4)),
                  "0.001000 is the price of the tool, version 4."));
  BOOST_TEST(
    says(story(paid_call("app", "github", 2)), "is the price of the app github, version 2."));
  BOOST_TEST(says(story(paid_call("global", "", 3)), "is the global price, version 3."));
  auto x = paid_call("global", "", 3);
  x.price->price = {2000};
  story(x, 2); // charged another amount, and no overage where one must be
  x.price.reset();
  BOOST_TEST(says(story(x), "names no price"));
}

BOOST_AUTO_TEST_CASE(a_call_of_a_block_says_so_and_what_became_of_an_ended_one) {
  auto x = paid_call("global", "", 1);
  x.block = uuid4();
  auto text = story(x);
  BOOST_TEST(says(text, "admitted in memory from block " + x.block), text);
  BOOST_TEST(!says(text, "The block had ended"), text);
  x.held = {0};
  x.overage = {1000};
  BOOST_TEST(says(story(x), "so the price was taken from the wallet itself"));
  x.strict = true;
  settle(x, 0, 400);
  BOOST_TEST(says(story(x), "so the price was absorbed"));
  settle(x, 400, 0);
  story(x, 1); // all or nothing
}

BOOST_AUTO_TEST_CASE(a_void_turn_tells_why_and_a_void_call_that_nobody_knows) {
  auto x = hold_of("llm", 'V', 800);
  x.log = log_entry{"response", {}, false, {}, 9, "upstream_failed", "The server said 500."};
  auto text = story(x);
  BOOST_TEST(says(text, "nothing charged"), text);
  BOOST_TEST(says(text, "It failed as upstream_failed: The server said 500."), text);
  BOOST_TEST(says(text, "The 0.000800 held went back."), text);
  text = story(hold_of("mcp", 'V', 1000));
  BOOST_TEST(says(text, "no row says which"), text);
  x = hold_of("mcp", 'V', 0);
  x.free = true;
  x.free_slot = free_call{"2026-11", 6, 100};
  BOOST_TEST(says(story(x), "Its free call went back to 2026-11."));
}

BOOST_AUTO_TEST_CASE(an_expired_hold_is_released_or_charged_at_its_checkpoint) {
  auto text = story(hold_of("llm", 'E', 800));
  BOOST_TEST(says(text, "expired, nothing charged"), text);
  BOOST_TEST(says(text, "Nobody reported its end by 2026-11-25T10:15:00Z"), text);
  auto x = hold_of("llm", 'S', 800);
  x.checkpoint = micro_usd{300};
  settle(x, 300, 4'999'700);
  x.log->status = "expired";
  text = story(x);
  BOOST_TEST(says(text, "0.000300 had been noted as used so far, and that was charged"), text);
  BOOST_TEST(says(text, "0.000800 were held before; 0.000500 went back."), text);
  x.settled = {301};
  x.ledger->amount = {-301};
  x.log->cost = {301};
  story(x, 1);
}

BOOST_AUTO_TEST_CASE(an_open_hold_says_until_when) {
  auto x = hold_of("llm", 'P', 800);
  auto text = story(x);
  BOOST_TEST(says(text, "0.000800 US dollars is held until it ends"), text);
  x.late = true;
  x.checkpoint = micro_usd{5};
  text = story(x);
  BOOST_TEST(says(text, "should have been given up by 2026-11-25T10:15:00Z"), text);
  BOOST_TEST(says(text, "0.000005 were noted as used"), text);
  BOOST_TEST(told({x}).requests.front().any_open());
}

BOOST_AUTO_TEST_CASE(the_budget_window_is_told_with_what_it_has_now) {
  auto x = turn(1, 1000, 625);
  x.budget = budget_use{"2026-11", {10'000'000}, {2000}, {30'625}};
  BOOST_TEST(says(story(x),
                  "0.000625 counts in the end user's budget of 2026-11, where 0.030625 of "
                  "10.000000 are spent and 0.002000 reserved now."));
  x = hold_of("llm", 'P', 800);
  x.budget = budget_use{"one_time", {10'000'000}, {800}, {0}};
  BOOST_TEST(says(story(x), "0.000800 is reserved in the end user's budget, where"));
  x.status = 'V';
  BOOST_TEST(says(story(x), "Nothing is left of it in the end user's budget"));
}

BOOST_AUTO_TEST_CASE(a_loop_is_told_in_its_order_and_with_its_calls) {
  // Booked in an order of its own: calls that were admitted in memory are booked late.
  auto second = turn(2, 1000, 625);
  auto first = turn(1, 1000, 625);
  auto call = paid_call("global", "", 1);
  call.id = tool_hold({loop_a}, 1, 1);
  auto other = paid_call("global", "", 1);
  first.ledger->id = "9";
  first.ledger->balance_after = {4'999'375};
  second.ledger->id = "10";
  second.ledger->balance_after = {4'990'000};
  call.ledger->id = "11";
  call.ledger->balance_after = {4'989'000};
  const auto all = told({first, second, call, other});
  BOOST_REQUIRE(all.requests.size() == 2u);
  const auto& loop = all.requests[0];
  BOOST_TEST(loop.turns() == 2u);
  BOOST_TEST(loop.calls() == 1u);
  BOOST_TEST(loop.charged().value == 2250);
  BOOST_TEST(loop.steps[0].booked.id.value == first.id.value);
  BOOST_TEST(loop.steps[1].booked.id.value == call.id.value);
  BOOST_TEST(loop.steps[1].call == 2u);
  BOOST_TEST(loop.steps[2].booked.id.value == second.id.value);
  BOOST_TEST(loop.ledger()[1]->booked.ledger->id == "10"); // 9 comes before 10
  const auto text = text_of(tell(all));
  BOOST_TEST(says(text, "The id req-1 was used by 2 requests."), text);
  BOOST_TEST(says(text, "Response for end user user-1"), text);
  BOOST_TEST(says(text, ": 2 model turns of at most 10, 1 tool call."), text);
  BOOST_TEST(says(text, "tool call github_get_issue, call 2 of turn 1: 0.001000 charged"), text);
  BOOST_TEST(says(text, "Sum: 0.002250 charged in 3 ledger rows. The balance was 5.000000 before "
                        "and 4.989000 after; other requests and top-ups between make -0.008750."),
             text);
  BOOST_TEST(says(text, "Tool call by itself for end user user-1"), text);
  BOOST_TEST(says(text, "Every amount that can be computed again is as booked."), text);
}

BOOST_AUTO_TEST_CASE(the_same_loop_id_of_another_platform_is_another_request) {
  auto mine = turn(1, 1000, 625);
  auto theirs = turn(1, 1000, 625);
  theirs.platform = {"33333333-3333-4333-8333-333333333333"};
  const auto all = told({mine, theirs});
  BOOST_TEST(all.requests.size() == 2u);
}

BOOST_AUTO_TEST_CASE(the_rest_of_a_cost_is_computed_from_what_its_hold_was_charged) {
  // The cost of turn() is 625.
  struct rest_case {
    ended_hold before;
    bool strict_now;
    std::int64_t charged;
    std::size_t alarms;
  };
  const rest_case cases[]{
    {{{700}, {}, false, false}, false, 625, 0},   // expired
    {{{700}, {}, false, false}, false, 600, 1},   // less than its cost
    {{{100}, {40}, false, false}, false, 585, 0}, // settled at its checkpoint
    {{{100}, {40}, false, true}, false, 60, 0},   // strict when it was admitted
    {{{100}, {100}, false, true}, false, 0, 0},   // and used up by its checkpoint
    {{{100}, {40}, false, true}, false, 585, 1},  // charged above its hold
    {{{700}, {}, false, false}, true, 13, 0},     // strict now, with 13 in the wallet
    {{{700}, {}, false, false}, true, 626, 1},
  };
  for (const auto& x : cases) {
    auto late = turn(1, 0, x.charged);
    late.rest_of = x.before;
    late.strict = x.strict_now;
    late.overage = {625 - x.before.settled.value};
    auto text = story(late, x.alarms);
    BOOST_TEST(says(text, "this is the rest of its cost"), text);
  }
  auto call = paid_call("global", "", 1);
  call.held = {};
  call.overage = {1000};
  call.rest_of = ended_hold{{}, {}, true, true};
  BOOST_TEST(says(story(call), "others had its slot by then, so it is paid"));
}

BOOST_AUTO_TEST_CASE(what_is_cut_off_is_said) {
  const auto all = explain("req-1", {turn(1, 1000, 625)}, 501);
  BOOST_TEST(says(text_of(tell(all)), "Only the newest 1 of 501 turns and calls"));
}

BOOST_AUTO_TEST_CASE(the_cap_of_a_keyed_loop_is_told_in_turns_and_not_in_tries) {
  for (auto [cap, told] :
       {std::pair{10, "at most 10"}, std::pair{10 * limits::keyed_tries_max, "at most 10"},
        std::pair{limits::keyed_tries_max, "at most 1,"}}) {
    store_rows rows{
      {"body", "total"},
      {fmt::format(R"({{"id":"h1","platform_id":"p1","platform":"Acme","request_id":"req-1",)"
                   R"("kind":"llm","loop_id":"l1","turn":1,"turns_max":{},)"
                   R"("status":"P","amount":7}})",
                   cap),
       "1"},
      {0, 0}};
    const auto x = explain_rows("req-1", rows);
    BOOST_REQUIRE(x);
    BOOST_TEST(says(text_of(tell(*x)), told), text_of(tell(*x)));
  }
}

BOOST_AUTO_TEST_CASE(rows_are_read_and_no_row_is_not_found) {
  BOOST_TEST((code_of(explain_rows("req-1", {}).error()) == errc::not_found));
  store_rows rows{{"body", "total"}, {R"({"id":"x"})", "1"}, {0, 0}};
  BOOST_TEST((code_of(explain_rows("req-1", rows).error()) == errc::internal));
  rows.cells[0] =
    R"({"id":"h1","platform_id":"p1","platform":"Acme","request_id":"req-1","end_user_id":null,
    "kind":"llm","subject":"gpt","loop_id":"l1","turn":1,"turns_max":10,"free":false,
    "strict":true,"amount":700,"status":"S","settled":625,"overage":0,"checkpoint":null,
    "created_at":"2026-11-25T10:00:00Z","expires_at":"2026-11-25T10:15:00Z","late":false,
    "prices":{"input":2500000,"cached":1250000,"output":10000000,"markup_ppm":0},"price":null,
    "free_call":null,"budget":{"window":"2026-11","limit":9,"reserved":1,"spent":2},
    "ledger":{"id":"12","type":"llm_usage","amount":-625,"balance_after":375,
      "description":"gpt","at":"2026-11-25T10:00:01Z"},
    "log":{"request_type":"chat.completion","input_tokens":120,"cached_tokens":20,
      "output_tokens":35,"cost":625,"latency_ms":8,"status":"success","error_message":null,
      "estimated":false}})";
  const auto x = explain_rows("req-1", rows);
  BOOST_REQUIRE(x);
  const auto out = to_json(*x);
  BOOST_TEST(*find_integer(out, "alarms") == 0);
  BOOST_TEST(*find_string(out, "request_id") == "req-1");
  const auto& request = find_array(out, "requests")->at(0).as_object();
  BOOST_TEST(*find_string(request, "platform") == "Acme");
  BOOST_TEST(find(request, "end_user_id")->is_null());
  BOOST_TEST(*find_string(request, "charged") == "0.000625");
  BOOST_TEST(*find_string(request, "balance_before") == "0.001000");
  BOOST_TEST(*find_string(request, "balance_after") == "0.000375");
  const auto& step = find_array(request, "steps")->at(0).as_object();
  BOOST_TEST(*find_string(step, "kind") == "model_turn");
  BOOST_TEST(*find_string(step, "status") == "settled");
  BOOST_TEST(*find_string(step, "expected") == "0.000625");
  BOOST_TEST(*find_bool(step, "strict"));
  BOOST_TEST(*find_integer(*find_object(step, "log"), "cached_tokens") == 20);
  BOOST_TEST(*find_string(*find_object(step, "prices"), "input") == "2.500000");
  BOOST_TEST(*find_string(*find_object(step, "budget"), "spent") == "0.000002");
  BOOST_TEST(*find_string(find_array(request, "ledger")->at(0).as_object(), "amount")
             == "-0.000625");
  const auto text = text_of(tell(*x));
  BOOST_TEST(says(text, "Chat completion for the platform itself of platform Acme (p1)"), text);
}

BOOST_AUTO_TEST_CASE(a_loop_continued_under_another_id_is_told_as_one) {
  auto first = turn(1, 1000, 625);
  first.request = {"req-0"};
  auto call = paid_call("global", "", 1);
  call.id = tool_hold({loop_a}, 1, 0);
  call.request = {"req-0"};
  // The call was made again, as the first try had come to nothing.
  auto again = paid_call("global", "", 1);
  again.id = try_hold(tool_hold({loop_a}, 1, 1), 2);
  auto last = turn(2, 1000, 625);
  auto other = paid_call("global", "", 1);
  other.request = {"req-0"};
  auto other_loop = turn(1, 1000, 625);
  other_loop.loop = {uuid4()};
  other_loop.request = {"req-0"};
  const auto all = told({first, call, again, last, other, other_loop});
  BOOST_REQUIRE(all.requests.size() == 1u);
  BOOST_TEST(all.holds_total == 4);
  std::vector<std::string> under;
  std::vector<std::size_t> calls;
  for (const auto& x : all.requests.front().steps) {
    under.push_back(x.under);
    calls.push_back(x.call);
  }
  BOOST_TEST(under == (std::vector<std::string>{"req-0", "req-0", "", ""}),
             boost::test_tools::per_element());
  BOOST_TEST(calls == (std::vector<std::size_t>{0, 1, 2, 0}), boost::test_tools::per_element());
  auto text = text_of(tell(all));
  BOOST_TEST(says(text, "It was made under the request id req-0"), text);
}

BOOST_AUTO_TEST_CASE(a_provider_that_was_asked_again_is_told) {
  auto x = paid_call("global", "", 1);
  BOOST_TEST(!says(story(x), "asked again"));
  x.resends = 1;
  BOOST_TEST(says(story(x), "The provider was asked again 1 time."));
  x.resends = 3;
  BOOST_TEST(says(story(x), "The provider was asked again 3 times."));
}

BOOST_AUTO_TEST_SUITE_END()
