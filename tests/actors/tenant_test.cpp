#include "tests/actors/tenant_fixture.hpp"

using namespace callboard;
using namespace std::chrono_literals;

BOOST_FIXTURE_TEST_SUITE(tenant_test, tenant_fixture)

BOOST_AUTO_TEST_CASE(ownership_is_acquired_once_before_the_first_hold) {
  unbox(admit(turn("h1")));
  unbox(admit(turn("h2")));
  auto acquired = db->only("wallet/acquire");
  BOOST_TEST(acquired.tenant.value == platform.value);
  BOOST_TEST(acquired.values.at(0).data == "node-a");
  auto reserved = db->calls_of("wallet/reserve");
  BOOST_REQUIRE(reserved.size() == 2u);
  for (auto& call : reserved) {
    BOOST_TEST(call.values.at(0).data == "7");
    BOOST_TEST(call.values.at(1).data == acquired.values.at(1).data);
  }
}

BOOST_AUTO_TEST_CASE(concurrent_first_holds_share_one_acquisition) {
  db->held = {"wallet/acquire"};
  auto owner = tenant();
  auto first = self->request(owner, 60min, atom::admit_v, turn("h1"));
  auto second = self->request(owner, 60min, atom::admit_v, turn("h2"));
  sched.run();
  BOOST_TEST(db->count("wallet/reserve") == 0u);
  release("wallet/acquire");
  auto fail = [](const caf::error& x) { BOOST_ERROR(caf::to_string(x)); };
  first.receive([](const hold_ticket& x) { BOOST_TEST(x.id.value == "h1"); }, fail);
  second.receive([](const hold_ticket& x) { BOOST_TEST(x.id.value == "h2"); }, fail);
  BOOST_TEST(db->count("wallet/acquire") == 1u);
}

BOOST_AUTO_TEST_CASE(a_failed_acquisition_fails_the_hold_and_is_tried_again) {
  db->away = true;
  BOOST_TEST((code_of(admit(turn("h1")).error()) == errc::store_unavailable));
  db->away = false;
  BOOST_TEST(!!admit(turn("h1")));
}

BOOST_AUTO_TEST_CASE(a_platform_without_wallet_is_not_found) {
  db->answer_empty("wallet/acquire");
  BOOST_TEST((code_of(admit(turn("h1")).error()) == errc::not_found));
}

BOOST_AUTO_TEST_CASE(a_turn_is_reserved_with_its_estimate_and_its_loop) {
  auto ticket = unbox(admit(turn("h1")));
  BOOST_TEST(ticket.amount.value == 2500);
  BOOST_TEST(ticket.existed == '\0');
  auto values = db->only("wallet/reserve").values;
  BOOST_REQUIRE(values.size() == 16u);
  BOOST_TEST(values.at(2).data == "h1");
  BOOST_TEST((values.at(3).as == store_value::form::bytes));
  BOOST_TEST(values.at(4).data == "llm");
  BOOST_TEST(values.at(5).data == "2500");
  BOOST_TEST(values.at(7).data == user.value);
  BOOST_TEST(values.at(8).data == "test-model");
  BOOST_TEST(values.at(10).data == "loop-1");
  BOOST_TEST(values.at(11).data == "2");
  BOOST_TEST(values.at(12).data == "10");
  BOOST_TEST((values.at(13).as == store_value::form::null));
  BOOST_TEST(values.at(14).data == "100");
  BOOST_TEST(db->count("tool_price/find") == 0u);
}

BOOST_AUTO_TEST_CASE(a_tool_is_reserved_at_the_price_in_force) {
  auto ticket = unbox(admit(tool("h1")));
  BOOST_TEST(ticket.amount.value == 1500);
  auto price = db->only("tool_price/find");
  BOOST_TEST(price.tenant.empty());
  BOOST_TEST(price.values.at(0).data == "github_get_issue");
  BOOST_TEST(price.values.at(1).data == "github");
  auto values = db->only("wallet/reserve").values;
  BOOST_TEST(values.at(4).data == "mcp");
  BOOST_TEST(values.at(5).data == "1500");
  BOOST_TEST((values.at(10).as == store_value::form::null));
  BOOST_TEST((values.at(11).as == store_value::form::null));
  BOOST_TEST(values.at(13).data == "9");
}

BOOST_AUTO_TEST_CASE(a_changed_price_is_seen_after_a_second) {
  unbox(admit(tool("h1")));
  db->answer("tool_price/find", {{"price_id", "10"}, {"price", "9000"}, {"scope", "tool"}});
  unbox(admit(tool("h2")));
  BOOST_TEST(db->count("tool_price/find") == 1u);
  pass(1s);
  BOOST_TEST(unbox(admit(tool("h3"))).amount.value == 9000);
  BOOST_TEST(db->calls_of("wallet/reserve").back().values.at(13).data == "10");
}

BOOST_AUTO_TEST_CASE(tools_of_one_name_have_the_price_of_their_own_app) {
  db->handlers["tool_price/find"] = [](const store_call& call) {
    auto price = call.values.at(1).data == "github" ? "1000" : "2000";
    return one_row({{"price_id", "9"}, {"price", price}, {"scope", "app"}});
  };
  auto here = tool("h1");
  auto there = tool("h2");
  there.app = "docs";
  unbox(admit(here));
  unbox(admit(there));
  auto reserved = db->calls_of("wallet/reserve");
  BOOST_REQUIRE(reserved.size() == 2u);
  BOOST_TEST(reserved[0].values.at(5).data == "1000");
  BOOST_TEST(reserved[1].values.at(5).data == "2000");
}

BOOST_AUTO_TEST_CASE(a_tool_without_any_price_is_refused_not_free) {
  db->answer_empty("tool_price/find");
  BOOST_TEST((code_of(admit(tool("h1")).error()) == errc::internal));
  BOOST_TEST(db->count("wallet/reserve") == 0u);
}

BOOST_AUTO_TEST_CASE(a_free_hold_says_so) {
  db->answer("wallet/reserve", {{"code", "free"}, {"free", "t"}, {"amount", "0"}, {"status", "P"}});
  auto ticket = unbox(admit(tool("h1")));
  BOOST_TEST(ticket.free);
  BOOST_TEST(ticket.amount.value == 0);
}

BOOST_AUTO_TEST_CASE(a_hold_that_exists_says_in_which_state) {
  for (std::string status : {"P", "S", "V", "E"}) {
    db->answer("wallet/reserve",
               {{"code", "exists"}, {"free", "f"}, {"amount", "5"}, {"status", status}});
    BOOST_TEST(unbox(admit(turn("h" + status))).existed == status.front());
  }
}

BOOST_AUTO_TEST_CASE(every_refusal_has_its_error) {
  const std::pair<const char*, errc> table[]{{"insufficient", errc::wallet_insufficient},
                                             {"over_budget", errc::budget_exhausted},
                                             {"suspended", errc::budget_suspended},
                                             {"mismatch", errc::idempotency_mismatch},
                                             {"max_iterations", errc::max_iterations_exceeded},
                                             {"no_wallet", errc::not_found},
                                             {"fenced", errc::fenced},
                                             {"something new", errc::internal}};
  for (auto& [code, expected] : table) {
    answer_reserve(code);
    auto x = admit(turn("h1"));
    BOOST_REQUIRE(!x);
    BOOST_TEST((code_of(x.error()) == expected), code);
  }
}

BOOST_AUTO_TEST_CASE(a_hold_of_another_request_is_told_by_its_idempotency_key) {
  answer_reserve("mismatch");
  auto why = admit(turn("h1")).error();
  BOOST_TEST(message_of(why) == "This Idempotency-Key was used for another request.");
  BOOST_TEST(param_of(why) == "Idempotency-Key");
}

BOOST_AUTO_TEST_CASE(a_budget_that_refuses_says_what_to_do) {
  const std::tuple<const char*, std::optional<std::string>, const char*> table[]{
    {"over_budget", std::nullopt, "used up. Ask the platform to raise it."},
    {"over_budget", "2026-12-01T00:00:00Z",
     "used up. Wait for its reset, or ask the platform to raise it."},
    {"suspended", std::nullopt, "suspended. Ask the platform to resume it."}};
  for (auto& [code, resets_at, rest] : table) {
    db->answer("wallet/reserve", {{"code", code}, {"resets_at", resets_at}});
    BOOST_TEST(message_of(admit(turn("h1")).error())
               == std::string{"The end user's budget is "} + rest);
  }
}

BOOST_AUTO_TEST_CASE(a_fenced_owner_acquires_again_and_retries_once) {
  db->answer_in_turn("wallet/acquire", {{{"epoch", "7"}}, {{"epoch", "9"}}});
  db->answer_in_turn(
    "wallet/reserve",
    {{{"code", "fenced"}, {"free", "f"}, {"amount", "0"}, {"status", std::nullopt}},
     {{"code", "ok"}, {"free", "f"}, {"amount", "5"}, {"status", "P"}}});
  unbox(admit(turn("h1")));
  BOOST_TEST(db->count("wallet/acquire") == 2u);
  auto reserved = db->calls_of("wallet/reserve");
  BOOST_REQUIRE(reserved.size() == 2u);
  BOOST_TEST(reserved[1].values.at(0).data == "9");
  BOOST_TEST(reserved[1].values.at(2).data == "h1");
}

BOOST_AUTO_TEST_CASE(fenced_twice_is_given_up) {
  answer_reserve("fenced");
  BOOST_TEST((code_of(admit(turn("h1")).error()) == errc::fenced));
  BOOST_TEST(db->count("wallet/reserve") == 2u);
}

BOOST_AUTO_TEST_CASE(a_store_that_is_away_places_nothing) {
  unbox(admit(turn("h1")));
  db->away = true;
  BOOST_TEST((code_of(admit(turn("h2")).error()) == errc::store_unavailable));
}

BOOST_AUTO_TEST_CASE(a_settlement_names_outcome_amount_and_log) {
  unbox(admit(turn("h1")));
  auto x = outcome("h1", true, 777);
  x.input_tokens = 12;
  x.output_tokens = 3;
  x.request_type = "response";
  BOOST_TEST(unbox(ask<receipt>(tenant(), atom::settle_v, x)).charged.value == 777);
  auto call = db->only("wallet/resolve");
  BOOST_TEST(call.journal);
  BOOST_TEST(call.values.at(0).data == "h1");
  BOOST_TEST(call.values.at(1).data == "S");
  BOOST_TEST(call.values.at(2).data == "777");
  auto log_row = json::parse(call.values.at(3).data).as_object();
  BOOST_TEST(log_row.at("input_tokens").as_int64() == 12);
  BOOST_TEST(to_std(log_row.at("request_type").as_string()) == "response");
}

BOOST_AUTO_TEST_CASE(a_void_charges_nothing_whatever_its_amount) {
  unbox(admit(turn("h1")));
  BOOST_TEST(unbox(ask<receipt>(tenant(), atom::settle_v, outcome("h1", false, 777))).charged.value
             == 0);
  auto call = db->only("wallet/resolve");
  BOOST_TEST(call.values.at(1).data == "V");
  BOOST_TEST(call.values.at(2).data == "0");
}

BOOST_AUTO_TEST_CASE(a_settlement_in_the_journal_is_answered_with_its_own_amount) {
  unbox(admit(turn("h1")));
  db->answer_empty("wallet/resolve"); // how a lane answers when it has journalled the call
  BOOST_TEST(unbox(ask<receipt>(tenant(), atom::settle_v, outcome("h1", true, 777))).charged.value
             == 777);
  BOOST_TEST(unbox(ask<receipt>(tenant(), atom::settle_v, outcome("h2", false, 777))).charged.value
             == 0);
}

BOOST_AUTO_TEST_CASE(a_settlement_that_nobody_took_is_an_error) {
  unbox(admit(turn("h1")));
  db->refuse("wallet/resolve", errc::store_unavailable);
  auto x = ask<receipt>(tenant(), atom::settle_v, outcome("h1", true, 777));
  BOOST_TEST((code_of(x.error()) == errc::store_unavailable));
}

BOOST_AUTO_TEST_CASE(a_model_comes_with_prices_and_the_platforms_surcharge) {
  db->answer("platform/find", {{"markup_ppm", "200000"}});
  auto model = unbox(ask<model_info>(tenant(), atom::model_v, std::string{"test-model"}));
  BOOST_TEST(model.slug == "test-model");
  BOOST_TEST(model.provider_model == "upstream-model");
  BOOST_TEST(model.api_key == "sk-upstream");
  BOOST_TEST(model.price.output_per_million.value == 2'000'000);
  BOOST_TEST(model.output_tokens_max == 1000);
  BOOST_TEST(model.markup_ppm == 200'000);
}

BOOST_AUTO_TEST_CASE(a_model_is_fresh_for_a_second) {
  unbox(ask<model_info>(tenant(), atom::model_v, std::string{"test-model"}));
  unbox(ask<model_info>(tenant(), atom::model_v, std::string{"test-model"}));
  BOOST_TEST(db->count("model/find") == 1u);
  pass(1s);
  unbox(ask<model_info>(tenant(), atom::model_v, std::string{"test-model"}));
  BOOST_TEST(db->count("model/find") == 2u);
}

BOOST_AUTO_TEST_CASE(an_unknown_model_is_not_found) {
  auto x = ask<model_info>(tenant(), atom::model_v, std::string{"no-such"});
  BOOST_TEST((code_of(x.error()) == errc::model_not_found));
  BOOST_TEST(param_of(x.error()) == "model");
}

BOOST_AUTO_TEST_CASE(an_empty_model_is_the_default_or_a_mistake) {
  BOOST_TEST(unbox(ask<model_info>(tenant(), atom::model_v, std::string{})).slug == "test-model");
  BOOST_TEST(db->only("model/default").values.at(0).data == platform.value);
  pass(1s);
  db->answer_empty("model/default");
  auto x = ask<model_info>(tenant(), atom::model_v, std::string{});
  BOOST_TEST((code_of(x.error()) == errc::invalid_field));
}

BOOST_AUTO_TEST_CASE(what_it_owes_at_its_end_is_answered) {
  unbox(admit(turn("h1")));
  auto owner = tenant();
  db->held = {"wallet/reserve", "wallet/resolve", "platform/find"};
  auto hold = self->request(owner, 60min, atom::admit_v, turn("h2"));
  auto settled = self->request(owner, 60min, atom::settle_v, outcome("h1", true, 1));
  auto model = self->request(owner, 60min, atom::model_v, std::string{"test-model"});
  sched.run();
  self->send_exit(owner, caf::exit_reason::user_shutdown);
  sched.run();
  BOOST_REQUIRE(self->mailbox().size() == 3u);
  auto shut = [](const caf::error& x) { BOOST_TEST((code_of(x) == errc::shutting_down)); };
  hold.receive([](const hold_ticket&) { BOOST_ERROR("answered"); }, shut);
  settled.receive([](const receipt&) { BOOST_ERROR("answered"); }, shut);
  model.receive([](const model_info&) { BOOST_ERROR("answered"); }, shut);
}

BOOST_AUTO_TEST_CASE(it_reports_epoch_and_open_holds) {
  unbox(admit(turn("h1")));
  unbox(admit(turn("h2")));
  unbox(ask<receipt>(tenant(), atom::settle_v, outcome("h1", true, 1)));
  auto row = json::parse(unbox(ask<std::string>(tenant(), atom::status_v))).at("state");
  BOOST_TEST(row.at("epoch").as_int64() == 7);
  BOOST_TEST(row.at("open_holds").to_number<int>() == 1);
  BOOST_TEST(to_std(row.at("held_usd").as_string()) == "0.002500");
}

BOOST_AUTO_TEST_SUITE_END()
