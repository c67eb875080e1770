#include "core/billing/prices.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "core/base/digest.hpp"

namespace callboard::billing {
namespace {

__extension__ using wide = __int128;

constexpr wide per_million = 1'000'000;

micro_usd rounded_up(wide numerator, wide denominator) {
  auto whole = (numerator + denominator - 1) / denominator;
  return {static_cast<std::int64_t>(std::min<wide>(whole, money_max.value))};
}

} // namespace

micro_usd cost_of(const token_usage& usage, const model_price& price, markup surcharge) {
  auto millionths = static_cast<wide>(usage.input - usage.cached) * price.input_per_million.value
                    + static_cast<wide>(usage.cached) * price.cached_per_million.value
                    + static_cast<wide>(usage.output) * price.output_per_million.value;
  // A product beyond money_max saturates anyway; cutting it here keeps the next product in range.
  millionths = std::min<wide>(millionths, static_cast<wide>(money_max.value) * per_million);
  return rounded_up(millionths * (per_million + surcharge.ppm), per_million * per_million);
}

micro_usd hold_for(std::int64_t input_tokens, std::int64_t output_tokens_max,
                   const model_price& price, markup surcharge) {
  return cost_of({input_tokens, 0, output_tokens_max}, price, surcharge);
}

micro_usd with_markup(micro_usd amount, markup surcharge) {
  return rounded_up(static_cast<wide>(amount.value) * (per_million + surcharge.ppm), per_million);
}

hold_id turn_hold(const loop_id& loop, std::int64_t turn) {
  return {uuid5(loop.value, fmt::format("turn/{}", turn))};
}

hold_id tool_hold(const loop_id& loop, std::int64_t turn, std::size_t index) {
  return {uuid5(loop.value, fmt::format("turn/{}/tool/{}", turn, index))};
}

hold_id try_hold(const hold_id& first, int number) {
  return number == 0 ? first : hold_id{uuid5(first.value, fmt::format("try/{}", number))};
}

} // namespace callboard::billing
