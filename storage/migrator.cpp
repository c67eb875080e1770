#include "storage/migrator.hpp"

#include <map>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "core/base/digest.hpp"
#include "storage/connection.hpp"
#include "storage/statement.hpp"
#include "storage/transaction.hpp"

namespace callboard {

namespace {

/// Another node may be migrating a large table; the lock is waited for that long.
constexpr auto lock_patience = std::chrono::minutes{10};
/// One migration of a large table.
constexpr auto migration_patience = std::chrono::minutes{60};

using applied_map = std::map<int, std::string>;

std::string checksum_of(const migration& x) { return to_hex(sha256(x.text)); }

result<applied_map> applied_migrations(connection& conn) {
  applied_map out;
  auto present = conn.exec(*find_statement("schema/exists"), {});
  if (!present)
    return std::move(present.error());
  if (!store_row{*present, 0}.boolean("present"))
    return out;
  auto rows = conn.exec(*find_statement("schema/applied"), {});
  if (!rows)
    return std::move(rows.error());
  for (std::size_t i = 0; i < rows->size(); ++i) {
    store_row row{*rows, i};
    out.emplace(static_cast<int>(row.integer("version")), row.text("checksum"));
  }
  return out;
}

/// Whether what is applied is a beginning of what the program has.
result<void> check_applied(const applied_map& applied) {
  for (const auto& [version, checksum] : applied) {
    if (version > schema_version_wanted())
      return make_problem(errc::bad_setting,
                          fmt::format("The database has schema version {}, this program knows {} "
                                      "at most: start a newer program.",
                                      version, schema_version_wanted()));
    const auto& mine = migrations()[static_cast<std::size_t>(version) - 1];
    if (checksum_of(mine) != checksum)
      return make_problem(errc::bad_setting,
                          fmt::format("Migration {} was edited after it had been applied to this "
                                      "database; add a new migration instead.",
                                      mine.name));
  }
  return {};
}

result<void> apply(connection& conn, const migration& x) {
  auto tx = transaction::begin(conn);
  if (!tx)
    return std::move(tx.error());
  if (auto ok = tx->script(x.name, x.text, migration_patience); !ok)
    return ok;
  bound_values values;
  values.add_text(std::to_string(x.version));
  values.add_text(checksum_of(x));
  if (auto ok = tx->exec(*find_statement("schema/record"), values); !ok)
    return std::move(ok.error());
  return tx->commit();
}

result<migration_report> migrate_locked(connection& conn) {
  for (auto name : {"schema/create", "schema/comment"})
    if (auto ok = conn.exec(*find_statement(name), {}); !ok)
      return std::move(ok.error());
  auto applied = applied_migrations(conn);
  if (!applied)
    return std::move(applied.error());
  if (auto ok = check_applied(*applied); !ok)
    return std::move(ok.error());
  migration_report report;
  report.from = applied->empty() ? 0 : applied->rbegin()->first;
  report.to = report.from;
  for (const auto& x : migrations()) {
    if (applied->count(x.version) != 0)
      continue;
    if (auto ok = apply(conn, x); !ok) {
      spdlog::error("migrator migration={} failed", x.name);
      return std::move(ok.error());
    }
    spdlog::info("migrator migration={} applied", x.name);
    report.to = x.version;
  }
  return report;
}

} // namespace

int schema_version_wanted() { return static_cast<int>(migrations().size()); }

result<migration_report> migrate(const std::string& conninfo) {
  auto conn = connection::open(conninfo);
  if (!conn)
    return std::move(conn.error());
  if (auto ok = conn->exec(*find_statement("schema/migration_session"), {}); !ok)
    return std::move(ok.error());
  if (auto ok = conn->exec(*find_statement("schema/lock"), {}, lock_patience); !ok)
    return std::move(ok.error());
  // The lock goes with the connection.
  return migrate_locked(*conn);
}

result<void> check_schema(const std::string& conninfo) {
  auto conn = connection::open(conninfo);
  if (!conn)
    return std::move(conn.error());
  auto applied = applied_migrations(*conn);
  if (!applied)
    return std::move(applied.error());
  if (auto ok = check_applied(*applied); !ok)
    return ok;
  if (static_cast<int>(applied->size()) < schema_version_wanted())
    return make_problem(errc::bad_setting,
                        "The database misses migrations: run `callboard migrate`.");
  return {};
}

} // namespace callboard
