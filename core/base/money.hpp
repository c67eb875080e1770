#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include <caf/meta/type_name.hpp>

#include "core/base/error.hpp"
#include "core/base/json.hpp"

namespace callboard {

/// An amount of money in whole micro-US-dollars (I13). Never a floating point number, on no path.
struct micro_usd {
  std::int64_t value = 0;

  auto operator<=>(const micro_usd&) const = default;
  friend constexpr micro_usd operator+(micro_usd a, micro_usd b) { return {a.value + b.value}; }
  friend constexpr micro_usd operator-(micro_usd a, micro_usd b) { return {a.value - b.value}; }
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, micro_usd& x) {
  return f(caf::meta::type_name("callboard::micro_usd"), x.value);
}

/// The largest amount that is accepted anywhere: a billion dollars, far from overflow in every sum.
inline constexpr micro_usd money_max{1'000'000'000'000'000};

/// Six decimals, exact: "-0.000150", "12.500000".
std::string format_usd(micro_usd x);

/// Reads "12", "12.5", "0.000001", "-1.25". At most six decimals and |x| <= money_max, otherwise
/// errc::invalid_field.
result<micro_usd> parse_usd(std::string_view text);

/// Reads an amount given as a JSON number or string without ever going through binary rounding: a
/// JSON double is taken by its shortest decimal form, so 0.1 is 100000 micro-dollars exactly.
result<micro_usd> usd_from_json(const json::value& x);

} // namespace callboard
