#include <boost/test/unit_test.hpp>

#include "core/base/digest.hpp"
#include "tests/support/wallet_fixture.hpp"

using namespace callboard;
using namespace callboard::test;

namespace {

store_value text(const std::string& x) { return store_value::text(x); }
store_value number(std::int64_t x) { return store_value::integer(x); }

struct idempotency_fixture : wallet_fixture {
  struct claim {
    std::string operation = uuid4();
    std::string request = "body";
    std::string attempt = uuid4();
    std::string node = "node";
    std::int64_t lease_ms = 60'000;
    std::int64_t keep_ms = 60'000;
    bool alone = false;
    std::string loop = uuid4();
  };
  /// How long a loop can be gone on with.
  static constexpr std::int64_t results_ms = 60'000;

  store_rows begin(const claim& x, const platform_id& whose) {
    return run({whose,
                "idempotency/begin",
                {text(x.operation), store_value::bytes(sha256(x.request)), text(x.attempt),
                 text(x.node), number(x.lease_ms), number(x.keep_ms), store_value::boolean(x.alone),
                 text(x.loop), number(results_ms)}});
  }
  /// The loop that the key names when it is claimed now; it is given up again.
  std::string loop_of(claim x) {
    x.attempt = uuid4();
    auto rows = begin(x, tenant);
    release(x);
    return store_row(rows, 0).text("loop_id");
  }
  std::string begun(const claim& x) { return store_row(begin(x, tenant), 0).text("code"); }

  bool finish(const claim& x, const std::string& body = R"({"raw_key":"sk-plat_secret"})") {
    return !run({tenant,
                 "idempotency/finish",
                 {text(x.operation), text(x.attempt), number(201),
                  text(R"([["Content-Type","application/json"]])"),
                  store_value::secret(body, x.operation)}})
              .empty();
  }

  bool release(const claim& x) {
    return !run({tenant, "idempotency/release", {text(x.operation), text(x.attempt)}}).empty();
  }

  /// All holds are older now than loops can be gone on with.
  void age() {
    database.sql("UPDATE hold SET created_at = created_at - interval '61 seconds', "
                 "resolved_at = resolved_at - interval '61 seconds'");
  }

  /// A turn that is made and paid for.
  void work(const std::string& loop) {
    ask turn;
    turn.loop = loop;
    BOOST_TEST(reserve(turn).code == "ok");
    BOOST_TEST(settle(turn.hold, 10, "It said so.") == "settled");
  }

  /// Settles, as settle() of a turn or call with a key would.
  std::string settle(const std::string& hold, std::int64_t actual, const std::string& result = {}) {
    auto rows = resolve(hold, "S", actual, "{}", result);
    return store_row(rows, 0).text("code");
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(idempotency_test, idempotency_fixture)

BOOST_AUTO_TEST_CASE(the_first_request_runs_and_its_repetition_waits) {
  claim x;
  BOOST_TEST(begun(x) == "new");
  auto again = x;
  again.attempt = uuid4();
  BOOST_TEST(begun(again) == "running");
}

BOOST_AUTO_TEST_CASE(the_answer_is_given_again_as_it_was) {
  claim x;
  begun(x);
  BOOST_TEST(finish(x));
  auto again = x;
  again.attempt = uuid4();
  auto rows = begin(again, tenant);
  store_row row{rows, 0};
  BOOST_TEST(row.text("code") == "done");
  BOOST_TEST(row.integer("answer_status") == 201);
  BOOST_TEST(row.text("secret") == R"({"raw_key":"sk-plat_secret"})");
  BOOST_TEST(row.text("answer_headers").find("application/json") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_answer_lies_sealed_in_the_database) {
  claim x;
  begun(x);
  finish(x);
  auto hex = to_hex("sk-plat_secret");
  BOOST_TEST(
    database.cell("SELECT position('" + hex + "' IN encode(secret_sealed, 'hex')) FROM idempotency")
    == "0");
}

BOOST_AUTO_TEST_CASE(another_request_under_the_same_key_is_a_mismatch_before_and_after_the_answer) {
  claim x;
  begun(x);
  auto other = x;
  other.request = "another body";
  BOOST_TEST(begun(other) == "mismatch");
  finish(x);
  BOOST_TEST(begun(other) == "mismatch");
}

BOOST_AUTO_TEST_CASE(a_released_key_runs_again_also_with_another_request) {
  claim x;
  begun(x);
  BOOST_TEST(release(x));
  x.request = "mended";
  BOOST_TEST(begun(x) == "new");
}

BOOST_AUTO_TEST_CASE(a_claim_that_ran_out_is_taken_over_and_its_first_owner_can_do_nothing_more) {
  claim first;
  first.lease_ms = -1;
  begun(first);
  auto second = first;
  second.attempt = uuid4();
  second.lease_ms = 60'000;
  BOOST_TEST(begun(second) == "again");
  BOOST_TEST(!finish(first));
  BOOST_TEST(!release(first));
  BOOST_TEST(finish(second));
}

BOOST_AUTO_TEST_CASE(a_key_names_another_loop_once_the_former_one_is_long_over) {
  topup(tenant, 1000);
  claim x;
  BOOST_TEST(loop_of(x) == x.loop);
  work(x.loop);
  age();
  work(x.loop); // counted from the latest
  BOOST_TEST(loop_of(x) == x.loop);
  database.sql("UPDATE hold SET created_at = created_at - interval '61 seconds'"); // it took long
  BOOST_TEST(loop_of(x) == x.loop);
  age();
  auto second = loop_of(x);
  BOOST_TEST(second != x.loop);
  BOOST_TEST(loop_of(x) == second);
  work(second);
  BOOST_TEST(loop_of(x) == second);
  age();
  auto third = loop_of(x);
  BOOST_TEST(third != second);
  BOOST_TEST(third != x.loop);
  ask open;
  open.loop = third;
  BOOST_TEST(reserve(open).code == "ok");
  age();
  BOOST_TEST(loop_of(x) == third); // somebody may work on it
  claim other;
  BOOST_TEST(loop_of(other) == other.loop);
  begun(x);
  finish(x);
  auto rows = begin(x, tenant);
  BOOST_TEST(!store_row(rows, 0).maybe_text("loop_id"));
}

BOOST_AUTO_TEST_CASE(a_claim_keeps_its_loop_however_long_it_lasts) {
  topup(tenant, 1000);
  claim x;
  x.lease_ms = -1;
  auto claimed = [&](const char* code) {
    x.attempt = uuid4();
    auto rows = begin(x, tenant);
    store_row row{rows, 0};
    BOOST_TEST(row.text("code") == code);
    return row.text("loop_id");
  };
  BOOST_TEST(claimed("new") == x.loop);
  work(x.loop);
  age();
  BOOST_TEST(claimed("again") == x.loop);
  release(x);
  auto second = claimed("new");
  BOOST_TEST(second != x.loop);
  work(second);
  age();
  BOOST_TEST(claimed("again") == second);
}

BOOST_AUTO_TEST_CASE(a_node_that_is_alone_takes_over_what_a_dead_one_left_at_once) {
  claim dead;
  dead.node = "former";
  begun(dead);
  auto next = dead;
  next.attempt = uuid4();
  next.node = "present";
  BOOST_TEST(begun(next) == "running");
  next.alone = true;
  BOOST_TEST(begun(next) == "again");
  next.attempt = uuid4();
  BOOST_TEST(begun(next) == "running"); // its own is alive
}

BOOST_AUTO_TEST_CASE(keys_expire_and_are_swept) {
  claim x;
  x.keep_ms = -1;
  begun(x);
  finish(x);
  auto fresh = x;
  fresh.keep_ms = 60'000;
  fresh.request = "something else";
  BOOST_TEST(begun(fresh) == "new");
  database.sql("UPDATE idempotency SET expires_at = now() - interval '1 s'");
  auto rows = run({{}, "idempotency/sweep", {number(100), number(1000), number(1000)}});
  BOOST_TEST(store_row(rows, 0).integer("deleted") == 1);
}

BOOST_AUTO_TEST_CASE(another_platform_neither_sees_nor_changes_a_key) {
  claim x;
  begun(x);
  finish(x);
  auto other = platform("other");
  auto rows = begin(x, other);
  BOOST_TEST(store_row(rows, 0).text("code") == "new");
  BOOST_TEST(begun(x) == "done");
}

BOOST_AUTO_TEST_CASE(what_a_keyed_call_gave_is_kept_with_its_settlement) {
  topup(tenant, 1000);
  ask x;
  reserve(x);
  BOOST_TEST(settle(x.hold, 100, R"({"text":"Issue #1"})") == "settled");
  auto rows = run({tenant, "hold/result", {text(x.hold)}});
  BOOST_REQUIRE(rows.size() == 1);
  BOOST_TEST(store_row(rows, 0).text("body") == R"({"text":"Issue #1"})");
  BOOST_TEST(settle(x.hold, 100, "another") == "already");
  BOOST_TEST(run({platform("other"), "hold/result", {text(x.hold)}}).empty());
  verify();
}

BOOST_AUTO_TEST_CASE(results_go_when_they_are_old) {
  topup(tenant, 1000);
  ask x;
  reserve(x);
  settle(x.hold, 100, "kept");
  run({{}, "idempotency/sweep", {number(100), number(60'000), number(60'000)}});
  auto kept = [&] {
    auto rows = run({tenant, "hold/result", {text(x.hold)}});
    return store_row(rows, 0).maybe_text("body").has_value();
  };
  BOOST_TEST(kept());
  database.sql("UPDATE hold_result SET created_at = now() - interval '2 min'");
  run({{}, "idempotency/sweep", {number(100), number(60'000), number(60'000)}});
  BOOST_TEST(!kept());
  BOOST_TEST(run({tenant, "hold/result", {text(uuid4())}}).empty());
}

BOOST_AUTO_TEST_CASE(a_cost_that_comes_after_its_hold_was_given_up_is_charged_once) {
  topup(tenant, 1000);
  ask x;
  reserve(x);
  BOOST_TEST(resolved(x.hold, "E") == "expired");
  BOOST_TEST(settle(x.hold, 70) == "late");
  BOOST_TEST(settle(x.hold, 70) == "already");
  BOOST_TEST(balance() == 930);
  BOOST_TEST(available() == 930);
  // The expiry left a row that was not billed, as any failed turn does.
  BOOST_TEST(database.cell("SELECT count(*) FROM request_log WHERE billing_status = 'billed'")
             == "1");
  verify();
}

BOOST_AUTO_TEST_CASE(a_late_cost_counts_against_the_budget_and_may_cross_the_end_of_the_wallet) {
  auto user = end_user(tenant, "u1");
  budget(user, 500, "monthly");
  topup(tenant, 100);
  ask x;
  x.user = user.value;
  reserve(x);
  resolved(x.hold, "E");
  BOOST_TEST(settle(x.hold, 130) == "late");
  BOOST_TEST(balance() == -30);
  BOOST_TEST(database.cell("SELECT spent FROM budget_window") == "130");
  verify();
}

BOOST_AUTO_TEST_CASE(strict_platforms_pay_a_late_cost_only_as_far_as_there_is_money) {
  settings("strict_mode = true");
  topup(tenant, 100);
  ask x;
  reserve(x);
  resolved(x.hold, "E");
  BOOST_TEST(settle(x.hold, 130) == "late");
  BOOST_TEST(balance() == 0);
  BOOST_TEST(database.cell("SELECT overage FROM hold WHERE status = 'S'") == "130");
  verify();
}

BOOST_AUTO_TEST_CASE(a_free_call_that_comes_late_takes_its_slot_again) {
  topup(tenant, 5000);
  auto used = [&] { return database.cell("SELECT used FROM free_quota"); };
  ask x;
  x.kind = "mcp";
  x.free_calls = 1;
  x.price = "1";
  reserve(x);
  resolved(x.hold, "E");
  BOOST_TEST(used() == "0");
  resolve(x.hold, "S", 0, "{}", "given");
  BOOST_TEST(used() == "1");
  BOOST_TEST(reserve(x).status == "S");
  BOOST_TEST(resolved(x.hold, "S") == "already");
  BOOST_TEST(used() == "1");
  BOOST_TEST(balance() == 5000);
  verify();
}

BOOST_AUTO_TEST_CASE(a_free_call_that_comes_late_is_paid_when_others_have_taken_its_slot) {
  topup(tenant, 5000);
  ask x;
  x.kind = "mcp";
  x.free_calls = 1;
  x.price = "1";
  reserve(x);
  resolved(x.hold, "E");
  ask other = x;
  other.hold = uuid4();
  BOOST_TEST(reserve(other).free);
  BOOST_TEST(resolved(other.hold, "S") == "settled");
  auto rows = resolve(x.hold, "S", 0, "{}", "given");
  BOOST_TEST(store_row(rows, 0).text("code") == "late");
  BOOST_TEST(store_row(rows, 0).integer("charged") == 1000);
  BOOST_TEST(reserve(x).status == "S");
  BOOST_TEST(resolved(x.hold, "S") == "already");
  database.sql("UPDATE free_quota SET lim = 2"); // not free after all, once it has been paid
  BOOST_TEST(resolved(x.hold, "S") == "already");
  BOOST_TEST(database.cell("SELECT used FROM free_quota") == "1");
  BOOST_TEST(balance() == 4000);
  verify();
}

BOOST_AUTO_TEST_CASE(a_turn_at_price_0_that_comes_late_is_not_made_again) {
  topup(tenant, 1000);
  ask x;
  x.amount = 0;
  reserve(x);
  resolved(x.hold, "E");
  resolve(x.hold, "S", 0, "{}", "given");
  BOOST_TEST(reserve(x).status == "S");
  auto rows = run({tenant, "hold/result", {text(x.hold)}});
  BOOST_TEST(store_row(rows, 0).text("body") == "given");
  verify();
}

BOOST_AUTO_TEST_CASE(in_strict_mode_a_late_cost_is_bounded_by_its_hold) {
  settings("strict_mode = true");
  topup(tenant, 1000);
  ask x;
  reserve(x);
  resolved(x.hold, "E");
  BOOST_TEST(settle(x.hold, 130) == "late");
  BOOST_TEST(balance() == 900);
  // Its note was above the hold already: nothing is left to pay, but what it gave is known.
  ask y;
  y.hold = uuid4();
  y.ttl_ms = -1000;
  reserve(y);
  note_use(y.hold, 150);
  run({{}, "hold/sweep", {number(100)}});
  auto result = [&] {
    auto rows = run({tenant, "hold/result", {text(y.hold)}});
    store_row row{rows, 0};
    return row.maybe_text("body").value_or("-") + ' ' + row.text("given_up");
  };
  BOOST_TEST(result() == "- t");
  resolve(y.hold, "S", 180, "{}", "given");
  BOOST_TEST(result() == "given f");
  BOOST_TEST(balance() == 800);
  verify();
}

BOOST_AUTO_TEST_CASE(work_that_was_given_up_and_came_to_its_end_is_not_done_again) {
  topup(tenant, 1000);
  auto gave = [&](const std::string& hold) {
    auto rows = run({tenant, "hold/result", {text(hold)}});
    store_row row{rows, 0};
    return row.maybe_text("body").value_or("-") + ' ' + row.text("charged") + ' '
           + row.text("given_up");
  };
  ask late;
  late.ttl_ms = -1000;
  reserve(late);
  run({{}, "hold/sweep", {number(100)}});
  BOOST_TEST(reserve(late).status == "E");
  resolve(late.hold, "S", 75, "{}", "told late");
  BOOST_TEST(reserve(late).status == "S");
  BOOST_TEST(gave(late.hold) == "told late 75 f");
  ask other = late;
  other.hash = "another request";
  BOOST_TEST(reserve(other).status == "E");
  // One that died in the middle: charged for what it had noted, and nobody knows what it gave.
  ask dead = late;
  dead.hold = uuid4();
  reserve(dead);
  note_use(dead.hold, 40);
  run({{}, "hold/sweep", {number(100)}});
  BOOST_TEST(reserve(dead).status == "S");
  BOOST_TEST(gave(dead.hold) == "- 40 t");
  resolve(dead.hold, "S", 60, "{}", "after all");
  BOOST_TEST(gave(dead.hold) == "after all 60 f");
  BOOST_TEST(available() == 865);
  verify();
}

BOOST_AUTO_TEST_CASE(an_owner_that_is_alone_ends_what_its_dead_predecessor_held) {
  topup(tenant, 1000);
  ask silent;
  ask told;
  reserve(silent);
  reserve(told);
  note_use(told.hold, 40);
  auto acquire_as = [&](const char* node) {
    run({tenant, "wallet/acquire", {text(node), text(uuid4()), store_value::boolean(true)}});
  };
  acquire_as("node"); // the same life: its work goes on
  BOOST_TEST(available() == 800);
  acquire_as("next");
  BOOST_TEST(available() == 960);
  BOOST_TEST(balance() == 960);
  verify();
}

BOOST_AUTO_TEST_CASE(a_new_owner_ends_no_more_holds_than_it_has_time_for) {
  topup(tenant, 1000);
  auto block = uuid4();
  database.sql(
    "INSERT INTO hold (id, platform_id, epoch, req_hash, kind, subject, request_id, win, "
    "free, strict_mode, amount, expires_at) SELECT gen_random_uuid(), '"
    + tenant.value
    + "', 1, '', 'llm', 's', 'r', month_utc(), false, false, 0, now() + interval '1 h' "
      "FROM generate_series(1, 1100)");
  BOOST_TEST(grow(block, 100, 100).code == "ok");
  run({tenant, "wallet/acquire", {text("next"), text(uuid4()), store_value::boolean(true)}});
  BOOST_TEST(available() == 1000); // the block came first
  BOOST_TEST(database.cell("SELECT count(*) FROM hold WHERE status = 'P'") == "101");
  verify();
}

BOOST_AUTO_TEST_SUITE_END()
