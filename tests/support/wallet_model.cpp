#include "tests/support/wallet_model.hpp"

#include <algorithm>
#include <chrono>
#include <set>

#include <fmt/format.h>

namespace callboard::test {

wallet_model::day wallet_model::month() const {
  using namespace std::chrono;
  year_month_day date{sys_days{days{today}}};
  return sys_days{date.year() / date.month() / 1}.time_since_epoch().count();
}

wallet_model::day wallet_model::window_of(const std::string& period) const {
  return period == "daily" ? today : period == "monthly" ? month() : 0;
}

wallet_model::hold wallet_model::blank(const std::string& kind, int user) const {
  hold x;
  x.kind = kind;
  x.user = user;
  x.month = month();
  x.strict = strict;
  return x;
}

void wallet_model::set_budget(int user, std::int64_t amount, const std::string& period,
                              bool suspended) {
  budgets_[user] = {amount, period, suspended};
}

void wallet_model::topup(std::int64_t amount) {
  credits_ += amount;
  ++ledger_rows_;
}

void wallet_model::acquire(bool alone) {
  ++epoch_;
  if (!alone)
    return;
  for (auto& [id, x] : holds_)
    if (x.kind == "block" && x.status == 'P')
      resolve(id, 'E', 0);
}

bool wallet_model::take_free_call() {
  auto& used = free_used_[month()];
  if (used >= free_limit)
    return false;
  ++used;
  free_limits_[month()] = free_limit;
  return true;
}

wallet_model::budget* wallet_model::budget_of(int user) {
  if (user < 0)
    return nullptr;
  if (auto i = budgets_.find(user); i != budgets_.end())
    return &i->second;
  if (!default_budget)
    return nullptr;
  return &(budgets_[user] = {*default_budget, "one_time", false});
}

std::string wallet_model::take_budget(int user, std::int64_t amount, bool strictly,
                                      std::optional<day>& win) {
  auto* limit = budget_of(user);
  if (!limit)
    return "ok";
  if (limit->suspended)
    return "suspended";
  auto w = window_of(limit->period);
  auto& used = windows_[{user, w}];
  auto room = limit->amount - used.reserved - used.spent;
  if (room <= 0 || (strictly && amount > room))
    return "over_budget";
  used.reserved += amount;
  win = w;
  return "ok";
}

wallet_model::decision wallet_model::reserve(const wish& x, bool is_owner) {
  if (auto i = holds_.find(x.id); i != holds_.end()) {
    auto& old = i->second;
    if (old.hash != x.hash && (old.status == 'P' || old.status == 'S'))
      return {"mismatch"};
    return {"exists", old.free, old.amount, std::string(1, old.status)};
  }
  if (!is_owner)
    return {"fenced"};
  bool in_loop = x.kind == "llm" && !x.loop.empty();
  if (in_loop && turns_[x.loop] >= x.turns_max)
    return {"max_iterations"};
  if (auto i = budgets_.find(x.user); i != budgets_.end() && i->second.suspended)
    return {"suspended"};
  auto made = blank(x.kind, x.user);
  made.hash = x.hash;
  made.price = x.price;
  made.free = x.kind == "mcp" && take_free_call();
  if (!made.free && x.amount > 0) {
    if (available() <= 0 || (strict && x.amount > available()))
      return {"insufficient"};
    if (auto code = take_budget(x.user, x.amount, strict, made.budget_win); code != "ok")
      return {code};
    made.amount = x.amount;
    pending_ += x.amount;
  }
  if (in_loop)
    ++turns_[x.loop];
  holds_[x.id] = made;
  return {made.free ? "free" : "ok", made.free, made.amount, "P"};
}

void wallet_model::note_log(const hold& x, char how, std::int64_t charged) {
  if (x.free || x.kind == "block" || (x.kind == "mcp" && how != 'S'))
    return;
  ++log_rows_;
  log_cost_ += charged;
}

wallet_model::ending wallet_model::resolve(const std::string& id, char how, std::int64_t actual) {
  auto i = holds_.find(id);
  if (i == holds_.end())
    return {"not_found"};
  auto& x = i->second;
  if (x.status != 'P') {
    bool may_be_late = x.kind != "block" && !holds_.contains(id + "/late");
    if (how == 'S' && may_be_late && (x.status != 'S' || x.given_up))
      return end_late(id, actual);
    return {"already", x.settled.value_or(0), x.overage, balance()};
  }
  x.status = how;
  std::int64_t charged = 0;
  if (how == 'S') {
    x.overage = std::max<std::int64_t>(0, actual - x.amount);
    charged = x.free || x.strict ? std::min(actual, x.amount) : actual;
    x.settled = charged;
  }
  if (x.free) {
    if (how != 'S')
      --free_used_[x.month];
  } else {
    pending_ -= x.amount;
    posted_ += charged;
    if (x.budget_win) {
      auto& used = windows_[{x.user, *x.budget_win}];
      used.reserved -= x.amount;
      used.spent += charged;
    }
    ledger_rows_ += how == 'S';
    note_log(x, how, charged);
  }
  return {how == 'S'   ? "settled"
          : how == 'V' ? "voided"
                       : "expired",
          charged, x.overage, balance()};
}

wallet_model::ending wallet_model::end_late(const std::string& id, std::int64_t actual) {
  auto& x = holds_.at(id);
  if (x.free && free_used_[x.month] < free_limits_[x.month]) {
    ++free_used_[x.month];
    x.status = 'S';
    x.settled = 0;
    return {"late", 0, x.overage, balance()};
  }
  auto rest = (x.free ? x.price : actual) - x.settled.value_or(0);
  if (rest > 0)
    return book_late(id, rest);
  return {"already", x.settled.value_or(0), x.overage, balance()};
}

wallet_model::ending wallet_model::book_late(const std::string& id, std::int64_t rest) {
  auto& x = holds_.at(id);
  auto made = blank(x.kind, x.user);
  auto pay = rest;
  if (x.strict && !x.free)
    pay = std::min(pay, std::max<std::int64_t>(0, x.amount - x.settled.value_or(0)));
  if (strict)
    pay = std::max<std::int64_t>(0, std::min(pay, available()));
  made.hash = x.hash;
  made.status = 'S';
  made.settled = pay;
  made.overage = rest;
  if (auto i = budgets_.find(x.user); i != budgets_.end()) {
    made.budget_win = window_of(i->second.period);
    windows_[{x.user, *made.budget_win}].spent += pay;
  }
  posted_ += pay;
  ++ledger_rows_;
  note_log(made, 'S', pay);
  holds_[id + "/late"] = made;
  return {"late", pay, rest, balance()};
}

void wallet_model::expire(const std::string& id) {
  auto used = holds_.at(id).checkpoint;
  resolve(id, used ? 'S' : 'E', used.value_or(0));
  auto& x = holds_.at(id);
  x.given_up = used && !x.free;
}

void wallet_model::checkpoint(const std::string& id, std::int64_t used) {
  if (auto i = holds_.find(id); i != holds_.end() && i->second.status == 'P')
    i->second.checkpoint = std::max(i->second.checkpoint.value_or(0), used);
}

wallet_model::growth wallet_model::may_grow(const std::string& block, int user, std::int64_t wanted,
                                            std::int64_t needed, bool is_owner) {
  if (!is_owner)
    return {"fenced"};
  auto known = budgets_.find(user);
  if (user >= 0 && known == budgets_.end() && !default_budget)
    return {"shared"};
  std::optional<day> win;
  if (user >= 0)
    win = window_of(known == budgets_.end() ? "one_time" : known->second.period);
  if (auto i = holds_.find(block); i != holds_.end()) {
    auto& x = i->second;
    if (x.kind != "block" || x.status != 'P' || x.user != user || x.budget_win != win)
      return {"ended"};
  }
  if (available() < needed)
    return {"short"};
  auto most = std::min(wanted, available());
  if (auto* limit = budget_of(user)) {
    if (limit->suspended)
      return {"suspended"};
    auto& used = windows_[{user, *win}];
    auto room = limit->amount - used.reserved - used.spent;
    if (room < needed)
      return {"over_budget"};
    most = std::min(most, room);
  }
  return {"ok", needed, most};
}

void wallet_model::grow(const std::string& block, int user, std::int64_t amount) {
  auto [i, fresh] = holds_.try_emplace(block);
  if (fresh) {
    i->second = blank("block", user);
    i->second.strict = true; // a block never crosses an end
  }
  take_budget(user, amount, true, i->second.budget_win);
  i->second.amount += amount;
  pending_ += amount;
}

void wallet_model::give_back(const std::string& block, std::int64_t amount) {
  auto i = holds_.find(block);
  if (i == holds_.end() || i->second.kind != "block" || i->second.status != 'P')
    return;
  auto& x = i->second;
  auto back = std::min(amount, x.amount);
  if (x.amount == back)
    x.status = 'V';
  x.amount -= back;
  pending_ -= back;
  if (x.budget_win)
    windows_[{x.user, *x.budget_win}].reserved -= back;
}

std::int64_t wallet_model::book(std::vector<call> calls) {
  auto left = available();
  std::int64_t late = 0;
  std::int64_t booked = 0;
  for (auto& x : calls) {
    if (charges_.contains(x.id))
      continue;
    auto& block = holds_.at(x.block);
    // One statement sees all blocks as they were before it.
    bool open = block.status == 'P';
    late += open ? 0 : x.amount;
    auto charge = open || !strict || left >= late ? x.amount : 0;
    auto made = blank("mcp", x.user);
    made.status = 'S';
    made.settled = charge;
    made.amount = open ? x.amount : 0;
    made.overage = open ? 0 : x.amount;
    if (auto i = budgets_.find(x.user); i != budgets_.end()) {
      made.budget_win = block.budget_win ? *block.budget_win : window_of(i->second.period);
      auto& used = windows_[{x.user, *made.budget_win}];
      used.spent += charge;
      used.reserved -= block.budget_win ? made.amount : 0;
    }
    block.amount -= made.amount;
    pending_ -= made.amount;
    posted_ += charge;
    ++ledger_rows_;
    note_log(made, 'S', charge);
    charges_[x.id] = made;
    ++booked;
  }
  return booked;
}

std::string wallet_model::text(const std::vector<std::string>& user_ids) const {
  auto user = [&](int x) { return user_ids.at(static_cast<std::size_t>(x)); };
  auto out = fmt::format("wallet {} {} {} {}", credits_, posted_, pending_, epoch_);
  std::set<std::string> lines;
  for (auto& [id, x] : holds_)
    lines.insert(fmt::format("hold {} {} {} {} {} {} {} {} {} {}", id, x.kind, x.status, x.amount,
                             x.settled.value_or(-1), x.overage, x.free ? 't' : 'f',
                             x.strict ? 't' : 'f', x.month, x.budget_win.value_or(-1)));
  for (auto& [id, x] : charges_)
    lines.insert(fmt::format("charge {} {} {} {} {} {}", id, x.amount, x.settled.value_or(-1),
                             x.overage, x.strict ? 't' : 'f', x.budget_win.value_or(-1)));
  for (auto& [id, x] : budgets_)
    lines.insert(
      fmt::format("budget {} {} {} {}", user(id), x.amount, x.period, x.suspended ? 't' : 'f'));
  for (auto& [key, x] : windows_)
    if (x.reserved != 0 || x.spent != 0)
      lines.insert(
        fmt::format("window {} {} {} {}", user(key.first), key.second, x.reserved, x.spent));
  for (auto& [win, used] : free_used_)
    if (used != 0)
      lines.insert(fmt::format("free {} {}", win, used));
  for (auto& [id, turns] : turns_)
    if (turns != 0)
      lines.insert(fmt::format("loop {} {}", id, turns));
  for (auto& x : lines)
    out += '\n' + x;
  return out
         + fmt::format("\nledger {} {}\nlog {} {}", ledger_rows_, balance(), log_rows_, log_cost_);
}

} // namespace callboard::test
