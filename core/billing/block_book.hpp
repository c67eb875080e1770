#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/base/ids.hpp"
#include "core/base/money.hpp"

namespace callboard::billing {

/// What the owner of a wallet has reserved in advance for tool calls, and what is left of it
/// (DESIGN.md 5). A block is money that PostgreSQL has set aside; taking from it needs no question.
/// One block at a time is drawn from for each payer; older ones only wait for their calls to end.
///
/// A payer is an end user with a budget, or the empty id for all users without one. Not
/// thread-safe; time is the caller's.
class block_book {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// What is to be given back: the block and its rest.
  struct rest {
    hold_id block;
    micro_usd amount;
  };

  /// Takes the price of one call from the payer's block: the block's id, or nothing when it does
  /// not have that much or must not be used any more.
  std::optional<hold_id> take(const end_user_id& payer, micro_usd price, time_point now);

  /// Puts back what a call did not need. A block that is not here any more has been given back
  /// whole, in PostgreSQL's count as well.
  void put_back(const hold_id& id, micro_usd price);

  /// A call's price was booked, or will never be put back.
  void booked(const hold_id& id);

  /// The block to make larger, or the fresh one to make.
  hold_id block_to_grow(const end_user_id& payer, time_point now,
                        const std::function<std::string()>& make_id) const;

  /// PostgreSQL has added `amount` to the block, usable until then.
  void grown(const end_user_id& payer, const hold_id& id, micro_usd amount, time_point now,
             time_point usable_until);

  /// How much to ask for when calls cost `price` each: more the faster it was used up.
  micro_usd wish(const end_user_id& payer, micro_usd price, time_point now) const;

  /// Whether the payer's block should be made larger before it is empty.
  bool runs_low(const end_user_id& payer) const;

  /// Forgets the payer's block for further calls; its rest comes with the next rests().
  void retire(const end_user_id& payer);

  /// The same for one block.
  void retire_block(const hold_id& id);

  /// The same for every end user with a budget: budgets have changed.
  void retire_budgets();

  /// Takes out every rest of blocks that were not drawn from since `idle_since`, or must not be
  /// used any more. `idle_since` of now takes all.
  std::vector<rest> take_rests(time_point idle_since, time_point now);

  /// Blocks that nobody draws from any more, but whose calls are still under way: PostgreSQL must
  /// not end them. They are named again until extended().
  std::vector<hold_id> outlived(time_point now) const;

  /// PostgreSQL lets those blocks live on; by then they need more time again.
  void extended(const std::vector<hold_id>& ids, time_point until);

  /// Takes out every rest of the payer's blocks.
  std::vector<rest> take_rests_of(const end_user_id& payer);

  /// What is left in all blocks.
  micro_usd left() const;

  /// Whether the block has a rest or calls that have not ended.
  bool contains(const hold_id& id) const { return blocks_.contains(id); }
  bool empty() const noexcept { return blocks_.empty(); }
  std::size_t size() const noexcept { return blocks_.size(); }

private:
  struct block {
    end_user_id payer;
    micro_usd left;
    /// Calls that were paid from it and have not ended.
    std::int64_t calls = 0;
    time_point usable_until;
    /// When it needs more time if calls are under way.
    time_point outlived_at;
    time_point used_at;
    /// The latest addition and its time.
    micro_usd latest;
    time_point grown_at;
  };

  const block* current_of(const end_user_id& payer) const;
  std::vector<rest> take_rests_if(const std::function<bool(const block& x, bool in_use)>& wanted);
  void drop_if_done(const hold_id& id);

  std::unordered_map<hold_id, block> blocks_;
  std::unordered_map<end_user_id, hold_id> current_;
};

} // namespace callboard::billing
