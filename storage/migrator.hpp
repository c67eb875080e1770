#pragma once

#include <string>
#include <vector>

#include "core/base/error.hpp"

namespace callboard {

/// The schema version that this program works with: the last embedded migration.
int schema_version_wanted();

/// What a run did.
struct migration_report {
  /// Version before and after.
  int from = 0;
  int to = 0;
};

/// Brings the database to schema_version_wanted(): one transaction per migration, an advisory lock
/// around the run, so that several nodes may start at once. errc::bad_setting with a plain sentence
/// when an applied migration was edited or the database is newer than the program;
/// errc::store_unavailable when PostgreSQL is away.
result<migration_report> migrate(const std::string& conninfo);

/// Only checks: errc::bad_setting when migrations are missing, edited, or newer than the program.
result<void> check_schema(const std::string& conninfo);

} // namespace callboard
