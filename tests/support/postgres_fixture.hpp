#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "storage/connection.hpp"
#include "storage/server_process.hpp"
#include "storage/store.hpp"

namespace callboard::test {

/// A folder that is removed with the object; the PostgreSQL account may use it.
class scratch_folder {
public:
  scratch_folder();
  ~scratch_folder();
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;

  const std::filesystem::path& path() const noexcept { return path_; }

private:
  std::filesystem::path path_;
};

/// A throw-away PostgreSQL of this process: initdb without fsync, unix socket only, as user
/// "postgres" when we are root. Has a template database with all migrations.
class scratch_cluster {
public:
  /// Started when first asked for, stopped at the end of the process.
  static scratch_cluster& instance();

  /// A server of one's own, for tests that stop it.
  scratch_cluster();
  ~scratch_cluster();

  void start();
  /// `mode` as of pg_ctl: "fast" or "immediate".
  void stop(const std::string& mode);
  bool runs() const noexcept { return runs_; }
  std::string conninfo(const std::string& database) const;
  const std::filesystem::path& folder() const noexcept { return folder_.path(); }

private:
  void server_program(std::vector<std::string> arguments, bool must_work = true);

  scratch_folder folder_;
  bool runs_ = false;
};

/// A database of one's own with all migrations, dropped with the object.
class scratch_database {
public:
  explicit scratch_database(scratch_cluster& cluster = scratch_cluster::instance());
  ~scratch_database();

  const std::string& conninfo() const noexcept { return conninfo_; }

  /// Runs SQL as superuser, outside of all row-level security. Throws on an error.
  store_rows sql(const std::string& text) const;

  /// The only cell of a query.
  std::string cell(const std::string& text) const;

private:
  scratch_cluster& cluster_;
  std::string name_;
  std::string conninfo_;
};

/// A database with a store on it and helpers to fill it; base of most test cases.
struct store_fixture {
  store_fixture();

  /// Runs a call that must work.
  store_rows run(const store_call& call);
  /// The code of a call's error; errc::none when it works.
  errc code(const store_call& call);
  /// Creates a platform; its id.
  platform_id platform(const std::string& name);
  /// Creates an end user; its id.
  end_user_id end_user(const platform_id& platform, const std::string& external_id);
  /// Adds money.
  void topup(const platform_id& platform, std::int64_t micro);

  scratch_database database;
  scratch_folder folder;
  key_ring_ptr ring;
  store db;
};

/// A fresh key id.
std::string make_key_id();

} // namespace callboard::test
