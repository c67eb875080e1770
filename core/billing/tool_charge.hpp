#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/ids.hpp"
#include "core/base/money.hpp"
#include "core/base/store_call.hpp"

namespace callboard::billing {

/// A tool call that a block pays, as it is booked.
struct tool_charge {
  hold_id id;
  hold_id block;
  /// Empty: the call was the platform's own.
  end_user_id end_user;
  std::string tool;
  request_id request;
  /// Row of the price it was admitted at; empty without one.
  std::string price_id;
  micro_usd amount;
  /// Whose tool it was: the slug of the app or remote server; may be empty.
  std::string provider = {};
  std::int64_t latency_ms = 0;
  /// "success" or an error code.
  std::string status = "success";
  std::string error_message = {};
  /// How often the provider was asked again for the same.
  std::int64_t resends = 0;
};

/// The parameters of block/settle. `plain_rules` are the rules (standing::rules()) under which it
/// is known that none of the batch's end users has a budget; booking is cheaper then.
std::vector<store_value> settle_values(const std::vector<tool_charge>& batch,
                                       std::int64_t free_calls_per_month,
                                       std::optional<std::int64_t> plain_rules = std::nullopt);

} // namespace callboard::billing
