#include <atomic>
#include <thread>

#include "core/base/json.hpp"
#include "core/base/money.hpp"
#include "core/billing/tool_charge.hpp"
#include "tests/support/wallet_fixture.hpp"

using namespace callboard;
using namespace callboard::test;

namespace {

/// Terms of a budget beside its amount.
struct terms {
  const char* period = "one_time";
  std::int64_t replenish = 0;
  std::int64_t threshold = -1;
};

struct budget_fixture : wallet_fixture {
  budget_fixture() {
    topup(tenant, 1'000'000);
    user = end_user(tenant, "u");
  }

  static store_value amount_or_null(std::int64_t x, std::int64_t none) {
    return x == none ? store_value::null() : store_value::integer(x);
  }

  store_call create_call(std::int64_t amount, const terms& x = {},
                         const std::string& operation = {}) const {
    return {tenant,
            "budget/create",
            {store_value::text(user.value), store_value::integer(amount),
             store_value::text(x.period), store_value::boolean(x.replenish > 0),
             amount_or_null(x.replenish, 0), amount_or_null(x.threshold, -1),
             store_value::text("test"), maybe(operation)}};
  }

  void create(std::int64_t amount, const terms& x = {}) {
    BOOST_REQUIRE(code_of(create_call(amount, x)) == "ok");
  }

  /// PATCH with a maximum, a suspension or a threshold; -1 leaves it.
  store_call update_call(std::int64_t amount, int suspended = -1, std::int64_t threshold = -1,
                         const std::string& operation = {}) const {
    return {tenant,
            "budget/update",
            {store_value::text(user.value), amount_or_null(amount, -1), store_value::null(),
             suspended < 0 ? store_value::null() : store_value::boolean(suspended == 1),
             store_value::null(), store_value::null(), amount_or_null(threshold, -1),
             store_value::boolean(false), store_value::text("because"), store_value::text("test"),
             maybe(operation)}};
  }

  std::string update(std::int64_t amount, int suspended = -1, std::int64_t threshold = -1) {
    return code_of(update_call(amount, suspended, threshold));
  }

  store_call move_call(const char* verb, std::int64_t amount,
                       const std::string& operation = {}) const {
    return {tenant,
            std::string{"budget/"} + verb,
            {store_value::text(user.value), store_value::integer(amount), store_value::text("why"),
             store_value::text(R"({"order":7})"), maybe(operation), store_value::text("test")}};
  }

  std::string code_of(const store_call& call) {
    auto rows = run(call);
    return store_row(rows, 0).text("code");
  }

  std::string add(std::int64_t amount) { return code_of(move_call("topup", amount)); }
  std::string debit(std::int64_t amount) { return code_of(move_call("debit", amount)); }

  /// A hold of the user; its id when it was placed, else the code of the refusal.
  std::string hold(std::int64_t amount) {
    ask x;
    x.user = user.value;
    x.amount = amount;
    auto code = reserve(x).code;
    return code == "ok" ? x.hold : code;
  }

  /// A call of that price from admission to settlement: "ok" or why it was refused.
  std::string spend(std::int64_t amount) {
    auto id = hold(amount);
    if (id.size() != 36)
      return id;
    BOOST_TEST(resolved(id, "S", amount) == "settled");
    return "ok";
  }

  json::object shown() {
    auto rows = run({tenant, "budget/show", {store_value::text(user.value)}});
    return json::parse(store_row(rows, 0).text("body")).as_object();
  }

  /// "max/used/remaining" in micro-US-dollars.
  std::string state() {
    auto x = shown();
    std::string out;
    for (auto name : {"max_usd", "used_usd", "remaining_usd"})
      out +=
        (out.empty() ? "" : "/") + std::to_string(parse_usd(x.at(name).as_string().c_str())->value);
    return out;
  }

  /// The ledger, oldest first: "type amount,...".
  std::string ledger() {
    return database.cell("SELECT string_agg(type || ' ' || amount, ', ' ORDER BY id) FROM "
                         "budget_transaction");
  }

  std::string count(const std::string& event) {
    return database.cell("SELECT count(*) FROM outbox WHERE event_type = 'budget." + event + "'");
  }

  void subscribe(const char* events) {
    auto id = uuid4();
    run({tenant,
         "webhook/insert",
         {store_value::text(id), store_value::text("https://x.example"), store_value::null(),
          store_value::text(events), store_value::secret("whsec_x", id), store_value::integer(10),
          store_value::text("test"), store_value::null(), store_value::null()}});
  }

  end_user_id user;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(budget_ledger_test, budget_fixture)

BOOST_AUTO_TEST_CASE(every_move_is_a_row_and_the_rows_explain_what_remains) {
  create(1000);
  BOOST_TEST(state() == "1000/0/1000");
  BOOST_TEST(add(500) == "ok");
  BOOST_TEST(debit(200) == "ok");
  BOOST_TEST(spend(100) == "ok");
  BOOST_TEST(update(900) == "ok");
  BOOST_TEST(update(-1, 1) == "ok");
  BOOST_TEST(update(-1, 1) == "ok"); // suspended already: no move
  BOOST_TEST(update(-1, 0) == "ok");
  BOOST_TEST(state() == "900/300/600");
  BOOST_TEST(ledger()
             == "opening 1000, top_up 500, debit -200, usage -100, adjustment -600, suspended 0, "
                "unsuspended 0");
  verify();
  auto rows =
    run({tenant,
         "budget/transactions",
         {store_value::integer(1), store_value::integer(3), store_value::text(user.value)}});
  BOOST_TEST(store_row(rows, 0).integer("total") == 7);
  auto page = json::parse(store_row(rows, 0).text("data")).as_array();
  BOOST_TEST(page.size() == 3u);
  BOOST_TEST(page[0].at("type") == "unsuspended");
  BOOST_TEST(page[0].at("reason") == "because");
  BOOST_TEST(page[0].at("period_start").is_null());
  BOOST_TEST(page[2].at("amount_usd") == "-0.000600");
  BOOST_TEST(page[2].at("max_usd_after") == "0.000900");
  BOOST_TEST(page[2].at("used_usd_after") == "0.000300");
  BOOST_TEST(page[2].at("remaining_usd_after") == "0.000600");
  BOOST_TEST(database.cell("SELECT metadata->>'order' FROM budget_transaction WHERE type = 'debit'")
             == "7");
}

BOOST_AUTO_TEST_CASE(a_budget_looks_as_documented) {
  create(1'500'000, {"monthly", 250'000, 100'000});
  auto x = shown();
  for (auto [name, value] : {std::pair{"max_usd", "1.500000"},
                             {"used_usd", "0.000000"},
                             {"remaining_usd", "1.500000"},
                             {"period", "monthly"},
                             {"replenish_amount", "0.250000"},
                             {"low_balance_threshold", "0.100000"}})
    BOOST_TEST(x.at(name) == value, name);
  BOOST_TEST(x.at("platform_id").as_string().c_str() == tenant.value);
  BOOST_TEST(x.at("end_user_id").as_string().c_str() == user.value);
  BOOST_TEST(x.at("auto_replenish") == true);
  BOOST_TEST(x.at("is_active") == true);
  BOOST_TEST(x.at("is_suspended") == false);
  BOOST_TEST(x.at("id").as_string().size() == 36u);
  BOOST_TEST(x.at("period_start").as_string().c_str()
             == database.cell("SELECT iso_utc(month_utc()::timestamp AT TIME ZONE 'UTC')"));
}

BOOST_AUTO_TEST_CASE(a_move_names_its_period) {
  create(1000, {"monthly"});
  database.sql("UPDATE budget_window SET win = win - interval '1 month'");
  BOOST_TEST(add(500) == "ok");
  auto rows =
    run({tenant,
         "budget/transactions",
         {store_value::integer(1), store_value::integer(9), store_value::text(user.value)}});
  std::vector<std::string> periods;
  auto page = json::parse(store_row(rows, 0).text("data"));
  for (auto& x : page.as_array())
    periods.emplace_back(x.at("period_start").as_string());
  auto first_of = [this](const char* month) {
    return database.cell("SELECT iso_utc((month_utc() - interval '" + std::string{month}
                         + " month') AT TIME ZONE 'UTC')");
  };
  BOOST_TEST(periods == (std::vector{first_of("0"), first_of("0"), first_of("1")}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_user_has_one_budget_at_most) {
  create(1000);
  BOOST_TEST(code_of(create_call(5, {"daily"})) == "exists");
  BOOST_TEST(state() == "1000/0/1000");
}

BOOST_AUTO_TEST_CASE(what_was_added_ends_with_its_window) {
  create(1000, {"daily"});
  add(500);
  spend(100);
  BOOST_TEST(state() == "1500/100/1400");
  // As if all of it had happened yesterday.
  database.sql("UPDATE hold SET budget_win = budget_win - 1");
  database.sql("UPDATE budget_window SET win = win - 1");
  BOOST_TEST(state() == "1000/0/1000");
  BOOST_TEST(spend(300) == "ok");
  BOOST_TEST(state() == "1000/300/700");
  BOOST_TEST(ledger() == "opening 1000, top_up 500, usage -100, opening 1000, usage -300");
  verify();
}

BOOST_AUTO_TEST_CASE(another_period_begins_with_a_window_of_its_own) {
  create(1000);
  spend(400);
  run({tenant,
       "budget/update",
       {store_value::text(user.value), store_value::null(), store_value::text("daily"),
        store_value::null(), store_value::null(), store_value::null(), store_value::null(),
        store_value::boolean(false), store_value::null(), store_value::text("test"),
        store_value::null()}});
  BOOST_TEST(state() == "1000/0/1000");
  BOOST_TEST(spend(100) == "ok");
  BOOST_TEST(state() == "1000/100/900");
  verify();
}

BOOST_AUTO_TEST_CASE(a_maximum_holds_at_once_even_when_it_is_the_first_one_again) {
  create(1000);
  add(500);
  BOOST_TEST(update(1000) == "ok");
  BOOST_TEST(state() == "1000/0/1000");
  spend(800);
  BOOST_TEST(update(500) == "ok"); // below what is used
  BOOST_TEST(state() == "500/800/-300");
  BOOST_TEST(spend(1) == "over_budget");
  verify();
}

BOOST_AUTO_TEST_CASE(a_debit_takes_all_or_nothing) {
  create(1000);
  auto open = hold(300);
  BOOST_TEST(debit(1001) == "over_budget");
  BOOST_TEST(debit(701) == "held"); // the call under way has a claim on it
  BOOST_TEST(debit(700) == "ok");
  BOOST_TEST(resolved(open, "S", 300) == "settled");
  BOOST_TEST(state() == "1000/1000/0");
  BOOST_TEST(debit(1) == "over_budget");
  update(-1, 1);
  BOOST_TEST(debit(1) == "suspended");
  BOOST_TEST(add(10) == "ok"); // money may come in
  verify();
}

BOOST_AUTO_TEST_CASE(an_operation_moves_a_budget_once) {
  create(1000);
  const auto first = uuid4();
  const auto second = uuid4();
  auto transaction_of = [&](const store_call& call) {
    auto rows = run(call);
    BOOST_TEST(store_row(rows, 0).text("code") == "ok");
    return json::parse(store_row(rows, 0).text("body")).at("transaction").at("id");
  };
  auto added = transaction_of(move_call("topup", 50, first));
  BOOST_TEST((transaction_of(move_call("topup", 50, first)) == added));
  auto taken = transaction_of(move_call("debit", 1050, second));
  BOOST_TEST((transaction_of(move_call("debit", 1050, second)) == taken)); // nothing is left by now
  BOOST_TEST(state() == "1050/1050/0");
  BOOST_TEST(count("topped_up") == "1");
  verify();
}

BOOST_AUTO_TEST_CASE(an_operation_makes_or_changes_a_budget_once) {
  const std::string making = uuid4(), changing = uuid4();
  auto body = [&](const store_call& call) {
    auto rows = run(call);
    return store_row(rows, 0).maybe_text("body").value_or("none");
  };
  auto made = body(create_call(1000, {}, making));
  auto changed = body(update_call(1200, -1, -1, changing));
  BOOST_TEST(add(300) == "ok");
  BOOST_TEST(body(create_call(1000, {}, making)) == made);
  BOOST_TEST(body(update_call(1200, -1, -1, changing)) == changed);
  BOOST_TEST(state() == "1500/0/1500"); // what came since stays
  BOOST_TEST(code_of(create_call(999, {}, making)) == "mismatch");
  BOOST_TEST(code_of(update_call(999, -1, -1, changing)) == "mismatch");
  verify();
}

BOOST_AUTO_TEST_CASE(an_operation_that_moved_a_budget_moves_nothing_else) {
  create(1000);
  const auto first = uuid4();
  const auto second = uuid4();
  BOOST_TEST(code_of(move_call("topup", 50, first)) == "ok");
  BOOST_TEST(code_of(move_call("debit", 50, second)) == "ok");
  BOOST_TEST(code_of(move_call("topup", 51, first)) == "mismatch");
  BOOST_TEST(code_of(move_call("debit", 49, second)) == "mismatch");
  for (std::size_t other : {2u, 3u}) { // reason and metadata
    auto call = move_call("debit", 50, second);
    call.values.at(other) = store_value::null();
    BOOST_TEST(code_of(call) == "mismatch");
  }
  BOOST_TEST(state() == "1050/50/1000");
  verify();
}

BOOST_AUTO_TEST_CASE(money_held_by_blocks_is_called_back_for_a_debit) {
  create(1000);
  auto rules = "SELECT rules_version FROM wallet";
  hold(600);
  auto before = database.cell(rules);
  BOOST_TEST(debit(500) == "held");
  BOOST_TEST(database.cell(rules) != before);
}

BOOST_AUTO_TEST_CASE(a_cost_above_its_hold_fits_beside_a_debit) {
  create(100);
  auto open = hold(40);
  BOOST_TEST(debit(50) == "ok");
  BOOST_TEST(resolved(open, "S", 80) == "settled");
  BOOST_TEST(state() == "100/130/-30");
  verify();
}

BOOST_AUTO_TEST_CASE(an_admission_without_room_replenishes) {
  create(100, {"one_time", 50});
  BOOST_TEST(spend(60) == "ok");
  BOOST_TEST(spend(60) == "ok"); // the crossing call needs none
  BOOST_TEST(state() == "100/120/-20");
  BOOST_TEST(spend(10) == "ok");
  BOOST_TEST(state() == "150/130/20");
  BOOST_TEST(ledger() == "opening 100, usage -60, usage -60, replenish 50, usage -10");
  BOOST_TEST(count("topped_up") == "1");
  verify();
}

BOOST_AUTO_TEST_CASE(an_admission_replenishes_as_often_as_it_needs_within_bounds) {
  create(100, {"one_time", 50});
  spend(590); // 490 too much: ten times 50 is just enough
  BOOST_TEST(spend(1) == "ok");
  BOOST_TEST(state() == "600/591/9");
  spend(600); // 591 too much
  BOOST_TEST(spend(1) == "over_budget");
  BOOST_TEST(spend(1) == "over_budget");
  BOOST_TEST(state() == "600/1191/-591"); // a refusal changes nothing
  verify();
}

BOOST_AUTO_TEST_CASE(a_strict_budget_replenishes_until_the_estimate_fits) {
  settings("strict_mode = true");
  create(100, {"one_time", 50});
  BOOST_TEST(spend(90) == "ok");
  BOOST_TEST(spend(70) == "ok");
  BOOST_TEST(state() == "200/160/40");
  BOOST_TEST(spend(1000) == "over_budget");
  BOOST_TEST(state() == "200/160/40");
  verify();
}

BOOST_AUTO_TEST_CASE(an_empty_wallet_replenishes_no_budget) {
  create(100, {"one_time", 50});
  spend(100);
  database.sql("UPDATE wallet SET overdraft = 0");
  auto all = hold(999'900);
  BOOST_TEST(all.size() == 36u); // replenished once, takes the whole wallet
  auto before = state();
  BOOST_TEST(spend(1) == "insufficient");
  BOOST_TEST(state() == before);
  verify();
}

BOOST_AUTO_TEST_CASE(a_block_replenishes_nothing) {
  create(100, {"one_time", 50});
  spend(95);
  BOOST_TEST(grow(uuid4(), 100, 10, user).code == "over_budget");
  BOOST_TEST(state() == "100/95/5");
  BOOST_TEST(grow(uuid4(), 100, 5, user).code == "ok");
  BOOST_TEST(ledger() == "opening 100, usage -95");
  verify();
}

BOOST_AUTO_TEST_CASE(a_batch_of_calls_is_one_row_per_user) {
  create(1000);
  auto block = uuid4();
  grow(block, 500, 10, user);
  std::vector<billing::tool_charge> calls;
  for (int i = 0; i < 5; ++i)
    calls.push_back({{uuid4()}, {block}, user, "tool", {"req_1"}, {}, {10}});
  store_call book{tenant, "block/settle", billing::settle_values(calls, 0)};
  run(book);
  run(book); // the journal may run it again
  BOOST_TEST(ledger() == "opening 1000, usage -50");
  verify();
}

BOOST_AUTO_TEST_CASE(low_balance_is_told_once_per_crossing) {
  create(1000, {"one_time", 0, 200});
  spend(700);
  BOOST_TEST(count("low_balance") == "0");
  spend(100); // 200 remain
  BOOST_TEST(count("low_balance") == "1");
  spend(50);
  debit(50);
  BOOST_TEST(count("low_balance") == "1");
  add(100); // 200: not above the threshold
  spend(10);
  BOOST_TEST(count("low_balance") == "1");
  add(11); // 201: ready again
  BOOST_TEST(count("low_balance") == "1");
  debit(1);
  BOOST_TEST(count("low_balance") == "2");
  update(5000);
  update(900); // the platform's own doing, as a debit is
  BOOST_TEST(count("low_balance") == "3");
  BOOST_TEST(count("topped_up") == "2");
  verify();
}

BOOST_AUTO_TEST_CASE(another_threshold_makes_ready_and_tells_nothing_by_itself) {
  create(1000, {"one_time", 0, 500});
  spend(600);
  BOOST_TEST(count("low_balance") == "1");
  update(-1, -1, 300); // 400 remain
  BOOST_TEST(count("low_balance") == "1");
  spend(100);
  BOOST_TEST(count("low_balance") == "2");
  update(-1, -1, 299); // 300 remain
  update(-1, -1, 300);
  BOOST_TEST(count("low_balance") == "2");
}

BOOST_AUTO_TEST_CASE(a_new_window_is_ready_and_an_old_one_falls_silently) {
  create(1000, {"daily", 0, 500});
  auto late = hold(600);
  spend(100);
  database.sql("UPDATE hold SET budget_win = budget_win - 1");
  database.sql("UPDATE budget_window SET win = win - 1");
  resolved(late, "S", 600); // yesterday's window falls below
  BOOST_TEST(count("low_balance") == "0");
  spend(600);
  BOOST_TEST(count("low_balance") == "1");
  verify();
}

BOOST_AUTO_TEST_CASE(events_carry_what_happened) {
  create(1000, {"one_time", 0, 950});
  update(-1, 1);
  update(-1, 0);
  add(100);
  debit(200);
  auto text = [&](const char* event, const char* path) {
    return database.cell(std::string{"SELECT body::jsonb #>> '{"} + path
                         + "}' FROM outbox WHERE event_type = 'budget." + event + "'");
  };
  auto id = database.cell("SELECT id FROM budget_transaction WHERE type = 'debit'");
  BOOST_TEST(text("low_balance", "event_type") == "budget.low_balance");
  BOOST_TEST(text("low_balance", "event_id") == id + ":budget.low_balance");
  BOOST_TEST(text("low_balance", "api_version") == "2026-04-11");
  BOOST_TEST(text("low_balance", "data,transaction_id") == id);
  BOOST_TEST(text("low_balance", "data,type") == "debit");
  BOOST_TEST(text("low_balance", "data,remaining_usd_after") == "0.000900");
  BOOST_TEST(text("topped_up", "data,amount_usd") == "0.000100");
  BOOST_TEST(text("topped_up", "data,max_usd_after") == "0.001100");
  BOOST_TEST(text("topped_up", "data,used_usd_after") == "0.000000");
  BOOST_TEST(text("topped_up", "data,reason") == "why");
  BOOST_TEST(text("topped_up", "data,metadata,order") == "7");
  BOOST_TEST(text("topped_up", "data,platform_id") == tenant.value);
  BOOST_TEST(text("topped_up", "data,end_user_id") == user.value);
  BOOST_TEST(text("topped_up", "data,budget_id") == shown().at("id").as_string().c_str());
  BOOST_TEST(text("suspended", "data,reason") == "because");
  BOOST_TEST(count("unsuspended") == "1");
}

BOOST_AUTO_TEST_CASE(charges_are_told_only_when_somebody_wants_to_know) {
  create(1000);
  spend(10);
  debit(10);
  BOOST_TEST(count("debited") == "0");
  subscribe(R"(["budget.debited","budget.topped_up"])");
  spend(10);
  debit(10);
  BOOST_TEST(count("debited") == "2");
  BOOST_TEST(database.cell("SELECT count(*) FROM webhook_delivery") == "2");
  subscribe(R"(["budget.topped_up"])");
  add(5);
  BOOST_TEST(database.cell("SELECT count(*) FROM webhook_delivery") == "4");
}

BOOST_AUTO_TEST_CASE(an_event_is_written_with_its_cause_or_not_at_all) {
  create(1000);
  database.sql("ALTER TABLE outbox ADD CHECK (event_type <> 'budget.topped_up')");
  BOOST_TEST((code(move_call("topup", 5)) == errc::internal));
  BOOST_TEST(state() == "1000/0/1000");
  verify();
}

BOOST_AUTO_TEST_CASE(the_default_budget_opens_like_any_other) {
  settings("default_budget = 50");
  BOOST_TEST(spend(30) == "ok");
  BOOST_TEST(state() == "50/30/20");
  BOOST_TEST(ledger() == "opening 50, usage -30");
  add(100);
  BOOST_TEST(state() == "150/30/120");
  verify();
}

BOOST_AUTO_TEST_CASE(a_deleted_user_takes_its_budget_along) {
  create(1000);
  auto open = hold(10);
  run({tenant, "end_user/delete", {store_value::text(user.value), store_value::text("test")}});
  BOOST_TEST(database.cell("SELECT count(*) FROM budget_transaction") == "0");
  BOOST_TEST(resolved(open, "S", 10) == "settled");
  verify();
}

BOOST_AUTO_TEST_CASE(the_ledger_cannot_be_changed) {
  create(1000);
  auto conn = callboard::connection::open(database.conninfo());
  BOOST_REQUIRE(conn);
  auto exec = [&](const char* text) {
    return conn->exec(statement{"test", statement_scope::internal, text}, {});
  };
  const auto enter = "SELECT set_config('callboard.tenant', '" + tenant.value + "', false)";
  BOOST_REQUIRE(exec(enter.c_str()));
  for (auto role : {"SET ROLE callboard_app", "SET ROLE callboard_system"}) {
    BOOST_REQUIRE(exec(role));
    BOOST_CHECK(!exec("UPDATE budget_transaction SET amount = 0"));
    BOOST_CHECK(!exec("DELETE FROM budget_transaction"));
  }
}

BOOST_AUTO_TEST_CASE(parallel_debits_take_what_there_is_and_no_more) {
  create(1000);
  std::atomic<int> taken{0};
  std::vector<std::thread> workers;
  for (int i = 0; i < 8; ++i)
    workers.emplace_back([&] {
      store mine{database.conninfo(), ring};
      for (int k = 0; k < 25; ++k) {
        auto rows = mine.run(move_call("debit", 7));
        taken += rows && store_row(*rows, 0).text("code") == "ok";
      }
    });
  for (auto& worker : workers)
    worker.join();
  BOOST_TEST(taken == 142); // 142 * 7 = 994
  BOOST_TEST(state() == "1000/994/6");
  verify();
}

BOOST_AUTO_TEST_CASE(parallel_calls_replenish_exactly_what_they_need) {
  create(100, {"one_time", 50, 10});
  std::atomic<int> refused{0};
  std::vector<std::thread> workers;
  for (int i = 0; i < 8; ++i)
    workers.emplace_back([&] {
      store mine{database.conninfo(), ring};
      for (int k = 0; k < 25; ++k) {
        ask x;
        x.user = user.value;
        x.amount = 10;
        auto rows = mine.run(reserve_call(x));
        refused += !rows || store_row(*rows, 0).text("code") != "ok";
        store_call end{tenant,
                       "wallet/resolve",
                       {store_value::text(x.hold), store_value::text("S"), store_value::integer(10),
                        store_value::text("{}"), store_value::null()}};
        refused += !mine.run(end);
      }
    });
  for (auto& worker : workers)
    worker.join();
  BOOST_TEST(refused == 0);
  // 200 calls of 10: 100 were there, and 50 came each time that nothing was left.
  BOOST_TEST(state() == "2000/2000/0");
  BOOST_TEST(database.cell("SELECT count(*) || '/' || sum(amount) FROM budget_transaction WHERE "
                           "type = 'replenish'")
             == "38/1900");
  BOOST_TEST(count("topped_up") == "38");
  verify();
}

BOOST_AUTO_TEST_SUITE_END()
