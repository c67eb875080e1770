#include "actors/wallet_writer.hpp"

#include <algorithm>

#include <spdlog/spdlog.h>

#include "actors/crash_point.hpp"
#include "actors/store_query.hpp"
#include "actors/wallet_rows.hpp"
#include "core/base/array_text.hpp"
#include "core/base/digest.hpp"

namespace callboard {
namespace {

/// Items of one statement: what arrives in one round trip at 128 connections; PostgreSQL works on
/// that for about 5 ms, which is the wait of the next batch.
constexpr std::size_t batch_items_max = 128;

/// Calls under way are waited for that long after a batch if they are more than those that wait
/// already: PostgreSQL works 280 us on a batch and 11 us on each of its items.
constexpr auto company_wait = std::chrono::milliseconds{1};

/// A block is drawn from that long after it was made or grew, and lasts until calls of our own
/// tools have surely ended; for longer ones it is extended. What a dead node leaves is locked that
/// long.
constexpr auto block_usable_for = std::chrono::seconds{60};
constexpr std::chrono::milliseconds block_ttl = block_usable_for + limits::tool_hold_ttl;

/// A block that nobody drew from for that long goes back; other nodes may need the money.
constexpr auto block_idle_for = std::chrono::seconds{1};

/// End users whose budget is remembered as there or not; a few hundred bytes each.
constexpr std::size_t remembered_users_max = 10'000;

/// Open holds listed for operators; what is beyond is placed all the same.
constexpr std::size_t listed_holds_max = 100'000;

} // namespace

wallet_writer::wallet_writer(tenant_actor::pointer self, node_parts parts, platform_id platform)
    : self_(self), parts_(std::move(parts)), platform_(std::move(platform)),
      reservations_(batch_items_max, [this](batch_of_holds x) { run_reserve(x); }),
      bookings_(
        batch_items_max, [this](std::vector<booking> x) { run_bookings(std::move(x)); },
        [this](std::size_t waiting) { return company_is_near(waiting); }),
      endings_(batch_items_max, [this](std::vector<ending_hold> x) { run_endings(std::move(x)); }) {
}

void wallet_writer::admit(const admission& what, const std::string& price_id, on_ticket done) {
  auto hold = std::make_shared<pending>();
  hold->what = what;
  hold->price_id = price_id;
  hold->done = std::move(done);
  with_epoch(hold, [this, hold] {
    if (hold->what.kind == hold_kind::mcp && !hold->what.durable && hold->what.amount.value > 0)
      admit_call(hold);
    else
      reserve(hold);
  });
}

// -- ownership ----------------------------------------------------------------

void wallet_writer::with_epoch(const pending_ptr& hold, std::function<void()> next) {
  if (epoch_ != 0)
    return next();
  acquire_then([this, hold, next = std::move(next)](const caf::error& problem) {
    if (problem)
      refuse(hold, problem);
    else
      next();
  });
}

void wallet_writer::acquire_then(std::function<void(caf::error)> next) {
  waiting_for_epoch_.push_back(std::move(next));
  if (waiting_for_epoch_.size() > 1)
    return;
  auto fresh = uuid4();
  auto tell = [this](const caf::error& problem) {
    for (auto& waiting : std::exchange(waiting_for_epoch_, {}))
      waiting(problem);
  };
  query(
    self_, parts_.store, platform_, "wallet/acquire",
    {store_value::text(parts_.settings->node_name), store_value::text(fresh),
     store_value::boolean(parts_.settings->owns_database)},
    [this, fresh, tell](store_rows& rows) {
      if (rows.empty())
        return tell(make_problem(errc::not_found, "The platform has no wallet."));
      epoch_ = store_row{rows, 0}.integer("epoch");
      token_ = fresh;
      acquired_at_ = self_->clock().now();
      tell({});
    },
    tell);
}

// -- the way of a hold ----------------------------------------------------------

void wallet_writer::reserve(const pending_ptr& hold) {
  hold->epoch = epoch_;
  reservations_.add(hold);
}

void wallet_writer::run_reserve(const batch_of_holds& batch) {
  auto on_rows = [this, batch](store_rows& rows) {
    reserved(batch, rows);
    reservations_.done();
  };
  auto on_error = [this, batch](const caf::error& x) {
    not_reserved(batch, x);
    reservations_.done();
  };
  if (batch.size() == 1) {
    query(self_, parts_.store, platform_, "wallet/reserve",
          reserve_values(batch[0]->what, batch[0]->price_id, batch[0]->epoch, token_), on_rows,
          on_error);
    return;
  }
  json::array items;
  for (auto& hold : batch) {
    hold->epoch = epoch_;
    items.push_back(reserve_item(hold->what, hold->price_id));
  }
  query(self_, parts_.store, platform_, "wallet/reserve_many",
        {store_value::integer(epoch_), store_value::text(token_),
         store_value::text(json::serialize(items)),
         store_value::integer(limits::free_calls_per_month)},
        on_rows, on_error);
}

void wallet_writer::reserved(const batch_of_holds& batch, const store_rows& rows) {
  if (rows.size() != batch.size())
    return not_reserved(batch, make_problem(errc::internal, "wallet/reserve lost an answer"));
  note(store_row{rows, rows.size() - 1});
  for (std::size_t i = 0; i < batch.size(); ++i)
    take_answer(batch[i], store_row{rows, i});
}

void wallet_writer::take_answer(const pending_ptr& hold, const store_row& row) {
  auto code = row.text("code");
  bool existed = code == "exists";
  if (code == "ok" || code == "free" || existed) {
    ++admitted_total_;
    auto status = row.text("status");
    hold_ticket ticket{hold->what.id,
                       row.boolean("free"),
                       {row.integer("amount")},
                       existed && !status.empty() ? status.front() : '\0'};
    if (open_holds_.size() < listed_holds_max)
      open_holds_[ticket.id] = ticket;
    conclude(hold);
    return hold->done(ticket);
  }
  if (code == "fenced" && hold->may_retry) {
    hold->may_retry = false;
    if (hold->epoch == epoch_) // nobody has acquired again since
      epoch_ = 0;
    return with_epoch(hold, [this, hold] { reserve(hold); });
  }
  if (code == "insufficient" || code == "over_budget")
    return fall_short(hold, row);
  refuse(hold, refusal(hold->what, row));
}

void wallet_writer::not_reserved(const batch_of_holds& batch, const caf::error& why) {
  bool in_doubt = code_of(why) == errc::store_unavailable;
  for (auto& hold : batch) {
    if (batch.size() > 1 && is_about_content(why)) {
      run_reserve({hold});
      continue;
    }
    // Given back as soon as PostgreSQL is there, unless an earlier try under its key has placed it.
    if (in_doubt && !open_holds_.contains(hold->what.id))
      query(
        self_, parts_.store, platform_, "wallet/resolve",
        {store_value::text(hold->what.id.value), store_value::text("V"), store_value::integer(0),
         store_value::null(), store_value::null()},
        [](store_rows&) {}, [](const caf::error&) {}, true);
    refuse(hold, why);
  }
}

// Money that only lies ready for others is no reason to refuse. One lane runs our statements in
// their order, so a second try sees all that was given back before, also by another call.
void wallet_writer::fall_short(const pending_ptr& hold, const store_row& row) {
  bool of_wallet = row.text("code") == "insufficient";
  auto now = self_->clock().now();
  if (hold->reclaims_left > 0) {
    auto rests =
      of_wallet ? blocks_.take_rests(now, now) : blocks_.take_rests_of(hold->what.end_user);
    if (!rests.empty() || returns_under_way_ > 0) {
      --hold->reclaims_left;
      if (of_wallet && !std::exchange(hold->is_short, true))
        ++short_of_money_;
      return give_back(std::move(rests), [this, hold] { reserve(hold); });
    }
  }
  auto why = refusal(hold->what, row);
  // After that long no block of a former owner is left.
  if (hold->waits_left == 0 || now >= acquired_at_ + block_ttl)
    return refuse(hold, std::move(why));
  look_at_former_owners(hold, of_wallet ? end_user_id{} : hold->what.end_user, std::move(why));
}

// A former owner gives back what it does not use within two ticks; we wait that long only when it
// has something.
void wallet_writer::look_at_former_owners(const pending_ptr& hold, const end_user_id& payer,
                                          caf::error why) {
  query(
    self_, parts_.store, platform_, "block/elsewhere",
    {store_value::integer(epoch_),
     payer.empty() ? store_value::null() : store_value::text(payer.value)},
    [this, hold, why](store_rows& rows) {
      if (rows.empty() || store_row{rows, 0}.integer("amount") <= 0)
        return refuse(hold, why);
      --hold->waits_left;
      waiting_for_former_.push_back(hold);
      arm_timer();
    },
    [this, hold, why](const caf::error&) { refuse(hold, why); });
}

void wallet_writer::conclude(const pending_ptr& hold) {
  if (std::exchange(hold->is_short, false))
    --short_of_money_;
}

void wallet_writer::refuse(const pending_ptr& hold, caf::error why) {
  conclude(hold);
  ++refused_total_;
  hold->done(std::move(why));
}

// -- the way of a tool call -----------------------------------------------------

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
  open_calls_[what.id] = {what.id,      *block,         what.end_user, what.subject,
                          what.request, hold->price_id, what.amount};
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
     store_value::integer(needed.value), store_value::integer(block_ttl.count()),
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
    std::chrono::milliseconds usable = block_usable_for;
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

// -- ends -----------------------------------------------------------------------

void wallet_writer::settle(const settlement& what, on_receipt done) {
  auto call = open_calls_.extract(what.id);
  if (call.empty())
    return endings_.add({what, std::move(done)});
  auto& charge = call.mapped();
  if (!what.charge) {
    blocks_.put_back(charge.block, charge.amount);
    return done(receipt{});
  }
  charge.provider = what.provider;
  charge.latency_ms = what.latency_ms;
  charge.status = what.status;
  charge.error_message = what.error_message;
  bookings_.add({std::move(charge), std::move(done)});
}

bool wallet_writer::company_is_near(std::size_t waiting) {
  if (waiting >= std::min(open_calls_.size(), batch_items_max))
    return false;
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

void wallet_writer::run_bookings(std::vector<booking> items) {
  crash_point("block_booking");
  auto batch = std::make_shared<std::vector<booking>>(std::move(items));
  std::vector<billing::tool_charge> charges;
  charges.reserve(batch->size());
  for (auto& x : *batch)
    charges.push_back(x.charge);
  query(
    self_, parts_.store, platform_, "block/settle",
    billing::settle_values(charges, limits::free_calls_per_month),
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
        blocks_.booked(x.charge.block);
        paid.charged = x.charge.amount;
        x.done(paid);
      }
    },
    [this, batch](const caf::error& why) {
      bool spoiled = batch->size() > 1 && is_about_content(why);
      for (auto& x : *batch) {
        if (spoiled) {
          run_bookings({std::move(x)});
          continue;
        }
        blocks_.booked(x.charge.block);
        x.done(why);
      }
      if (!spoiled)
        bookings_.done();
    },
    true);
}

void wallet_writer::run_endings(std::vector<ending_hold> items) {
  auto batch = std::make_shared<std::vector<ending_hold>>(std::move(items));
  auto on_rows = [this, batch](store_rows& rows) {
    for (std::size_t i = 0; i < batch->size(); ++i) {
      auto& x = (*batch)[i];
      if (rows.size() == batch->size()) {
        settled(x, store_row{rows, i});
      } else { // it waits in the lane's journal, so the amount is ours
        open_holds_.erase(x.end.id);
        x.done(receipt{x.end.charge ? x.end.actual : micro_usd{}, {}, false});
      }
    }
    endings_.done();
  };
  auto on_error = [this, batch](const caf::error& why) {
    bool spoiled = batch->size() > 1 && is_about_content(why);
    for (auto& x : *batch)
      if (spoiled)
        run_endings({std::move(x)});
      else
        x.done(why);
    if (!spoiled)
      endings_.done();
  };
  if (batch->size() == 1) {
    query(self_, parts_.store, platform_, "wallet/resolve", ending_values(batch->front().end),
          on_rows, on_error, true);
    return;
  }
  json::array rows_in;
  for (auto& [end, done] : *batch)
    rows_in.push_back(ending_item(end));
  query(self_, parts_.store, platform_, "wallet/resolve_many",
        {store_value::text(json::serialize(rows_in))}, on_rows, on_error, true);
}

void wallet_writer::settled(ending_hold& x, const store_row& row) {
  auto ticket = open_holds_.extract(x.end.id);
  if (!ticket.empty() && ticket.mapped().free && !x.end.charge)
    standing_.forget(); // its slot is free again
  x.done(receipt{
    {row.integer("charged")}, {row.integer("balance")}, row.maybe_text("balance").has_value()});
}

// -- housekeeping -----------------------------------------------------------------

void wallet_writer::note(const store_row& row) {
  if (!row.maybe_text("free_left"))
    return;
  auto rules = row.integer("rules");
  if (rules != standing_.rules()) {
    budgeted_.clear();
    blocks_.retire_budgets();
  }
  standing_.note({row.integer("available")}, row.integer("free_left"), rules, self_->clock().now());
}

void wallet_writer::arm_timer() {
  if (std::exchange(timer_armed_, true))
    return;
  self_->delayed_send(self_, block_idle_for, atom::tick_v);
}

void wallet_writer::tick() {
  timer_armed_ = false;
  auto now = self_->clock().now();
  give_back(blocks_.take_rests(now - block_idle_for, now), [] {});
  extend_blocks(now);
  end_doubtful_blocks();
  for (auto& hold : std::exchange(waiting_for_former_, {}))
    with_epoch(hold, [this, hold] { reserve(hold); });
  if (!blocks_.empty() || !doubtful_blocks_.empty())
    arm_timer();
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
    {names.take(), store_value::integer(block_ttl.count())},
    [this, ids, until = now + block_usable_for](store_rows&) { blocks_.extended(ids, until); },
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

void wallet_writer::close() {
  bookings_.flush();
  endings_.flush();
  auto now = self_->clock().now();
  give_back(blocks_.take_rests(now, now), [] {});
}

json::object wallet_writer::report() const {
  micro_usd held;
  for (auto& [id, ticket] : open_holds_)
    held = held + ticket.amount;
  return {{"epoch", epoch_},
          {"open_holds", open_holds_.size()},
          {"held_usd", format_usd(held)},
          {"open_block_calls", open_calls_.size()},
          {"blocks", blocks_.size()},
          {"blocks_left_usd", format_usd(blocks_.left())},
          {"admitted_total", admitted_total_},
          {"refused_total", refused_total_}};
}

} // namespace callboard
