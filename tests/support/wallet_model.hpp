#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace callboard::test {

/// The rules of schema/migrations about money once more, plainly and without a database: what the
/// SQL must decide, for a single platform. Ids are what the caller likes; users are 0, 1, ..., and
/// -1 is nobody. Days are counted from 1970 in UTC.
class wallet_model {
public:
  using day = std::int64_t;

  struct hold {
    std::string kind{};
    std::string hash{};
    char status = 'P';
    std::int64_t amount = 0;
    std::optional<std::int64_t> settled{};
    std::int64_t overage = 0;
    std::optional<std::int64_t> checkpoint{};
    /// What a tool call costs that is not free.
    std::int64_t price = 0;
    /// Settled at its checkpoint by others, so that the rest of its cost may still come.
    bool given_up = false;
    bool free = false;
    bool strict = false;
    int user = -1;
    day month = 0;
    std::optional<day> budget_win{};
  };

  /// What a hold is asked for.
  struct wish {
    std::string id;
    std::string hash;
    std::string kind;
    std::int64_t amount = 0;
    int user = -1;
    std::string loop{};
    std::int64_t turns_max = 0;
    std::int64_t price = 0;
  };

  struct decision {
    std::string code;
    bool free = false;
    std::int64_t amount = 0;
    std::string status{};
  };

  struct ending {
    std::string code;
    std::int64_t charged = 0;
    std::int64_t overage = 0;
    std::int64_t balance = 0;
  };

  /// A call that was admitted from a block.
  struct call {
    std::string id;
    std::string block;
    std::int64_t amount = 0;
    int user = -1;
  };

  /// What a block may get: none unless the code is "ok".
  struct growth {
    std::string code;
    std::int64_t least = 0;
    std::int64_t most = 0;
  };

  // -- the world ------------------------------------------------------------------

  day today = 0;
  bool strict = false;
  std::int64_t free_limit = 0;
  std::optional<std::int64_t> default_budget{};

  void set_budget(int user, std::int64_t amount, const std::string& period, bool suspended);
  void topup(std::int64_t amount);
  /// `alone`: ends the blocks that are open.
  void acquire(bool alone);

  // -- money ----------------------------------------------------------------------

  decision reserve(const wish& x, bool is_owner);
  ending resolve(const std::string& id, char how, std::int64_t actual);
  /// Ends a hold as the sweeper does.
  void expire(const std::string& id);
  void checkpoint(const std::string& id, std::int64_t used);

  /// What may be added to the block; grow() then says how much it was.
  growth may_grow(const std::string& block, int user, std::int64_t wanted, std::int64_t needed,
                  bool is_owner);
  void grow(const std::string& block, int user, std::int64_t amount);
  void give_back(const std::string& block, std::int64_t amount);
  /// Books calls, in the order of their ids: how many were new.
  std::int64_t book(std::vector<call> calls);

  // -- looking --------------------------------------------------------------------

  std::int64_t balance() const { return credits_ - posted_; }
  std::int64_t available() const { return credits_ - posted_ - pending_; }
  const std::map<std::string, hold>& holds() const { return holds_; }

  /// Everything, a line each, in the form of the query in tests/storage/wallet_model_test.cpp.
  std::string text(const std::vector<std::string>& user_ids) const;

private:
  struct budget {
    std::int64_t amount = 0;
    std::string period;
    bool suspended = false;
  };
  struct use {
    std::int64_t reserved = 0;
    std::int64_t spent = 0;
  };

  day month() const;
  day window_of(const std::string& period) const;
  hold blank(const std::string& kind, int user) const;
  bool take_free_call();
  /// Makes the default budget when there is one; null: no budget.
  budget* budget_of(int user);
  std::string take_budget(int user, std::int64_t amount, bool strictly, std::optional<day>& win);
  void note_log(const hold& x, char how, std::int64_t charged);
  /// The end of work that comes after others ended its hold.
  ending end_late(const std::string& id, std::int64_t actual);
  /// Its cost, as a hold named "<id>/late".
  ending book_late(const std::string& id, std::int64_t rest);

  std::int64_t credits_ = 0;
  std::int64_t posted_ = 0;
  std::int64_t pending_ = 0;
  std::int64_t epoch_ = 1;
  std::map<std::string, hold> holds_;
  /// Calls that were booked from blocks.
  std::map<std::string, hold> charges_;
  std::map<int, budget> budgets_;
  std::map<std::pair<int, day>, use> windows_;
  std::map<day, std::int64_t> free_used_;
  /// As each month's latest free call found it.
  std::map<day, std::int64_t> free_limits_;
  std::map<std::string, std::int64_t> turns_;
  std::int64_t ledger_rows_ = 0;
  std::int64_t log_rows_ = 0;
  std::int64_t log_cost_ = 0;
};

} // namespace callboard::test
