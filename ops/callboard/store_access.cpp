#include "ops/callboard/store_access.hpp"

#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace callboard {
namespace {

namespace fs = std::filesystem;

/// A file whose PostgreSQL cluster is complete.
constexpr const char* cluster_mark = "pg/PG_VERSION";

caf::error bad(std::string why) { return make_problem(errc::bad_setting, std::move(why)); }

/// Held while the ring may be made, so that two processes that start at once use the same one.
class ring_lock {
public:
  explicit ring_lock(const fs::path& data_dir)
      : fd_(open((data_dir / "master.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC,
                 S_IRUSR | S_IWUSR)) {}
  ~ring_lock() {
    if (fd_ >= 0)
      close(fd_);
  }
  ring_lock(const ring_lock&) = delete;
  ring_lock& operator=(const ring_lock&) = delete;

  /// Waits: nobody holds it for longer than it takes to write a small file.
  bool lock() const { return fd_ >= 0 && flock(fd_, LOCK_EX) == 0; }

private:
  int fd_;
};

/// The ring of the embedded mode. A new one is made for a new cluster only: beside an old cluster
/// it would open nothing (I59).
result<key_ring_ptr> embedded_ring(const store_settings& settings) {
  const fs::path data_dir{settings.data_dir};
  const fs::path file =
    settings.master_key_file.empty() ? data_dir / "master.key" : fs::path{settings.master_key_file};
  std::error_code failed;
  fs::create_directories(data_dir, failed);
  if (failed)
    return bad("The data folder " + data_dir.string() + " cannot be made: " + failed.message());
  const ring_lock lock{data_dir};
  if (!lock.lock())
    return bad("The data folder " + data_dir.string() + " cannot be written.");
  if (!fs::exists(file, failed) && fs::exists(data_dir / cluster_mark, failed))
    return bad("The key ring " + file.string() + " of the database in " + data_dir.string()
               + " is missing; put it back from your backup.");
  return key_ring::load_or_create(file);
}

result<store_access> open_embedded(const store_settings& settings) {
  auto ring = embedded_ring(settings);
  if (!ring)
    return ring.error();
  auto cluster = embedded_cluster::join(settings.data_dir);
  if (!cluster)
    return cluster.error();
  auto conninfo = cluster->conninfo();
  store_access access{std::move(*cluster), conninfo, *ring};
  auto done = migrate(conninfo);
  if (!done)
    return done.error();
  access.note_migrations(*done);
  return access;
}

result<store_access> open_remote(const store_settings& settings, schema_policy policy) {
  if (settings.master_key_file.empty())
    return bad("--database-url needs --master-key-file, the key ring that seals its secrets.");
  auto ring = key_ring::load(settings.master_key_file);
  if (!ring)
    return ring.error();
  migration_report report{schema_version_wanted(), schema_version_wanted()};
  if (policy == schema_policy::migrate) {
    auto done = migrate(settings.database_url);
    if (!done)
      return done.error();
    report = *done;
  } else if (auto ok = check_schema(settings.database_url); !ok) {
    return ok.error();
  }
  store_access access{std::nullopt, settings.database_url, *ring};
  access.note_migrations(report);
  return access;
}

} // namespace

store_access::store_access(std::optional<embedded_cluster> cluster, std::string conninfo,
                           key_ring_ptr ring)
    : cluster_(std::move(cluster)), conninfo_(std::move(conninfo)), ring_(std::move(ring)),
      db_(std::in_place, conninfo_, ring_) {}

store_access& store_access::operator=(store_access&& other) noexcept {
  if (this != &other) {
    close();
    cluster_ = std::exchange(other.cluster_, std::nullopt);
    conninfo_ = std::move(other.conninfo_);
    ring_ = std::move(other.ring_);
    db_ = std::exchange(other.db_, std::nullopt);
    migrations_ = other.migrations_;
  }
  return *this;
}

void store_access::close() {
  db_.reset();
  cluster_.reset();
}

result<store_access> open_store(const store_settings& settings, schema_policy policy) {
  return settings.database_url.empty() ? open_embedded(settings) : open_remote(settings, policy);
}

} // namespace callboard
