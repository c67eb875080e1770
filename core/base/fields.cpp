#include "core/base/fields.hpp"

#include <charconv>

#include <fmt/format.h>

#include "core/base/limits.hpp"

namespace callboard {
namespace {

/// "2026-04-12T10:30:00Z", with a fraction or an offset if need be.
bool looks_like_time(std::string_view x) {
  static constexpr std::string_view form = "dddd-dd-ddTdd:dd:dd";
  if (x.size() <= form.size() || x.size() > 40)
    return false;
  for (std::size_t i = 0; i < form.size(); ++i) {
    bool digit = x[i] >= '0' && x[i] <= '9';
    if (form[i] == 'd' ? !digit : x[i] != form[i])
      return false;
  }
  auto rest = x.substr(form.size());
  if (rest.find_first_not_of("0123456789.:+-Z") != std::string_view::npos)
    return false;
  return rest.ends_with('Z') || rest.find_first_of("+-") != std::string_view::npos;
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
  if (x && !looks_like_time(*x)) {
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
