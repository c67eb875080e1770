#include <fmt/format.h>

#include "actors/calls/table.hpp"
#include "actors/look_up.hpp"
#include "core/base/limits.hpp"

namespace callboard::calls {
namespace {

constexpr std::size_t reason_bytes_max = 500;
/// Metadata goes into every event of its move, so it is kept small.
constexpr std::size_t metadata_bytes_max = 4u * 1024;
/// Money held by calls under way is free again when they end; blocks are given back in about that.
constexpr std::int64_t held_retry_seconds = 2;
/// A debit asks that often for what lies ready for tool calls; new calls may take it again.
constexpr int reclaims_max = 3;

store_value amount_or_null(const std::optional<micro_usd>& x) {
  return x ? store_value::integer(x->value) : store_value::null();
}

store_value flag_or_null(const std::optional<bool>& x) {
  return x ? store_value::boolean(*x) : store_value::null();
}

/// The terms of a budget, as POST and PATCH have them.
struct terms {
  std::optional<micro_usd> max;
  std::optional<std::string> period;
  std::optional<bool> auto_replenish;
  std::optional<micro_usd> replenish;
  std::optional<micro_usd> threshold;
};

terms read_terms(field_reader& fields) {
  terms x;
  x.max = fields.usd("max_usd", {1}, money_max);
  x.period = fields.text("period", 1, 16);
  x.auto_replenish = fields.boolean("auto_replenish");
  x.replenish = fields.usd("replenish_amount", {1}, money_max);
  x.threshold = fields.usd("low_balance_threshold", {0}, money_max);
  if (x.period && *x.period != "one_time" && *x.period != "daily" && *x.period != "monthly")
    fields.refuse("period", "'period' must be one_time, daily or monthly.");
  return x;
}

caf::error no_budget() {
  return make_problem(errc::not_found, "There is no such end user, or it has no budget.");
}

/// Why a debit was refused, in figures (C27).
caf::error refused_debit(const store_row& row, micro_usd wanted) {
  json::object figures{{"required_usd", format_usd(wanted)},
                       {"remaining_usd", format_usd({row.integer("remaining")})}};
  if (auto at = row.maybe_text("resets_at"))
    figures["resets_at"] = *at;
  if (row.text("code") == "over_budget")
    return with_details(
      make_problem(errc::budget_exhausted,
                   "The end user's budget has less left than that. Top it up, or ask for less."),
      json::serialize(figures));
  figures["retry_after"] = held_retry_seconds;
  return with_details(
    make_problem(errc::conflict, "Calls that run now hold a part of that. Try again shortly."),
    json::serialize(figures));
}

/// Answers what the store said about a budget.
void answer(call_self self, const store_rows& rows, int status, micro_usd wanted = {}) {
  auto& state = self->state;
  store_row row{rows, 0};
  auto code = rows.empty() ? std::string{} : row.text("code");
  if (code == "ok")
    return state.finish(status, row.text("body"));
  if (code == "exists")
    return state.fail(
      make_problem(errc::conflict, "The end user has a budget already. PATCH changes it."));
  if (code == "no_amount")
    return state.fail(make_problem(
      errc::invalid_field, "'auto_replenish' needs a 'replenish_amount'.", "replenish_amount"));
  if (code == "suspended")
    return state.fail(make_problem(errc::budget_suspended,
                                   "The end user's budget is suspended. PATCH resumes it."));
  if (code == "mismatch")
    return state.fail(make_problem(errc::idempotency_mismatch,
                                   "This Idempotency-Key changed this budget in another way.",
                                   "Idempotency-Key"));
  if (code == "over_budget" || code == "held")
    return state.fail(refused_debit(row, wanted));
  state.fail(no_budget());
}

/// A top-up or a debit, checked.
struct budget_move {
  const char* statement;
  std::vector<store_value> values;
  micro_usd amount;
  int reclaims_left = reclaims_max;
};

/// Runs a move. What lies ready for calls that nobody has made yet is no reason to refuse a debit.
void run_move(call_self self, budget_move what) {
  auto& state = self->state;
  state.run(what.statement, what.values, [self, what](store_rows& rows) mutable {
    auto finish = [self, rows, amount = what.amount] { answer(self, rows, 201, amount); };
    if (rows.empty() || store_row{rows, 0}.text("code") != "held" || what.reclaims_left-- == 0)
      return finish();
    auto& st = self->state;
    auto failed = [self](const caf::error& x) { self->state.fail(x); };
    auto reclaim = [self, what, finish, failed](const tenant_actor& tenant) {
      self
        ->request(tenant, limits::money_timeout, atom::drop_v,
                  end_user_id{to_lower(self->state.path_field("end_user_id"))})
        .then([self, what, finish](bool any) { any ? run_move(self, what) : finish(); },
              [failed](caf::error& x) { failed(store_error(std::move(x))); });
    };
    with_tenant(self, st.parts, st.who.platform, reclaim, failed);
  });
}

/// The amount of a move, which has two names.
micro_usd read_amount(field_reader& fields, const json::object& body) {
  auto given = [&](const char* name) {
    auto* x = find(body, name);
    return x && !x->is_null();
  };
  bool other_name = given("amount_usd");
  if (other_name && given("amount"))
    fields.refuse("amount_usd", "Give one of 'amount' and 'amount_usd', not both.");
  return fields.required_usd(other_name ? "amount_usd" : "amount", {1}, money_max);
}

/// Reads a top-up or a debit and runs it.
void move(call_self self, const char* statement) {
  auto& state = self->state;
  auto body = state.body();
  if (!body)
    return;
  field_reader fields{*body};
  auto amount = read_amount(fields, *body);
  auto reason = fields.text("reason", 1, reason_bytes_max);
  auto* object = fields.object("metadata");
  auto metadata = object ? std::optional{json::serialize(*object)} : std::nullopt;
  if (metadata && metadata->size() > metadata_bytes_max)
    fields.refuse("metadata", "'metadata' may have at most 4 KiB as JSON.");
  if (fields.problem())
    return state.fail(fields.problem());
  run_move(self,
           {statement,
            {store_value::text(state.path_field("end_user_id")), store_value::integer(amount.value),
             store_value::text(reason), store_value::text(metadata), operation_of(self->state),
             store_value::text(state.who.key.value)},
            amount});
}

void show(call_self self, const std::string& end_user, void (*without)(call_self)) {
  self->state.run("budget/show", {store_value::text(end_user)}, [self, without](store_rows& rows) {
    if (rows.empty())
      without(self);
    else
      self->state.finish(200, store_row{rows, 0}.text("body"));
  });
}

/// Tells an end user without a budget what limits it.
void no_own_budget(call_self self) {
  self->state.run("platform/find", {}, [self](store_rows& rows) {
    store_row row{rows, 0};
    auto gets_one = !rows.empty() && row.maybe_text("default_budget");
    self->state.fail(make_problem(
      errc::not_found,
      gets_one ? fmt::format("You have no budget yet; your first paid call gives you one of {} US "
                             "dollars.",
                             format_usd({row.integer("default_budget")}))
               : "You have no budget of your own; the platform's wallet is the only limit."));
  });
}

} // namespace

void budget_get(call_self self) {
  show(self, self->state.path_field("end_user_id"),
       [](call_self caller) { caller->state.fail(no_budget()); });
}

void me_budget(call_self self) { show(self, self->state.who.end_user.value, no_own_budget); }

void budget_create(call_self self) {
  auto& state = self->state;
  auto body = state.body();
  if (!body)
    return;
  field_reader fields{*body};
  auto x = read_terms(fields);
  auto max = fields.required_usd("max_usd", {1}, money_max);
  auto replenishes = x.auto_replenish.value_or(false);
  if (replenishes && !x.replenish)
    fields.refuse("replenish_amount", "'auto_replenish' needs a 'replenish_amount'.");
  if (fields.problem())
    return state.fail(fields.problem());
  state.run("budget/create",
            {store_value::text(state.path_field("end_user_id")), store_value::integer(max.value),
             store_value::text(x.period.value_or("one_time")), store_value::boolean(replenishes),
             amount_or_null(x.replenish), amount_or_null(x.threshold),
             store_value::text(state.who.key.value), operation_of(self->state)},
            [self](store_rows& rows) {
              if (!rows.empty() && store_row{rows, 0}.text("code") == "not_found")
                return self->state.fail(
                  make_problem(errc::not_found, "There is no such end user."));
              answer(self, rows, 201);
            });
}

void budget_patch(call_self self) {
  auto& state = self->state;
  auto body = state.body();
  if (!body)
    return;
  field_reader fields{*body};
  auto x = read_terms(fields);
  if (auto* given = find(*body, "replenish_amount"); given && given->is_null())
    fields.refuse("replenish_amount", "'replenish_amount' cannot be taken away. Give an amount, or "
                                      "set 'auto_replenish' to false.");
  auto suspended = fields.boolean("is_suspended");
  auto reason = fields.text("reason", 1, reason_bytes_max);
  if (fields.problem())
    return state.fail(fields.problem());
  auto* threshold = find(*body, "low_balance_threshold");
  state.run("budget/update",
            {store_value::text(state.path_field("end_user_id")), amount_or_null(x.max),
             store_value::text(x.period), flag_or_null(suspended), flag_or_null(x.auto_replenish),
             amount_or_null(x.replenish), amount_or_null(x.threshold),
             store_value::boolean(threshold && threshold->is_null()), store_value::text(reason),
             store_value::text(state.who.key.value), operation_of(self->state)},
            [self](store_rows& rows) { answer(self, rows, 200); });
}

void budget_topup(call_self self) { move(self, "budget/topup"); }

void budget_debit(call_self self) { move(self, "budget/debit"); }

void budget_transactions(call_self self) {
  self->state.answer_page("budget/transactions",
                          {store_value::text(self->state.path_field("end_user_id"))}, no_budget());
}

} // namespace callboard::calls
