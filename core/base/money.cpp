#include "core/base/money.hpp"

#include <charconv>

#include <fmt/format.h>

namespace callboard {
namespace {

constexpr std::int64_t micros_per_usd = 1'000'000;
constexpr std::size_t decimals_max = 6;

caf::error bad_amount(std::string_view text) {
  return make_problem(
    errc::invalid_field,
    fmt::format("'{}' is not an amount in US dollars with at most six decimals.", text));
}

bool all_digits(std::string_view x) {
  return x.find_first_not_of("0123456789") == std::string_view::npos;
}

} // namespace

std::string format_usd(micro_usd x) {
  // The magnitude is taken in unsigned arithmetic, where the smallest int64 has one.
  auto magnitude =
    x.value < 0 ? 0 - static_cast<std::uint64_t>(x.value) : static_cast<std::uint64_t>(x.value);
  return fmt::format("{}{}.{:06}", x.value < 0 ? "-" : "", magnitude / micros_per_usd,
                     magnitude % micros_per_usd);
}

result<micro_usd> parse_usd(std::string_view text) {
  auto rest = text;
  bool negative = rest.starts_with('-');
  if (negative)
    rest.remove_prefix(1);
  auto dot = rest.find('.');
  auto whole = rest.substr(0, dot);
  auto fraction = dot == std::string_view::npos ? std::string_view{} : rest.substr(dot + 1);
  bool fraction_missing = dot != std::string_view::npos && fraction.empty();
  if (whole.empty() || whole.size() > 10 || fraction.size() > decimals_max || fraction_missing
      || !all_digits(whole) || !all_digits(fraction))
    return bad_amount(text);
  std::int64_t units = 0;
  std::from_chars(whole.data(), whole.data() + whole.size(), units);
  std::int64_t micros = 0;
  if (!fraction.empty())
    std::from_chars(fraction.data(), fraction.data() + fraction.size(), micros);
  for (auto i = fraction.size(); i < decimals_max; ++i)
    micros *= 10;
  micro_usd amount{units * micros_per_usd + micros};
  if (amount > money_max)
    return bad_amount(text);
  return negative ? micro_usd{-amount.value} : amount;
}

result<micro_usd> usd_from_json(const json::value& x) {
  if (auto* text = x.if_string())
    return parse_usd(to_std(*text));
  if (auto* number = x.if_int64())
    return parse_usd(std::to_string(*number));
  if (auto* number = x.if_uint64())
    return parse_usd(std::to_string(*number));
  if (auto* number = x.if_double()) {
    char buffer[64];
    auto end = std::to_chars(buffer, buffer + sizeof buffer, *number, std::chars_format::fixed);
    return parse_usd(
      {buffer, end.ec == std::errc{} ? static_cast<std::size_t>(end.ptr - buffer) : 0u});
  }
  return bad_amount("the value");
}

} // namespace callboard
