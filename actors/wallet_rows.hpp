#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "actors/money.hpp"
#include "core/base/json.hpp"
#include "core/base/store_call.hpp"

/// What the statements of storage/sql/wallet and storage/sql/block take and answer, as
/// actors/wallet_writer.hpp sends it.
namespace callboard {

/// A refusal of wallet/reserve as an error for the caller, with the figures behind it (C27).
caf::error refusal(const admission& what, const store_row& row);

/// Whether a statement was refused for what it says, so that of a batch each item had better go for
/// itself: one bad one must not take the others with it.
bool is_about_content(const caf::error& why);

/// The parameters of wallet/reserve.
std::vector<store_value> reserve_values(const admission& what, const std::string& price_id,
                                        std::int64_t epoch, const std::string& token);

/// The same as an item of wallet/reserve_many.
json::object reserve_item(const admission& what, const std::string& price_id);

/// The parameters of wallet/resolve.
std::vector<store_value> ending_values(const settlement& end);

/// The same as an item of wallet/resolve_many.
json::object ending_item(const settlement& end);

} // namespace callboard
