#pragma once

#include <cstdint>
#include <string>

#include <caf/meta/type_name.hpp>

#include "core/base/ids.hpp"
#include "core/base/money.hpp"

namespace callboard::billing {

/// What a model costs: micro-US-dollars per million tokens (I22). Cached input tokens have a price
/// of their own.
struct model_price {
  micro_usd input_per_million;
  micro_usd cached_per_million;
  micro_usd output_per_million;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, model_price& x) {
  return f(caf::meta::type_name("callboard::billing::model_price"), x.input_per_million,
           x.cached_per_million, x.output_per_million);
}

/// Tokens of one model turn. `input` contains `cached`.
struct token_usage {
  std::int64_t input = 0;
  std::int64_t cached = 0;
  std::int64_t output = 0;
};

/// A platform's surcharge in parts per million: 200'000 is 20 percent (I23).
struct markup {
  std::int64_t ppm = 0;
};

/// The price of one turn, rounded up to a whole micro-dollar once, at the end. Exact for any tokens
/// and prices up to money_max; larger results saturate at money_max.
/// @pre nothing is negative and `cached <= input`
micro_usd cost_of(const token_usage& usage, const model_price& price, markup surcharge);

/// The upper estimate that a hold takes for a turn: counted input tokens plus the most output
/// tokens the model may produce, nothing cached (I18).
micro_usd hold_for(std::int64_t input_tokens, std::int64_t output_tokens_max,
                   const model_price& price, markup surcharge);

/// `amount` with the surcharge, rounded up.
micro_usd with_markup(micro_usd amount, markup surcharge);

/// The hold of a loop's turn (from 1): the same id at each retry, so that a turn is charged once.
hold_id turn_hold(const loop_id& loop, std::int64_t turn);

/// The hold of the tool call number `index` (from 0) that a loop's turn asked for.
hold_id tool_hold(const loop_id& loop, std::int64_t turn, std::size_t index);

/// The hold of the try number `number` (from 0) at keyed work whose earlier tries came to nothing:
/// the first has `first` itself.
hold_id try_hold(const hold_id& first, int number);

} // namespace callboard::billing
