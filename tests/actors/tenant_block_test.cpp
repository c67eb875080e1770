#include "tests/actors/tenant_fixture.hpp"

using namespace callboard;
using namespace std::chrono_literals;

namespace {

/// A platform whose free calls are used up, so that tool calls are paid from blocks.
struct block_fixture : tenant_fixture {
  block_fixture() {
    answer_standing("1000000", "0");
    db->handlers["wallet/reserve"] = [this](const store_call& call) {
      return one_row({{"code", reserve_code},
                      {"free", "f"},
                      {"amount", call.values.at(5).data},
                      {"status", "P"},
                      {"remaining", "7"},
                      {"balance", available},
                      {"available", available},
                      {"free_left", "0"},
                      {"rules", rules}});
    };
    db->handlers["block/reserve"] = [this](const store_call& call) {
      bool of_user = !call.values.at(3).data.empty();
      auto code = block_code != "ok" ? block_code : of_user && !budgeted ? "shared" : "ok";
      return one_row({{"code", code},
                      {"amount", call.values.at(4).data},
                      {"usable_ms", "60000"},
                      {"available", available},
                      {"free_left", "0"},
                      {"rules", rules}});
    };
    db->handlers["block/settle"] = [this](const store_call&) {
      return one_row({{"booked", "1"},
                      {"balance", "500"},
                      {"available", available},
                      {"free_left", "0"},
                      {"rules", rules}});
    };
    db->answer("block/return", {{"balance", "500"}, {"available", "1000000"}, {"free_left", "0"}});
  }

  void answer_standing(const std::string& left, const std::string& free_left) {
    available = left;
    db->answer("wallet/standing", {{"balance", left},
                                   {"available", left},
                                   {"free_left", free_left},
                                   {"rules", "1"},
                                   {"epoch", "7"}});
  }

  /// The first call finds out that nothing is free any more.
  void warm() {
    unbox(admit(tool("warm")));
    db->calls.clear();
  }

  /// A figure of the tenant's report.
  std::int64_t reported(const char* name) {
    auto text = unbox(ask<std::string>(tenant(), atom::status_v));
    return json::parse(text).at("state").at(name).to_number<std::int64_t>();
  }

  /// The n-th array of a block/settle, as PostgreSQL reads it.
  std::string booked(std::size_t batch, std::size_t n) const {
    return db->calls_of("block/settle").at(batch).values.at(n).data;
  }

  std::string available = "1000000";
  std::string rules = "1";
  std::string reserve_code = "ok";
  std::string block_code = "ok";
  bool budgeted = false;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(tenant_block_test, block_fixture)

BOOST_AUTO_TEST_CASE(paid_calls_are_admitted_in_memory_and_booked_in_batches) {
  warm();
  std::vector<std::string> ids{"h1", "h2", "h3", "h4", "h5"};
  for (auto& id : ids) {
    auto ticket = unbox(admit(tool(id)));
    BOOST_TEST(ticket.amount.value == 1500);
    BOOST_TEST(!ticket.free);
    // Once to learn that the user has no budget, once for the block that such users share.
    if (id == "h3")
      BOOST_TEST(db->count("block/reserve") == 2u);
  }
  BOOST_TEST(db->count("wallet/reserve") == 0u);
  db->held = {"block/settle"};
  auto settle = [&](const std::string& id) {
    return self->request(tenant(), 60min, atom::settle_v, outcome(id, true, 1500));
  };
  std::vector<decltype(settle(""))> answers;
  for (auto& id : ids)
    answers.push_back(settle(id));
  sched.run();
  // Beside the first, one more: as many waited for it as were still under way.
  BOOST_TEST(db->count("block/settle") == 2u);
  release("block/settle");
  BOOST_TEST(db->count("block/settle") == 3u);
  BOOST_TEST(booked(0, 0) == R"({"h1"})");
  BOOST_TEST(booked(1, 0) == R"({"h2","h3"})");
  BOOST_TEST(booked(2, 0) == R"({"h4","h5"})");
  BOOST_TEST(booked(1, 6) == R"({"9","9"})");
  BOOST_TEST(booked(1, 7) == "{1500,1500}");
  BOOST_TEST(booked(1, 13) == "1"); // under these rules the user has no budget
  for (auto& x : answers)
    x.receive([](const receipt& paid) { BOOST_TEST(paid.charged.value == 1500); },
              [](const caf::error&) { BOOST_ERROR("refused"); });
}

BOOST_AUTO_TEST_CASE(bookings_are_plain_only_while_it_is_known_that_no_user_has_a_budget) {
  warm();
  for (auto id : {"h1", "h2", "h3"})
    unbox(admit(tool(id)));
  auto settle = [&](const std::string& id) {
    self->send(tenant(), atom::settle_v, outcome(id, true, 1500));
    sched.run();
    pass(2ms);
  };
  rules = "2"; // somebody has got a budget
  settle("h1");
  BOOST_TEST(booked(0, 13) == "1");
  settle("h2");
  BOOST_TEST(booked(1, 13).empty());
  budgeted = true;
  unbox(admit(tool("h4")));
  settle("h4");
  BOOST_TEST(booked(2, 13).empty());
}

BOOST_AUTO_TEST_CASE(a_booking_waits_two_milliseconds_for_calls_that_are_under_way) {
  warm();
  for (auto id : {"h1", "h2", "h3", "h4", "h5", "h6"})
    unbox(admit(tool(id)));
  auto settle = [&](const std::string& id) {
    self->send(tenant(), atom::settle_v, outcome(id, true, 1500));
    sched.run();
    return db->count("block/settle");
  };
  BOOST_TEST(settle("h1") == 1u); // the latest batch is long ago
  BOOST_TEST(settle("h2") == 1u); // four are under way
  BOOST_TEST(settle("h3") == 1u);
  BOOST_TEST(settle("h4") == 2u); // two are under way, three wait
  BOOST_TEST(booked(1, 0) == R"({"h2","h3","h4"})");
  unbox(admit(tool("h7")));
  BOOST_TEST(settle("h5") == 2u);
  pass(1ms);
  BOOST_TEST(db->count("block/settle") == 2u);
  pass(1ms);
  BOOST_TEST(db->count("block/settle") == 3u);
  BOOST_TEST(booked(2, 0) == R"({"h5"})");
  pass(2ms);
  BOOST_TEST(settle("h6") == 4u); // one is under way, but nothing was booked just now
}

BOOST_AUTO_TEST_CASE(what_waits_for_its_booking_is_booked_when_the_tenant_ends) {
  warm();
  for (auto id : {"h1", "h2", "h3", "h4", "h5"})
    unbox(admit(tool(id)));
  auto it = tenant();
  db->held = {"block/settle"};
  for (auto id : {"h1", "h2", "h3", "h4", "h5"})
    self->send(it, atom::settle_v, outcome(id, true, 1500));
  sched.run();
  BOOST_TEST(db->count("block/settle") == 2u);
  self->send_exit(it, caf::exit_reason::user_shutdown);
  sched.run();
  BOOST_REQUIRE(db->count("block/settle") == 3u);
  BOOST_TEST(booked(2, 0) == R"({"h4","h5"})");
  // After it: the rest must not go back while it counts as taken.
  BOOST_TEST(db->calls.back().statement == "block/return");
}

BOOST_AUTO_TEST_CASE(a_bad_item_does_not_keep_its_batch_from_the_ledger) {
  warm();
  for (auto code : {errc::internal, errc::invalid_field, errc::conflict}) {
    db->calls.clear();
    auto good = db->handlers["block/settle"];
    db->handlers["block/settle"] = [&](const store_call& call) -> result<store_rows> {
      if (call.values.at(0).data.find("bad") != std::string::npos)
        return make_problem(code, "bad");
      return good(call);
    };
    for (auto id : {"h1", "h2", "bad", "h3"})
      unbox(admit(tool(id)));
    db->held = {"block/settle"};
    pass(1s);
    auto first = self->request(tenant(), 60min, atom::settle_v, outcome("h1", true, 1500));
    auto other = self->request(tenant(), 60min, atom::settle_v, outcome("h2", true, 1500));
    auto bad = self->request(tenant(), 60min, atom::settle_v, outcome("bad", true, 1500));
    auto later = self->request(tenant(), 60min, atom::settle_v, outcome("h3", true, 1500));
    sched.run();
    db->held.clear();
    release("block/settle");
    // h1; h2 with the bad one; each for itself; h3
    BOOST_TEST(db->count("block/settle") == 5u);
    for (auto* x : {&first, &other, &later})
      x->receive([](const receipt& paid) { BOOST_TEST(paid.charged.value == 1500); },
                 [](const caf::error& why) { BOOST_ERROR(caf::to_string(why)); });
    bad.receive([](const receipt&) { BOOST_ERROR("booked"); },
                [&](const caf::error& why) { BOOST_TEST((code_of(why) == code)); });
    db->handlers["block/settle"] = good;
  }
}

BOOST_AUTO_TEST_CASE(nothing_is_answered_before_its_booking_is_durable) {
  warm();
  unbox(admit(tool("h1")));
  db->held = {"block/settle"};
  auto answer = self->request(tenant(), 60min, atom::settle_v, outcome("h1", true, 1500));
  sched.run();
  BOOST_TEST(self->mailbox().size() == 0u);
  release("block/settle");
  answer.receive([](const receipt& x) { BOOST_TEST(x.balance.value == 500); },
                 [](const caf::error&) { BOOST_ERROR("refused"); });
}

BOOST_AUTO_TEST_CASE(a_call_that_did_not_happen_costs_nothing_and_asks_nobody) {
  warm();
  unbox(admit(tool("h1")));
  db->calls.clear();
  BOOST_TEST(unbox(ask<receipt>(tenant(), atom::settle_v, outcome("h1", false, 0))).charged.value
             == 0);
  BOOST_TEST(db->calls.empty());
}

BOOST_AUTO_TEST_CASE(free_calls_durable_calls_and_turns_take_a_hold_of_their_own) {
  answer_standing("1000000", "3");
  unbox(admit(tool("h0")));
  BOOST_TEST(db->count("wallet/reserve") == 1u);
  auto keyed = tool("h1");
  keyed.durable = true;
  unbox(admit(keyed));
  unbox(admit(turn("h2")));
  BOOST_TEST(db->count("wallet/reserve") == 3u);
  BOOST_TEST(db->count("block/reserve") == 0u);
}

BOOST_AUTO_TEST_CASE(a_block_lives_on_while_a_call_that_it_pays_is_under_way) {
  warm();
  unbox(admit(tool("h1")));
  auto block = db->calls_of("block/reserve").back().values.at(2).data;
  db->refuse("block/extend", errc::store_unavailable);
  pass(59s);
  BOOST_TEST(db->count("block/extend") == 0u);
  pass(2s);
  BOOST_TEST(db->count("block/extend") > 0u);
  db->answer("block/extend", {{"extended", "1"}});
  pass(2s); // tried again
  db->calls.clear();
  pass(50s);
  BOOST_TEST(db->count("block/extend") == 0u);
  pass(15s);
  BOOST_TEST(db->only("block/extend").values.at(0).data == "{\"" + block + "\"}");
  BOOST_TEST(unbox(ask<receipt>(tenant(), atom::settle_v, outcome("h1", true, 1500))).charged.value
             == 1500);
  db->calls.clear();
  pass(5min);
  BOOST_TEST(db->count("block/extend") == 0u);
}

BOOST_AUTO_TEST_CASE(a_call_whose_end_is_not_told_keeps_no_block_alive_and_is_booked_all_the_same) {
  warm();
  for (auto id : {"h1", "h2", "h3"})
    unbox(admit(tool(id)));
  pass(limits::turn_hold_ttl + 2s); // their callers died, or the node stood still
  db->calls.clear();
  pass(5min);
  BOOST_TEST(db->count("block/extend") == 0u);
  BOOST_TEST(unbox(ask<receipt>(tenant(), atom::settle_v, outcome("h1", true, 1500))).charged.value
             == 1500);
  BOOST_TEST(db->count("block/settle") == 1u);
  unbox(ask<receipt>(tenant(), atom::settle_v, outcome("h2", false, 1500)));
  BOOST_TEST(db->count("block/return") == 0u); // its price ended with the block
  BOOST_TEST(reported("overdue_block_calls") == 1);
  pass(1h);
  BOOST_TEST(reported("overdue_block_calls") == 0);
  BOOST_TEST(reported("blocks") == 0);
}

BOOST_AUTO_TEST_CASE(what_lies_ready_for_a_user_is_given_back_on_demand) {
  budgeted = true;
  warm();
  unbox(admit(tool("h1")));
  db->calls.clear();
  BOOST_TEST(unbox(ask<bool>(tenant(), atom::drop_v, user)));
  BOOST_TEST(db->count("block/return") == 1u);
  BOOST_TEST(!unbox(ask<bool>(tenant(), atom::drop_v, user)));
  BOOST_TEST(db->count("block/return") == 1u);
}

BOOST_AUTO_TEST_CASE(a_debit_gets_what_lies_ready_for_calls) {
  budgeted = true;
  warm();
  unbox(admit(tool("h1")));
  auto debit = [&] {
    return serve({endpoint::budget_debit,
                  platform_key,
                  R"({"amount":"1"})",
                  {},
                  {{"platform_id", platform.value}, {"end_user_id", user.value}},
                  {},
                  "POST"});
  };
  std::vector<cell> held{{"code", "held"}, {"remaining", "5"}};
  db->answer_in_turn("budget/debit", {held, {{"code", "ok"}, {"body", "{}"}}});
  BOOST_TEST(debit()->status == 201);
  BOOST_TEST(db->count("block/return") == 1u);
  // What is left is held by calls that run.
  db->answer("budget/debit", held);
  db->calls.clear();
  BOOST_TEST(debit()->status == 409);
  BOOST_TEST(db->count("budget/debit") == 1u);
}

BOOST_AUTO_TEST_CASE(the_call_that_crosses_the_end_takes_a_hold_of_its_own) {
  available = "700";
  warm();
  unbox(admit(tool("h1")));
  BOOST_TEST(db->count("wallet/reserve") == 1u);
}

BOOST_AUTO_TEST_CASE(money_in_blocks_is_given_back_before_anybody_is_refused) {
  warm();
  unbox(admit(tool("h1")));
  db->calls.clear();
  reserve_code = "insufficient";
  db->handlers["block/return"] = [this](const store_call&) {
    reserve_code = "ok";
    return one_row({{"balance", "500"}, {"available", "1000"}, {"free_left", "0"}});
  };
  unbox(admit(turn("h2")));
  BOOST_TEST(db->count("block/return") == 1u);
  BOOST_TEST(db->count("wallet/reserve") == 2u);
}

BOOST_AUTO_TEST_CASE(money_on_its_way_back_refuses_nobody) {
  warm();
  unbox(admit(tool("h1")));
  db->answer_in_turn("wallet/reserve",
                     {{{"code", "insufficient"}, {"free", "f"}, {"amount", "0"}, {"status", "P"}},
                      {{"code", "ok"}, {"free", "f"}, {"amount", "2500"}, {"status", "P"}}});
  db->held = {"wallet/reserve", "block/return"};
  auto answer = self->request(tenant(), 60min, atom::admit_v, turn("h2"));
  pass(1s); // the idle block goes back while the turn is being refused
  pass(1s);
  BOOST_TEST(db->count("block/return") == 1u);
  release("wallet/reserve");
  release("block/return");
  answer.receive([](const hold_ticket& x) { BOOST_TEST(x.id.value == "h2"); },
                 [](const caf::error&) { BOOST_ERROR("refused"); });
}

BOOST_AUTO_TEST_CASE(blocks_of_a_former_owner_are_waited_for_a_few_ticks) {
  available = "0";
  warm();
  reserve_code = "insufficient";
  std::string elsewhere = "500";
  db->handlers["block/elsewhere"] = [&](const store_call&) {
    return one_row({{"amount", elsewhere}});
  };
  auto first = self->request(tenant(), 60min, atom::admit_v, turn("h1"));
  sched.run();
  BOOST_TEST(self->mailbox().empty());
  reserve_code = "ok";
  pass(1s);
  first.receive([](const hold_ticket& x) { BOOST_TEST(x.id.value == "h1"); },
                [](const caf::error&) { BOOST_ERROR("refused"); });
  reserve_code = "insufficient";
  auto second = self->request(tenant(), 60min, atom::admit_v, turn("h2"));
  pass(2500ms);
  BOOST_TEST(self->mailbox().empty());
  pass(1s);
  second.receive(
    [](const hold_ticket&) { BOOST_ERROR("admitted"); },
    [](const caf::error& x) { BOOST_TEST((code_of(x) == errc::wallet_insufficient)); });
  elsewhere = "0";
  BOOST_TEST((code_of(admit(turn("h3")).error()) == errc::wallet_insufficient));
}

BOOST_AUTO_TEST_CASE(a_block_that_has_ended_is_followed_by_another) {
  warm();
  unbox(admit(tool("h1")));
  auto first = db->calls_of("block/reserve").back().values.at(2).data;
  db->handlers["block/reserve"] = [this, first,
                                   grow = db->handlers["block/reserve"]](const store_call& call) {
    block_code = call.values.at(2).data == first ? "ended" : "ok";
    return grow(call);
  };
  db->answer("tool_price/find", {{"price_id", "9"}, {"price", "15000"}, {"scope", "global"}});
  pass(500ms);
  unbox(admit(tool("h2"))); // the block is in use, and the price not seen yet
  pass(600ms);
  BOOST_TEST(unbox(admit(tool("h3"))).amount.value == 15'000);
  BOOST_TEST((db->calls_of("block/reserve").back().values.at(2).data != first));
  BOOST_TEST(db->count("wallet/reserve") == 0u);
}

BOOST_AUTO_TEST_CASE(a_refusal_says_what_was_needed_and_what_there_is) {
  warm();
  reserve_code = "insufficient";
  auto what = turn("h2");
  for (bool by_platform : {true, false}) {
    what.by_platform = by_platform;
    auto x = admit(what);
    BOOST_TEST((code_of(x.error()) == errc::wallet_insufficient));
    BOOST_TEST(message_of(x.error()).find("less left than this call may cost")
               != std::string::npos);
    auto details = json::parse(details_of(x.error())).as_object();
    BOOST_TEST(details.at("required_usd").as_string() == "0.002500");
    // A wallet is no business of end users, but their budget is.
    BOOST_TEST(details.contains("remaining_usd") == by_platform);
    if (by_platform)
      BOOST_TEST(details.at("remaining_usd").as_string() == "0.000007");
  }
  reserve_code = "over_budget";
  auto x = admit(what);
  BOOST_TEST((code_of(x.error()) == errc::budget_exhausted));
  BOOST_TEST(json::parse(details_of(x.error())).at("remaining_usd").as_string() == "0.000007");
}

BOOST_AUTO_TEST_CASE(a_user_with_a_budget_has_a_block_of_its_own_until_budgets_change) {
  budgeted = true;
  warm();
  unbox(admit(tool("h1")));
  unbox(admit(tool("h2")));
  BOOST_TEST(db->count("block/reserve") == 1u);
  BOOST_TEST(db->only("block/reserve").values.at(3).data == user.value);
  rules = "2";
  unbox(ask<receipt>(tenant(), atom::settle_v, outcome("h1", true, 1500)));
  block_code = "suspended";
  reserve_code = "suspended";
  BOOST_TEST((code_of(admit(tool("h3")).error()) == errc::budget_suspended));
}

BOOST_AUTO_TEST_CASE(an_idle_block_goes_back) {
  warm();
  unbox(admit(tool("h1")));
  BOOST_TEST(db->count("block/return") == 0u);
  pass(1s);
  pass(1s);
  auto items = json::parse(db->only("block/return").values.at(0).data).as_array();
  BOOST_REQUIRE(items.size() == 1u);
  BOOST_TEST(items.at(0).at("amount").as_int64() == 7 * 1500);
}

BOOST_AUTO_TEST_CASE(a_block_in_doubt_refuses_those_who_wait_and_is_not_used_again) {
  warm();
  db->refuse("block/reserve", errc::store_unavailable);
  BOOST_TEST((code_of(admit(tool("h1")).error()) == errc::store_unavailable));
}

BOOST_AUTO_TEST_CASE(a_hold_in_doubt_is_voided_when_postgresql_is_back) {
  db->refuse("wallet/reserve", errc::store_unavailable);
  BOOST_TEST((code_of(admit(turn("h1")).error()) == errc::store_unavailable));
  auto undo = db->only("hold/undo");
  BOOST_TEST(undo.values.at(0).data == "h1");
  BOOST_TEST(undo.values.at(1).data == db->only("wallet/reserve").values.at(1).data);
  BOOST_TEST(undo.journal);
}

BOOST_AUTO_TEST_CASE(a_hold_that_was_surely_not_placed_is_not_voided) {
  warm();
  db->refuse("wallet/reserve", errc::timeout); // PostgreSQL has undone it
  BOOST_TEST((code_of(admit(turn("h1")).error()) == errc::timeout));
  BOOST_TEST(db->count("hold/undo") == 0u);
}

BOOST_AUTO_TEST_CASE(a_hold_that_has_ended_is_not_listed_as_open) {
  for (const char* status : {"S", "V", "E", "P"}) {
    db->handlers["wallet/reserve"] = [status](const store_call&) {
      return one_row({{"code", "exists"}, {"free", "f"}, {"amount", "1500"}, {"status", status}});
    };
    auto keyed = tool(status);
    keyed.durable = true;
    unbox(admit(keyed));
  }
  auto report = json::parse(unbox(ask<std::string>(tenant(), atom::status_v)));
  BOOST_TEST(report.at("state").at("open_holds") == 1);
}

BOOST_AUTO_TEST_CASE(the_hold_of_an_earlier_try_is_not_voided_by_a_later_one) {
  warm();
  auto keyed = tool("h1");
  keyed.durable = true;
  unbox(admit(keyed));
  db->refuse("wallet/reserve", errc::store_unavailable);
  BOOST_TEST((code_of(admit(keyed).error()) == errc::store_unavailable));
  BOOST_TEST(db->count("hold/undo") == 0u);
}

BOOST_AUTO_TEST_CASE(what_is_admitted_too_late_is_given_back) {
  warm();
  auto refused_late = [this](const admission& what, const std::string& last) {
    pass(2s); // the price is to be asked for
    db->held = {"tool_price/find", last};
    auto answer = self->request(tenant(), 60min, atom::admit_v, what);
    sched.run();
    pass(4900ms);
    release("tool_price/find");
    pass(4900ms);
    db->held.clear();
    release(last);
    answer.receive([](const hold_ticket&) { BOOST_ERROR("admitted"); },
                   [](const caf::error& why) { BOOST_TEST((code_of(why) == errc::timeout)); });
  };
  auto keyed = tool("h1");
  keyed.durable = true;
  refused_late(keyed, "wallet/reserve");
  BOOST_TEST(db->only("hold/undo").values.at(0).data == "h1");
  // Of a block it is taken in memory and put back there.
  refused_late(tool("h2"), "block/reserve");
  auto report = json::parse(unbox(ask<std::string>(tenant(), atom::status_v)));
  BOOST_TEST(report.at("state").at("open_block_calls") == 0);
  // What another try has placed is not touched.
  db->calls.clear();
  db->handlers["wallet/reserve"] = [](const store_call&) {
    return one_row({{"code", "exists"}, {"free", "f"}, {"amount", "1500"}, {"status", "P"}});
  };
  keyed.id = {"h3"};
  refused_late(keyed, "wallet/reserve");
  BOOST_TEST(db->count("hold/undo") == 0u);
}

BOOST_AUTO_TEST_CASE(turns_that_wait_for_one_round_trip_go_together) {
  warm();
  db->held = {"wallet/reserve"};
  auto a = self->request(tenant(), 60min, atom::admit_v, turn("h1"));
  auto b = self->request(tenant(), 60min, atom::admit_v, turn("h2"));
  auto c = self->request(tenant(), 60min, atom::admit_v, turn("h3"));
  db->handlers["wallet/reserve_many"] = [](const store_call&) {
    store_rows rows;
    rows.columns = {"n", "code", "free", "amount", "status"};
    rows.cells = {"0", "ok", "f", "2500", "P", "1", "over_budget", "f", "0", ""};
    rows.nulls = {0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    return rows;
  };
  sched.run();
  release("wallet/reserve");
  a.receive([](const hold_ticket& x) { BOOST_TEST(x.id.value == "h1"); },
            [](const caf::error&) { BOOST_ERROR("refused"); });
  b.receive([](const hold_ticket& x) { BOOST_TEST(x.id.value == "h2"); },
            [](const caf::error&) { BOOST_ERROR("refused"); });
  c.receive([](const hold_ticket&) { BOOST_ERROR("admitted"); },
            [](const caf::error& x) { BOOST_TEST((code_of(x) == errc::budget_exhausted)); });
}

BOOST_AUTO_TEST_SUITE_END()
