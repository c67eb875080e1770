#include <atomic>
#include <future>
#include <random>
#include <thread>

#include "core/billing/tool_charge.hpp"
#include "tests/support/open_session.hpp"
#include "tests/support/wallet_fixture.hpp"

using namespace callboard;
using namespace callboard::test;

BOOST_FIXTURE_TEST_SUITE(wallet_race_test, wallet_fixture)

BOOST_AUTO_TEST_CASE(exactly_one_hundred_calls_are_free_under_32_connections) {
  topup(tenant, 1'000'000);
  constexpr int threads = 32;
  constexpr int calls = 20;
  std::atomic<int> free{0};
  std::atomic<int> paid{0};
  std::atomic<int> other{0};
  std::vector<std::thread> workers;
  for (int i = 0; i < threads; ++i)
    workers.emplace_back([&] {
      store mine{database.conninfo(), ring};
      for (int k = 0; k < calls; ++k) {
        ask x;
        x.kind = "mcp";
        x.free_calls = 100;
        auto rows = mine.run(reserve_call(x));
        auto code = rows ? store_row(*rows, 0).text("code") : caf::to_string(rows.error());
        ++(code == "free" ? free : code == "ok" ? paid : other);
      }
    });
  for (auto& worker : workers)
    worker.join();
  BOOST_TEST(free == 100);
  BOOST_TEST(paid == threads * calls - 100);
  BOOST_TEST(other == 0);
  verify();
}

BOOST_AUTO_TEST_CASE(parallel_calls_overshoot_by_one_at_most) {
  for (auto [credit, strict, admitted] :
       {std::tuple{1000, false, 10}, {1001, false, 11}, {1000, true, 10}, {1001, true, 10}}) {
    tenant = platform("p" + std::to_string(credit) + (strict ? "s" : "d"));
    acquire();
    settings(strict ? "strict_mode = true" : "strict_mode = false");
    topup(tenant, credit);
    std::atomic<int> ok{0};
    std::vector<std::thread> workers;
    for (int i = 0; i < 8; ++i)
      workers.emplace_back([&] {
        store mine{database.conninfo(), ring};
        std::vector<store_call> calls;
        for (int k = 0; k < 10; ++k)
          calls.push_back(reserve_call({}));
        for (const auto& rows : mine.run(calls))
          if (rows && store_row(*rows, 0).text("code") == "ok")
            ++ok;
      });
    for (auto& worker : workers)
      worker.join();
    BOOST_TEST(ok == admitted);
    verify();
  }
}

// Whoever looks at the balance before it has the lock would place a hold on money that is gone.
BOOST_AUTO_TEST_CASE(an_admission_waits_for_the_one_before_it) {
  topup(tenant, 100);
  open_session first{*this};
  first.tell("BEGIN");
  BOOST_TEST(first.tell("SELECT code FROM wallet_reserve('" + tenant.value + "', "
                        + std::to_string(epoch) + ", '" + token + "', '" + uuid4()
                        + "', 'x', 100, 60000, '{\"kind\": \"llm\", \"subject\": \"s\", "
                          "\"request_id\": \"r\"}', 0)")
             == "ok");
  auto second = std::async(std::launch::async, [&] {
    store mine{database.conninfo(), ring};
    auto rows = mine.run(reserve_call({}));
    return rows ? store_row(*rows, 0).text("code") : caf::to_string(rows.error());
  });
  until_it_waits(second, *this);
  first.tell("COMMIT");
  BOOST_TEST(second.get() == "insufficient");
  verify();
}

// What its owner knew of budgets was true when the batch was sent.
BOOST_AUTO_TEST_CASE(a_plain_batch_waits_for_a_budget_that_is_being_made_and_counts_in_it) {
  topup(tenant, 1000);
  auto ann = end_user(tenant, "ann");
  auto block = uuid4();
  grow(block, 100, 10);
  auto known = rules();
  open_session first{*this};
  first.tell("BEGIN");
  first.tell("SELECT set_config('callboard.tenant', '" + tenant.value + "', true)");
  first.tell("INSERT INTO budget (end_user_id, max_amount, period) VALUES ('" + ann.value
             + "', 500, 'monthly')");
  billing::tool_charge call{{uuid4()}, {block}, ann, "tool", {"req_1"}, {}, {10}};
  auto second = std::async(std::launch::async, [&] {
    store mine{database.conninfo(), ring};
    auto rows = mine.run({tenant, "block/settle", billing::settle_values({call}, 0, known)});
    return rows ? store_row(*rows, 0).text("booked") : caf::to_string(rows.error());
  });
  until_it_waits(second, *this);
  first.tell("COMMIT");
  BOOST_TEST(second.get() == "1");
  BOOST_TEST(database.cell("SELECT spent FROM budget_window") == "10");
  verify();
}

// A list of what is late is out of date as soon as it is made.
BOOST_AUTO_TEST_CASE(a_note_that_comes_while_others_are_swept_saves_its_hold) {
  topup(tenant, 1000);
  ask late;
  late.ttl_ms = -1000;
  ask noted = late;
  noted.hold = uuid4();
  reserve(late);
  reserve(noted);
  auto note = [&](std::int64_t used, std::int64_t ttl_ms) {
    note_use(noted.hold, used, store_value::integer(ttl_ms));
  };
  note(10, -1000);
  open_session first{*this};
  first.tell("BEGIN");
  first.tell("SELECT FROM hold WHERE id = '" + late.hold + "' FOR UPDATE");
  auto second = std::async(std::launch::async, [&] {
    store mine{database.conninfo(), ring};
    auto rows = mine.run({{}, "hold/sweep", {store_value::integer(100)}});
    return rows ? rows->size() : 0;
  });
  until_it_waits(second, *this);
  note(20, 60'000);
  first.tell("COMMIT");
  BOOST_TEST(second.get() == 1u);
  BOOST_TEST(resolved(noted.hold, "S", 500) == "settled");
  BOOST_TEST(balance() == 500);
  verify();
}

BOOST_AUTO_TEST_CASE(invariants_hold_under_random_load_with_takeovers) {
  std::random_device device;
  auto seed = device();
  BOOST_TEST_MESSAGE("seed " << seed);
  std::vector<platform_id> tenants;
  for (int i = 0; i < 4; ++i) {
    tenants.push_back(platform("t" + std::to_string(i)));
    topup(tenants.back(), 20'000);
    if (i % 2 == 1)
      database.sql("UPDATE platform SET strict_mode = true WHERE id = '" + tenants.back().value
                   + "'");
  }
  auto work = [&](unsigned mine) {
    std::mt19937 random{seed + mine};
    store conn{database.conninfo(), ring};
    wallet_fixture* base = this;
    auto pick = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
    for (int i = 0; i < 150; ++i) {
      auto id = tenants[static_cast<std::size_t>(pick(4))];
      auto owner = uuid4();
      auto epoch_now =
        conn.run({id,
                  "wallet/acquire",
                  {store_value::text("n"), store_value::text(owner), store_value::boolean(false)}});
      if (!epoch_now)
        return;
      ask x;
      x.kind = pick(3) == 0 ? "mcp" : "llm";
      x.free_calls = 20;
      x.amount = 1 + pick(600);
      x.hold = uuid5(id.value, std::to_string(pick(400)));
      auto call = base->reserve_call(x);
      call.tenant = id;
      call.values[0] = store_value::integer(store_row(*epoch_now, 0).integer("epoch"));
      call.values[1] = store_value::text(owner);
      auto how = pick(10);
      store_call end{id,
                     "wallet/resolve",
                     {store_value::text(x.hold),
                      store_value::text(how < 7   ? "S"
                                        : how < 8 ? "V"
                                                  : "E"),
                      store_value::integer(pick(800)), store_value::text("{}"),
                      store_value::null()}};
      conn.run(std::vector<store_call>{call, end});
    }
  };
  std::vector<std::thread> workers;
  for (unsigned i = 0; i < 8; ++i)
    workers.emplace_back(work, i);
  for (auto& worker : workers)
    worker.join();
  BOOST_TEST(std::stoi(database.cell("SELECT count(*) FROM hold")) > 100);
  BOOST_TEST(std::stoi(database.cell("SELECT deadlocks FROM pg_stat_database WHERE datname = "
                                     "current_database()"))
             == 0);
  verify();
}

BOOST_AUTO_TEST_SUITE_END()
