#include <chrono>
#include <fstream>
#include <thread>

#include <boost/test/unit_test.hpp>
#include <caf/all.hpp>

#include "actors/lane.hpp"
#include "core/base/digest.hpp"
#include "storage/journal.hpp"
#include "tests/support/postgres_fixture.hpp"

using namespace callboard;
using namespace callboard::test;
using namespace std::chrono_literals;

namespace {

/// The lane is detached and really waits for PostgreSQL, so these tests run on real threads.
struct real_config : caf::actor_system_config {
  real_config() {
    add_message_types<caf::id_block::callboard>();
    add_message_types<caf::id_block::callboard_relay>();
    set("scheduler.max-threads", 1);
  }
};

constexpr auto patience = 10s;

/// A lane on the server of this process, which a test may stop: it is started again afterwards.
struct lane_fixture {
  lane_fixture()
      : ring(*key_ring::load_or_create(folder.path() / "master.key")), sys(cfg), self(sys) {
    store direct{database.conninfo(), ring};
    auto made = direct.run(store_call{
      {},
      "platform/create",
      {store_value::text(mine.value), store_value::text("a"), store_value::text("a"),
       store_value::text(uuid4()), store_value::text(make_key_id()), store_value::key_secret("s"),
       store_value::text("p"), store_value::text(make_key_id()), store_value::key_secret("s"),
       store_value::text("p"), store_value::text("t")}});
    BOOST_REQUIRE(made);
    start_lane();
  }

  ~lane_fixture() {
    stop_lane();
    if (!cluster.runs())
      cluster.start();
  }

  void start_lane(std::vector<std::filesystem::path> left_behind = {}) {
    lane = spawn_lane(sys, {database.conninfo(), ring, journal_file(), 0, std::move(left_behind)});
  }

  void stop_lane() {
    if (!lane)
      return;
    auto watched = caf::actor_cast<caf::actor>(lane);
    self->send_exit(watched, caf::exit_reason::user_shutdown);
    lane = nullptr;
    self->wait_for(watched);
  }

  std::filesystem::path journal_file() const { return folder.path() / "lane-0.jsonl"; }

  result<store_rows> run(const store_call& call) {
    result<store_rows> out{errc::timeout};
    self->request(lane, patience, atom::run_v, call)
      .receive([&](const store_rows& rows) { out = rows; },
               [&](caf::error& err) { out = std::move(err); });
    return out;
  }

  result<std::int64_t> status() {
    result<std::int64_t> out{errc::timeout};
    self->request(lane, patience, atom::status_v)
      .receive([&](std::int64_t n) { out = n; }, [&](caf::error& err) { out = std::move(err); });
    return out;
  }

  /// Asks again until the lane is in that state.
  bool becomes(bool up) {
    auto deadline = std::chrono::steady_clock::now() + patience;
    while (std::chrono::steady_clock::now() < deadline)
      if (static_cast<bool>(status()) == up)
        return true;
    return false;
  }

  store_call topup(std::int64_t amount, const char* key, bool keep) const {
    return {mine,
            "wallet/topup",
            {store_value::integer(amount), store_value::null(), store_value::text(key),
             store_value::bytes("same")},
            keep};
  }

  std::int64_t balance() {
    auto rows = run({mine, "wallet/show", {}});
    BOOST_REQUIRE(rows);
    return store_row(*rows, 0).integer("balance");
  }

  scratch_cluster& cluster = scratch_cluster::instance();
  scratch_database database;
  scratch_folder folder;
  key_ring_ptr ring;
  platform_id mine{uuid4()};
  real_config cfg;
  caf::actor_system sys;
  caf::scoped_actor self;
  store_actor lane;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(lane_test, lane_fixture)

BOOST_AUTO_TEST_CASE(many_calls_at_once_are_all_answered_each_with_its_own_answer) {
  BOOST_REQUIRE(becomes(true));
  constexpr int calls = 500;
  int good = 0;
  int bad = 0;
  std::vector<caf::actor> askers;
  for (int i = 0; i < calls; ++i) {
    auto call = i % 10 == 3 ? store_call{mine, "end_user/find", {store_value::text("no uuid")}}
                            : topup(1, ("k" + std::to_string(i)).c_str(), false);
    auto listener = caf::actor_cast<caf::actor>(self);
    sys.spawn([target = lane, call, listener](caf::event_based_actor* asker) {
      asker->request(target, patience, atom::run_v, call)
        .then([asker, listener](const store_rows&) { asker->send(listener, 1); },
              [asker, listener](const caf::error&) { asker->send(listener, 0); });
    });
  }
  for (int i = 0; i < calls; ++i)
    self->receive([&](int ok) { ++(ok != 0 ? good : bad); });
  BOOST_TEST(good == calls * 9 / 10);
  BOOST_TEST(bad == calls / 10);
  BOOST_TEST(balance() == calls * 9 / 10);
}

BOOST_AUTO_TEST_CASE(without_postgresql_calls_fail_at_once_and_the_lane_comes_back_by_itself) {
  BOOST_REQUIRE(becomes(true));
  cluster.stop("immediate");
  BOOST_REQUIRE(becomes(false));
  auto before = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) {
    auto rows = run(topup(1, "k", false));
    BOOST_REQUIRE(!rows);
    BOOST_TEST((code_of(rows.error()) == errc::store_unavailable));
  }
  BOOST_TEST((std::chrono::steady_clock::now() - before < 2s));
  cluster.start();
  BOOST_REQUIRE(becomes(true));
  BOOST_TEST(balance() == 0);
  BOOST_CHECK(run(topup(1, "k", false)));
  BOOST_TEST(balance() == 1);
}

BOOST_AUTO_TEST_CASE(journalled_calls_survive_the_outage_and_run_in_order_before_new_ones) {
  BOOST_REQUIRE(becomes(true));
  cluster.stop("fast");
  BOOST_REQUIRE(becomes(false));
  for (auto key : {"a", "b", "c"}) {
    auto rows = run(topup(10, key, true));
    BOOST_REQUIRE(rows);
    BOOST_TEST(rows->empty());
  }
  // The same again: statements in the journal may run twice.
  BOOST_CHECK(run(topup(10, "c", true)));
  BOOST_TEST(!journal{journal_file()}.empty());
  cluster.start();
  BOOST_REQUIRE(becomes(true));
  BOOST_TEST(balance() == 30);
  BOOST_TEST(journal{journal_file()}.empty());
  auto order = database.cell("SELECT string_agg(idempotency_key, '' ORDER BY id) FROM ledger");
  BOOST_TEST(order == "abc");
}

BOOST_AUTO_TEST_CASE(a_journal_of_an_earlier_process_is_replayed_at_the_start) {
  stop_lane();
  journal earlier{journal_file()};
  BOOST_REQUIRE(earlier.append(topup(5, "x", true)));
  BOOST_REQUIRE(earlier.append(topup(6, "y", true)));
  std::ofstream{journal_file(), std::ios::app} << R"({"tenant":"torn)";
  start_lane();
  BOOST_REQUIRE(becomes(true));
  BOOST_TEST(balance() == 11);
  BOOST_TEST(journal{journal_file()}.empty());
}

BOOST_AUTO_TEST_CASE(the_journal_of_a_lane_that_is_no_more_is_taken_over) {
  stop_lane();
  auto file = folder.path() / "lane-7.jsonl";
  BOOST_REQUIRE(journal{file}.append(topup(5, "x", true)));
  start_lane({file});
  BOOST_REQUIRE(becomes(true));
  BOOST_TEST(balance() == 5);
  BOOST_TEST(journal{file}.empty());
}

BOOST_AUTO_TEST_CASE(a_journalled_call_that_postgresql_refuses_is_kept_and_blocks_nothing) {
  stop_lane();
  journal earlier{journal_file()};
  BOOST_REQUIRE(earlier.append({mine, "end_user/find", {store_value::text("no uuid")}, true}));
  BOOST_REQUIRE(earlier.append(topup(6, "y", true)));
  start_lane();
  BOOST_REQUIRE(becomes(true));
  BOOST_TEST(balance() == 6);
  BOOST_TEST(std::filesystem::exists(journal_file().string() + ".refused"));
}

BOOST_AUTO_TEST_CASE(a_damaged_journal_is_set_aside_and_the_lane_works) {
  stop_lane();
  std::ofstream{journal_file()} << "no json\n";
  start_lane();
  BOOST_REQUIRE(becomes(true));
  BOOST_TEST(balance() == 0);
  BOOST_TEST(std::filesystem::exists(journal_file().string() + ".damaged"));
}

BOOST_AUTO_TEST_CASE(a_call_with_a_secret_never_enters_the_journal) {
  BOOST_REQUIRE(becomes(true));
  cluster.stop("fast");
  BOOST_REQUIRE(becomes(false));
  store_call call{mine,
                  "key/insert",
                  {store_value::text(make_key_id()), store_value::text("platform"),
                   store_value::null(), store_value::key_secret("s3cret"), store_value::text("p"),
                   store_value::null(), store_value::null(), store_value::null(),
                   store_value::text("t"), store_value::null(), store_value::null(),
                   store_value::null(), store_value::null()},
                  true};
  auto rows = run(call);
  BOOST_REQUIRE(!rows);
  BOOST_TEST((code_of(rows.error()) == errc::internal));
  BOOST_TEST(journal{journal_file()}.empty());
}

BOOST_AUTO_TEST_CASE(a_journalled_call_waits_for_nothing_while_postgresql_is_there) {
  BOOST_REQUIRE(becomes(true));
  auto rows = run(topup(3, "k", true));
  BOOST_REQUIRE(rows);
  BOOST_TEST(store_row(*rows, 0).text("code") == "ok");
  BOOST_TEST(journal{journal_file()}.empty());
}

BOOST_AUTO_TEST_CASE(a_journalled_call_that_meets_a_lock_is_kept_and_runs_soon) {
  BOOST_REQUIRE(becomes(true));
  std::thread holder{[this] {
    database.cell("WITH w AS MATERIALIZED (SELECT 1 FROM wallet FOR UPDATE) "
                  "SELECT pg_sleep(1.7)::text FROM w");
  }};
  while (database.cell("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") != "1")
    std::this_thread::yield();
  auto rows = run(topup(7, "k", true));
  holder.join();
  BOOST_REQUIRE(rows);
  BOOST_TEST(rows->empty());
  auto deadline = std::chrono::steady_clock::now() + patience;
  while (!journal{journal_file()}.empty() && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  BOOST_TEST(balance() == 7);
}

BOOST_AUTO_TEST_CASE(the_status_counts_transactions) {
  BOOST_REQUIRE(becomes(true));
  auto before = status();
  BOOST_REQUIRE(before);
  BOOST_CHECK(run({mine, "platform/find", {}}));
  auto after = status();
  BOOST_REQUIRE(after);
  BOOST_TEST(*after == *before + 1);
}

BOOST_AUTO_TEST_SUITE_END()
