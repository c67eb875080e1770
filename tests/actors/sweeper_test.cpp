#include "actors/sweeper.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/support/node_fixture.hpp"

using namespace callboard;
using namespace std::chrono_literals;

namespace {

constexpr const char* deleting[]{"session/sweep", "response/sweep", "idempotency/sweep",
                                 "rate_limit/sweep", "webhook/sweep"};

struct sweeper_fixture : node_fixture {
  sweeper_fixture() {
    db->answer_empty("hold/sweep");
    db->answer("oauth_state/sweep", {{"deleted", "0"}});
    for (auto* statement : deleting)
      db->answer(statement, {{"deleted", "0"}});
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(sweeper_test, sweeper_fixture)

BOOST_AUTO_TEST_CASE(it_goes_on_until_nothing_is_left) {
  for (auto* statement : deleting)
    db->answer_in_turn(statement,
                       {{{"deleted", "500"}}, {{"deleted", "500"}}, {{"deleted", "499"}}});
  std::vector<cell> ended{{"platform_id", "p"}, {"id", "h"}, {"outcome", "E"}};
  int platforms = 2;
  db->handlers["hold/sweep"] = [&](const store_call&) {
    return platforms-- > 0 ? one_row(ended) : store_rows{};
  };
  spawn(sweeper, parts);
  sched.run();
  for (auto* statement : deleting)
    BOOST_TEST(db->count(statement) == 3u, statement);
  BOOST_TEST(db->count("hold/sweep") == 3u);
  BOOST_TEST(db->count("oauth_state/sweep") == 1u); // it takes all at once
}

BOOST_AUTO_TEST_CASE(what_takes_long_is_not_begun_twice) {
  db->held = {"idempotency/sweep"};
  auto actor = spawn(sweeper, parts);
  sched.run();
  auto tick = [&] {
    self->send(actor, atom::tick_v);
    sched.run();
  };
  tick();
  BOOST_TEST(db->count("idempotency/sweep") == 1u);
  BOOST_TEST(db->count("session/sweep") == 2u);
  release("idempotency/sweep");
  tick();
  BOOST_TEST(db->count("idempotency/sweep") == 2u);
}

BOOST_AUTO_TEST_CASE(it_comes_again_also_after_a_failure) {
  for (auto* statement : deleting)
    db->refuse(statement, errc::store_unavailable);
  spawn(sweeper, parts);
  sched.run();
  pass(31s);
  for (auto* statement : deleting)
    BOOST_TEST(db->count(statement) == 2u, statement);
}

BOOST_AUTO_TEST_SUITE_END()
