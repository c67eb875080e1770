#include "core/responses/field_reader.hpp"

#include <fmt/format.h>

namespace callboard::responses {

std::string element_path(std::string_view path, std::size_t index) {
  return std::string{path} + '[' + std::to_string(index) + ']';
}

std::string member_path(std::string_view path, std::string_view key) {
  if (path.empty() || key.empty())
    return std::string{path} + std::string{key};
  return std::string{path} + '.' + std::string{key};
}

void field_reader::read(std::string_view key, std::string& into) {
  std::optional<std::string> x;
  read(key, x);
  if (x)
    into = std::move(*x);
}

void field_reader::read(std::string_view key, std::optional<std::string>& into) {
  auto* x = find(key);
  if (!x)
    return;
  if (x->is_string())
    into = to_std(x->get_string());
  else
    complain(key, "A string is expected.");
}

void field_reader::read(std::string_view key, bool& into) {
  std::optional<bool> x;
  read(key, x);
  into = x.value_or(into);
}

void field_reader::read(std::string_view key, std::optional<bool>& into) {
  auto* x = find(key);
  if (!x)
    return;
  if (x->is_bool())
    into = x->get_bool();
  else
    complain(key, "true or false is expected.");
}

void field_reader::read(std::string_view key, std::optional<double>& into, double low,
                        double high) {
  auto* x = find(key);
  if (!x)
    return;
  json::error_code ec;
  auto n = x->to_number<double>(ec);
  if (!ec && n >= low && n <= high)
    into = n;
  else
    complain(key, fmt::format("A number from {} to {} is expected.", low, high));
}

void field_reader::read(std::string_view key, std::optional<std::int64_t>& into, std::int64_t low,
                        std::int64_t high) {
  auto* x = find(key);
  if (!x)
    return;
  json::error_code ec;
  auto n = x->to_number<std::int64_t>(ec);
  if (!ec && n >= low && n <= high)
    into = n;
  else if (low == high)
    complain(key, fmt::format("Only {} is supported.", low));
  else
    complain(key, fmt::format("A whole number from {} to {} is expected.", low, high));
}

const json::object* field_reader::object(std::string_view key) {
  auto* x = find(key);
  if (x && !x->is_object())
    complain(key, "An object is expected.");
  return x ? x->if_object() : nullptr;
}

const json::array* field_reader::array(std::string_view key) {
  auto* x = find(key);
  if (x && !x->is_array())
    complain(key, "An array is expected.");
  return x ? x->if_array() : nullptr;
}

std::string field_reader::required(std::string_view key) {
  std::string text;
  if (find(key))
    read(key, text);
  else
    complain(key, "This field is required.");
  return text;
}

const json::value* field_reader::find(std::string_view key) const {
  auto* x = callboard::find(object_, key);
  return x && !x->is_null() ? x : nullptr;
}

void field_reader::complain(std::string_view key, std::string message) {
  if (!problem_)
    problem_ = make_problem(errc::invalid_field, std::move(message), member_path(path_, key));
}

void field_reader::take(caf::error problem) {
  if (!problem_ && problem)
    problem_ = std::move(problem);
}

} // namespace callboard::responses
