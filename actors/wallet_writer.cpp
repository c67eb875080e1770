#include "actors/wallet_writer.hpp"

#include "actors/store_query.hpp"
#include "actors/wallet_rows.hpp"
#include "core/base/digest.hpp"

namespace callboard {
namespace {

/// A block that nobody drew from for that long goes back; other nodes may need the money.
constexpr auto block_idle_for = std::chrono::seconds{1};

/// Open holds listed for operators; what is beyond is placed all the same.
constexpr std::size_t listed_holds_max = 100'000;

} // namespace

wallet_writer::wallet_writer(tenant_actor::pointer self, node_parts parts, platform_id platform)
    : self_(self), parts_(std::move(parts)), platform_(std::move(platform)),
      reservations_({batch_items_max}, [this](batch_of_holds x) { run_reserve(x); }),
      bookings_(
        {batch_items_max, bookings_at_once, [this](bookings_load x) { return company_is_near(x); }},
        [this](std::vector<booking> x) { run_bookings(std::move(x)); }),
      endings_({batch_items_max},
               [this](std::vector<ending_hold> x) { run_endings(std::move(x)); }) {}

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
      budgeted_.clear(); // learned from a database that may have been another
      acquired_at_ = self_->clock().now();
      tell({});
    },
    tell);
}

// -- the way of a hold ----------------------------------------------------------

void wallet_writer::reserve(const pending_ptr& hold) {
  hold->epoch = epoch_;
  hold->token = token_;
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
          reserve_values(batch[0]->what, batch[0]->price_id, batch[0]->epoch, batch[0]->token),
          on_rows, on_error);
    return;
  }
  json::array items;
  for (auto& hold : batch) {
    hold->epoch = epoch_;
    hold->token = token_;
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
    bool is_open = ticket.existed == 0 || ticket.existed == 'P';
    if (is_open && open_holds_.size() < listed_holds_max)
      open_holds_[ticket.id] = {ticket, hold->token};
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
      reservations_.run_again({hold});
      continue;
    }
    // Given back as soon as PostgreSQL is there, unless an earlier try under its key has placed it.
    if (in_doubt && !open_holds_.contains(hold->what.id))
      undo_hold(hold->what.id, hold->token, store_value::null(), false);
    refuse(hold, why);
  }
}

void wallet_writer::undo(const hold_ticket& ticket, const std::string& why) {
  if (auto call = open_calls_.extract(ticket.id); !call.empty()) {
    auto& charge = call.mapped().charge;
    return blocks_.put_back(charge.block, charge.amount);
  }
  auto placed = open_holds_.extract(ticket.id);
  // It may have been placed before the wallet was acquired anew.
  undo_hold(ticket.id, placed.empty() ? token_ : placed.mapped().token, store_value::text(why),
            ticket.free);
}

void wallet_writer::undo_hold(const hold_id& id, const std::string& token, store_value why,
                              bool free) {
  query(
    self_, parts_.store, platform_, "hold/undo",
    {store_value::text(id.value), store_value::text(token), std::move(why)},
    [this, free](store_rows&) {
      if (free)
        standing_.forget(); // its slot is free again
    },
    [](const caf::error&) {}, true);
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
  if (hold->waits_left == 0 || now >= acquired_at_ + limits::block_ttl)
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

// -- ends -----------------------------------------------------------------------

void wallet_writer::settle(const settlement& what, on_receipt done) {
  auto call = open_calls_.extract(what.id);
  bool overdue = call.empty();
  if (overdue)
    call = overdue_calls_.extract(what.id);
  if (call.empty())
    return endings_.add({what, std::move(done)});
  auto& charge = call.mapped().charge;
  if (!what.charge) {
    if (!overdue)
      blocks_.put_back(charge.block, charge.amount);
    return done(receipt{});
  }
  charge.provider = what.provider;
  charge.latency_ms = what.latency_ms;
  charge.status = what.status;
  charge.error_message = what.error_message;
  charge.resends = what.resends;
  bookings_.add({std::move(charge), std::move(done), overdue});
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
    for (auto& x : *batch) {
      if (spoiled) {
        endings_.run_again({std::move(x)});
        continue;
      }
      open_holds_.erase(x.end.id); // the sweeper's now
      x.done(why);
    }
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
  if (!ticket.empty() && ticket.mapped().ticket.free && !x.end.charge)
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
  give_up_calls(now);
  give_back(blocks_.take_rests(now - block_idle_for, now), [] {});
  extend_blocks(now);
  end_doubtful_blocks();
  for (auto& hold : std::exchange(waiting_for_former_, {}))
    with_epoch(hold, [this, hold] { reserve(hold); });
  if (!blocks_.empty() || !doubtful_blocks_.empty() || !overdue_calls_.empty())
    arm_timer();
}

void wallet_writer::close() {
  bookings_.flush();
  endings_.flush();
  auto now = self_->clock().now();
  give_back(blocks_.take_rests(now, now), [] {});
}

json::object wallet_writer::report() const {
  micro_usd held;
  for (auto& [id, placed] : open_holds_)
    held = held + placed.ticket.amount;
  return {{"epoch", epoch_},
          {"open_holds", open_holds_.size()},
          {"held_usd", format_usd(held)},
          {"open_block_calls", open_calls_.size()},
          {"overdue_block_calls", overdue_calls_.size()},
          {"blocks", blocks_.size()},
          {"blocks_left_usd", format_usd(blocks_.left())},
          {"admitted_total", admitted_total_},
          {"refused_total", refused_total_}};
}

} // namespace callboard
