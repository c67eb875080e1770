#include "core/billing/block_book.hpp"

#include <algorithm>
#include <utility>

namespace callboard::billing {
namespace {

/// Calls that a first block pays: a lone caller locks little money.
constexpr std::int64_t first_calls = 8;

/// Calls that any block pays at most: at 40,000 calls a second one new block every 50 ms, a
/// twentieth of what PostgreSQL does anyway.
constexpr std::int64_t calls_max = 2048;

/// A block that lasted longer than this was large enough.
constexpr auto short_life = std::chrono::milliseconds{500};

} // namespace

const block_book::block* block_book::current_of(const end_user_id& payer) const {
  auto i = current_.find(payer);
  if (i == current_.end())
    return nullptr;
  auto j = blocks_.find(i->second);
  return j == blocks_.end() ? nullptr : &j->second;
}

std::optional<hold_id> block_book::take(const end_user_id& payer, micro_usd price, time_point now) {
  auto i = current_.find(payer);
  if (i == current_.end())
    return std::nullopt;
  auto j = blocks_.find(i->second);
  if (j == blocks_.end() || j->second.left < price || now >= j->second.usable_until)
    return std::nullopt;
  auto& x = j->second;
  x.left = x.left - price;
  x.used_at = now;
  ++x.calls;
  return j->first;
}

void block_book::put_back(const hold_id& id, micro_usd price) {
  auto i = blocks_.find(id);
  if (i == blocks_.end())
    return;
  i->second.left = i->second.left + price;
  --i->second.calls;
}

void block_book::booked(const hold_id& id) {
  auto i = blocks_.find(id);
  if (i == blocks_.end())
    return;
  --i->second.calls;
  drop_if_done(id);
}

void block_book::drop_if_done(const hold_id& id) {
  auto i = blocks_.find(id);
  auto current = current_.find(i->second.payer);
  bool in_use = current != current_.end() && current->second == id;
  if (!in_use && i->second.calls <= 0 && i->second.left.value == 0)
    blocks_.erase(i);
}

hold_id block_book::block_to_grow(const end_user_id& payer, time_point now,
                                  const std::function<std::string()>& make_id) const {
  auto* x = current_of(payer);
  if (x && now < x->usable_until)
    return current_.at(payer);
  return hold_id{make_id()};
}

void block_book::grown(const end_user_id& payer, const hold_id& id, micro_usd amount,
                       time_point now, time_point usable_until) {
  auto& x = blocks_[id];
  x.payer = payer;
  x.left = x.left + amount;
  x.latest = amount;
  x.used_at = now;
  x.grown_at = now;
  x.usable_until = usable_until;
  x.outlived_at = usable_until;
  auto& current = current_[payer];
  auto before = std::exchange(current, id);
  if (before != id && blocks_.contains(before))
    drop_if_done(before);
}

micro_usd block_book::wish(const end_user_id& payer, micro_usd price, time_point now) const {
  auto least = micro_usd{price.value * first_calls};
  auto most = micro_usd{price.value * calls_max};
  auto* x = current_of(payer);
  if (!x || now - x->grown_at > short_life)
    return least;
  return std::clamp(micro_usd{x->latest.value * 2}, least, most);
}

bool block_book::runs_low(const end_user_id& payer) const {
  auto* x = current_of(payer);
  return x && x->left.value * 2 < x->latest.value;
}

void block_book::retire(const end_user_id& payer) { current_.erase(payer); }

void block_book::retire_block(const hold_id& id) {
  std::erase_if(current_, [&](auto& x) { return x.second == id; });
}

void block_book::retire_budgets() {
  std::erase_if(current_, [](auto& x) { return !x.first.empty(); });
}

std::vector<block_book::rest> block_book::take_rests(time_point idle_since, time_point now) {
  return take_rests_if([&](const block& x, bool in_use) {
    return !in_use || x.used_at <= idle_since || now >= x.usable_until;
  });
}

std::vector<hold_id> block_book::outlived(time_point now) const {
  std::vector<hold_id> ids;
  for (auto& [id, x] : blocks_)
    if (x.calls > 0 && now >= x.outlived_at)
      ids.push_back(id);
  return ids;
}

void block_book::extended(const std::vector<hold_id>& ids, time_point until) {
  for (auto& id : ids)
    if (auto i = blocks_.find(id); i != blocks_.end())
      i->second.outlived_at = until;
}

std::vector<block_book::rest> block_book::take_rests_of(const end_user_id& payer) {
  return take_rests_if([&](const block& x, bool) { return x.payer == payer; });
}

std::vector<block_book::rest>
block_book::take_rests_if(const std::function<bool(const block&, bool in_use)>& wanted) {
  std::vector<rest> rests;
  for (auto i = blocks_.begin(); i != blocks_.end();) {
    auto& [id, x] = *i;
    auto current = current_.find(x.payer);
    bool in_use = current != current_.end() && current->second == id;
    if (!wanted(x, in_use)) {
      ++i;
      continue;
    }
    if (in_use)
      current_.erase(current);
    if (x.left.value > 0)
      rests.push_back({id, std::exchange(x.left, micro_usd{})});
    i = x.calls <= 0 ? blocks_.erase(i) : std::next(i);
  }
  return rests;
}

micro_usd block_book::left() const {
  micro_usd sum;
  for (auto& [id, x] : blocks_)
    sum = sum + x.left;
  return sum;
}

} // namespace callboard::billing
