#include <mutex>
#include <set>
#include <thread>

#include "core/base/json.hpp"
#include "tests/support/wallet_fixture.hpp"

using namespace callboard;
using namespace callboard::test;

namespace {

/// What a claim brought.
struct claimed {
  std::string delivery;
  std::string endpoint;
  std::string body;
  std::string message;
  std::int64_t attempts = 0;
};

struct webhook_fixture : wallet_fixture {
  std::string endpoint(const std::string& url = "https://x.example/hook") {
    auto id = uuid4();
    auto rows = run({tenant,
                     "webhook/insert",
                     {store_value::text(id), store_value::text(url), store_value::text("mine"),
                      store_value::text(R"(["budget.topped_up"])"),
                      store_value::secret("whsec_" + id, id), store_value::integer(3),
                      store_value::text("test"), store_value::null(), store_value::null()}});
    return rows.empty() ? std::string{} : id;
  }

  /// Publishes that many events.
  void publish(int count) {
    database.sql("SELECT event_publish('" + tenant.value
                 + "', 'budget.topped_up', gen_random_uuid()::text, '{}', false) FROM "
                   "generate_series(1, "
                 + std::to_string(count) + ")");
  }

  static store_call claim_call(const std::string& claim_id, int limit = 100, int each = 100,
                               const std::string& without = {}, int lease_ms = 60'000) {
    return {{},
            "webhook/claim",
            {store_value::integer(limit), store_value::integer(each),
             store_value::text("{" + without + "}"), store_value::text(claim_id),
             store_value::integer(lease_ms)}};
  }

  std::vector<claimed> claim(const std::string& claim_id, int limit = 100, int each = 100,
                             const std::string& without = {}, int lease_ms = 60'000) {
    auto rows = run(claim_call(claim_id, limit, each, without, lease_ms));
    std::vector<claimed> out;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      store_row row{rows, i};
      out.push_back({row.text("delivery_id"), row.text("id"), row.text("body"),
                     row.text("message_id"), row.integer("attempts")});
    }
    return out;
  }

  std::string record(const std::string& delivery, const std::string& claim_id, int status,
                     std::int64_t next_ms = -1, std::int64_t disable_ms = 1'000'000) {
    bool good = status == 200;
    auto rows =
      run({{},
           "webhook/record",
           {store_value::text(delivery), store_value::text(claim_id), store_value::boolean(good),
            status == 0 ? store_value::null() : store_value::integer(status),
            good ? store_value::null() : store_value::text("bad"), store_value::integer(12),
            next_ms < 0 ? store_value::null() : store_value::integer(next_ms),
            store_value::integer(disable_ms)}});
    return store_row(rows, 0).text("code");
  }

  std::string statuses() {
    return database.cell("SELECT string_agg(status::text, '' ORDER BY status) FROM "
                         "webhook_delivery");
  }

  std::string token = uuid4();
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(webhook_test, webhook_fixture)

BOOST_AUTO_TEST_CASE(a_claim_brings_all_that_a_delivery_needs) {
  auto id = endpoint();
  publish(1);
  auto taken = claim(token);
  BOOST_REQUIRE(taken.size() == 1u);
  BOOST_TEST(taken[0].endpoint == id);
  BOOST_TEST(json::parse(taken[0].body).at("event_type") == "budget.topped_up");
  BOOST_TEST(taken[0].message.starts_with("msg_"));
  BOOST_TEST(taken[0].attempts == 0);
  auto opened = run({{}, "webhook/secret", {store_value::text(id)}});
  BOOST_TEST(store_row(opened, 0).text("secret") == "whsec_" + id);
  BOOST_TEST(run({{}, "webhook/secret", {store_value::text(uuid4())}}).empty());
  BOOST_TEST(database.cell("SELECT strpos(encode(secret_sealed, 'escape'), 'whsec') FROM webhook")
             == "0");
}

BOOST_AUTO_TEST_CASE(a_lease_keeps_others_away_until_it_ends) {
  endpoint();
  publish(1);
  auto first = claim(token);
  BOOST_REQUIRE(first.size() == 1u);
  auto other = uuid4();
  BOOST_TEST(claim(other).empty());
  // The node that held it is dead.
  database.sql("UPDATE webhook_delivery SET next_at = clock_timestamp()");
  auto again = claim(other);
  BOOST_REQUIRE(again.size() == 1u);
  BOOST_TEST(again[0].delivery == first[0].delivery);
  BOOST_TEST(again[0].message == first[0].message);
  // It was only slow: its outcome does not count any more.
  BOOST_TEST(record(first[0].delivery, token, 200) == "late");
  BOOST_TEST(statuses() == "P");
  BOOST_TEST(record(again[0].delivery, other, 200) == "ok");
  BOOST_TEST(record(again[0].delivery, other, 200) == "late");
  BOOST_TEST(statuses() == "S");
  BOOST_TEST(claim(token).empty());
}

BOOST_AUTO_TEST_CASE(a_failure_waits_for_its_next_attempt_and_the_last_one_ends_it) {
  endpoint();
  publish(1);
  auto id = claim(token)[0].delivery;
  BOOST_TEST(record(id, token, 500, 3'600'000) == "ok");
  BOOST_TEST(claim(token).empty());
  database.sql("UPDATE webhook_delivery SET next_at = clock_timestamp()");
  auto second = claim(token);
  BOOST_REQUIRE(second.size() == 1u);
  BOOST_TEST(second[0].attempts == 1);
  BOOST_TEST(record(id, token, 0) == "ok");
  BOOST_TEST(statuses() == "F");
  BOOST_TEST(database.cell("SELECT attempts || ' ' || coalesce(last_status, -1) || ' ' || "
                           "last_error || ' ' || last_ms FROM webhook_delivery")
             == "2 -1 bad 12");
}

BOOST_AUTO_TEST_CASE(an_endpoint_that_fails_for_too_long_is_switched_off) {
  auto id = endpoint();
  publish(3);
  auto taken = claim(token);
  BOOST_TEST(record(taken[0].delivery, token, 500, 1000) == "ok");
  BOOST_TEST(record(taken[1].delivery, token, 200) == "ok"); // a success forgives
  BOOST_TEST(database.cell("SELECT failing_since IS NULL FROM webhook") == "t");
  BOOST_TEST(record(taken[2].delivery, token, 500, 1000) == "ok");
  database.sql("UPDATE webhook SET failing_since = failing_since - interval '5 days'");
  database.sql("UPDATE webhook_delivery SET next_at = clock_timestamp()");
  constexpr std::int64_t five_days_ms = 5 * 24 * 3'600'000;
  taken = claim(token);
  BOOST_REQUIRE(taken.size() == 2u);
  BOOST_TEST(record(taken[0].delivery, token, 500, 1000, five_days_ms) == "disabled");
  BOOST_TEST(statuses() == "FFS");
  BOOST_TEST(record(taken[1].delivery, token, 200) == "late");
  publish(1); // nobody listens
  BOOST_TEST(claim(token).empty());
  BOOST_TEST(database.cell("SELECT is_active || ' ' || (disabled_at IS NOT NULL) FROM webhook")
             == "false true");
  run({tenant,
       "webhook/update",
       {store_value::text(id), store_value::null(), store_value::null(), store_value::null(),
        store_value::boolean(true), store_value::text("test")}});
  BOOST_TEST(database.cell("SELECT is_active AND disabled_at IS NULL AND failing_since IS NULL "
                           "FROM webhook")
             == "t");
  auto rows = run({tenant,
                   "webhook/replay_since",
                   {store_value::text(id), store_value::text("2026-01-01T00:00:00Z"),
                    store_value::integer(100), store_value::text("test")}});
  BOOST_TEST(store_row(rows, 0).integer("replayed") == 4);
  BOOST_TEST(claim(token).size() == 4u);
}

BOOST_AUTO_TEST_CASE(one_endpoint_does_not_take_the_places_of_all) {
  auto busy = endpoint("https://busy.example");
  publish(10);
  auto calm = endpoint("https://calm.example");
  publish(1);
  BOOST_TEST(claim(token, 100, 4).size() == 5u);
  BOOST_TEST(claim(token, 100, 4, busy).empty());
  BOOST_TEST(claim(token, 2, 4).size() == 2u);
  BOOST_TEST(claim(token, 100, 100).size() == 5u);
  BOOST_TEST(!calm.empty());
}

BOOST_AUTO_TEST_CASE(nothing_is_claimed_twice_by_nodes_that_claim_at_once) {
  for (int i = 0; i < 3; ++i)
    BOOST_TEST(!endpoint().empty());
  publish(100);
  std::mutex mutex;
  std::multiset<std::string> seen;
  std::vector<std::thread> nodes;
  for (int i = 0; i < 6; ++i)
    nodes.emplace_back([&] {
      store mine{database.conninfo(), ring};
      for (int quiet = 0; quiet < 3;) {
        auto rows = mine.run(claim_call(uuid4(), 16, 7));
        if (!rows || rows->empty()) {
          ++quiet;
          continue;
        }
        std::lock_guard lock{mutex};
        for (std::size_t k = 0; k < rows->size(); ++k)
          seen.insert(store_row{*rows, k}.text("delivery_id"));
      }
    });
  for (auto& node : nodes)
    node.join();
  BOOST_TEST(seen.size() == 300u);
  BOOST_TEST(std::set<std::string>(seen.begin(), seen.end()).size() == 300u);
}

BOOST_AUTO_TEST_CASE(a_delivery_is_sent_again_on_request) {
  auto id = endpoint();
  publish(1);
  auto replay = [&](const std::string& delivery) {
    return run({tenant,
                "webhook/replay",
                {store_value::text(id), store_value::text(delivery), store_value::text("test")}});
  };
  auto first = claim(token)[0];
  auto before = database.cell("SELECT next_at FROM webhook_delivery");
  BOOST_TEST(!replay(first.delivery).empty()); // under way: its lease stays
  BOOST_TEST(database.cell("SELECT next_at FROM webhook_delivery") == before);
  BOOST_TEST(record(first.delivery, token, 200) == "ok");
  auto rows = replay(first.delivery);
  auto body = json::parse(store_row(rows, 0).text("body"));
  BOOST_TEST(body.at("status") == "pending");
  BOOST_TEST(body.at("attempts") == 0);
  auto again = claim(token);
  BOOST_REQUIRE(again.size() == 1u);
  BOOST_TEST(again[0].message == first.message);
  BOOST_TEST(again[0].body == first.body);
  BOOST_TEST(replay(uuid4()).empty());
}

BOOST_AUTO_TEST_CASE(a_test_event_goes_to_one_endpoint) {
  auto id = endpoint();
  endpoint();
  auto rows = run({tenant, "webhook/test", {store_value::text(id)}});
  BOOST_TEST(store_row(rows, 0).text("code") == "ok");
  auto taken = claim(token);
  BOOST_REQUIRE(taken.size() == 1u);
  BOOST_TEST(json::parse(taken[0].body).at("event_type") == "webhook.test");
  run({tenant,
       "webhook/update",
       {store_value::text(id), store_value::null(), store_value::null(), store_value::null(),
        store_value::boolean(false), store_value::text("test")}});
  rows = run({tenant, "webhook/test", {store_value::text(id)}});
  BOOST_TEST(store_row(rows, 0).text("code") == "inactive");
}

BOOST_AUTO_TEST_CASE(a_platform_has_so_many_endpoints_at_most) {
  for (int i = 0; i < 3; ++i)
    BOOST_TEST(!endpoint().empty());
  BOOST_TEST(endpoint().empty());
}

BOOST_AUTO_TEST_CASE(lists_show_deliveries_by_their_status) {
  auto id = endpoint();
  publish(3);
  auto taken = claim(token, 2);
  record(taken[0].delivery, token, 200);
  record(taken[1].delivery, token, 404);
  auto total = [&](store_value status) {
    auto rows = run({tenant,
                     "webhook/delivery_list",
                     {store_value::integer(1), store_value::integer(100), store_value::text(id),
                      std::move(status)}});
    return store_row(rows, 0).integer("total");
  };
  BOOST_TEST(total(store_value::null()) == 3);
  for (auto status : {"pending", "delivered", "failed"})
    BOOST_TEST(total(store_value::text(status)) == 1, status);
}

BOOST_AUTO_TEST_CASE(old_events_are_swept_with_their_deliveries) {
  endpoint();
  publish(2);
  database.sql("UPDATE outbox SET created_at = created_at - interval '31 days' WHERE id = (SELECT "
               "id FROM outbox LIMIT 1)");
  auto rows = run({{}, "webhook/sweep", {store_value::integer(100)}});
  BOOST_TEST(store_row(rows, 0).integer("deleted") == 1);
  BOOST_TEST(database.cell("SELECT count(*) FROM webhook_delivery") == "1");
}

BOOST_AUTO_TEST_SUITE_END()
