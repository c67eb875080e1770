#include "core/base/json.hpp"
#include "core/billing/tool_charge.hpp"
#include "tests/support/wallet_fixture.hpp"

using namespace callboard;
using namespace callboard::test;

namespace {

struct block_fixture : wallet_fixture {
  static billing::tool_charge call(const std::string& id, const std::string& block,
                                   std::int64_t amount, const end_user_id& user = {}) {
    billing::tool_charge x;
    x.id = {id};
    x.block = {block};
    x.end_user = user;
    x.tool = "github_get_issue";
    x.request = {"req_1"};
    x.amount = {amount};
    x.provider = "github";
    x.latency_ms = 5;
    return x;
  }

  std::int64_t book(const std::vector<billing::tool_charge>& calls,
                    std::optional<std::int64_t> plain_rules = std::nullopt) {
    auto rows = run({tenant, "block/settle", billing::settle_values(calls, 0, plain_rules)});
    return store_row(rows, 0).integer("booked");
  }

  void give_back(const std::string& block, std::int64_t amount) {
    json::array items{json::object{{"id", block}, {"amount", amount}}};
    run({tenant,
         "block/return",
         {store_value::text(json::serialize(items)), store_value::integer(0)}});
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(block_test, block_fixture)

BOOST_AUTO_TEST_CASE(calls_of_a_block_are_booked_once_and_its_rest_goes_back) {
  topup(tenant, 1000);
  auto block = uuid4();
  auto first = grow(block, 300, 10);
  BOOST_TEST(first.code == "ok");
  BOOST_TEST(first.amount == 300);
  BOOST_TEST(available() == 700);
  const std::vector<billing::tool_charge> calls{call(uuid4(), block, 10), call(uuid4(), block, 20)};
  BOOST_TEST(book(calls) == 2);
  BOOST_TEST(book(calls) == 0); // the journal may run it again
  BOOST_TEST(balance() == 970);
  BOOST_TEST(available() == 700);
  BOOST_TEST(database.cell("SELECT count(*) FROM ledger_all WHERE type = 'mcp_usage'") == "2");
  BOOST_TEST(database.cell("SELECT count(*) FROM request_log_all WHERE request_type = 'mcp_tool' "
                           "AND provider_id = 'github'")
             == "2");
  verify();
  give_back(block, 270);
  BOOST_TEST(available() == 970);
  BOOST_TEST(database.cell("SELECT status FROM hold WHERE kind = 'block'") == "V");
  verify();
}

BOOST_AUTO_TEST_CASE(a_plain_batch_is_booked_as_any_other) {
  topup(tenant, 1000);
  settings("strict_mode = true, free_calls = 12");
  ask free;
  free.kind = "mcp";
  BOOST_TEST(reserve(free).free);
  auto ann = end_user(tenant, "ann");
  std::vector<std::string> rows_of;
  for (bool plain : {false, true}) {
    auto block = uuid4();
    grow(block, 100, 10);
    auto first = call(uuid4(), block, 10, ann);
    auto second = call(uuid4(), block, 20);
    second.price_id = "7";
    second.provider = {};
    second.status = "error";
    second.error_message = "It broke.";
    second.resends = 2;
    const auto before = balance();
    auto known = plain ? std::optional{rules()} : std::nullopt;
    auto rows = run({tenant, "block/settle", billing::settle_values({first, second}, 100, known)});
    store_row told{rows, 0};
    BOOST_TEST(told.integer("booked") == 2);
    BOOST_TEST(told.integer("balance") == before - 30);
    BOOST_TEST(told.integer("available") == available());
    BOOST_TEST(told.integer("free_left") == 11);
    BOOST_TEST(told.integer("rules") == rules());
    rows_of.push_back(
      database.cell("SELECT string_agg(concat_ws(' ', end_user_id, tool, coalesce(provider_id, "
                    "'none'), request_id, price_id, budget_win, strict_mode, amount, overage, "
                    "charged, balance_after - "
                    + std::to_string(before)
                    + ", latency_ms, status, error_message, resends), ',' ORDER BY id) "
                      "FROM tool_charge WHERE block_id = '"
                    + block + "'"));
    BOOST_TEST(database.cell("SELECT amount FROM hold WHERE id = '" + block + "'") == "70");
    verify();
  }
  BOOST_TEST(rows_of.at(0) == rows_of.at(1));
}

BOOST_AUTO_TEST_CASE(a_plain_batch_of_which_some_is_booked_already_books_the_rest) {
  topup(tenant, 1000);
  auto block = uuid4();
  grow(block, 100, 10);
  auto first = call(uuid4(), block, 10);
  BOOST_TEST(book({first}, rules()) == 1);
  BOOST_TEST(book({first, call(uuid4(), block, 20)}, rules()) == 1);
  BOOST_TEST(book({first}, rules()) == 0);
  BOOST_TEST(balance() == 970);
  BOOST_TEST(database.cell("SELECT amount FROM hold WHERE kind = 'block'") == "70");
  verify();
}

BOOST_AUTO_TEST_CASE(a_batch_that_is_not_plain_any_more_is_booked_all_the_same) {
  topup(tenant, 1000);
  auto ann = end_user(tenant, "ann");
  auto shared = uuid4();
  grow(shared, 100, 10);
  auto known = rules();
  budget(ann, 100, "monthly"); // after its owner had looked
  BOOST_TEST(book({call(uuid4(), shared, 10, ann)}, known) == 1);
  BOOST_TEST(database.cell("SELECT spent FROM budget_window") == "10");
  auto own = uuid4();
  grow(own, 20, 10, ann);
  BOOST_TEST(book({call(uuid4(), own, 10, ann)}, rules()) == 1); // an owner that is mistaken
  BOOST_TEST(database.cell("SELECT spent FROM budget_window") == "20");
  BOOST_TEST(book({call(uuid4(), shared, 5), call(uuid4(), own, 5, ann)}, rules()) == 2);
  BOOST_TEST(resolved(shared, "E") == "expired");
  BOOST_TEST(book({call(uuid4(), shared, 10)}, rules()) == 1);
  BOOST_TEST(database.cell("SELECT string_agg(overage::text, ' ' ORDER BY id) FROM tool_charge")
             == "0 0 0 0 10");
  BOOST_TEST(balance() == 960);
  verify();
}

BOOST_AUTO_TEST_CASE(a_block_never_takes_more_than_there_is) {
  topup(tenant, 100);
  BOOST_TEST(grow(uuid4(), 1000, 10).amount == 50); // half of it, for others
  BOOST_TEST(grow(uuid4(), 1000, 40).amount == 40);
  auto last = grow(uuid4(), 1000, 40);
  BOOST_TEST(last.code == "short");
  BOOST_TEST(last.amount == 0);
  BOOST_TEST(available() == 10);
  verify();
}

BOOST_AUTO_TEST_CASE(an_older_owner_gets_no_block_but_its_calls_are_booked) {
  topup(tenant, 1000);
  auto block = uuid4();
  grow(block, 100, 10);
  auto old_token = token;
  acquire();
  std::swap(token, old_token);
  BOOST_TEST(grow(block, 100, 10).code == "fenced");
  BOOST_TEST(book({call(uuid4(), block, 10)}) == 1);
  BOOST_TEST(balance() == 990);
  verify();
}

BOOST_AUTO_TEST_CASE(a_call_of_an_ended_block_is_charged_all_the_same) {
  topup(tenant, 1000);
  auto block = uuid4();
  grow(block, 100, 10);
  BOOST_TEST(resolved(block, "E") == "expired");
  BOOST_TEST(available() == 1000);
  BOOST_TEST(book({call(uuid4(), block, 10)}) == 1);
  BOOST_TEST(balance() == 990);
  BOOST_TEST(available() == 990);
  verify();
}

BOOST_AUTO_TEST_CASE(a_block_that_is_extended_is_not_swept) {
  topup(tenant, 1000);
  auto block = uuid4();
  auto ended = uuid4();
  grow(block, 300, 10);
  grow(ended, 100, 10);
  give_back(ended, 100);
  database.sql("UPDATE hold SET expires_at = clock_timestamp() - interval '1 second'");
  auto extend = [&](const std::string& ttl) {
    auto rows = run({tenant,
                     "block/extend",
                     {store_value::text("{" + block + "," + ended + "}"), store_value::text(ttl)}});
    return store_row(rows, 0).integer("extended");
  };
  BOOST_TEST(extend("60000") >= 1);
  BOOST_TEST(extend("1") >= 1); // never shorter
  run({{}, "hold/sweep", {store_value::integer(100)}});
  BOOST_TEST(database.cell("SELECT status FROM hold WHERE id = '" + block + "'") == "P");
  BOOST_TEST(book({call(uuid4(), block, 10)}) == 1);
  BOOST_TEST(balance() == 990);
  verify();
}

BOOST_AUTO_TEST_CASE(in_strict_mode_an_ended_block_charges_only_what_is_there) {
  topup(tenant, 15);
  settings("strict_mode = true");
  auto block = uuid4();
  grow(block, 15, 10);
  resolved(block, "E");
  const std::vector<billing::tool_charge> calls{call(uuid4(), block, 10), call(uuid4(), block, 10)};
  BOOST_TEST(book(calls) == 2);
  BOOST_TEST(balance() == 5);
  verify();
}

BOOST_AUTO_TEST_CASE(a_block_of_a_user_is_taken_from_its_budget) {
  topup(tenant, 1000);
  auto ann = end_user(tenant, "ann");
  BOOST_TEST(grow(uuid4(), 100, 10, ann).code == "shared");
  budget(ann, 100, "monthly");
  auto block = uuid4();
  BOOST_TEST(grow(block, 1000, 10, ann).amount == 31); // 500, 125, 31: the first that fits
  BOOST_TEST(book({call(uuid4(), block, 10, ann)}) == 1);
  BOOST_TEST(database.cell("SELECT reserved || ' ' || spent FROM budget_window") == "21 10");
  verify();
  BOOST_TEST(grow(block, 1000, 70, ann).code == "over_budget");
  budget(ann, 100, "monthly", true);
  BOOST_TEST(grow(block, 10, 10, ann).code == "suspended");
  give_back(block, 21);
  BOOST_TEST(database.cell("SELECT reserved || ' ' || spent FROM budget_window") == "0 10");
  verify();
}

BOOST_AUTO_TEST_CASE(a_block_does_not_grow_into_another_window_or_after_its_end) {
  topup(tenant, 1000);
  auto ann = end_user(tenant, "ann");
  budget(ann, 500, "daily");
  auto block = uuid4();
  BOOST_TEST(grow(block, 10, 10, ann).code == "ok");
  // As if made yesterday.
  database.sql("UPDATE budget_window SET win = win - 1");
  database.sql("UPDATE hold SET budget_win = budget_win - 1");
  BOOST_TEST(grow(block, 10, 10, ann).code == "ended");
  BOOST_TEST(grow(uuid4(), 10, 10, ann).code == "ok");
  BOOST_TEST(book({call(uuid4(), block, 10, ann)}) == 1); // of yesterday's budget
  BOOST_TEST(database.cell("SELECT string_agg(reserved || ' ' || spent, ',' ORDER BY win) FROM "
                           "budget_window")
             == "0 10,10 0");
  verify();
  auto shared = uuid4();
  BOOST_TEST(grow(shared, 10, 10).code == "ok");
  BOOST_TEST(grow(shared, 10, 10).code == "ok");
  give_back(shared, 20);
  BOOST_TEST(grow(shared, 10, 10).code == "ended");
  verify();
}

BOOST_AUTO_TEST_CASE(what_lies_in_blocks_of_other_epochs_is_told) {
  topup(tenant, 1000);
  auto ann = end_user(tenant, "ann");
  budget(ann, 500, "monthly");
  grow(uuid4(), 30, 10);
  grow(uuid4(), 20, 10, ann);
  auto elsewhere = [&](const std::string& user) {
    auto rows = run({tenant, "block/elsewhere", {store_value::integer(epoch), maybe(user)}});
    return store_row(rows, 0).integer("amount");
  };
  BOOST_TEST(elsewhere({}) == 0);
  acquire();
  BOOST_TEST(elsewhere({}) == 50);
  BOOST_TEST(elsewhere(ann.value) == 20);
}

BOOST_AUTO_TEST_CASE(a_budget_made_while_a_call_was_under_way_counts_it) {
  topup(tenant, 1000);
  auto ann = end_user(tenant, "ann");
  auto block = uuid4();
  grow(block, 100, 10);
  budget(ann, 5, "monthly");
  BOOST_TEST(book({call(uuid4(), block, 10, ann)}) == 1);
  BOOST_TEST(database.cell("SELECT reserved || ' ' || spent || ' ' || overrun FROM budget_window")
             == "0 10 5");
  verify();
}

BOOST_AUTO_TEST_CASE(the_only_owner_of_a_database_ends_the_blocks_of_its_former_life) {
  topup(tenant, 1000);
  grow(uuid4(), 100, 10);
  acquire();
  BOOST_TEST(available() == 900);
  run({tenant,
       "wallet/acquire",
       {store_value::text("n"), store_value::text(uuid4()), store_value::boolean(true)}});
  BOOST_TEST(available() == 1000);
  verify();
}

BOOST_AUTO_TEST_CASE(the_ledger_is_never_shortened_but_goes_with_its_platform) {
  topup(tenant, 1000);
  auto block = uuid4();
  grow(block, 100, 10);
  book({call(uuid4(), block, 10)});
  BOOST_CHECK_THROW(database.cell("DELETE FROM ledger RETURNING 1"), std::runtime_error);
  BOOST_TEST(database.cell("DELETE FROM platform RETURNING 1") == "1");
  for (auto table : {"hold", "ledger", "request_log"})
    BOOST_TEST(database.cell(std::string{"SELECT count(*) FROM "} + table) == "0", table);
}

// A lane keeps plans that were made while there were few holds.
BOOST_AUTO_TEST_CASE(booking_reads_only_the_blocks_that_it_needs_however_many_holds_have_come) {
  topup(tenant, 1000);
  auto ann = end_user(tenant, "ann");
  budget(ann, 500, "monthly");
  auto block = uuid4();
  grow(block, 100, 10);
  auto conn = connection::open(database.conninfo());
  BOOST_REQUIRE(conn);
  auto exec = [&](const std::string& text) {
    auto rows = conn->exec(statement{"test", statement_scope::internal, text}, {});
    BOOST_REQUIRE(rows);
    return *rows;
  };
  auto settle = [&] {
    std::string call = "SELECT booked FROM calls_settle('" + tenant.value
                       + "', ARRAY[gen_random_uuid()], ARRAY['" + block + "'::uuid], ARRAY['"
                       + ann.value
                       + "'::uuid], ARRAY['t'], ARRAY['p'], ARRAY['r'], ARRAY[NULL::bigint], "
                         "ARRAY[10], ARRAY[1], ARRAY['success'], ARRAY[NULL], NULL, 0)";
    BOOST_TEST(exec(call).cells.at(0) == "1");
  };
  auto rows_read = [&] {
    return std::stoll(exec("SELECT sum(pg_stat_get_xact_tuples_returned(c.oid) "
                           "+ pg_stat_get_xact_tuples_fetched(c.oid)) FROM pg_class c "
                           "WHERE c.relname IN ('hold', 'hold_pkey', 'budget_window', "
                           "'budget_window_pkey', 'tool_charge', 'tool_charge_pkey')")
                        .cells.at(0));
  };
  exec("BEGIN");
  exec("SELECT set_config('callboard.tenant', '" + tenant.value + "', true)");
  settle();
  exec("INSERT INTO hold (id, platform_id, epoch, req_hash, kind, subject, request_id, win, free, "
       "strict_mode, amount, status, settled, expires_at) SELECT gen_random_uuid(), tenant(), 1, "
       "'', 'mcp', 't', 'r', month_utc(), false, false, 0, 'S', 0, now() "
       "FROM generate_series(1, 3000)");
  auto before = rows_read();
  settle();
  BOOST_TEST(rows_read() - before < 100);
  exec("ROLLBACK");
}

BOOST_AUTO_TEST_SUITE_END()
