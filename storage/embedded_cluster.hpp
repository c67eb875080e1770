#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "core/base/error.hpp"

namespace callboard {

/// The private PostgreSQL cluster of the embedded mode, in `<data_dir>/pg`: reachable through a
/// unix socket in a directory of mode 0700 only, no TCP port.
///
/// Ownership: every process that uses the cluster (node or command line) holds an object of this
/// class, which holds a shared lock on `<data_dir>/pg.users`. The first one starts the server, the
/// last one to leave stops it ("fast"), whoever that is; locks of killed processes vanish with
/// them. A server that survived its node's kill -9 is simply used again.
class embedded_cluster {
public:
  /// Creates the cluster when there is none, starts it unless it runs, joins its users. Needs the
  /// PostgreSQL server programs (/usr/lib/postgresql/15/bin, PATH or pg_config --bindir). Run as
  /// root, the server runs as user "postgres" and owns the folder. Blocks: an existing cluster
  /// starts in about 0.3 s, a new one takes about 2 s. errc::bad_setting with a plain sentence when
  /// it cannot be done.
  static result<embedded_cluster> join(const std::filesystem::path& data_dir);

  embedded_cluster(embedded_cluster&&) noexcept;
  embedded_cluster& operator=(embedded_cluster&&) noexcept;
  /// leave().
  ~embedded_cluster();

  /// libpq connection string of the cluster's database; run migrate() on it before use.
  const std::string& conninfo() const noexcept;

  /// Ends the use; stops the server when nobody else uses it. Connections must be closed before.
  void leave();

private:
  struct state;
  explicit embedded_cluster(std::unique_ptr<state> x);
  std::unique_ptr<state> state_;
};

} // namespace callboard
