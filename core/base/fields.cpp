#include "core/base/fields.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>

#include <fmt/format.h>

#include "core/base/limits.hpp"

namespace callboard {
namespace {

/// Whether the text has the form, in which a 'd' is any digit.
bool has_form(std::string_view x, std::string_view form) {
  return std::equal(x.begin(), x.end(), form.begin(), form.end(), [](char given, char wanted) {
    return wanted == 'd' ? given >= '0' && given <= '9' : given == wanted;
  });
}

/// @pre digits, at most four
int number_of(std::string_view digits) {
  int value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

/// "Z", "+02:00"; the colon and the minutes may be left out. PostgreSQL knows no zone beyond 15:59.
bool is_zone(std::string_view x) {
  if (x == "Z")
    return true;
  if (!x.starts_with('+') && !x.starts_with('-'))
    return false;
  x.remove_prefix(1);
  if (!has_form(x, "dd:dd") && !has_form(x, "dddd") && !has_form(x, "dd"))
    return false;
  return number_of(x.substr(0, 2)) <= 15
         && (x.size() == 2 || number_of(x.substr(x.size() - 2)) < 60);
}

/// "2026-04-12T10:30:00Z", with a fraction or an offset if need be, of a day that there is. A
/// second 60 is a leap second, which PostgreSQL takes without a fraction.
bool is_time(std::string_view x) {
  static constexpr std::string_view form = "dddd-dd-ddTdd:dd:dd";
  if (!has_form(x.substr(0, form.size()), form))
    return false;
  auto part = [&](std::size_t at) { return number_of(x.substr(at, 2)); };
  std::chrono::year_month_day date{std::chrono::year{number_of(x.substr(0, 4))},
                                   std::chrono::month{static_cast<unsigned>(part(5))},
                                   std::chrono::day{static_cast<unsigned>(part(8))}};
  if (date.year() < std::chrono::year{1} || !date.ok() || part(11) > 23 || part(14) > 59
      || part(17) > 60)
    return false;
  auto rest = x.substr(form.size());
  if (rest.starts_with('.')) {
    auto end = rest.find_first_not_of("0123456789", 1);
    if (end == 1 || end == std::string_view::npos || part(17) == 60)
      return false;
    rest.remove_prefix(end);
  }
  return is_zone(rest);
}

result<std::int64_t> read_number(const std::optional<std::string>& text, const char* name,
                                 std::int64_t fallback, std::int64_t max) {
  if (!text)
    return fallback;
  std::int64_t value = 0;
  auto end = text->data() + text->size();
  auto parsed = std::from_chars(text->data(), end, value);
  if (parsed.ec != std::errc{} || parsed.ptr != end || value < 1 || value > max)
    return make_problem(errc::invalid_field,
                        fmt::format("'{}' must be a whole number from 1 to {}.", name, max), name);
  return value;
}

} // namespace

const json::value* field_reader::present(std::string_view name) const {
  auto* x = find(*object_, name);
  return x && !x->is_null() ? x : nullptr;
}

void field_reader::require(bool found, std::string_view name) {
  if (!found)
    refuse(name, fmt::format("'{}' is required.", name));
}

void field_reader::refuse(std::string_view name, std::string message) {
  if (!problem_)
    problem_ = make_problem(errc::invalid_field, std::move(message), std::string{name});
}

std::optional<std::string> field_reader::text(std::string_view name, std::size_t min,
                                              std::size_t max) {
  auto* x = present(name);
  if (!x)
    return std::nullopt;
  if (!x->is_string() || x->get_string().size() < min || x->get_string().size() > max) {
    refuse(name, fmt::format("'{}' must be a string of {} to {} bytes.", name, min, max));
    return std::nullopt;
  }
  return to_std(x->get_string());
}

std::string field_reader::required_text(std::string_view name, std::size_t min, std::size_t max) {
  auto x = text(name, min, max);
  require(x.has_value(), name);
  return x.value_or(std::string{});
}

std::optional<bool> field_reader::boolean(std::string_view name) {
  auto* x = present(name);
  if (!x)
    return std::nullopt;
  if (!x->is_bool()) {
    refuse(name, fmt::format("'{}' must be true or false.", name));
    return std::nullopt;
  }
  return x->get_bool();
}

std::optional<std::int64_t> field_reader::integer(std::string_view name, std::int64_t min,
                                                  std::int64_t max) {
  if (!present(name))
    return std::nullopt;
  auto x = find_integer(*object_, name);
  if (!x || *x < min || *x > max) {
    refuse(name, fmt::format("'{}' must be a whole number from {} to {}.", name, min, max));
    return std::nullopt;
  }
  return x;
}

std::optional<micro_usd> field_reader::usd(std::string_view name, micro_usd min, micro_usd max) {
  auto* x = present(name);
  if (!x)
    return std::nullopt;
  auto amount = usd_from_json(*x);
  if (!amount || *amount < min || *amount > max) {
    refuse(name, fmt::format(
                   "'{}' must be an amount in US dollars from {} to {} with at most six decimals.",
                   name, format_usd(min), format_usd(max)));
    return std::nullopt;
  }
  return *amount;
}

micro_usd field_reader::required_usd(std::string_view name, micro_usd min, micro_usd max) {
  auto x = usd(name, min, max);
  require(x.has_value(), name);
  return x.value_or(micro_usd{});
}

const json::object* field_reader::object(std::string_view name) {
  auto* x = present(name);
  if (!x)
    return nullptr;
  if (!x->is_object())
    refuse(name, fmt::format("'{}' must be an object.", name));
  return x->if_object();
}

std::optional<std::vector<std::string>>
field_reader::text_list(std::string_view name, std::size_t count_max, std::size_t max) {
  auto* x = present(name);
  if (!x)
    return std::nullopt;
  std::vector<std::string> result;
  auto* array = x->if_array();
  bool good = array && array->size() <= count_max;
  for (std::size_t i = 0; good && i < array->size(); ++i) {
    auto* element = (*array)[i].if_string();
    good = element && !element->empty() && element->size() <= max;
    if (good)
      result.push_back(to_std(*element));
  }
  if (!good) {
    refuse(name, fmt::format("'{}' must be an array of at most {} strings.", name, count_max));
    return std::nullopt;
  }
  return result;
}

std::optional<std::string> field_reader::time(std::string_view name) {
  auto x = text(name, 1, 40);
  if (x && !is_time(*x)) {
    refuse(name, fmt::format("'{}' must be a time such as 2026-04-12T10:30:00Z.", name));
    return std::nullopt;
  }
  return x;
}

result<page_request> read_page(const std::optional<std::string>& page,
                               const std::optional<std::string>& limit) {
  constexpr std::int64_t page_max = 1'000'000; // keeps the offset far from overflow
  auto number = read_number(page, "page", 1, page_max);
  if (!number)
    return number.error();
  auto size = read_number(limit, "limit", limits::page_limit_default, limits::page_limit_max);
  if (!size)
    return size.error();
  return page_request{*number, *size};
}

} // namespace callboard
