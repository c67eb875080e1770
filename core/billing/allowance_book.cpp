#include "core/billing/allowance_book.hpp"

namespace callboard::billing {
namespace {

/// Going through everybody for room is work; while nobody leaves it is done that often.
constexpr auto clear_interval = std::chrono::seconds{1};

} // namespace

allowance_book::entry* allowance_book::find(const end_user_id& id) {
  auto i = users_.find(id);
  return i == users_.end() ? nullptr : &i->second;
}

const allowance_book::entry* allowance_book::find(const end_user_id& id) const {
  auto i = users_.find(id);
  return i == users_.end() ? nullptr : &i->second;
}

bool allowance_book::make_room(const moment& x) {
  if (users_.size() < users_max_)
    return true;
  if (x.now < cleared_at_ + clear_interval)
    return false;
  cleared_at_ = x.now;
  for (auto i = users_.begin(); i != users_.end();) {
    if (!i->second.is_pinned && i->second.rule.at_rest(x))
      i = users_.erase(i);
    else
      ++i;
  }
  return users_.size() < users_max_;
}

} // namespace callboard::billing
