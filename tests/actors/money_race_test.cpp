// Many clients on one wallet, through real tenant actors, lanes and PostgreSQL on real threads: who
// pays, who is refused, and what the ledger says afterwards (I17 to I20, DESIGN.md 5).

#include <future>
#include <map>
#include <set>

#include <boost/test/unit_test.hpp>
#include <caf/all.hpp>

#include "actors/lane.hpp"
#include "actors/metrics.hpp"
#include "actors/tenant.hpp"
#include "tests/support/wallet_fixture.hpp"

using namespace callboard;
using namespace callboard::test;
using namespace std::chrono_literals;

namespace {

constexpr auto patience = 60s;
constexpr std::int64_t dollar = 1'000'000;
constexpr const char* charges_counted = "SELECT count(*) FROM ledger_all WHERE hold_id IS NOT NULL";

struct real_config : caf::actor_system_config {
  real_config() {
    add_message_types<caf::id_block::callboard>();
    add_message_types<caf::id_block::callboard_relay>();
    set("scheduler.max-threads", 2);
  }
};

/// How the calls of all clients ended.
struct tally {
  int paid = 0;
  int given_back = 0;
  /// Refusals by error code.
  std::map<std::string, int> refused{};
  /// Ids of charges that were acknowledged.
  std::set<std::string> ids{};

  int refusals() const {
    int sum = 0;
    for (auto& [code, n] : refused)
      sum += n;
    return sum;
  }
};

/// What one client does.
struct client_plan {
  std::vector<tenant_actor> owners{};
  end_user_id user{};
  int calls = 1;
  /// Every so many calls do not happen after all; 0: none.
  int void_every = 0;
  /// Ends with the first refusal.
  bool until_refused = false;
  /// Tries of a call that another owner has fenced off.
  int fenced_tries = 100;
};

/// A client: its calls one after the other, each at the next owner.
class client : public std::enable_shared_from_this<client> {
public:
  client(caf::event_based_actor* self, client_plan plan, int number,
         std::function<void(const tally&)> at_end)
      : self_(self), plan_(std::move(plan)), number_(number), at_end_(std::move(at_end)) {}

  void begin() {
    if (done_ == plan_.calls)
      return at_end_(result_);
    admission what;
    what.id = {uuid4()};
    what.request_hash = "hash";
    what.kind = hold_kind::mcp;
    what.end_user = plan_.user;
    what.subject = "github_get_issue";
    what.app = "github";
    what.request = {"race"};
    auto at =
      plan_.owners[static_cast<std::size_t>(number_ + done_ + tries_) % plan_.owners.size()];
    self_->request(at, patience, atom::admit_v, what)
      .then([me = shared_from_this(), at](const hold_ticket& ticket) { me->end(at, ticket); },
            [me = shared_from_this()](const caf::error& why) { me->refused(why); });
  }

private:
  void refused(const caf::error& why) {
    if (code_of(why) == errc::fenced && ++tries_ < plan_.fenced_tries)
      return begin();
    note(std::string{to_string(code_of(why))});
  }

  void end(const tenant_actor& at, const hold_ticket& ticket) {
    settlement what;
    what.id = ticket.id;
    what.charge = plan_.void_every == 0 || (number_ + done_) % plan_.void_every != 0;
    what.actual = ticket.amount;
    what.request_type = "mcp_tool";
    self_->request(at, patience, atom::settle_v, what)
      .then([me = shared_from_this(), what](const receipt& paid) { me->settled(what, paid); },
            [me = shared_from_this()](const caf::error& why) {
              me->note("settle: " + std::string{to_string(code_of(why))});
            });
  }

  void settled(const settlement& what, const receipt& paid) {
    if (!what.charge) {
      ++result_.given_back;
      return next();
    }
    if (paid.charged.value != what.actual.value)
      return note("wrong price");
    ++result_.paid;
    result_.ids.insert(what.id.value);
    next();
  }

  void note(const std::string& refusal) {
    ++result_.refused[refusal];
    if (plan_.until_refused)
      return at_end_(result_);
    next();
  }

  void next() {
    ++done_;
    tries_ = 0;
    begin();
  }

  caf::event_based_actor* self_;
  client_plan plan_;
  int number_;
  std::function<void(const tally&)> at_end_;
  tally result_;
  int done_ = 0;
  int tries_ = 0;
};

/// A platform whose tool calls all cost a cent, and as many owners of its money as a test wants.
struct race_fixture : wallet_fixture {
  race_fixture() : sys(cfg), self(sys) {
    settings("free_calls = 0");
    set_price(10'000);
    node = std::make_shared<node_settings>();
    node->node_name = "race";
    parts.settings = node;
    parts.metrics = std::make_shared<node_metrics>();
    parts.unix_time = [] { return std::int64_t{1'700'000'000}; };
    parts.store.lanes = {
      spawn_lane(sys, {database.conninfo(), ring, folder.path() / "0.jsonl", 0})};
    // A lane connects before it takes calls.
    while (true) {
      bool up = false;
      self->request(parts.store.lanes[0], patience, atom::status_v)
        .receive([&](std::int64_t) { up = true; }, [](const caf::error&) {});
      if (up)
        break;
    }
  }

  ~race_fixture() {
    for (auto& x : owners)
      stop(caf::actor_cast<caf::actor>(x));
    owners.clear();
    for (auto& x : parts.store.lanes)
      stop(caf::actor_cast<caf::actor>(x));
  }

  void stop(const caf::actor& x) {
    self->send_exit(x, caf::exit_reason::user_shutdown);
    self->wait_for(x);
  }

  void set_price(std::int64_t micro) {
    run({{},
         "tool_price/set",
         {store_value::text("global"), store_value::text(""), store_value::integer(micro),
          store_value::text("test")}});
  }

  tenant_actor add_owner() {
    owners.push_back(sys.spawn(callboard::tenant, tenant_args{parts, tenant}));
    return owners.back();
  }

  /// As many clients at once; what became of their calls.
  tally race(int clients, const std::function<client_plan(int)>& plan) {
    auto sum = std::make_shared<tally>();
    std::promise<void> all_ended;
    sys.spawn([&, missing = clients](caf::event_based_actor* me) mutable {
      auto left = std::make_shared<int>(missing);
      auto at_end = [&all_ended, sum, left](const tally& x) {
        sum->paid += x.paid;
        sum->given_back += x.given_back;
        for (auto& [code, n] : x.refused)
          sum->refused[code] += n;
        sum->ids.insert(x.ids.begin(), x.ids.end());
        if (--*left == 0)
          all_ended.set_value();
      };
      for (int i = 0; i < clients; ++i)
        std::make_shared<client>(me, plan(i), i, at_end)->begin();
    });
    all_ended.get_future().wait();
    return *sum;
  }

  /// One client that calls until it is refused.
  tally drain(client_plan plan) {
    plan.calls = 10'000;
    plan.until_refused = true;
    return race(1, [&](int) { return plan; });
  }

  /// Every acknowledged charge is in the ledger, and nothing else; the invariants hold.
  void check_ledger(const std::set<std::string>& acknowledged) {
    auto rows = database.sql("SELECT hold_id FROM ledger_all WHERE hold_id IS NOT NULL");
    std::set<std::string> booked(rows.cells.begin(), rows.cells.end());
    BOOST_TEST(rows.size() == booked.size());
    BOOST_TEST((booked == acknowledged));
    verify();
  }

  real_config cfg;
  caf::actor_system sys;
  caf::scoped_actor self;
  std::shared_ptr<node_settings> node;
  node_parts parts;
  std::vector<tenant_actor> owners;
};

std::set<std::string> together(std::set<std::string> a, const std::set<std::string>& b) {
  a.insert(b.begin(), b.end());
  return a;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(money_race_test, race_fixture)

BOOST_AUTO_TEST_CASE(of_two_hundred_clients_on_a_dollar_a_hundred_pay_a_cent) {
  topup(tenant, dollar);
  auto owner = add_owner();
  auto got = race(200, [&](int) { return client_plan{{owner}}; });
  BOOST_TEST(got.paid == 100);
  BOOST_TEST(got.refused["wallet_insufficient"] == 100);
  BOOST_TEST(got.refusals() == 100);
  BOOST_TEST(balance() == 0);
  check_ledger(got.ids);
}

BOOST_AUTO_TEST_CASE(money_in_blocks_of_others_refuses_nobody) {
  std::vector<end_user_id> users;
  for (int i = 0; i < 9; ++i) {
    users.push_back(end_user(tenant, "user-" + std::to_string(i)));
    if (i % 3 != 0) // two of three have a budget, hence blocks of their own
      budget(users.back(), 100 * dollar, i % 3 == 1 ? "monthly" : "daily");
  }
  for (bool strict : {false, true}) {
    settings(strict ? "strict_mode = true" : "strict_mode = false");
    topup(tenant, dollar - balance());
    auto owner = add_owner();
    auto before = std::stoi(database.cell(charges_counted));
    auto plan = [&](int i) {
      return client_plan{{owner}, users[static_cast<std::size_t>(i) % 9], 3};
    };
    auto got = race(200, plan);
    BOOST_TEST(got.paid == 100);
    BOOST_TEST(got.refused["wallet_insufficient"] == 500);
    BOOST_TEST(balance() == 0);
    auto after = std::stoi(database.cell(charges_counted));
    BOOST_TEST(after - before == 100);
    verify();
  }
}

BOOST_AUTO_TEST_CASE(an_odd_price_is_crossed_once_and_never_in_strict_mode) {
  set_price(7'300);
  auto ann = end_user(tenant, "ann");
  budget(ann, 100 * dollar, "monthly");
  for (bool strict : {false, true}) {
    settings(strict ? "strict_mode = true" : "strict_mode = false");
    topup(tenant, dollar - balance());
    auto owner = add_owner();
    auto got = race(200, [&](int i) {
      return client_plan{{owner}, i % 2 == 0 ? ann : end_user_id{}};
    });
    BOOST_TEST(got.paid == (strict ? 136 : 137));
    BOOST_TEST(got.refused["wallet_insufficient"] == (strict ? 64 : 63));
    BOOST_TEST(balance() == dollar - 7'300 * (strict ? 136 : 137));
    verify();
  }
}

BOOST_AUTO_TEST_CASE(calls_that_do_not_happen_leave_their_money_to_others) {
  topup(tenant, dollar);
  auto owner = add_owner();
  auto got = race(200, [&](int) { return client_plan{{owner}, {}, 2, 3}; });
  BOOST_TEST(got.given_back > 0);
  BOOST_TEST(got.paid <= 100);
  auto rest = drain({{owner}});
  BOOST_TEST(got.paid + rest.paid == 100);
  BOOST_TEST(balance() == 0);
  check_ledger(together(got.ids, rest.ids));
}

BOOST_AUTO_TEST_CASE(nobody_is_refused_before_the_last_cent_of_wallet_or_budget) {
  auto ann = end_user(tenant, "ann");
  auto bob = end_user(tenant, "bob");
  budget(ann, dollar, "monthly");
  budget(bob, dollar, "monthly");
  topup(tenant, 4 * dollar);
  auto owner = add_owner();
  auto alone = drain({{owner}, ann}); // one after the other
  BOOST_TEST(alone.paid == 100);
  BOOST_TEST(alone.refused["budget_exhausted"] == 1);
  auto crowd = race(100, [&](int) { return client_plan{{owner}, bob}; });
  BOOST_TEST(crowd.paid == 100);
  BOOST_TEST(crowd.refusals() == 0);
  BOOST_TEST(drain({{owner}, bob}).refused["budget_exhausted"] == 1);
  auto others = race(200, [&](int) { return client_plan{{owner}}; });
  BOOST_TEST(others.paid == 200);
  BOOST_TEST(others.refusals() == 0);
  BOOST_TEST(drain({{owner}}).refused["wallet_insufficient"] == 1);
  check_ledger(together(together(alone.ids, crowd.ids), others.ids));
}

BOOST_AUTO_TEST_CASE(two_owners_that_steal_from_each_other_lose_and_double_no_charge) {
  topup(tenant, 100 * dollar);
  auto a = add_owner();
  auto b = add_owner();
  auto got = race(32, [&](int) { return client_plan{{a, b}, {}, 30, 7}; });
  BOOST_TEST(got.paid + got.given_back == 32 * 30);
  BOOST_TEST(got.refusals() == 0);
  BOOST_TEST(balance() == 100 * dollar - got.paid * 10'000);
  BOOST_TEST(std::stoi(database.cell("SELECT epoch FROM wallet")) > 3);
  check_ledger(got.ids);
}

BOOST_AUTO_TEST_CASE(money_in_blocks_of_a_former_owner_refuses_nobody) {
  topup(tenant, dollar);
  auto former = add_owner();
  auto first = race(1, [&](int) { return client_plan{{former}, {}, 5}; });
  BOOST_TEST(first.paid == 5);
  auto heir = add_owner();
  auto rest = race(150, [&](int) { return client_plan{{heir}}; });
  BOOST_TEST(first.paid + rest.paid == 100);
  BOOST_TEST(rest.refused["wallet_insufficient"] == 55);
  BOOST_TEST(balance() == 0);
  check_ledger(together(first.ids, rest.ids));
}

BOOST_AUTO_TEST_CASE(two_owners_of_one_dollar_admit_a_hundred_calls_of_a_cent) {
  topup(tenant, dollar);
  auto a = add_owner();
  auto b = add_owner();
  auto got = race(200, [&](int) { return client_plan{{a, b}}; });
  BOOST_TEST(got.paid == 100);
  BOOST_TEST(got.refused["wallet_insufficient"] == 100);
  BOOST_TEST(balance() == 0);
  check_ledger(got.ids);
}

BOOST_AUTO_TEST_SUITE_END()
