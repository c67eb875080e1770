#pragma once

#include <string>

#include <boost/test/unit_test.hpp>

#include "core/base/digest.hpp"
#include "tests/support/postgres_fixture.hpp"

namespace callboard::test {

/// What a hold is asked for; the members are the parameters of wallet/reserve.
struct ask {
  std::string kind = "llm";
  std::int64_t amount = 100;
  std::string hold = uuid4();
  std::string hash = "request";
  std::string user{};
  std::string loop{};
  std::int64_t turns_max = 10;
  std::int64_t ttl_ms = 60'000;
  std::int64_t free_calls = 0;
  /// Of a tool call: the id of its price; empty for none.
  std::string price{};
};

struct answer {
  std::string code;
  bool free = false;
  std::int64_t amount = 0;
  std::string status;
};

/// What a block got.
struct growth {
  std::string code;
  std::int64_t amount = 0;
};

struct wallet_fixture : store_fixture {
  wallet_fixture() : tenant(platform("acme")) { acquire(); }

  void acquire() {
    token = uuid4();
    auto rows =
      run({tenant,
           "wallet/acquire",
           {store_value::text("node"), store_value::text(token), store_value::boolean(false)}});
    BOOST_REQUIRE(rows.size() == 1);
    epoch = store_row(rows, 0).integer("epoch");
  }

  static store_value maybe(const std::string& x) {
    return x.empty() ? store_value::null() : store_value::text(x);
  }

  store_call reserve_call(const ask& x) const {
    return {tenant,
            "wallet/reserve",
            {store_value::integer(epoch), store_value::text(token), store_value::text(x.hold),
             store_value::bytes(x.hash), store_value::text(x.kind), store_value::integer(x.amount),
             store_value::integer(x.ttl_ms), maybe(x.user), store_value::text("subject"),
             store_value::text("req_1"), maybe(x.loop), store_value::integer(1),
             store_value::integer(x.turns_max), maybe(x.price), store_value::integer(x.free_calls),
             store_value::null()}};
  }

  answer reserve(const ask& x) {
    auto rows = run(reserve_call(x));
    store_row row{rows, 0};
    return {row.text("code"), row.boolean("free"), row.integer("amount"), row.text("status")};
  }

  store_rows resolve(const std::string& hold, const std::string& how, std::int64_t actual,
                     const char* log = "{}", const std::string& result = {}) {
    return run({tenant,
                "wallet/resolve",
                {store_value::text(hold), store_value::text(how), store_value::integer(actual),
                 log != nullptr ? store_value::text(log) : store_value::null(), maybe(result)}});
  }

  std::string resolved(const std::string& hold, const std::string& how, std::int64_t actual = 0) {
    auto rows = resolve(hold, how, actual);
    return store_row(rows, 0).text("code");
  }

  /// Notes what the work of a hold has used so far.
  void note_use(const std::string& hold, std::int64_t used,
                store_value ttl_ms = store_value::null()) {
    run({tenant,
         "hold/checkpoint",
         {store_value::text(hold), store_value::integer(used), store_value::null(),
          std::move(ttl_ms)}});
  }

  std::int64_t balance() {
    auto rows = run({tenant, "wallet/show", {}});
    return store_row(rows, 0).integer("balance");
  }

  std::int64_t available() {
    auto rows = run({tenant, "wallet/show", {}});
    return store_row(rows, 0).integer("available");
  }

  /// Makes a block for tool calls, or makes it larger.
  growth grow(const std::string& block, std::int64_t wanted, std::int64_t needed,
              const end_user_id& user = {}) {
    auto rows =
      run({tenant,
           "block/reserve",
           {store_value::integer(epoch), store_value::text(token), store_value::text(block),
            maybe(user.value), store_value::integer(wanted), store_value::integer(needed),
            store_value::integer(60'000), store_value::integer(0)}});
    store_row row{rows, 0};
    return {row.text("code"), row.integer("amount")};
  }

  /// Of the only wallet.
  std::int64_t rules() const {
    return std::stoll(database.cell("SELECT rules_version FROM wallet"));
  }

  void settings(const std::string& assignment) {
    database.sql("UPDATE platform SET " + assignment + " WHERE id = '" + tenant.value + "'");
  }

  /// Gives the user that budget, or changes the one it has.
  void budget(const end_user_id& user, std::int64_t amount, const char* period,
              bool suspended = false) {
    auto made = run({tenant,
                     "budget/create",
                     {store_value::text(user.value), store_value::integer(amount),
                      store_value::text(period), store_value::boolean(false), store_value::null(),
                      store_value::null(), store_value::text("test"), store_value::null()}});
    if (!suspended && store_row(made, 0).text("code") == "ok")
      return;
    auto changed =
      run({tenant,
           "budget/update",
           {store_value::text(user.value), store_value::integer(amount), store_value::text(period),
            store_value::boolean(suspended), store_value::null(), store_value::null(),
            store_value::null(), store_value::boolean(false), store_value::null(),
            store_value::text("test"), store_value::null()}});
    BOOST_REQUIRE(store_row(changed, 0).text("code") == "ok");
  }

  /// All invariants hold.
  void verify() {
    auto rows = run({{}, "ledger/verify", {}});
    BOOST_REQUIRE(rows.size() == 14);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      store_row row{rows, i};
      BOOST_TEST(row.integer("violations") == 0, row.text("invariant"));
    }
  }

  platform_id tenant;
  std::string token;
  std::int64_t epoch = 0;
};

} // namespace callboard::test
