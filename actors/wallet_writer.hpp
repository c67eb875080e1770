#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "actors/group_commit.hpp"
#include "actors/interfaces.hpp"
#include "actors/node.hpp"
#include "core/billing/block_book.hpp"
#include "core/billing/standing.hpp"
#include "core/billing/tool_charge.hpp"

namespace callboard {

/// The money of one platform as its tenant actor writes it: fenced by an epoch, batched into group
/// commits, and for tool calls admitted in memory from blocks reserved before (DESIGN.md 5).
/// PostgreSQL decides; what is remembered here may be a second old and only ever chooses the way.
///
/// Part of its actor and used on its thread only. Every callback is called exactly once, now or
/// later, unless the actor ends before.
class wallet_writer {
public:
  using on_ticket = std::function<void(result<hold_ticket>)>;
  using on_receipt = std::function<void(result<receipt>)>;

  wallet_writer(tenant_actor::pointer self, node_parts parts, platform_id platform);

  /// Places a hold, or takes a tool call's price from a block. `what.amount` is the price already.
  void admit(const admission& what, const std::string& price_id, on_ticket done);

  /// Ends a hold or a call; see tenant_actor.
  void settle(const settlement& what, on_receipt done);

  /// Undoes an admission that came to nothing, now or when PostgreSQL is back; its callback was
  /// called. `why` is for the log.
  void undo(const hold_ticket& ticket, const std::string& why);

  /// Gives back what lies ready for tool calls of an end user with a budget, and calls `done` when
  /// PostgreSQL has it: whether there was anything.
  void free_up(const end_user_id& user, std::function<void(bool)> done);

  /// Books what has waited for company long enough.
  void look_again();

  /// Gives back what nobody used for a while.
  void tick();

  /// The actor ends: books what waits and gives the rest back, without waiting.
  void close();

  /// For operators: epoch, open holds, blocks.
  json::object report() const;

private:
  /// Items of one statement: what arrives in one round trip at 128 connections; PostgreSQL works on
  /// that for about 5 ms, which is the wait of the next batch.
  static constexpr std::size_t batch_items_max = 128;
  /// Batches of bookings under way at once: one that PostgreSQL works on, and one that its lane
  /// goes on with at once. With one only, a fifth of the lane's time went by until it had the next.
  static constexpr std::size_t bookings_at_once = 2;

  /// A hold that is being placed.
  struct pending {
    admission what;
    std::string price_id;
    on_ticket done;
    /// Whether a fenced answer may still be followed by one more try.
    bool may_retry = true;
    /// How often blocks may still be given back for it.
    int reclaims_left = 3;
    /// How often it may still wait for the blocks of a former owner.
    int waits_left = 3;
    /// Counted in short_of_money_.
    bool is_short = false;
    /// What the latest try named.
    std::int64_t epoch = 0;
    std::string token;
  };
  using pending_ptr = std::shared_ptr<pending>;

  /// A tool call that a block pays.
  struct open_call {
    billing::tool_charge charge;
    /// When its end should have been told: a caller that died tells nothing.
    caf::actor_clock::time_point due;
  };
  /// The same on the way to the ledger.
  struct booking {
    billing::tool_charge charge;
    on_receipt done;
    /// Its block does not count it any more.
    bool was_overdue = false;
  };
  /// The end of a hold.
  struct ending_hold {
    settlement end;
    on_receipt done;
  };
  /// A hold that was placed, and the token of its owner then.
  struct placed_hold {
    hold_ticket ticket;
    std::string token;
  };

  using batch_of_holds = std::vector<pending_ptr>;
  using bookings_load = group_commit<booking>::load;

  void acquire_then(std::function<void(caf::error)> next);
  void with_epoch(const pending_ptr& hold, std::function<void()> next);

  // -- the way of a hold --------------------------------------------------------

  void reserve(const pending_ptr& hold);
  void run_reserve(const batch_of_holds& batch);
  void reserved(const batch_of_holds& batch, const store_rows& rows);
  void take_answer(const pending_ptr& hold, const store_row& row);
  void not_reserved(const batch_of_holds& batch, const caf::error& why);
  void undo_hold(const hold_id& id, const std::string& token, store_value why, bool free);
  void fall_short(const pending_ptr& hold, const store_row& row);
  void look_at_former_owners(const pending_ptr& hold, const end_user_id& payer, caf::error why);
  void refuse(const pending_ptr& hold, caf::error why);
  /// Its last answer has come.
  void conclude(const pending_ptr& hold);

  // -- the way of a tool call ---------------------------------------------------

  void admit_call(const pending_ptr& hold);
  bool take_from_block(const pending_ptr& hold, const end_user_id& payer);
  void look_then(const pending_ptr& hold);
  /// `hold` waits for the block to grow; null: the block runs low, nobody waits.
  void grow(const end_user_id& payer, micro_usd needed, const pending_ptr& hold);
  void grew(const end_user_id& payer, const hold_id& block, const store_row& row);
  void did_not_grow(const end_user_id& payer, const hold_id& block, const caf::error& why);
  void give_back(std::vector<billing::block_book::rest> rests, std::function<void()> next);

  // -- ends ---------------------------------------------------------------------

  bool company_is_near(bookings_load x);
  std::optional<std::int64_t> plain_rules(const std::vector<billing::tool_charge>& charges) const;
  void run_bookings(std::vector<booking> batch);
  void run_endings(std::vector<ending_hold> batch);
  void settled(ending_hold& x, const store_row& row);
  /// Gives up calls whose end is not told; should it come after all, it is booked.
  void give_up_calls(caf::actor_clock::time_point now);
  /// Keeps blocks alive whose calls are still under way.
  void extend_blocks(caf::actor_clock::time_point now);
  /// Ends, in the journal if need be, every block of which PostgreSQL may know more than we do.
  void end_doubtful_blocks();
  void arm_timer();
  void note(const store_row& row);

  tenant_actor::pointer self_;
  node_parts parts_;
  platform_id platform_;
  /// Fencing: what wallet/acquire gave us; 0 before.
  std::int64_t epoch_ = 0;
  std::string token_;
  /// Those who wait for wallet/acquire.
  std::vector<std::function<void(caf::error)>> waiting_for_epoch_;
  billing::standing standing_;
  /// Those who wait for wallet/standing.
  batch_of_holds waiting_for_standing_;
  /// Whether end users have a budget, as far as known under standing_.rules().
  std::unordered_map<end_user_id, bool> budgeted_;
  billing::block_book blocks_;
  /// Growing blocks, with those who wait for it.
  std::unordered_map<end_user_id, batch_of_holds> growing_;
  /// Holds that were refused for want of money in the wallet and are tried again. Meanwhile no
  /// block grows, so that what is given back for them is not taken at once.
  std::int64_t short_of_money_ = 0;
  /// Statements that give blocks back and have not been answered.
  std::int64_t returns_under_way_ = 0;
  /// Those who wait until a former owner gives its blocks back.
  batch_of_holds waiting_for_former_;
  caf::actor_clock::time_point acquired_at_{};
  /// Blocks that grew or shrank with an unknown outcome; ended as a whole after their calls.
  std::unordered_set<hold_id> doubtful_blocks_;
  std::unordered_map<hold_id, open_call> open_calls_;
  /// Those that were given up. Their blocks do not wait for them.
  std::unordered_map<hold_id, open_call> overdue_calls_;
  /// Holds placed through this actor and not ended through it.
  std::unordered_map<hold_id, placed_hold> open_holds_;
  group_commit<pending_ptr> reservations_;
  group_commit<booking> bookings_;
  /// When the latest batch of bookings ended, and whether the next one's look_again() is ordered.
  caf::actor_clock::time_point booked_at_ = caf::actor_clock::time_point::min();
  bool booking_ordered_ = false;
  group_commit<ending_hold> endings_;
  bool timer_armed_ = false;
  std::int64_t admitted_total_ = 0;
  std::int64_t refused_total_ = 0;
};

} // namespace callboard
