#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <caf/meta/type_name.hpp>

#include "core/base/error.hpp"
#include "core/base/ids.hpp"

namespace callboard {

/// One parameter of a statement, in PostgreSQL's text form unless it says otherwise.
struct store_value {
  enum class form : std::uint8_t {
    null,
    text,
    /// Raw bytes for a bytea parameter.
    bytes,
    /// A secret in clear: the lane seals it for `row_id` of the statement's aggregate and binds the
    /// bytes (E1).
    secret,
    /// The secret part of an API key: the lane binds HMAC-SHA-256(pepper, secret) instead (K1).
    key_secret,
  };

  form as = form::null;
  std::string data;
  std::string row_id;

  static store_value null() { return {}; }
  static store_value text(std::string x) { return {form::text, std::move(x), {}}; }
  static store_value text(const char* x) { return {form::text, x, {}}; }
  static store_value text(const std::optional<std::string>& x) { return x ? text(*x) : null(); }
  static store_value integer(std::int64_t x) { return {form::text, std::to_string(x), {}}; }
  static store_value boolean(bool x) { return {form::text, x ? "t" : "f", {}}; }
  static store_value bytes(std::string x) { return {form::bytes, std::move(x), {}}; }
  static store_value secret(std::string plaintext, std::string row_id) {
    return {form::secret, std::move(plaintext), std::move(row_id)};
  }
  static store_value key_secret(std::string x) { return {form::key_secret, std::move(x), {}}; }
};

/// PostgreSQL's text and jsonb hold no zero character.
inline std::string without_zero(std::string x) {
  std::replace(x.begin(), x.end(), '\0', ' ');
  return x;
}

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, store_value& x) {
  return f(caf::meta::type_name("callboard::store_value"), x.as, x.data, x.row_id);
}

/// What an actor asks of a lane: one statement of storage/sql, run in one transaction.
struct store_call {
  /// Whose rows it may see; empty for statements marked [system] in their file.
  platform_id tenant;
  /// "<aggregate>/<verb>", the path below storage/sql without ".sql".
  std::string statement;
  std::vector<store_value> values;
  /// When PostgreSQL is away: keep the call in the lane's journal file (fsynced), answer with no
  /// rows, and run it when PostgreSQL is back. Only for statements that may run twice.
  bool journal = false;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, store_call& x) {
  return f(caf::meta::type_name("callboard::store_call"), x.tenant, x.statement, x.values,
           x.journal);
}

/// The rows of an answer in PostgreSQL's text form. A bytea column named "secret_sealed" arrives
/// opened, as a column named "secret"; it needs the column "id" beside it.
struct store_rows {
  std::vector<std::string> columns;
  /// Row after row; as many cells as columns each.
  std::vector<std::string> cells;
  /// Parallel to cells: 1 where the cell is NULL.
  std::vector<std::uint8_t> nulls;

  std::size_t size() const noexcept { return columns.empty() ? 0 : cells.size() / columns.size(); }
  bool empty() const noexcept { return size() == 0; }
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, store_rows& x) {
  return f(caf::meta::type_name("callboard::store_rows"), x.columns, x.cells, x.nulls);
}

/// Reads one row by column name. A column that the statement does not return is a bug of ours: it
/// reads as NULL and the storage tests, which check every statement's columns, fail.
class store_row {
public:
  /// @pre `index < rows.size()`, and `rows` outlives this.
  store_row(const store_rows& rows, std::size_t index) : rows_(&rows), index_(index) {}

  std::optional<std::string> maybe_text(std::string_view column) const {
    for (std::size_t i = 0; i < rows_->columns.size(); ++i) {
      if (rows_->columns[i] != column)
        continue;
      auto cell = index_ * rows_->columns.size() + i;
      if (rows_->nulls[cell])
        return std::nullopt;
      return rows_->cells[cell];
    }
    return std::nullopt;
  }

  /// Empty for NULL.
  std::string text(std::string_view column) const {
    return maybe_text(column).value_or(std::string{});
  }

  /// 0 for NULL.
  std::int64_t integer(std::string_view column) const {
    auto x = maybe_text(column);
    return x ? std::strtoll(x->c_str(), nullptr, 10) : 0;
  }

  /// False for NULL.
  bool boolean(std::string_view column) const { return maybe_text(column) == "t"; }

private:
  const store_rows* rows_;
  std::size_t index_;
};

} // namespace callboard
