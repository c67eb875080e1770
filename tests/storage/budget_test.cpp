#include "core/base/json.hpp"
#include "tests/support/wallet_fixture.hpp"

using namespace callboard;
using namespace callboard::test;

BOOST_FIXTURE_TEST_SUITE(budget_test, wallet_fixture)

BOOST_AUTO_TEST_CASE(a_ledger_is_of_a_budget_and_may_have_no_row_on_a_page) {
  auto user = end_user(tenant, "u");
  auto page_of = [this](const std::string& who, int page) {
    return run({tenant,
                "budget/transactions",
                {store_value::integer(page), store_value::integer(20), store_value::text(who)}});
  };
  BOOST_TEST(page_of(uuid4(), 1).empty());
  BOOST_TEST(page_of(user.value, 1).empty()); // no budget yet
  budget(user, 1000, "monthly");
  auto beyond = page_of(user.value, 2);
  BOOST_REQUIRE(!beyond.empty());
  BOOST_TEST(store_row(beyond, 0).text("data") == "[]");
  BOOST_TEST(store_row(beyond, 0).integer("total") == 1);
}

BOOST_AUTO_TEST_CASE(a_debit_replenishes_only_for_what_is_not_there) {
  topup(tenant, 10'000);
  auto user = end_user(tenant, "u");
  run({tenant,
       "budget/create",
       {store_value::text(user.value), store_value::integer(1000), store_value::text("one_time"),
        store_value::boolean(true), store_value::integer(500), store_value::null(),
        store_value::text("test"), store_value::null()}});
  auto debit = [&](std::int64_t amount) {
    auto rows =
      run({tenant,
           "budget/debit",
           {store_value::text(user.value), store_value::integer(amount), store_value::null(),
            store_value::null(), store_value::null(), store_value::text("test")}});
    return store_row(rows, 0).text("code");
  };
  auto limit = [&] { return database.cell("SELECT lim FROM budget_window"); };
  auto block = uuid4();
  BOOST_TEST(grow(block, 800, 100, user).amount == 800);
  BOOST_TEST(debit(600) == "held"); // it lies ready for calls, and nothing is spent
  BOOST_TEST(limit() == "1000");
  resolve(block, "V", 0, nullptr);
  BOOST_TEST(debit(600) == "ok");
  BOOST_TEST(limit() == "400");
  BOOST_TEST(debit(600) == "ok");
  BOOST_TEST(limit() == "300");
  verify();
}

BOOST_AUTO_TEST_CASE(a_slot_and_a_budget_go_back_to_the_window_that_gave_them) {
  topup(tenant, 1000);
  auto user = end_user(tenant, "u");
  budget(user, 500, "monthly");
  ask free_call;
  free_call.kind = "mcp";
  free_call.free_calls = 5;
  ask paid;
  paid.user = user.value;
  reserve(free_call);
  reserve(paid);
  // As if both had been admitted last month.
  database.sql("UPDATE hold SET win = win - interval '1 month', budget_win = budget_win - "
               "interval '1 month'");
  database.sql("UPDATE free_quota SET win = win - interval '1 month'");
  database.sql("UPDATE budget_window SET win = win - interval '1 month'");
  auto usage = run({tenant, "usage/show", {store_value::integer(5)}});
  BOOST_TEST(store_row(usage, 0).integer("left_over") == 5); // a new month starts at zero
  ask now = free_call;
  now.hold = uuid4();
  BOOST_TEST(reserve(now).code == "free");
  ask spent;
  spent.user = user.value;
  BOOST_TEST(reserve(spent).code == "ok");
  BOOST_TEST(resolved(free_call.hold, "V") == "voided");
  BOOST_TEST(resolved(paid.hold, "S", 70) == "settled");
  BOOST_TEST(database.cell("SELECT string_agg(used::text, ',' ORDER BY win) FROM free_quota")
             == "0,1");
  BOOST_TEST(database.cell("SELECT string_agg(reserved || '/' || spent, ',' ORDER BY win) FROM "
                           "budget_window")
             == "0/70,100/0");
  verify();
}

BOOST_AUTO_TEST_CASE(the_windows_are_utc_days_and_months) {
  BOOST_TEST(database.cell("SELECT month_utc() = date_trunc('month', now() AT TIME ZONE "
                           "'UTC')::date")
             == "t");
  // Local midnight of the server's time zone does not matter.
  for (auto zone : {"Pacific/Kiritimati", "Pacific/Pago_Pago"})
    BOOST_TEST(database.cell(std::string{"SELECT budget_win('daily') = (now() AT TIME ZONE "
                                         "'UTC')::date AND budget_win('one_time') = '1970-01-01' "
                                         "FROM (SELECT set_config('TimeZone', '"}
                             + zone + "', false)) z")
               == "t");
}

BOOST_AUTO_TEST_CASE(a_budget_limits_its_user_and_nobody_else) {
  topup(tenant, 10'000);
  auto user = end_user(tenant, "limited");
  auto free_user = end_user(tenant, "unlimited");
  budget(user, 150, "monthly");
  ask a;
  a.user = user.value;
  ask b = a;
  b.hold = uuid4();
  ask c = a;
  c.hold = uuid4();
  BOOST_TEST(reserve(a).code == "ok");
  BOOST_TEST(reserve(b).code == "ok"); // crosses once
  BOOST_TEST(reserve(c).code == "over_budget");
  ask d;
  d.user = free_user.value;
  BOOST_TEST(reserve(d).code == "ok");
  BOOST_TEST(reserve({}).code == "ok"); // a platform key has no budget
  resolve(a.hold, "S", 60);
  resolve(b.hold, "V", 0);
  BOOST_TEST(reserve(c).code == "ok");
  auto rows = run({tenant, "budget/show", {store_value::text(user.value)}});
  auto body = json::parse(store_row(rows, 0).text("body"));
  BOOST_TEST(body.at("used_usd") == "0.000060");
  verify();
}

BOOST_AUTO_TEST_CASE(a_strict_budget_takes_only_what_fits_and_absorbs_overage) {
  settings("strict_mode = true");
  topup(tenant, 10'000);
  auto user = end_user(tenant, "u");
  budget(user, 150, "daily");
  ask a;
  a.user = user.value;
  BOOST_TEST(reserve(a).code == "ok");
  ask b;
  b.user = user.value;
  BOOST_TEST(reserve(b).code == "over_budget");
  resolve(a.hold, "S", 5000);
  BOOST_TEST(balance() == 9900);
  verify();
}

BOOST_AUTO_TEST_CASE(a_charged_overage_may_overrun_a_budget) {
  topup(tenant, 10'000);
  auto user = end_user(tenant, "u");
  budget(user, 100, "one_time");
  ask a;
  a.user = user.value;
  reserve(a);
  BOOST_TEST(resolved(a.hold, "S", 250) == "settled");
  ask b;
  b.user = user.value;
  BOOST_TEST(reserve(b).code == "over_budget");
  budget(user, 251, "one_time"); // raised
  BOOST_TEST(reserve(b).code == "ok");
  budget(user, 10, "one_time"); // lowered below what is used
  resolve(b.hold, "S", 100);
  ask c;
  c.user = user.value;
  BOOST_TEST(reserve(c).code == "over_budget");
  verify();
}

BOOST_AUTO_TEST_CASE(a_suspended_budget_refuses) {
  topup(tenant, 1000);
  auto user = end_user(tenant, "u");
  budget(user, 500, "monthly", true);
  ask x;
  x.user = user.value;
  BOOST_TEST(reserve(x).code == "suspended");
  BOOST_TEST(available() == 1000);
  budget(user, 500, "monthly", false);
  BOOST_TEST(reserve(x).code == "ok");
  verify();
}

BOOST_AUTO_TEST_CASE(the_platforms_default_budget_holds_for_users_without_one) {
  topup(tenant, 1000);
  settings("default_budget = 50");
  auto user = end_user(tenant, "u");
  ask x;
  x.user = user.value;
  BOOST_TEST(reserve(x).code == "ok");
  ask y;
  y.user = user.value;
  BOOST_TEST(reserve(y).code == "over_budget");
  verify();
}

BOOST_AUTO_TEST_CASE(a_loop_never_takes_more_turns_than_allowed) {
  topup(tenant, 100'000);
  auto loop = uuid4();
  for (int turn = 1; turn <= 10; ++turn) {
    ask x;
    x.loop = loop;
    BOOST_TEST(reserve(x).code == "ok");
    BOOST_TEST(reserve(x).code == "exists"); // a retry is no turn
    resolve(x.hold, turn % 2 == 0 ? "S" : "V", 10);
  }
  ask tool;
  tool.kind = "mcp";
  tool.loop = loop;
  BOOST_TEST(reserve(tool).code == "ok"); // tool calls are no turns
  ask x;
  x.loop = loop;
  BOOST_TEST(reserve(x).code == "max_iterations");
  auto rows = run({tenant, "loop/show", {store_value::text(loop)}});
  BOOST_TEST(store_row(rows, 0).integer("iter") == 10);
  verify();
}

BOOST_AUTO_TEST_CASE(a_refused_turn_does_not_count) {
  auto loop = uuid4();
  ask x;
  x.loop = loop;
  BOOST_TEST(reserve(x).code == "insufficient");
  BOOST_TEST(run({tenant, "loop/show", {store_value::text(loop)}}).empty());
  verify();
}

BOOST_AUTO_TEST_SUITE_END()
