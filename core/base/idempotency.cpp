#include "core/base/idempotency.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "core/base/digest.hpp"

namespace callboard::idempotency {
namespace {

bool is_visible(char c) { return c > 0x20 && c < 0x7F; }

result<std::optional<std::string>> checked(std::string_view key) {
  if (key.empty() || key.size() > key_bytes_max || !std::all_of(key.begin(), key.end(), is_visible))
    return make_problem(
      errc::invalid_field,
      fmt::format("An idempotency key has 1 to {} visible ASCII characters.", key_bytes_max),
      std::string{header});
  return std::optional{std::string{key}};
}

} // namespace

result<std::optional<std::string>> key_of(const http_headers& headers) {
  auto field = find_header(headers, header);
  if (!field)
    return std::optional<std::string>{};
  auto is_one = [](const http_header& x) { return iequals(x.name, header); };
  if (std::count_if(headers.begin(), headers.end(), is_one) > 1)
    return make_problem(errc::invalid_field, "Give one Idempotency-Key, not several.",
                        std::string{header});
  return checked(trim(*field));
}

result<std::optional<std::string>> key_of(const json::object& meta, const http_headers& headers) {
  auto* member = find(meta, meta_member);
  if (!member || member->is_null())
    return key_of(headers);
  return checked(member->is_string() ? to_std(member->get_string()) : std::string{});
}

bool may_repeat(std::string_view method, const http_headers& headers) {
  return method == "GET" || method == "HEAD" || find_header(headers, header);
}

caf::error another_request() {
  return make_problem(errc::idempotency_mismatch,
                      "This Idempotency-Key was used for another request.", std::string{header});
}

std::string operation_of(const scope& where, std::string_view key) {
  return uuid5(where.platform.value,
               fmt::format("{}\n{}\n{}", where.end_user.value, where.place, key));
}

hold_id hold_of_call(const principal& caller, std::string_view app, std::string_view key,
                     std::string_view input) {
  auto place = fmt::format("tools/call {}", app);
  if (!input.empty())
    place += fmt::format(" {}", input);
  return {operation_of({caller.platform, caller.end_user, std::move(place)}, key)};
}

bool ends_operation(int status) { return status >= 200 && status < 400; }

} // namespace callboard::idempotency
