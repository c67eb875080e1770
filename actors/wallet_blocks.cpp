#include <algorithm>

#include <spdlog/spdlog.h>

#include "actors/crash_point.hpp"
#include "actors/store_query.hpp"
#include "actors/wallet_rows.hpp"
#include "actors/wallet_writer.hpp"
#include "core/base/array_text.hpp"
#include "core/base/digest.hpp"

/// Part of wallet_writer: tool calls that are admitted from blocks.
namespace callboard {
namespace {

/// Calls under way are waited for that long after a batch if they are more than those that wait
/// already: PostgreSQL works 400 us on a batch and 16 us on each of its items.
constexpr auto company_wait = std::chrono::milliseconds{2};

/// The end of a call that was given up is expected for that long: a node that stood still that long
/// has ended every connection.
constexpr auto overdue_kept_for = std::chrono::hours{1};

/// End users whose budget is remembered as there or not; a few hundred bytes each.
constexpr std::size_t remembered_users_max = 10'000;

} // namespace

// -- admission ------------------------------------------------------------------

void wallet_writer::admit_call(const pending_ptr& hold) {
  auto now = self_->clock().now();
  if (standing_.maybe_free())
    return reserve(hold);
  if (!standing_.is_fresh(now))
    return look_then(hold);
  auto& user = hold->what.end_user;
  auto known = budgeted_.find(user);
  auto payer = known != budgeted_.end() && !known->second ? end_user_id{} : user;
  if (growing_.contains(payer) && !growing_[payer].empty()) {
    growing_[payer].push_back(hold); // others wait already: in order
    return;
  }
  if (take_from_block(hold, payer))
    return;
  // Too little for a block: the call that crosses the end of the wallet takes a hold of its own.
  if (standing_.available() < hold->what.amount || short_of_money_ > 0)
    return reserve(hold);
  grow(payer, hold->what.amount, hold);
}

bool wallet_writer::take_from_block(const pending_ptr& hold, const end_user_id& payer) {
  auto& what = hold->what;
  auto block = blocks_.take(payer, what.amount, self_->clock().now());
  if (!block)
    return false;
  ++admitted_total_;
  open_calls_[what.id] = {
    {what.id, *block, what.end_user, what.subject, what.request, hold->price_id, what.amount},
    self_->clock().now() + what.ttl};
  if (blocks_.runs_low(payer) && !growing_.contains(payer) && short_of_money_ == 0
      && what.amount.value <= standing_.available().value)
    grow(payer, what.amount, nullptr);
  hold->done(hold_ticket{what.id, false, what.amount, 0});
  return true;
}

void wallet_writer::look_then(const pending_ptr& hold) {
  waiting_for_standing_.push_back(hold);
  if (waiting_for_standing_.size() > 1)
    return;
  query(
    self_, parts_.store, platform_, "wallet/standing",
    {store_value::integer(limits::free_calls_per_month)},
    [this](store_rows& rows) {
      if (!rows.empty())
        note(store_row{rows, 0});
      bool fresh = standing_.is_fresh(self_->clock().now());
      for (auto& next : std::exchange(waiting_for_standing_, {}))
        if (fresh)
          admit_call(next);
        else
          reserve(next);
    },
    [this](const caf::error& x) {
      for (auto& next : std::exchange(waiting_for_standing_, {}))
        refuse(next, x);
    });
}

void wallet_writer::grow(const end_user_id& payer, micro_usd needed, const pending_ptr& hold) {
  auto [i, first] = growing_.try_emplace(payer);
  if (hold)
    i->second.push_back(hold);
  if (!first)
    return;
  auto now = self_->clock().now();
  auto block = blocks_.block_to_grow(payer, now, uuid4);
  query(
    self_, parts_.store, platform_, "block/reserve",
    {store_value::integer(epoch_), store_value::text(token_), store_value::text(block.value),
     payer.empty() ? store_value::null() : store_value::text(payer.value),
     store_value::integer(blocks_.wish(payer, needed, now).value),
     store_value::integer(needed.value), store_value::integer(limits::block_ttl.count()),
     store_value::integer(limits::free_calls_per_month)},
    [this, payer, block](store_rows& rows) {
      if (rows.empty())
        did_not_grow(payer, block, make_problem(errc::internal, "block/reserve answered no row"));
      else
        grew(payer, block, store_row{rows, 0});
    },
    [this, payer, block](const caf::error& x) { did_not_grow(payer, block, x); });
}

void wallet_writer::grew(const end_user_id& payer, const hold_id& block, const store_row& row) {
  auto waiting = std::move(growing_.extract(payer).mapped());
  auto code = row.text("code");
  note(row);
  if (code == "ok") {
    auto now = self_->clock().now();
    std::chrono::milliseconds usable = limits::block_usable_for;
    if (row.maybe_text("usable_ms"))
      usable = std::min(usable, std::chrono::milliseconds{row.integer("usable_ms")});
    crash_point("block_reserved");
    blocks_.grown(payer, block, {row.integer("amount")}, now, now + usable);
    arm_timer();
  }
  if (code == "ok" || code == "shared") {
    if (budgeted_.size() >= remembered_users_max)
      budgeted_.clear();
    if (!payer.empty())
      budgeted_[payer] = code == "ok";
    for (auto& hold : waiting)
      admit_call(hold);
    return;
  }
  // As a rule because the day or month of the budget has ended.
  if (code == "ended" && blocks_.contains(block)) {
    blocks_.retire(payer);
    for (auto& hold : waiting)
      admit_call(hold);
    return;
  }
  if (code == "fenced") {
    epoch_ = 0;
    blocks_.retire(payer);
  }
  // The hold of its own finds out what is the matter, or still fits.
  for (auto& hold : waiting)
    with_epoch(hold, [this, hold] { reserve(hold); });
}

void wallet_writer::did_not_grow(const end_user_id& payer, const hold_id& block,
                                 const caf::error& why) {
  auto waiting = std::move(growing_.extract(payer).mapped());
  // In doubt whether it is larger now: its calls go on, then it ends.
  spdlog::warn("tenant platform={} block={} did not grow code={}", platform_.value, block.value,
               to_string(code_of(why)));
  blocks_.retire(payer);
  doubtful_blocks_.insert(block);
  arm_timer();
  for (auto& hold : waiting)
    refuse(hold, why);
}

void wallet_writer::give_back(std::vector<billing::block_book::rest> rests,
                              std::function<void()> next) {
  if (rests.empty())
    return next();
  json::array items;
  for (auto& x : rests)
    items.push_back(json::object{{"id", x.block.value}, {"amount", x.amount.value}});
  ++returns_under_way_;
  query(
    self_, parts_.store, platform_, "block/return",
    {store_value::text(json::serialize(items)), store_value::integer(limits::free_calls_per_month)},
    [this, next](store_rows& rows) {
      --returns_under_way_;
      if (!rows.empty())
        note(store_row{rows, 0});
      next();
    },
    [this, next, rests](const caf::error&) {
      --returns_under_way_;
      for (auto& x : rests)
        doubtful_blocks_.insert(x.block);
      arm_timer();
      next();
    });
}

void wallet_writer::free_up(const end_user_id& user, std::function<void(bool)> done) {
  auto rests = blocks_.take_rests_of(user);
  // One lane runs our statements in their order: what is on its way is there before what comes now.
  bool any = !rests.empty() || returns_under_way_ > 0;
  give_back(std::move(rests), [done = std::move(done), any] { done(any); });
}

// -- booking --------------------------------------------------------------------

bool wallet_writer::company_is_near(bookings_load x) {
  if (x.waiting >= std::min(open_calls_.size(), batch_items_max))
    return false;
  if (x.batches_under_way > 0)
    return true;
  auto due = booked_at_ + company_wait;
  if (self_->clock().now() >= due)
    return false;
  if (!std::exchange(booking_ordered_, true))
    self_->scheduled_send(self_, due, atom::run_v);
  return true;
}

void wallet_writer::look_again() {
  booking_ordered_ = false;
  bookings_.look_again();
}

/// The rules under which none of the calls' users has a budget, if all of them are known.
std::optional<std::int64_t>
wallet_writer::plain_rules(const std::vector<billing::tool_charge>& charges) const {
  auto has_none = [this](const billing::tool_charge& x) {
    if (x.end_user.empty())
      return true;
    auto known = budgeted_.find(x.end_user);
    return known != budgeted_.end() && !known->second;
  };
  if (!standing_.known() || !std::all_of(charges.begin(), charges.end(), has_none))
    return std::nullopt;
  return standing_.rules();
}

void wallet_writer::run_bookings(std::vector<booking> items) {
  crash_point("block_booking");
  auto batch = std::make_shared<std::vector<booking>>(std::move(items));
  std::vector<billing::tool_charge> charges;
  charges.reserve(batch->size());
  for (auto& x : *batch)
    charges.push_back(x.charge);
  query(
    self_, parts_.store, platform_, "block/settle",
    billing::settle_values(charges, limits::free_calls_per_month, plain_rules(charges)),
    [this, batch](store_rows& rows) {
      crash_point("block_booked");
      receipt paid;
      if (!rows.empty()) { // else it waits in the lane's journal
        store_row row{rows, 0};
        note(row);
        paid.balance = {row.integer("balance")};
        paid.balance_known = true;
      }
      booked_at_ = self_->clock().now();
      bookings_.done(); // first: PostgreSQL works on the next batch while we answer for this one
      for (auto& x : *batch) {
        if (!x.was_overdue)
          blocks_.booked(x.charge.block);
        paid.charged = x.charge.amount;
        x.done(paid);
      }
    },
    [this, batch](const caf::error& why) {
      bool spoiled = batch->size() > 1 && is_about_content(why);
      for (auto& x : *batch) {
        if (spoiled) {
          bookings_.run_again({std::move(x)});
          continue;
        }
        if (!x.was_overdue)
          blocks_.booked(x.charge.block);
        x.done(why);
      }
      bookings_.done();
    },
    true);
}

// -- housekeeping ---------------------------------------------------------------

void wallet_writer::give_up_calls(caf::actor_clock::time_point now) {
  std::erase_if(overdue_calls_, [&](auto& x) { return now >= x.second.due + overdue_kept_for; });
  for (auto i = open_calls_.begin(); i != open_calls_.end();) {
    if (now < i->second.due) {
      ++i;
      continue;
    }
    // Its price stays in the block and ends with it, so that must not grow any more.
    blocks_.retire_block(i->second.charge.block);
    blocks_.booked(i->second.charge.block);
    overdue_calls_.insert(open_calls_.extract(i++));
  }
}

void wallet_writer::extend_blocks(caf::actor_clock::time_point now) {
  auto ids = blocks_.outlived(now);
  if (ids.empty())
    return;
  array_text names;
  for (auto& id : ids)
    names.add(id.value);
  query(
    self_, parts_.store, platform_, "block/extend",
    {names.take(), store_value::integer(limits::block_ttl.count())},
    [this, ids, until = now + limits::block_usable_for](store_rows&) {
      blocks_.extended(ids, until);
    },
    [](const caf::error&) {}); // the next tick tries again
}

void wallet_writer::end_doubtful_blocks() {
  for (auto i = doubtful_blocks_.begin(); i != doubtful_blocks_.end();) {
    if (blocks_.contains(*i)) { // its calls have not ended
      ++i;
      continue;
    }
    settlement end;
    end.id = *i;
    end.charge = false;
    endings_.add({end, [](const result<receipt>&) {}});
    i = doubtful_blocks_.erase(i);
  }
}

} // namespace callboard
