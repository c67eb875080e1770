#include <array>
#include <chrono>
#include <set>

#include "core/billing/explanation.hpp"
#include "core/billing/prices.hpp"
#include "core/billing/tool_charge.hpp"
#include "core/billing/verification.hpp"
#include "tests/support/wallet_fixture.hpp"

using namespace callboard;
using namespace callboard::test;

namespace {

/// A turn's prices as model_turn notes them: 120 tokens, 20 cached, and 35 out cost 625.
const char* const turn_prices_text =
  R"({"input":2500000,"cached":1250000,"output":10000000,"markup_ppm":0})";
const char* const turn_log = R"({"input_tokens":120,"cached_tokens":20,"output_tokens":35,
  "latency_ms":7,"status":"success","request_type":"response"})";

struct explain_fixture : wallet_fixture {
  /// A turn, or a tool call at a price's version, of a request.
  std::string place(const std::string& request, ask x, const std::string& price_id = {},
                    std::int64_t turn = 1) {
    auto call = reserve_call(x);
    call.values[11] = store_value::integer(turn);
    call.values[9] = store_value::text(request);
    call.values[13] = maybe(price_id);
    if (x.kind == "llm")
      call.values[15] = store_value::text(turn_prices_text);
    auto code = store_row(run(call), 0).text("code");
    BOOST_TEST((code == "ok" || code == "free"), code);
    return x.hold;
  }

  store_rows rows_of(const std::string& request, const platform_id& platform = {},
                     std::int64_t limit = 100) {
    return run({{},
                "request/explain",
                {store_value::text(request), maybe(platform.value), store_value::integer(limit)}});
  }

  billing::explanation explained(const std::string& request) {
    auto x = billing::explain_rows(request, rows_of(request));
    BOOST_REQUIRE(x);
    return *x;
  }

  std::string global_price() {
    return database.cell("SELECT id FROM tool_price WHERE scope = 'global'");
  }

  /// Ids of the violated invariants, as counted and as found.
  std::set<std::string> counted(const platform_id& platform = {}) {
    auto rows = run({platform, platform.empty() ? "ledger/verify" : "ledger/verify_own", {}});
    std::set<std::string> ids;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      store_row row{rows, i};
      auto name = row.text("invariant");
      if (row.integer("violations") != 0)
        ids.insert(name.substr(0, name.find(' ')));
    }
    return ids;
  }

  std::set<std::string> found(const platform_id& platform = {}) {
    auto rows = run({platform,
                     platform.empty() ? "ledger/findings" : "ledger/findings_own",
                     {store_value::integer(5)}});
    std::set<std::string> ids;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      BOOST_TEST(!store_row(rows, i).text("finding").empty());
      ids.insert(store_row(rows, i).text("id"));
    }
    return ids;
  }

  /// One of everything that an invariant is about.
  void history() {
    auto user = end_user(tenant, "u");
    budget(user, 100'000, "monthly");
    topup(tenant, 50'000);
    ask x;
    x.amount = 900;
    x.user = user.value;
    x.loop = uuid4();
    resolve(place("mixed", x), "S", 625, turn_log);
    ask free_call;
    free_call.kind = "mcp";
    free_call.free_calls = 1;
    resolve(place("mixed", free_call), "S", 0);
    ask paid;
    paid.kind = "mcp";
    paid.amount = 1000;
    resolve(place("mixed", paid, global_price()), "S", 1000);
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(explain_test, explain_fixture)

BOOST_AUTO_TEST_CASE(a_turn_comes_with_prices_tokens_budget_and_rows) {
  auto user = end_user(tenant, "user-1");
  budget(user, 5000, "monthly");
  topup(tenant, 2000);
  ask x;
  x.amount = 900;
  x.user = user.value;
  x.loop = uuid4();
  resolve(place("r-1", x), "S", 625, turn_log);
  auto all = explained("r-1");
  BOOST_TEST(all.alarms() == 0u);
  const auto& step = all.requests.at(0).steps.at(0);
  const auto& booked = step.booked;
  BOOST_TEST(step.expected->value == 625);
  BOOST_TEST(booked.is_turn);
  BOOST_TEST(booked.platform.value == tenant.value);
  BOOST_TEST(booked.external_id == "user-1");
  BOOST_TEST(booked.turns_max == 10);
  BOOST_TEST(booked.held.value == 900);
  BOOST_TEST(booked.settled.value == 625);
  BOOST_TEST(booked.status == 'S');
  BOOST_TEST(booked.log->tokens.cached == 20);
  BOOST_TEST(!booked.log->estimated);
  BOOST_TEST(booked.ledger->amount.value == -625);
  BOOST_TEST(booked.ledger->balance_after.value == 1375);
  BOOST_TEST(booked.budget->window
             == database.cell("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM')"));
  BOOST_TEST(booked.budget->limit.value == 5000);
  BOOST_TEST(booked.budget->spent.value == 625);
  BOOST_TEST(rows_of("r-2").empty());
  BOOST_TEST(rows_of("").empty());
}

BOOST_AUTO_TEST_CASE(budget_windows_are_named_after_their_period) {
  topup(tenant, 9000);
  for (const auto& [period, query] : {std::pair{"daily", "SELECT (now() AT TIME ZONE 'UTC')::date"},
                                      std::pair{"one_time", "SELECT 'one_time'"}}) {
    auto user = end_user(tenant, period);
    budget(user, 5000, period);
    ask x;
    x.user = user.value;
    place(period, x);
    BOOST_TEST(explained(period).requests.at(0).steps.at(0).booked.budget->window
               == database.cell(query));
  }
}

BOOST_AUTO_TEST_CASE(a_changed_amount_or_row_is_an_alarm) {
  topup(tenant, 2000);
  ask x;
  x.amount = 900;
  x.loop = uuid4();
  resolve(place("r-1", x), "S", 625, turn_log);
  BOOST_TEST(explained("r-1").alarms() == 0u);
  database.sql("UPDATE ledger SET amount = -600 WHERE hold_id IS NOT NULL");
  BOOST_TEST(explained("r-1").alarms() == 1u);
  database.sql("UPDATE hold SET settled = 600");
  BOOST_TEST(explained("r-1").alarms() == 2u); // the tokens and the log row say 625
}

BOOST_AUTO_TEST_CASE(free_calls_are_numbered_and_a_void_one_takes_no_number) {
  ask x;
  x.kind = "mcp";
  x.free_calls = 3;
  std::vector<std::string> holds;
  for (const char* request : {"f-1", "f-2", "f-3"}) {
    x.hold = uuid4();
    holds.push_back(place(request, x));
  }
  resolve(holds[0], "S", 0);
  resolve(holds[1], "V", 0);
  resolve(holds[2], "S", 0);
  auto slot_of = [&](const char* request) {
    return *explained(request).requests.at(0).steps.at(0).booked.free_slot;
  };
  BOOST_TEST(slot_of("f-1").number == 1);
  BOOST_TEST(slot_of("f-3").number == 2);
  BOOST_TEST(slot_of("f-3").limit == 3);
  BOOST_TEST(slot_of("f-2").month
             == database.cell("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM')"));
  BOOST_TEST(explained("f-2").requests.at(0).steps.at(0).booked.status == 'V');
  BOOST_TEST(!explained("f-1").requests.at(0).steps.at(0).booked.ledger);
}

BOOST_AUTO_TEST_CASE(a_paid_call_keeps_the_price_version_it_was_admitted_at) {
  topup(tenant, 5000);
  ask x;
  x.kind = "mcp";
  x.amount = 1000;
  resolve(place("p-1", x, global_price()), "S", 1000);
  run({{},
       "tool_price/set",
       {store_value::text("global"), store_value::text(""), store_value::integer(2500),
        store_value::text("test")}});
  auto all = explained("p-1");
  BOOST_TEST(all.alarms() == 0u);
  const auto& price = *all.requests.at(0).steps.at(0).booked.price;
  BOOST_TEST(price.scope == "global");
  BOOST_TEST(price.version == 1);
  BOOST_TEST(price.price.value == 1000);
}

BOOST_AUTO_TEST_CASE(a_call_booked_from_a_block_names_it_and_the_block_is_no_step) {
  topup(tenant, 9000);
  auto block = uuid4();
  grow(block, 3000, 1000);
  const billing::tool_charge call{{uuid4()}, {block},        {},    "github_get_issue",
                                  {"b-1"},   global_price(), {1000}};
  auto again = call;
  again.id = {uuid4()};
  again.request = {"b-2"};
  again.resends = 2;
  run({tenant, "block/settle", billing::settle_values({call, again}, 0)});
  BOOST_TEST(explained("b-2").requests.at(0).steps.at(0).booked.resends == 2);
  auto all = explained("b-1");
  BOOST_TEST(all.alarms() == 0u);
  BOOST_TEST(all.requests.at(0).steps.at(0).booked.block == block);
  BOOST_TEST(all.requests.at(0).charged().value == 1000);
  BOOST_TEST(rows_of("").empty());
}

BOOST_AUTO_TEST_CASE(a_loop_that_was_continued_under_another_id_is_found_by_either) {
  topup(tenant, 9000);
  ask x;
  x.amount = 900;
  x.loop = uuid4();
  resolve(place("first", x), "S", 625, turn_log);
  ask call;
  call.kind = "mcp";
  call.amount = 1000;
  call.hold = billing::tool_hold({x.loop}, 1, 0).value;
  resolve(place("first", call, global_price()), "S", 1000);
  call.hold = uuid4(); // of another request with the same id
  resolve(place("first", call, global_price()), "S", 1000);
  ask elsewhere = x; // another loop with the same id
  elsewhere.hold = uuid4();
  elsewhere.loop = uuid4();
  resolve(place("first", elsewhere), "S", 625, turn_log);
  x.hold = uuid4();
  resolve(place("second", x, {}, 2), "S", 625, turn_log);
  auto all = explained("second");
  BOOST_TEST(all.alarms() == 0u);
  BOOST_REQUIRE(all.requests.size() == 1u);
  BOOST_TEST(all.holds_total == 3);
  BOOST_TEST(all.requests.front().turns() == 2u);
  BOOST_TEST(all.requests.front().charged().value == 2250);
  BOOST_TEST(all.requests.front().steps.front().under == "first");
  BOOST_TEST(explained("first").requests.size() == 3u);
  BOOST_TEST(explained("first").requests.front().turns() == 2u);
}

BOOST_AUTO_TEST_CASE(how_often_the_provider_was_asked_again_is_kept) {
  topup(tenant, 9000);
  ask call;
  call.kind = "mcp";
  call.free_calls = 1;
  resolve(place("free", call), "S", 0, R"({"resends":1})");
  call.hold = uuid4();
  resolve(place("lost", call), "V", 0, R"({"resends":2})");
  call.hold = uuid4();
  resolve(place("paid", call), "S", 100);
  auto resends = [&](const std::string& request) {
    return explained(request).requests.at(0).steps.at(0).booked.resends;
  };
  BOOST_TEST(resends("free") == 1);
  BOOST_TEST(resends("lost") == 2);
  BOOST_TEST(resends("paid") == 0);
}

BOOST_AUTO_TEST_CASE(what_came_late_contradicts_nothing) {
  topup(tenant, 9000);
  ask call;
  call.kind = "mcp";
  call.amount = 1000;
  auto come_late = [&](const char* request) {
    call.hold = uuid4();
    auto hold = place(request, call, global_price());
    resolve(hold, "E", 0);
    return hold;
  };
  resolve(come_late("plain"), "S", 1000);
  settings("strict_mode = true");
  resolve(come_late("strict"), "S", 1000);
  call.free_calls = 1;
  auto was_free = come_late("free");
  call.hold = uuid4();
  resolve(place("other", call, global_price()), "S", 0); // takes the slot
  resolve(was_free, "S", 0);
  for (auto* request : {"plain", "strict", "free"}) {
    auto all = explained(request);
    BOOST_TEST(all.alarms() == 0u, request);
    const auto& late = all.requests.back().steps.back().booked;
    BOOST_TEST(late.rest_of.has_value(), request);
    BOOST_TEST(late.settled.value == 1000, request);
  }
}

BOOST_AUTO_TEST_CASE(what_the_sweeper_ended_is_told_apart) {
  topup(tenant, 9000);
  ask x;
  x.amount = 900;
  x.ttl_ms = -1;
  auto used = place("s-1", x);
  run({tenant,
       "hold/checkpoint",
       {store_value::text(used), store_value::integer(300), store_value::text("gen-1"),
        store_value::null()}});
  x.hold = uuid4();
  place("s-2", x);
  BOOST_TEST(explained("s-2").requests.at(0).steps.at(0).booked.late);
  auto late = [&](const platform_id& platform) {
    return billing::stuck_holds_json(
      run({{}, "hold/stuck", {maybe(platform.value), store_value::integer(1)}}));
  };
  auto stuck = late({});
  BOOST_TEST(*find_integer(stuck, "total") == 2);
  BOOST_TEST(*find_string(stuck, "exposure") == "0.001800");
  BOOST_TEST(find_array(stuck, "holds")->size() == 1u);
  BOOST_TEST(*find_integer(late(platform("other")), "total") == 0);
  run({{}, "hold/sweep", {store_value::integer(100)}});
  auto settled = explained("s-1");
  BOOST_TEST(settled.alarms() == 0u);
  BOOST_TEST(settled.requests.at(0).steps.at(0).swept());
  BOOST_TEST(settled.requests.at(0).charged().value == 300);
  BOOST_TEST(settled.requests.at(0).steps.at(0).booked.provider_ref == "gen-1");
  BOOST_TEST(explained("s-2").requests.at(0).steps.at(0).booked.status == 'E');
  BOOST_TEST(*find_integer(late(tenant), "total") == 0);
}

BOOST_AUTO_TEST_CASE(a_request_id_of_several_platforms_can_be_narrowed_to_one) {
  auto first = tenant;
  topup(tenant, 9000);
  ask x;
  place("same", x);
  x.hold = uuid4();
  place("same", x);
  tenant = platform("other");
  acquire();
  topup(tenant, 9000);
  x.hold = uuid4();
  place("same", x);
  BOOST_TEST(rows_of("same").size() == 3u);
  auto own = rows_of("same", tenant);
  BOOST_REQUIRE(own.size() == 1u);
  BOOST_TEST(store_row(own, 0).integer("total") == 1);
  BOOST_TEST(explained("same").requests.size() == 3u);
  auto newest = rows_of("same", {}, 2);
  BOOST_TEST(newest.size() == 2u);
  BOOST_TEST(store_row(newest, 0).integer("total") == 3);
  BOOST_TEST(rows_of("same", {uuid4()}).empty());
}

BOOST_AUTO_TEST_CASE(every_violated_invariant_is_found_where_it_is_counted) {
  history();
  BOOST_TEST(counted().empty());
  BOOST_TEST(found().empty());
  auto other = platform("other");
  const std::vector<std::array<const char*, 3>> changes{
    {"I1", "UPDATE wallet SET debits_pending = 1 WHERE token IS NOT NULL",
     "UPDATE wallet SET debits_pending = 0"},
    {"I2", "UPDATE wallet SET debits_posted = debits_posted + 1 WHERE token IS NOT NULL",
     "UPDATE wallet SET debits_posted = debits_posted - 1 WHERE token IS NOT NULL"},
    {"I3", "UPDATE hold SET settled = settled - 1 WHERE kind = 'llm'",
     "UPDATE hold SET settled = settled + 1 WHERE kind = 'llm'"},
    {"I3", "UPDATE hold SET status = 'V', settled = NULL WHERE kind = 'mcp' AND NOT free",
     "UPDATE hold SET status = 'S', settled = 1000 WHERE kind = 'mcp' AND NOT free"},
    {"I3", "UPDATE ledger SET hold_id = gen_random_uuid() WHERE type = 'llm_usage'",
     "UPDATE ledger SET hold_id = (SELECT id FROM hold WHERE kind = 'llm') "
     "WHERE type = 'llm_usage'"},
    {"I4", "UPDATE wallet SET overdraft = 99999, credits_posted = 0 WHERE token IS NOT NULL",
     "UPDATE wallet SET overdraft = 0, credits_posted = 50000 WHERE token IS NOT NULL"},
    {"I5", "UPDATE budget_window SET reserved = reserved + 1",
     "UPDATE budget_window SET reserved = reserved - 1"},
    {"I6", "UPDATE free_quota SET used = 0", "UPDATE free_quota SET used = 1"},
    {"I7", "UPDATE hold SET epoch = 99 WHERE kind = 'llm'",
     "UPDATE hold SET epoch = 1 WHERE kind = 'llm'"},
    {"I8", "UPDATE wallet SET credits_posted = credits_posted + 1 WHERE token IS NOT NULL",
     "UPDATE wallet SET credits_posted = credits_posted - 1 WHERE token IS NOT NULL"},
    {"I9", "UPDATE loop SET iter = iter + 1", "UPDATE loop SET iter = iter - 1"},
    {"I11", "UPDATE ledger SET amount = amount - 1 WHERE type = 'mcp_usage'",
     "UPDATE ledger SET amount = amount + 1 WHERE type = 'mcp_usage'"},
    {"I12", "UPDATE ledger SET balance_after = balance_after + 1 WHERE type = 'mcp_usage'",
     "UPDATE ledger SET balance_after = balance_after - 1 WHERE type = 'mcp_usage'"},
    {"I13", "UPDATE hold SET block_id = gen_random_uuid() WHERE kind = 'mcp' AND NOT free",
     "UPDATE hold SET block_id = NULL"},
    {"I14", "UPDATE budget_window SET debited = debited + 1",
     "UPDATE budget_window SET debited = debited - 1"},
    {"I15", "UPDATE budget_transaction SET used_after = used_after + 1",
     "UPDATE budget_transaction SET used_after = used_after - 1"},
  };
  for (const auto& [id, damage, repair] : changes)
    BOOST_TEST_CONTEXT(damage) {
      database.sql(damage);
      BOOST_TEST(counted().count(id) == 1u);
      BOOST_TEST(found() == counted(), boost::test_tools::per_element());
      BOOST_TEST(counted(tenant) == counted(), boost::test_tools::per_element());
      BOOST_TEST(found(tenant) == counted(), boost::test_tools::per_element());
      BOOST_TEST(counted(other).empty());
      BOOST_TEST(found(other).empty());
      database.sql(repair);
      BOOST_TEST(counted().empty());
    }
}

BOOST_AUTO_TEST_CASE(a_patient_store_lets_a_verification_take_its_time) {
  database.sql("CREATE OR REPLACE FUNCTION ledger_verify() RETURNS TABLE (invariant text, "
               "violations bigint) LANGUAGE sql AS $$ SELECT 'I0 slow'::text, 0::bigint "
               "FROM pg_sleep(2.7) $$");
  const store_call slow{{}, "ledger/verify", {}};
  BOOST_TEST((code(slow) == errc::timeout));
  store patient{database.conninfo(), ring, std::chrono::seconds{20}};
  auto rows = patient.run(slow);
  BOOST_REQUIRE(rows);
  BOOST_TEST(rows->size() == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
