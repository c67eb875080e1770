#include "actors/request_clock.hpp"

#include <algorithm>
#include <utility>

#include <caf/abstract_actor.hpp>
#include <caf/group.hpp>
#include <caf/sec.hpp>

namespace callboard {

request_clock::request_clock(caf::actor_clock& precise)
    : precise_(precise), begin_(clock_type::now()) {}

request_clock::~request_clock() { cancel_all(); }

// -- what goes to the precise clock -----------------------------------------------

void request_clock::set_ordinary_timeout(time_point t, caf::abstract_actor* self,
                                         caf::atom_value type, std::uint64_t id) {
  has_receive_timeouts_ = true;
  precise_.set_ordinary_timeout(t, self, type, id);
}

void request_clock::set_multi_timeout(time_point t, caf::abstract_actor* self, caf::atom_value type,
                                      std::uint64_t id) {
  has_receive_timeouts_ = true;
  precise_.set_multi_timeout(t, self, type, id);
}

void request_clock::cancel_ordinary_timeout(caf::abstract_actor* self, caf::atom_value type) {
  precise_.cancel_ordinary_timeout(self, type);
}

void request_clock::schedule_message(time_point t, caf::group target, caf::strong_actor_ptr sender,
                                     caf::message content) {
  precise_.schedule_message(t, std::move(target), std::move(sender), std::move(content));
}

bool request_clock::is_coarse(time_point t) { return t - clock_type::now() >= coarse_from; }

// -- what goes into the slots -------------------------------------------------------

/// Rounded up: a slot is looked at when all in it is due.
std::int64_t request_clock::slot_number(time_point t) const {
  return std::chrono::ceil<std::chrono::milliseconds>(t - begin_) / slot_length + 1;
}

void request_clock::add(item_ptr x) {
  auto& to = shard_of(x->receiver->id());
  {
    std::lock_guard lock{to.mutex};
    auto number = std::max(slot_number(x->due), to.looked_at + 1);
    to.by_time[static_cast<std::size_t>(number) % slots].push_back(*x);
    to.by_owner[x->receiver->id()].push_back(*x);
    x.release(); // the lists have it
  }
  if (size_.fetch_add(1) == 0) {
    std::lock_guard lock{mutex_};
    wake_.notify_one();
  }
}

request_clock::item_ptr request_clock::take(shard& from, item& x) {
  x.hook<slot_tag>::unlink();
  x.hook<owner_tag>::unlink();
  auto owner = from.by_owner.find(x.receiver->id());
  if (owner->second.empty())
    from.by_owner.erase(owner);
  return item_ptr{&x};
}

void request_clock::set_request_timeout(time_point t, caf::abstract_actor* self,
                                        caf::message_id id) {
  if (!is_coarse(t))
    return precise_.set_request_timeout(t, self, id);
  auto x = std::make_unique<item>();
  x->due = t;
  x->receiver = self->ctrl();
  x->request = id;
  add(std::move(x));
}

void request_clock::schedule_message(time_point t, caf::strong_actor_ptr receiver,
                                     caf::mailbox_element_ptr content) {
  if (!receiver || !is_coarse(t))
    return precise_.schedule_message(t, std::move(receiver), std::move(content));
  auto x = std::make_unique<item>();
  x->due = t;
  x->receiver = std::move(receiver);
  x->content = std::move(content);
  add(std::move(x));
}

void request_clock::cancel_request_timeout(caf::abstract_actor* self, caf::message_id id) {
  precise_.cancel_request_timeout(self, id);
  auto& from = shard_of(self->id());
  item_ptr taken; // destroyed after the lock: it may be the last that holds its actor
  std::lock_guard lock{from.mutex};
  auto owner = from.by_owner.find(self->id());
  if (owner == from.by_owner.end())
    return;
  auto found = std::find_if(owner->second.begin(), owner->second.end(),
                            [&](const item& x) { return !x.content && x.request == id; });
  if (found == owner->second.end())
    return;
  taken = take(from, *found);
  --size_;
}

void request_clock::cancel_timeouts(caf::abstract_actor* self) {
  if (has_receive_timeouts_)
    precise_.cancel_timeouts(self);
  auto& from = shard_of(self->id());
  std::vector<item_ptr> taken; // destroyed after the lock
  std::lock_guard lock{from.mutex};
  auto owner = from.by_owner.extract(self->id());
  if (owner.empty())
    return;
  while (!owner.mapped().empty()) {
    auto& x = owner.mapped().front();
    x.hook<slot_tag>::unlink();
    x.hook<owner_tag>::unlink();
    taken.emplace_back(&x);
  }
  size_ -= taken.size();
}

void request_clock::cancel_all() {
  std::vector<item_ptr> taken;
  for (auto& from : shards_) {
    std::lock_guard lock{from.mutex};
    for (auto& slot : from.by_time)
      while (!slot.empty())
        taken.push_back(take(from, slot.front()));
  }
  size_ -= taken.size();
}

// -- sending ------------------------------------------------------------------------

void request_clock::take_due(shard& from, time_point now, std::vector<item_ptr>& due) {
  auto latest = slot_number(now) - 1;
  std::lock_guard lock{from.mutex};
  // After a pause of more than a round every slot is looked at once.
  auto first = std::max(from.looked_at + 1, latest - static_cast<std::int64_t>(slots) + 1);
  for (auto number = first; number <= latest; ++number) {
    auto& slot = from.by_time[static_cast<std::size_t>(number) % slots];
    for (auto i = slot.begin(); i != slot.end();) {
      auto& x = *i++;
      if (x.due <= now)
        due.push_back(take(from, x));
    }
  }
  from.looked_at = std::max(from.looked_at, latest);
}

void request_clock::send(item_ptr x) {
  if (x->content)
    x->receiver->enqueue(std::move(x->content), nullptr);
  else
    x->receiver->get()->eq_impl(x->request, x->receiver, nullptr, caf::sec::request_timeout);
}

std::size_t request_clock::fire(time_point now) {
  std::vector<item_ptr> due;
  for (auto& from : shards_)
    take_due(from, now, due);
  size_ -= due.size();
  std::sort(due.begin(), due.end(), [](auto& x, auto& y) { return x->due < y->due; });
  for (auto& x : due)
    send(std::move(x));
  return due.size();
}

void request_clock::run() {
  std::unique_lock lock{mutex_};
  while (!stopping_) {
    if (size_ == 0)
      wake_.wait(lock, [this] { return stopping_ || size_ != 0; });
    else
      wake_.wait_for(lock, slot_length, [this] { return stopping_; });
    lock.unlock();
    fire(clock_type::now());
    lock.lock();
  }
}

void request_clock::stop() {
  std::lock_guard lock{mutex_};
  stopping_ = true;
  wake_.notify_one();
}

} // namespace callboard
