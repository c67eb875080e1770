#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/base/money.hpp"

namespace callboard {

/// Reads the fields of a management request's body and remembers the first problem, so that a
/// handler reads all fields and then asks once. Absent and null are the same. Unknown fields are
/// ignored (I39). Problems are errc::invalid_field with the field's name as parameter (I31).
class field_reader {
public:
  /// @pre `object` outlives this.
  explicit field_reader(const json::object& object) : object_(&object) {}

  /// A string of `min` to `max` bytes.
  std::optional<std::string> text(std::string_view name, std::size_t min, std::size_t max);
  std::string required_text(std::string_view name, std::size_t min, std::size_t max);

  std::optional<bool> boolean(std::string_view name);

  std::optional<std::int64_t> integer(std::string_view name, std::int64_t min, std::int64_t max);

  /// An amount in US dollars within [min, max].
  std::optional<micro_usd> usd(std::string_view name, micro_usd min, micro_usd max);
  micro_usd required_usd(std::string_view name, micro_usd min, micro_usd max);

  const json::object* object(std::string_view name);

  /// An array of at most `count_max` strings of at most `max` bytes each.
  std::optional<std::vector<std::string>> text_list(std::string_view name, std::size_t count_max,
                                                    std::size_t max);

  /// An RFC 3339 time with zone, as its text, which PostgreSQL takes.
  std::optional<std::string> time(std::string_view name);

  /// Notes a problem found outside.
  void refuse(std::string_view name, std::string message);

  /// The first problem, or an empty error.
  const caf::error& problem() const noexcept { return problem_; }

private:
  const json::value* present(std::string_view name) const;
  void require(bool found, std::string_view name);

  const json::object* object_;
  caf::error problem_;
};

/// A page of a list (I34).
struct page_request {
  std::int64_t page = 1;
  std::int64_t limit = 20;
};

/// Reads `page` (from 1) and `limit` (1 to 100) of a query; errc::invalid_field.
result<page_request> read_page(const std::optional<std::string>& page,
                               const std::optional<std::string>& limit);

} // namespace callboard
