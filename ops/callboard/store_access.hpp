#pragma once

#include <optional>
#include <string>

#include "core/base/error.hpp"
#include "ops/callboard/settings.hpp"
#include "storage/embedded_cluster.hpp"
#include "storage/key_ring.hpp"
#include "storage/migrator.hpp"
#include "storage/store.hpp"

namespace callboard {

/// The database of a node or of a subcommand: the embedded cluster while it is used, the key ring,
/// and one connection for who wants to work directly. One thread at a time.
class store_access {
public:
  store_access(std::optional<embedded_cluster> cluster, std::string conninfo, key_ring_ptr ring);
  store_access(store_access&&) noexcept = default;
  /// Ends the use of the target first.
  store_access& operator=(store_access&& other) noexcept;
  ~store_access() { close(); }

  /// libpq connection string.
  const std::string& conninfo() const noexcept { return conninfo_; }
  const key_ring_ptr& ring() const noexcept { return ring_; }

  /// Connects at its first statement. @pre close() was not called
  store& db() noexcept { return *db_; }

  /// What the opening did to the schema.
  const migration_report& migrations() const noexcept { return migrations_; }
  void note_migrations(migration_report x) { migrations_ = x; }

  /// Closes the connection, then stops the embedded server unless another process uses it. All
  /// other connections must be closed before. May be called twice.
  void close();

private:
  std::optional<embedded_cluster> cluster_;
  std::string conninfo_;
  key_ring_ptr ring_;
  std::optional<store> db_;
  migration_report migrations_;
};

/// What open_store shall do about migrations of a database that somebody else runs
/// (`--database-url`); an embedded one is always brought up to date.
enum class schema_policy {
  /// Refuse unless the schema is the one of this program.
  check,
  /// Run what is missing (`callboard migrate`).
  migrate,
};

/// Opens the database that the settings name. Embedded: starts or joins the private cluster, makes
/// the key ring when the cluster is new, runs migrations. Otherwise `--master-key-file` must be
/// given (E3, I59). errc::bad_setting with one sentence for the operator; errc::store_unavailable
/// when the database does not answer.
result<store_access> open_store(const store_settings& settings,
                                schema_policy policy = schema_policy::check);

} // namespace callboard
