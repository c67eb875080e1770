#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace callboard {

/// Whose rows a statement may touch; the marker in the first line of its file.
enum class statement_scope : std::uint8_t {
  /// [tenant]: runs as callboard_app with callboard.tenant set; row-level security shows one
  /// platform.
  tenant,
  /// [system]: runs as callboard_system, which sees all rows.
  system,
  /// [internal]: used by storage/ itself (roles, migrations, data keys); no store_call may name it.
  internal,
};

/// One file of storage/sql, embedded at build time (ops/cmake/EmbedSql.cmake).
struct statement {
  /// "<aggregate>/<verb>"; also the name of the prepared statement.
  std::string_view name;
  statement_scope scope;
  std::string_view text;
};

/// How many parameters the statement has.
std::size_t parameter_count(const statement& what);

/// All statements, sorted by name.
std::span<const statement> statements();

/// The statement of that name, or null.
const statement* find_statement(std::string_view name);

/// One file of schema/migrations, embedded at build time.
struct migration {
  int version;
  std::string_view name;
  std::string_view text;
};

/// All migrations, by rising version.
std::span<const migration> migrations();

} // namespace callboard
