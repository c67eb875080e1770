#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/base/error.hpp"
#include "core/base/ids.hpp"
#include "core/base/json.hpp"
#include "core/base/money.hpp"
#include "core/billing/prices.hpp"

namespace callboard::billing {

/// What a model turn cost when it was admitted.
struct turn_prices {
  model_price price;
  markup surcharge;
};

/// The version of a tool's price that a call was admitted at.
struct tool_price_version {
  /// "tool", "app" or "global".
  std::string scope;
  std::string name;
  std::int64_t version = 0;
  micro_usd price;
};

/// A free call of a month and its place among those that count.
struct free_call {
  std::string month;
  std::int64_t number = 0;
  std::int64_t limit = 0;
};

/// The window of a budget that an admission was counted in, as it is now.
struct budget_use {
  /// "one_time", a day or a month.
  std::string window;
  micro_usd limit;
  micro_usd reserved;
  micro_usd spent;
};

/// A row of the ledger.
struct ledger_entry {
  std::string id;
  std::string type;
  micro_usd amount;
  micro_usd balance_after;
  std::string description;
  std::string at;
};

/// A row of the request log.
struct log_entry {
  std::string request_type;
  token_usage tokens;
  bool estimated = false;
  micro_usd cost;
  std::int64_t latency_ms = 0;
  std::string status;
  std::string error_message;
};

/// The hold that others had ended before the end of its work was told.
struct ended_hold {
  micro_usd held;
  /// What it was charged then.
  micro_usd settled;
  bool free = false;
  bool strict = false;
};

/// One hold of a request with everything that was booked for it: a row of `request/explain`.
struct booking {
  hold_id id;
  platform_id platform;
  std::string platform_name;
  /// Empty for a platform's own request.
  end_user_id end_user;
  /// The platform's name for the end user; empty when the user is gone.
  std::string external_id;
  /// What asked for it.
  request_id request;
  bool is_turn = false;
  /// Model slug or tool name.
  std::string subject;
  /// Of a turn.
  loop_id loop;
  std::int64_t turn = 0;
  std::int64_t turns_max = 0;
  bool free = false;
  bool strict = false;
  micro_usd held;
  /// 'P' open, 'S' settled, 'V' void, 'E' expired.
  char status = 'P';
  micro_usd settled;
  /// Real cost above what was held, charged or absorbed.
  micro_usd overage;
  /// Last report of an open hold's use, which the sweeper settles.
  std::optional<micro_usd> checkpoint;
  std::string provider_ref;
  /// How often the provider was asked again for the same.
  std::int64_t resends = 0;
  std::string created_at;
  std::string expires_at;
  std::string resolved_at;
  /// The end of the hold is past.
  bool late = false;
  std::optional<turn_prices> prices;
  std::optional<tool_price_version> price;
  /// The block that a tool call was admitted from in memory, or empty.
  std::string block;
  /// This is only the rest of a cost: what was told when that hold had been ended.
  std::optional<ended_hold> rest_of;
  std::optional<free_call> free_slot;
  std::optional<budget_use> budget;
  std::optional<ledger_entry> ledger;
  std::optional<log_entry> log;
};

/// Reads a row's `body`. errc::internal when something is missing that every row has.
result<booking> read_booking(const json::object& row);

} // namespace callboard::billing
