#include "core/base/json.hpp"
#include "storage/statement.hpp"
#include "tests/support/wallet_fixture.hpp"

using namespace callboard;
using namespace callboard::test;

BOOST_FIXTURE_TEST_SUITE(wallet_test, wallet_fixture)

BOOST_AUTO_TEST_CASE(a_hold_is_placed_settled_and_booked_once) {
  topup(tenant, 1000);
  ask x;
  auto first = reserve(x);
  BOOST_TEST(first.code == "ok");
  BOOST_TEST(!first.free);
  BOOST_TEST(first.amount == 100);
  BOOST_TEST(first.status == "P");
  BOOST_TEST(available() == 900);
  auto rows = resolve(x.hold, "S", 60,
                      R"({"input_tokens":10,"output_tokens":5,"latency_ms":7,"estimated":true,
                          "metadata":{"a":1}})");
  store_row row{rows, 0};
  BOOST_TEST(row.text("code") == "settled");
  BOOST_TEST(row.integer("charged") == 60);
  BOOST_TEST(row.integer("balance") == 940);
  BOOST_TEST(resolved(x.hold, "S", 60) == "already");
  BOOST_TEST(resolved(x.hold, "V") == "already");
  BOOST_TEST(balance() == 940);
  BOOST_TEST(available() == 940);
  BOOST_TEST(database.cell("SELECT count(*) FROM ledger WHERE hold_id IS NOT NULL") == "1");
  auto logs = run({tenant,
                   "log/list",
                   {store_value::integer(1), store_value::integer(20), store_value::null(),
                    store_value::null()}});
  BOOST_TEST(store_row(logs, 0).integer("total") == 1);
  auto data = parse_json(store_row(logs, 0).text("data"));
  BOOST_REQUIRE(data);
  const auto& item = data->as_array().at(0).as_object();
  BOOST_TEST(*find_string(item, "request_type") == "response");
  BOOST_TEST(*find_string(item, "model_id") == "subject");
  BOOST_TEST(*find_string(item, "estimated_cost_usd") == "0.000060");
  BOOST_TEST(*find_integer(item, "total_tokens") == 15);
  BOOST_TEST(*find_string(item, "token_count_method") == "estimated");
  BOOST_TEST(*find_string(item, "billing_status") == "billed");
  BOOST_TEST(*find_string(item, "status") == "success");
  verify();
}

BOOST_AUTO_TEST_CASE(a_void_gives_everything_back_and_books_nothing) {
  topup(tenant, 1000);
  ask x;
  reserve(x);
  BOOST_TEST(resolved(x.hold, "V") == "voided");
  BOOST_TEST(balance() == 1000);
  BOOST_TEST(available() == 1000);
  BOOST_TEST(database.cell("SELECT count(*) FROM ledger WHERE hold_id IS NOT NULL") == "0");
  // A failed model turn is in the log, unbilled; a failed tool call is not (I25, I28).
  BOOST_TEST(database.cell("SELECT string_agg(billing_status, ',') FROM request_log")
             == "not_billed");
  ask tool;
  tool.kind = "mcp";
  reserve(tool);
  BOOST_TEST(resolved(tool.hold, "V") == "voided");
  BOOST_TEST(database.cell("SELECT count(*) FROM request_log") == "1");
  verify();
}

BOOST_AUTO_TEST_CASE(an_unknown_hold_is_not_found_and_a_bad_outcome_is_an_error) {
  BOOST_TEST(resolved(uuid4(), "S", 5) == "not_found");
  topup(tenant, 1000);
  ask x;
  reserve(x);
  auto bad = [&](const char* how, store_value actual) {
    return code({tenant,
                 "wallet/resolve",
                 {store_value::text(x.hold), store_value::text(how), std::move(actual),
                  store_value::null(), store_value::null()}});
  };
  BOOST_TEST((bad("X", store_value::integer(0)) == errc::internal));
  BOOST_TEST((bad("S", store_value::integer(-1)) == errc::internal));
  BOOST_TEST((bad("S", store_value::null()) == errc::internal));
  BOOST_TEST(balance() == 1000);
  verify();
}

BOOST_AUTO_TEST_CASE(a_retry_finds_its_hold_even_after_a_takeover_and_another_request_does_not) {
  topup(tenant, 1000);
  ask x;
  reserve(x);
  auto stale = reserve_call(x);
  acquire();
  auto rows = run(stale);
  BOOST_TEST(store_row(rows, 0).text("code") == "exists");
  BOOST_TEST(store_row(rows, 0).text("status") == "P");
  ask other = x;
  other.hash = "another request";
  BOOST_TEST(reserve(other).code == "mismatch");
  for (const auto& [how, status] : {std::pair{"S", "S"}, {"V", "V"}, {"E", "E"}}) {
    ask y;
    reserve(y);
    resolve(y.hold, how, 10);
    auto again = reserve(y);
    BOOST_TEST(again.code == "exists");
    BOOST_TEST(again.status == status);
    // What came to nothing binds nobody.
    y.hash = "another request";
    BOOST_TEST(reserve(y).code == (*status == 'S' ? "mismatch" : "exists"));
  }
  BOOST_TEST(available() == 890);
  verify();
}

BOOST_AUTO_TEST_CASE(a_hold_in_doubt_is_undone_by_the_owner_that_placed_it) {
  topup(tenant, 1000);
  auto undone = [&](const std::string& hold, const std::string& by) {
    auto rows = run(
      {tenant, "hold/undo", {store_value::text(hold), store_value::text(by), store_value::null()}});
    return store_row(rows, 0).text("code");
  };
  ask found, placed, idle;
  reserve(found);
  reserve(idle);
  auto former = token;
  acquire();
  BOOST_TEST(reserve(found).code == "exists"); // the repetition, on another node
  reserve(placed);
  BOOST_TEST(undone(found.hold, token) == "not_ours"); // the former owner may be at work on it
  BOOST_TEST(undone(placed.hold, former) == "not_ours");
  BOOST_TEST(undone(idle.hold, former) == "voided");
  BOOST_TEST(undone(idle.hold, former) == "already");
  BOOST_TEST(undone(uuid4(), former) == "not_found");
  BOOST_TEST(available() == 800);
  BOOST_TEST(resolved(found.hold, "S", 100) == "settled");
  BOOST_TEST(undone(found.hold, former) == "already");
  BOOST_TEST(database.cell("SELECT count(*) FROM request_log WHERE status = 'error'") == "0");
  auto rows = run(
    {tenant,
     "hold/undo",
     {store_value::text(placed.hold), store_value::text(token), store_value::text("Too late.")}});
  BOOST_TEST(store_row(rows, 0).text("code") == "voided");
  BOOST_TEST(database.cell("SELECT error_message FROM request_log WHERE status = 'error'")
             == "Too late.");
  BOOST_TEST(balance() == 900);
  verify();
}

BOOST_AUTO_TEST_CASE(a_key_of_a_tool_call_may_be_used_for_something_else_later) {
  topup(tenant, 1000);
  ask x;
  x.kind = "mcp";
  reserve(x);
  resolved(x.hold, "S", 60);
  ask other = x;
  other.hash = "another request";
  BOOST_TEST(reserve(other).code == "mismatch");
  database.sql("UPDATE hold SET resolved_at = resolved_at - interval '49 hours'");
  auto again = reserve(other);
  BOOST_TEST(again.code == "exists");
  BOOST_TEST(again.status == "E"); // so the next id is tried
  BOOST_TEST(balance() == 940);
  verify();
}

BOOST_AUTO_TEST_CASE(a_turn_stays_done_as_others_of_its_loop_may_be_younger) {
  topup(tenant, 1000);
  ask x;
  reserve(x);
  resolved(x.hold, "S", 60);
  database.sql("UPDATE hold SET resolved_at = resolved_at - interval '49 hours'");
  BOOST_TEST(reserve(x).status == "S");
}

BOOST_AUTO_TEST_CASE(what_is_noted_on_a_hold_may_give_it_more_time) {
  topup(tenant, 1000);
  ask x;
  x.ttl_ms = 60'000;
  reserve(x);
  auto left = [&](store_value ttl) {
    note_use(x.hold, 1, std::move(ttl));
    auto rows = run({tenant, "hold/find", {store_value::text(x.hold)}});
    return store_row(rows, 0).integer("expires_in_ms");
  };
  BOOST_TEST(left(store_value::null()) <= 60'000);
  BOOST_TEST(left(store_value::integer(600'000)) > 500'000);
  BOOST_TEST(left(store_value::integer(1)) > 500'000); // never shorter
}

BOOST_AUTO_TEST_CASE(a_former_owner_is_fenced_from_new_holds_but_may_settle_its_own) {
  topup(tenant, 1000);
  ask x;
  reserve(x);
  auto old_token = token;
  auto old_epoch = epoch;
  acquire();
  BOOST_TEST(epoch == old_epoch + 1);
  std::swap(token, old_token);
  BOOST_TEST(reserve({}).code == "fenced"); // right epoch, wrong token
  std::swap(token, old_token);
  std::swap(epoch, old_epoch);
  BOOST_TEST(reserve({}).code == "fenced"); // wrong epoch, right token
  std::swap(epoch, old_epoch);
  BOOST_TEST(reserve({}).code == "ok");
  BOOST_TEST(resolved(x.hold, "S", 100) == "settled");
  verify();
}

BOOST_AUTO_TEST_CASE(a_platform_without_wallet_is_told_apart) {
  platform_id nobody{uuid4()};
  std::swap(tenant, nobody);
  BOOST_TEST(reserve({}).code == "no_wallet");
  BOOST_TEST(
    run({tenant,
         "wallet/acquire",
         {store_value::text("n"), store_value::text(uuid4()), store_value::boolean(false)}})
      .empty());
  BOOST_TEST(run({tenant, "wallet/show", {}}).empty());
  auto rows =
    run({tenant,
         "wallet/topup",
         {store_value::integer(5), store_value::null(), store_value::null(), store_value::null()}});
  BOOST_TEST(store_row(rows, 0).text("code") == "no_wallet");
}

BOOST_AUTO_TEST_CASE(by_default_the_crossing_call_runs_and_the_next_is_refused) {
  BOOST_TEST(reserve({}).code == "insufficient");
  topup(tenant, 101);
  ask a;
  ask b;
  ask c;
  BOOST_TEST(reserve(a).code == "ok");
  BOOST_TEST(reserve(b).code == "ok"); // 1 left, so it crosses
  BOOST_TEST(available() == -99);
  BOOST_TEST(reserve(c).code == "insufficient");
  resolve(a.hold, "S", 100);
  resolve(b.hold, "S", 100);
  BOOST_TEST(balance() == -99);
  BOOST_TEST(reserve(c).code == "insufficient");
  topup(tenant, 99);
  BOOST_TEST(reserve(c).code == "insufficient"); // exactly zero is nothing
  topup(tenant, 1);
  BOOST_TEST(reserve(c).code == "ok");
  verify();
}

BOOST_AUTO_TEST_CASE(what_follows_a_crossing_call_is_no_violation) {
  topup(tenant, 1);
  BOOST_TEST(reserve({}).code == "ok");
  ask nothing;
  nothing.amount = 0;
  BOOST_TEST(reserve(nothing).code == "ok"); // calls for nothing go on
  verify();
  settings("strict_mode = true"); // the crossing call was admitted before
  verify();
}

BOOST_AUTO_TEST_CASE(in_strict_mode_the_whole_estimate_must_fit) {
  settings("strict_mode = true");
  topup(tenant, 101);
  ask a;
  ask b;
  BOOST_TEST(reserve(a).code == "ok");
  BOOST_TEST(reserve(b).code == "insufficient");
  b.amount = 1;
  BOOST_TEST(reserve(b).code == "ok");
  BOOST_TEST(available() == 0);
  verify();
}

BOOST_AUTO_TEST_CASE(an_overage_is_charged_by_default_and_absorbed_in_strict_mode) {
  topup(tenant, 100);
  ask a;
  reserve(a);
  auto rows = resolve(a.hold, "S", 130);
  BOOST_TEST(store_row(rows, 0).integer("charged") == 130);
  BOOST_TEST(store_row(rows, 0).integer("overage") == 30);
  BOOST_TEST(balance() == -30);
  verify();
  topup(tenant, 130);
  settings("strict_mode = true");
  ask b;
  reserve(b);
  rows = resolve(b.hold, "S", 500);
  BOOST_TEST(store_row(rows, 0).integer("charged") == 100);
  BOOST_TEST(store_row(rows, 0).integer("overage") == 400);
  BOOST_TEST(balance() == 0);
  verify();
}

BOOST_AUTO_TEST_CASE(the_mode_at_admission_decides_about_the_overage) {
  topup(tenant, 1000);
  ask a;
  reserve(a);
  settings("strict_mode = true");
  auto rows = resolve(a.hold, "S", 150);
  BOOST_TEST(store_row(rows, 0).integer("charged") == 150);
  verify();
}

BOOST_AUTO_TEST_CASE(free_calls_come_first_and_leave_no_trace_in_ledger_and_log) {
  ask x;
  x.kind = "mcp";
  x.free_calls = 2;
  auto first = reserve(x); // the wallet is empty: free calls do not mind
  BOOST_TEST(first.code == "free");
  BOOST_TEST(first.free);
  BOOST_TEST(first.amount == 0);
  BOOST_TEST(resolved(x.hold, "S", 40) == "settled");
  ask y = x;
  y.hold = uuid4();
  BOOST_TEST(reserve(y).code == "free");
  ask z = x;
  z.hold = uuid4();
  BOOST_TEST(reserve(z).code == "insufficient");
  BOOST_TEST(resolved(y.hold, "V") == "voided"); // the slot comes back
  BOOST_TEST(reserve(z).code == "free");
  BOOST_TEST(database.cell("SELECT count(*) FROM ledger") == "0");
  BOOST_TEST(database.cell("SELECT count(*) FROM request_log") == "0");
  BOOST_TEST(database.cell("SELECT overage FROM hold WHERE id = '" + x.hold + "'") == "40");
  auto usage = run({tenant, "usage/show", {store_value::integer(2)}});
  BOOST_TEST(store_row(usage, 0).integer("used") == 2);
  BOOST_TEST(store_row(usage, 0).integer("left_over") == 0);
  ask model;
  model.free_calls = 100;
  BOOST_TEST(reserve(model).code == "insufficient"); // model turns are never free
  verify();
}

BOOST_AUTO_TEST_CASE(from_the_first_paid_call_on_there_is_a_debit_and_a_log_row) {
  topup(tenant, 5000);
  settings("free_calls = 1");
  for (int i = 0; i < 3; ++i) {
    ask x;
    x.kind = "mcp";
    x.free_calls = 100; // the platform's own number wins
    BOOST_TEST(reserve(x).code == (i == 0 ? "free" : "ok"));
    BOOST_TEST(resolved(x.hold, "S", 100) == "settled");
  }
  BOOST_TEST(balance() == 4800);
  BOOST_TEST(database.cell("SELECT count(*) FROM request_log WHERE request_type = 'mcp_tool' AND "
                           "token_count_method = 'none'")
             == "2");
  verify();
}

BOOST_AUTO_TEST_CASE(a_topup_is_done_once_per_idempotency_key) {
  auto top = [&](std::int64_t amount, const char* key, const char* hash) {
    return run({tenant,
                "wallet/topup",
                {store_value::integer(amount), store_value::text("by card"), store_value::text(key),
                 store_value::bytes(hash)}});
  };
  auto first = top(500, "k1", "a");
  BOOST_TEST(store_row(first, 0).text("code") == "ok");
  BOOST_TEST(store_row(first, 0).integer("balance") == 500);
  auto again = top(500, "k1", "a");
  BOOST_TEST(store_row(again, 0).text("code") == "exists");
  BOOST_TEST(store_row(again, 0).text("body") == store_row(first, 0).text("body"));
  BOOST_TEST(store_row(top(700, "k1", "b"), 0).text("code") == "mismatch");
  BOOST_TEST(balance() == 500);
  BOOST_TEST(store_row(top(700, "k2", "b"), 0).text("code") == "ok");
  BOOST_TEST(balance() == 1200);
  auto call = store_call{
    tenant,
    "wallet/topup",
    {store_value::integer(0), store_value::null(), store_value::null(), store_value::null()}};
  BOOST_TEST((code(call) == errc::internal)); // the caller checks amounts; the database as well
  BOOST_TEST(balance() == 1200);
  verify();
}

BOOST_AUTO_TEST_CASE(the_wallet_shows_exact_decimals_and_its_latest_transactions) {
  for (int i = 1; i <= 7; ++i)
    topup(tenant, i);
  auto rows = run({tenant, "wallet/show", {}});
  auto body = parse_json_object(store_row(rows, 0).text("body"));
  BOOST_REQUIRE(body);
  BOOST_TEST(*find_string(*body, "balance") == "0.000028");
  BOOST_TEST(*find_string(*body, "currency") == "usd");
  const auto* recent = find_array(*body, "recent_transactions");
  BOOST_REQUIRE(recent != nullptr);
  BOOST_REQUIRE(recent->size() == 5);
  BOOST_TEST(*find_string(recent->at(0).as_object(), "amount") == "0.000007");
  BOOST_TEST(*find_string(recent->at(0).as_object(), "balance_after") == "0.000028");
  BOOST_TEST(*find_string(recent->at(0).as_object(), "type") == "top_up");
  auto page =
    run({tenant, "wallet/transactions", {store_value::integer(2), store_value::integer(3)}});
  BOOST_TEST(store_row(page, 0).integer("total") == 7);
  auto data = parse_json(store_row(page, 0).text("data"));
  BOOST_TEST(data->as_array().size() == 3u);
  BOOST_TEST(*find_string(data->as_array().at(0).as_object(), "amount") == "0.000004");
}

BOOST_AUTO_TEST_CASE(the_sweeper_settles_checkpoints_and_releases_the_rest) {
  topup(tenant, 1000);
  auto other = platform("other");
  ask used;
  used.ttl_ms = -1000;
  ask lost = used;
  lost.hold = uuid4();
  ask free_call = used;
  free_call.hold = uuid4();
  free_call.kind = "mcp";
  free_call.free_calls = 3;
  ask open;
  for (const auto& x : {used, lost, free_call, open})
    reserve(x);
  run({tenant,
       "hold/checkpoint",
       {store_value::text(used.hold), store_value::integer(40), store_value::text("ref"),
        store_value::null()}});
  note_use(used.hold, 30);
  auto rows = run({{}, "hold/sweep", {store_value::integer(100)}});
  BOOST_TEST(rows.size() == 3u);
  BOOST_TEST(run({{}, "hold/sweep", {store_value::integer(100)}}).empty());
  BOOST_TEST(database.cell("SELECT string_agg(status::text || coalesce(settled, 0), ',' ORDER BY "
                           "seq) FROM hold")
             == "S40,E0,E0,P0");
  BOOST_TEST(balance() == 960);
  BOOST_TEST(database.cell("SELECT used FROM free_quota") == "0");
  BOOST_TEST(resolved(lost.hold, "S", 50) == "late");
  verify();
}

BOOST_AUTO_TEST_CASE(a_platform_that_cannot_be_swept_does_not_hold_up_the_others) {
  ask late;
  late.ttl_ms = -5000;
  topup(tenant, 1000);
  reserve(late);
  auto locked = std::exchange(tenant, platform("other"));
  acquire();
  topup(tenant, 1000);
  late.hold = uuid4();
  late.ttl_ms = -1000;
  reserve(late);
  ask broken = late;
  broken.hold = uuid4();
  reserve(broken);
  // A hold that cannot be ended: it holds more than is pending.
  database.sql("UPDATE hold SET amount = 5000 WHERE id = '" + broken.hold + "'");
  {
    auto blocker = connection::open(database.conninfo());
    BOOST_REQUIRE(blocker);
    auto exec = [&](const std::string& text) {
      return blocker->exec(statement{"test", statement_scope::internal, text}, {});
    };
    BOOST_REQUIRE(exec("BEGIN"));
    BOOST_REQUIRE(exec("SELECT FROM wallet WHERE platform_id = '" + locked.value + "' FOR UPDATE"));
    auto rows = run({{}, "hold/sweep", {store_value::integer(100)}});
    BOOST_REQUIRE(rows.size() == 1u);
    BOOST_TEST(store_row(rows, 0).text("id") == late.hold);
    // Nobody else is left, so the busy one is waited for.
    BOOST_TEST((code({{}, "hold/sweep", {store_value::integer(100)}}) == errc::timeout));
  }
  database.sql("UPDATE hold SET amount = 100 WHERE id = '" + broken.hold + "'");
  BOOST_TEST(run({{}, "hold/sweep", {store_value::integer(100)}}).size() == 1u);
  BOOST_TEST(run({{}, "hold/sweep", {store_value::integer(100)}}).size() == 1u);
  BOOST_TEST(run({{}, "hold/sweep", {store_value::integer(100)}}).empty());
  verify();
}

BOOST_AUTO_TEST_CASE(what_work_cost_beyond_its_checkpoint_is_booked_when_it_is_told_late) {
  topup(tenant, 1000);
  ask used;
  used.ttl_ms = -1000;
  reserve(used);
  note_use(used.hold, 40);
  BOOST_TEST(run({{}, "hold/sweep", {store_value::integer(100)}}).size() == 1u);
  BOOST_TEST(balance() == 960);
  BOOST_TEST(resolved(used.hold, "S", 30) == "already"); // less than what was charged
  BOOST_TEST(resolved(used.hold, "S", 75) == "late");
  BOOST_TEST(balance() == 925);
  BOOST_TEST(resolved(used.hold, "S", 75) == "already");
  BOOST_TEST(balance() == 925);
  verify();
  // A settlement that is told twice is no rest, whatever its checkpoint was.
  ask whole;
  whole.hold = uuid4();
  reserve(whole);
  note_use(whole.hold, 20);
  BOOST_TEST(resolved(whole.hold, "S", 20) == "settled");
  BOOST_TEST(resolved(whole.hold, "S", 60) == "already");
  BOOST_TEST(balance() == 905);
  verify();
}

BOOST_AUTO_TEST_SUITE_END()
