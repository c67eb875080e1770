// The money functions of PostgreSQL against a plain model of their rules, over random histories
// (I17 to I25). RC_PARAMS="seed=... max_success=2000" for more, or for one history again.

#include "tests/support/wallet_model.hpp"

#include <cstdlib>
#include <iostream>
#include <ostream>

#include <fmt/format.h>
#include <rapidcheck.h>

#include "core/base/json.hpp"
#include "core/billing/tool_charge.hpp"
#include "tests/support/wallet_fixture.hpp"

using namespace callboard;
using namespace callboard::test;

namespace {

/// About 12 s on a busy machine.
constexpr int histories = 60;
constexpr int history_length_max = 160;

/// Of the tools' price that every database begins with, which has the id 1.
constexpr std::int64_t global_price = 1000;

/// 2026-01-29: month ends and days within a month are both near.
constexpr wallet_model::day first_day = 20'482;

enum class act {
  reserve,
  resolve,
  grow,
  give_back,
  book,
  topup,
  acquire,
  sweep,
  checkpoint,
  budget,
  strict,
  free_limit,
  default_budget,
  next_day,
};

/// One command; the numbers choose its parameters in the state that it meets.
struct step {
  act what = act::reserve;
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
};

std::ostream& operator<<(std::ostream& out, const step& x) {
  return out << "{" << static_cast<int>(x.what) << ", " << x.a << ", " << x.b << ", " << x.c << ", "
             << x.d << "}";
}

rc::Gen<step> any_step() {
  auto number = rc::gen::resize(1000, rc::gen::inRange(0u, 10'000u));
  return rc::gen::map(
    rc::gen::tuple(rc::gen::weightedElement<act>({{30, act::reserve},
                                                  {22, act::resolve},
                                                  {12, act::grow},
                                                  {5, act::give_back},
                                                  {14, act::book},
                                                  {8, act::topup},
                                                  {3, act::acquire},
                                                  {4, act::sweep},
                                                  {4, act::checkpoint},
                                                  {6, act::budget},
                                                  {3, act::strict},
                                                  {2, act::free_limit},
                                                  {2, act::default_budget},
                                                  {4, act::next_day}}),
                   number, number, number, number),
    [](const std::tuple<act, unsigned, unsigned, unsigned, unsigned>& x) {
      return step{std::get<0>(x), std::get<1>(x), std::get<2>(x), std::get<3>(x), std::get<4>(x)};
    });
}

/// The state in the words of wallet_model::text, then every invariant that does not hold.
constexpr const char* state_query = R"(
  WITH line(text) AS (
    SELECT concat_ws(' ', 'hold', coalesce((SELECT o.id || '/late' FROM hold o
          WHERE o.platform_id = '{0}' AND md5('late/' || o.id)::uuid = hold.id), id::text),
        kind, status, amount, coalesce(settled, -1), overage, free,
        strict_mode, win - date '1970-01-01', coalesce(budget_win - date '1970-01-01', -1))
      FROM hold WHERE platform_id = '{0}'
    UNION ALL SELECT concat_ws(' ', 'charge', hold_id, amount, charged, overage, strict_mode,
        coalesce(budget_win - date '1970-01-01', -1))
      FROM tool_charge WHERE platform_id = '{0}'
    UNION ALL SELECT concat_ws(' ', 'budget', end_user_id, max_amount, period, is_suspended)
      FROM budget WHERE platform_id = '{0}'
    UNION ALL SELECT concat_ws(' ', 'window', end_user_id, win - date '1970-01-01', reserved, spent)
      FROM budget_window WHERE platform_id = '{0}' AND (reserved <> 0 OR spent <> 0)
    UNION ALL SELECT concat_ws(' ', 'free', win - date '1970-01-01', used)
      FROM free_quota WHERE platform_id = '{0}' AND used <> 0
    UNION ALL SELECT concat_ws(' ', 'loop', id, iter) FROM loop WHERE platform_id = '{0}')
  SELECT concat_ws(E'\n',
    (SELECT concat_ws(' ', 'wallet', credits_posted, debits_posted, debits_pending, epoch)
      FROM wallet WHERE platform_id = '{0}'),
    (SELECT string_agg(text, E'\n' ORDER BY text COLLATE "C") FROM line),
    (SELECT concat_ws(' ', 'ledger', count(*), coalesce(sum(amount), 0))
      FROM ledger_all WHERE platform_id = '{0}'),
    (SELECT concat_ws(' ', 'log', count(*), coalesce(sum(cost), 0))
      FROM request_log_all WHERE platform_id = '{0}'),
    (SELECT string_agg(invariant || ': ' || violations, E'\n')
      FROM ledger_verify() WHERE violations <> 0)))";

/// PostgreSQL tells the day from its clock; in this database from a table.
constexpr const char* test_clock = R"(
  CREATE TABLE test_clock (today date NOT NULL);
  GRANT SELECT ON test_clock TO PUBLIC;
  INSERT INTO test_clock VALUES (date '1970-01-01');
  CREATE OR REPLACE FUNCTION month_utc() RETURNS date LANGUAGE sql STABLE AS
    $$ SELECT date_trunc('month', today)::date FROM test_clock $$;
  CREATE OR REPLACE FUNCTION budget_win(period text) RETURNS date LANGUAGE sql STABLE AS $$
    SELECT CASE period WHEN 'daily' THEN today WHEN 'monthly' THEN month_utc()
                       ELSE date '1970-01-01' END FROM test_clock $$;)";

/// Both sides of the comparison.
struct model_fixture : wallet_fixture {
  model_fixture() : direct(std::move(*connection::open(database.conninfo()))) {
    if (auto ok = direct.script("clock", test_clock, std::chrono::seconds{5}); !ok)
      throw std::runtime_error{"no clock"};
  }

  std::string cell(const std::string& query) {
    statement what{"test", statement_scope::internal, query};
    auto rows = direct.exec(what, {}, std::chrono::seconds{5});
    if (!rows)
      throw std::runtime_error{query + ": " + caf::to_string(rows.error())};
    return rows->cells.empty() ? std::string{} : rows->cells.front();
  }

  /// Starts over on a platform of its own.
  void begin() {
    cell("TRUNCATE platform, hold, ledger, request_log, tool_charge CASCADE");
    tenant = platform("p");
    acquire();
    users = {end_user(tenant, "ann"), end_user(tenant, "bob")};
    blocks = 0;
    model = {};
    set_day(first_day);
    set_free_limit(3);
  }

  void set_day(wallet_model::day x) {
    model.today = x;
    cell(fmt::format("UPDATE test_clock SET today = date '1970-01-01' + {}", x));
  }

  void set_free_limit(std::int64_t x) {
    model.free_limit = x;
    settings("free_calls = " + std::to_string(x));
  }

  void set_setting(const std::string& text) {
    cell("UPDATE platform SET " + text + " WHERE id = '" + tenant.value + "'");
  }

  std::vector<std::string> user_ids() const { return {users[0].value, users[1].value}; }
  std::string user_id(int user) const {
    return user < 0 ? std::string{} : users[static_cast<std::size_t>(user)].value;
  }

  // Few ids, so that they collide.
  static std::string hold_name(unsigned n) {
    return fmt::format("00000000-0000-4000-8000-{:012}", n % 40);
  }
  static std::string call_name(unsigned n) {
    return fmt::format("d0000000-0000-4000-8000-{:012}", n % 40);
  }
  std::string block_name(unsigned n) {
    if (blocks == 0 || n % 3 == 0)
      return fmt::format("b0000000-0000-4000-8000-{:012}", ++blocks);
    return fmt::format("b0000000-0000-4000-8000-{:012}", 1 + n % static_cast<unsigned>(blocks));
  }
  /// A hold that exists, mostly an open one; or any name.
  std::string known_hold(unsigned n, bool open) const {
    std::vector<std::string> names;
    for (auto& [id, x] : model.holds())
      if ((!open || x.status == 'P') && x.kind != "block" && !id.ends_with("/late"))
        names.push_back(id);
    return names.empty() ? hold_name(n) : names[n % names.size()];
  }
  bool no_budget_of(const std::vector<billing::tool_charge>& items) {
    std::string ids = "''";
    for (auto& x : items)
      ids += ", '" + x.end_user.value + "'";
    return cell("SELECT count(*) FROM budget WHERE end_user_id::text IN (" + ids + ")") == "0";
  }
  std::vector<std::string> known_blocks() const {
    std::vector<std::string> names;
    for (auto& [id, x] : model.holds())
      if (x.kind == "block")
        names.push_back(id);
    return names;
  }

  void check_equal(const std::string& what, const std::string& sql, const std::string& wanted) {
    if (sql != wanted)
      RC_FAIL(what + "\nPostgreSQL: " + sql + "\nmodel:      " + wanted);
  }

  void check_state(const step& x) {
    std::ostringstream after;
    after << "after " << x;
    check_equal(after.str(), cell(fmt::format(state_query, tenant.value)), model.text(user_ids()));
  }

  void run_step(const step& x);
  void do_reserve(const step& x);
  void do_resolve(const step& x);
  void do_grow(const step& x);
  void do_give_back(const step& x);
  void do_book(const step& x);
  void do_sweep(const step& x);
  void do_rest(const step& x);

  connection direct;
  wallet_model model;
  std::vector<end_user_id> users;
  int blocks = 0;
};

void model_fixture::do_reserve(const step& x) {
  // Every twentieth for nothing, every tenth for a former owner.
  wallet_model::wish wish{hold_name(x.a), x.b % 8 == 0 ? "other" : "request",
                          x.b % 3 == 0 ? "mcp" : "llm", x.c % 20 == 0 ? 0 : x.c % 600,
                          static_cast<int>(x.d % 3) - 1};
  if (wish.kind == "mcp")
    wish.price = global_price;
  if (x.d % 5 == 0) {
    wish.loop = "c0000000-0000-4000-8000-00000000000" + std::to_string(x.d % 2);
    wish.turns_max = 3;
  }
  bool is_owner = x.a % 10 != 0;
  auto wanted = model.reserve(wish, is_owner);
  ask asked;
  asked.kind = wish.kind;
  asked.amount = wish.amount;
  asked.hold = wish.id;
  asked.hash = wish.hash;
  asked.user = user_id(wish.user);
  asked.loop = wish.loop;
  asked.turns_max = wish.turns_max;
  if (wish.price != 0)
    asked.price = "1";
  auto call = reserve_call(asked);
  if (!is_owner && x.a % 20 == 0)
    call.values[0] = store_value::integer(epoch - 1);
  else if (!is_owner)
    call.values[1] = store_value::text(uuid4());
  auto rows = run(call);
  store_row row{rows, 0};
  auto show = [](const auto& code, bool free, auto amount, const auto& status) {
    bool placed = code == "ok" || code == "free" || code == "exists";
    return placed ? fmt::format("{} {} {} {}", code, free, amount, status) : std::string{code};
  };
  check_equal(
    "reserve",
    show(row.text("code"), row.boolean("free"), row.integer("amount"), row.text("status")),
    show(wanted.code, wanted.free, wanted.amount, wanted.status));
}

void model_fixture::do_resolve(const step& x) {
  auto id = x.a % 12 == 0 ? hold_name(x.a) : known_hold(x.a, x.a % 4 != 0);
  auto how = x.b % 10 < 7 ? 'S' : x.b % 10 < 9 ? 'V' : 'E';
  auto i = model.holds().find(id);
  // Below, exactly, and above what was held.
  auto held = i == model.holds().end() ? 100 : i->second.amount;
  if (i != model.holds().end() && i->second.kind == "block" && how == 'S')
    how = 'V'; // a block is no work: nobody charges it, and a constraint would refuse it
  auto actual = x.c % 3 == 0 ? held : x.c % 3 == 1 ? held / 2 : held + x.d % 300;
  auto rows = resolve(id, std::string(1, how), actual);
  auto wanted = model.resolve(id, how, actual);
  store_row row{rows, 0};
  auto got = row.text("code");
  if (got != "not_found")
    got += fmt::format(" {} {} {}", row.integer("charged"), row.integer("overage"),
                       row.integer("balance"));
  check_equal("resolve", got,
              wanted.code == "not_found" ? wanted.code
                                         : fmt::format("{} {} {} {}", wanted.code, wanted.charged,
                                                       wanted.overage, wanted.balance));
}

void model_fixture::do_grow(const step& x) {
  auto block = x.a % 30 == 0 ? hold_name(x.b) : block_name(x.a);
  auto user = static_cast<int>(x.b % 3) - 1;
  std::int64_t needed = 1 + x.c % 150;
  std::int64_t wanted = needed + x.d % 600;
  bool is_owner = x.c % 12 != 0;
  auto allowed = model.may_grow(block, user, wanted, needed, is_owner);
  auto rows =
    run({tenant,
         "block/reserve",
         {store_value::integer(is_owner ? epoch : epoch - 1), store_value::text(token),
          store_value::text(block), maybe(user_id(user)), store_value::integer(wanted),
          store_value::integer(needed), store_value::integer(60'000), store_value::integer(0)}});
  store_row row{rows, 0};
  check_equal("grow", row.text("code"), allowed.code);
  auto amount = row.integer("amount");
  if (amount < allowed.least || amount > allowed.most)
    RC_FAIL(
      fmt::format("a block grew by {}, not by {} to {}", amount, allowed.least, allowed.most));
  if (allowed.code == "ok")
    model.grow(block, user, amount);
}

void model_fixture::do_give_back(const step& x) {
  auto names = known_blocks();
  if (names.empty())
    return;
  auto block = names[x.a % names.size()];
  auto left = model.holds().at(block).amount;
  // Part of it, all of it, and more than there is.
  auto amount = x.b % 3 == 0 ? left / 2 : x.b % 3 == 1 ? left : left + 50;
  json::array items{json::object{{"id", block}, {"amount", amount}}};
  run(
    {tenant, "block/return", {store_value::text(json::serialize(items)), store_value::integer(0)}});
  model.give_back(block, amount);
}

void model_fixture::do_book(const step& x) {
  auto names = known_blocks();
  if (names.empty())
    return;
  std::map<std::string, std::int64_t> left;
  std::vector<wallet_model::call> calls;
  std::vector<billing::tool_charge> items;
  for (unsigned n = 0; n < 1 + x.a % 3; ++n) {
    auto block = names[(x.b + n * x.c) % names.size()];
    auto& from = model.holds().at(block);
    auto& rest = left.try_emplace(block, from.amount).first->second;
    // The owner never admits more than is left of an open block.
    std::int64_t amount = 1 + (x.d + n) % 120;
    if (from.status == 'P')
      amount = std::min(amount, rest);
    rest -= amount;
    auto user = from.user >= 0 ? from.user : static_cast<int>((x.c + n) % 3) - 1;
    wallet_model::call call{call_name(x.d + n), block, amount, user};
    billing::tool_charge item{{call.id}, {block}, {}, "tool", {"req_1"}, {}, {amount}};
    if (user >= 0)
      item.end_user = {user_id(user)};
    calls.push_back(call);
    items.push_back(std::move(item));
  }
  // What an owner knows of its users' budgets may be out of date.
  std::optional<std::int64_t> plain_rules;
  if (x.c % 2 == 0 && no_budget_of(items))
    plain_rules = std::stoll(cell("SELECT rules_version FROM wallet"));
  else if (x.c % 3 == 0)
    plain_rules = -1;
  // Every other batch twice, as a journal may do it.
  for (unsigned n = 0; n <= x.a % 2; ++n) {
    auto rows = run({tenant, "block/settle", billing::settle_values(items, 0, plain_rules)});
    check_equal("book", std::to_string(store_row(rows, 0).integer("booked")),
                std::to_string(model.book(calls)));
  }
}

void model_fixture::do_sweep(const step& x) {
  std::vector<std::string> late;
  for (auto& [id, hold] : model.holds())
    if (hold.status == 'P' && (x.a + late.size() + static_cast<unsigned>(id.back())) % 2 == 0)
      late.push_back(id);
  for (auto& id : late) {
    cell("UPDATE hold SET expires_at = clock_timestamp() - interval '1 hour' WHERE id = '" + id
         + "'");
    model.expire(id);
  }
  while (!run({{}, "hold/sweep", {store_value::integer(2)}}).empty()) {
  }
}

void model_fixture::do_rest(const step& x) {
  switch (x.what) {
  case act::topup:
    topup(tenant, 1 + x.a % 1500);
    return model.topup(1 + x.a % 1500);
  case act::acquire: {
    token = uuid4();
    bool alone = x.a % 3 == 0;
    auto rows =
      run({tenant,
           "wallet/acquire",
           {store_value::text("node"), store_value::text(token), store_value::boolean(alone)}});
    epoch = store_row(rows, 0).integer("epoch");
    return model.acquire(alone);
  }
  case act::checkpoint: {
    auto id = known_hold(x.a, true);
    run({tenant,
         "hold/checkpoint",
         {store_value::text(id), store_value::integer(x.b % 700), store_value::null(),
          store_value::null()}});
    return model.checkpoint(id, x.b % 700);
  }
  case act::budget: {
    auto user = static_cast<int>(x.a % 2);
    const char* periods[] = {"one_time", "daily", "monthly"};
    budget(users[x.a % 2], 1 + x.b % 1200, periods[x.c % 3], x.d % 5 == 0);
    return model.set_budget(user, 1 + x.b % 1200, periods[x.c % 3], x.d % 5 == 0);
  }
  case act::strict:
    model.strict = x.a % 2 == 0;
    return set_setting(fmt::format("strict_mode = {}", model.strict));
  case act::free_limit:
    return set_free_limit(x.a % 6);
  case act::default_budget:
    model.default_budget.reset();
    if (x.a % 2 == 0)
      model.default_budget = 100 + x.b % 500;
    return set_setting("default_budget = "
                       + (model.default_budget ? std::to_string(*model.default_budget) : "NULL"));
  default:
    return set_day(model.today + (x.a % 4 == 0 ? 28 : 1));
  }
}

void model_fixture::run_step(const step& x) {
  switch (x.what) {
  case act::reserve:
    return do_reserve(x);
  case act::resolve:
    return do_resolve(x);
  case act::grow:
    return do_grow(x);
  case act::give_back:
    return do_give_back(x);
  case act::book:
    return do_book(x);
  case act::sweep:
    return do_sweep(x);
  default:
    return do_rest(x);
  }
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(wallet_model_test, model_fixture)

BOOST_AUTO_TEST_CASE(sql_and_model_agree_after_every_command_and_the_invariants_hold) {
  auto params = rc::detail::configuration().testParams; // prints the seed
  if (std::getenv("RC_PARAMS") == nullptr) {
    params.maxSuccess = histories;
    params.maxSize = history_length_max;
    // It would take longer than the time limit, which then hides what failed.
    params.disableShrinking = true;
  }
  auto outcome = rc::detail::checkTestable(
    [&] {
      begin();
      for (auto& x : *rc::gen::container<std::vector<step>>(any_step())) {
        run_step(x);
        check_state(x);
      }
    },
    rc::detail::TestMetadata{"money", "SQL and model agree"}, params);
  rc::detail::printResultMessage(outcome, std::cerr);
  BOOST_TEST(outcome.is<rc::detail::SuccessResult>());
}

BOOST_AUTO_TEST_SUITE_END()
