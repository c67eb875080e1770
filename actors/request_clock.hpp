#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include <boost/intrusive/list.hpp>
#include <caf/detail/thread_safe_actor_clock.hpp>
#include <caf/mailbox_element.hpp>
#include <caf/message_id.hpp>

namespace callboard {

/// The clock of a node's actors. Every request has a time limit and hardly any is reached; CAF's
/// own clock pays for each with an allocation, a lock that all share, and a waking of its thread,
/// and keeps it until it is due. Here a time limit goes into the list of its time slot and leaves
/// it when its actor ends, with neither a thread nor another actor being disturbed. What is due in
/// less than `coarse_from` goes to the precise clock behind this one.
///
/// Thread-safe.
class request_clock final : public caf::detail::thread_safe_actor_clock {
public:
  using super = caf::detail::thread_safe_actor_clock;

  /// What is due comes up to twice that late, never early.
  static constexpr auto slot_length = std::chrono::milliseconds{50};
  /// From here on that does not matter.
  static constexpr auto coarse_from = std::chrono::seconds{1};

  /// `precise` must outlive the clock.
  explicit request_clock(caf::actor_clock& precise);
  ~request_clock() override;

  // -- caf::actor_clock ---------------------------------------------------------

  void set_ordinary_timeout(time_point t, caf::abstract_actor* self, caf::atom_value type,
                            std::uint64_t id) override;
  void set_multi_timeout(time_point t, caf::abstract_actor* self, caf::atom_value type,
                         std::uint64_t id) override;
  void set_request_timeout(time_point t, caf::abstract_actor* self, caf::message_id id) override;
  void cancel_ordinary_timeout(caf::abstract_actor* self, caf::atom_value type) override;
  void cancel_request_timeout(caf::abstract_actor* self, caf::message_id id) override;
  /// Also drops messages that were scheduled for it: nobody would read them.
  void cancel_timeouts(caf::abstract_actor* self) override;
  void schedule_message(time_point t, caf::strong_actor_ptr receiver,
                        caf::mailbox_element_ptr content) override;
  void schedule_message(time_point t, caf::group target, caf::strong_actor_ptr sender,
                        caf::message content) override;
  void cancel_all() override;

  // -- the thread that sends what is due ------------------------------------------

  /// Sends what is due until stop(). On a thread of its own.
  void run();
  void stop();

  /// Sends what is due by `now`; how many. For run() and for tests.
  std::size_t fire(time_point now);

  /// What waits in the slots.
  std::size_t size() const noexcept { return size_; }

private:
  struct item;
  struct slot_tag;
  struct owner_tag;
  template <class Tag>
  using hook =
    boost::intrusive::list_base_hook<boost::intrusive::tag<Tag>,
                                     boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
  template <class Tag>
  using list = boost::intrusive::list<item, boost::intrusive::base_hook<hook<Tag>>,
                                      boost::intrusive::constant_time_size<false>>;

  /// In a slot of its shard and in the list of its receiver at once.
  struct item : hook<slot_tag>, hook<owner_tag> {
    time_point due;
    caf::strong_actor_ptr receiver;
    /// The request whose time limit this is.
    caf::message_id request;
    /// The message to be sent; null for a time limit.
    caf::mailbox_element_ptr content;
  };
  using item_ptr = std::unique_ptr<item>;

  /// One round of slots takes 51 s; what is due later is met again in the next round.
  static constexpr std::size_t slots = 1024;
  /// Actors of different shards do not wait for each other. More than cores of most machines.
  static constexpr std::size_t shards = 16;

  struct shard {
    std::mutex mutex;
    std::array<list<slot_tag>, slots> by_time;
    std::unordered_map<caf::actor_id, list<owner_tag>> by_owner;
    /// The latest slot that was looked at, counted from the clock's begin.
    std::int64_t looked_at = 0;
  };

  shard& shard_of(caf::actor_id id) { return shards_[id % shards]; }
  static bool is_coarse(time_point t);
  std::int64_t slot_number(time_point t) const;
  void add(item_ptr x);
  /// Takes an item out of its shard, which is locked.
  static item_ptr take(shard& from, item& x);
  void take_due(shard& from, time_point now, std::vector<item_ptr>& due);
  static void send(item_ptr x);

  caf::actor_clock& precise_;
  const time_point begin_;
  std::array<shard, shards> shards_;
  std::atomic<std::size_t> size_ = 0;
  /// Somebody uses CAF's receive timeouts, which the precise clock has to forget with their actor.
  std::atomic<bool> has_receive_timeouts_ = false;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
};

} // namespace callboard
