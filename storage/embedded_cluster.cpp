#include "storage/embedded_cluster.hpp"

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <thread>

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/connection.hpp"
#include "storage/server_process.hpp"

namespace callboard {

namespace {

namespace fs = std::filesystem;
using clock = std::chrono::steady_clock;

/// sockaddr_un has 108 bytes, and "/.s.PGSQL.5432" follows the folder.
constexpr std::size_t socket_folder_bytes_max = 90;
/// Recovery after a crash replays at most max_wal_size; a minute is far above that.
constexpr const char* start_seconds = "60";
constexpr auto answer_patience = std::chrono::seconds{60};
constexpr auto answer_interval = std::chrono::milliseconds{20};
/// Somebody else is starting or stopping the server, which takes start_seconds at most.
constexpr auto lock_patience = std::chrono::seconds{90};
constexpr mode_t private_folder = S_IRWXU;

/// Settings of a private cluster on a shared machine. Durability stays fully on; commit_siblings
/// with a short delay lets transactions of several lanes share one flush.
constexpr const char* settings = R"(
# Callboard's private cluster.
listen_addresses = ''
unix_socket_permissions = 0700
max_connections = 100
shared_buffers = 128MB
synchronous_commit = on
wal_level = replica
max_wal_size = 1GB
min_wal_size = 128MB
checkpoint_completion_target = 0.9
commit_delay = 50
commit_siblings = 3
recovery_init_sync_method = syncfs
random_page_cost = 1.1
jit = off
autovacuum_vacuum_scale_factor = 0.05
log_line_prefix = '%m [%p] '
log_min_duration_statement = 1s
timezone = 'UTC'
log_timezone = 'UTC'
)";

caf::error bad(const std::string& why) { return make_problem(errc::bad_setting, why); }

/// A lock on a file; released with the object or the process.
class file_lock {
public:
  file_lock() = default;
  explicit file_lock(const fs::path& file)
      : fd_(open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR)) {}
  file_lock(file_lock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  file_lock& operator=(file_lock&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~file_lock() {
    if (fd_ >= 0)
      close(fd_);
  }

  bool try_lock(int how) const { return fd_ >= 0 && flock(fd_, how | LOCK_NB) == 0; }

  bool lock(int how) const {
    auto deadline = clock::now() + lock_patience;
    while (!try_lock(how)) {
      if (fd_ < 0 || clock::now() > deadline)
        return false;
      std::this_thread::sleep_for(answer_interval);
    }
    return true;
  }

private:
  int fd_ = -1;
};

bool make_durable(const fs::path& folder, int (*flush)(int)) {
  auto fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return false;
  auto ok = flush(fd) == 0;
  return close(fd) == 0 && ok;
}

bool make_private_folder(const fs::path& folder, const std::optional<server_account>& account) {
  if (mkdir(folder.c_str(), private_folder) != 0 && errno != EEXIST)
    return false;
  if (account && chown(folder.c_str(), account->uid, account->gid) != 0)
    return false;
  return chmod(folder.c_str(), private_folder) == 0;
}

} // namespace

/// Everything about one cluster in use.
struct embedded_cluster::state {
  fs::path data_dir;
  fs::path programs;
  std::optional<server_account> account;
  fs::path socket_folder;
  std::string conninfo;
  file_lock users;

  fs::path cluster() const { return data_dir / "pg"; }
  fs::path log() const { return data_dir / "pg.log"; }

  result<void> choose_socket_folder();
  result<void> create();
  result<void> start();
  result<void> wait_until_it_answers();
  bool runs() const;
  void stop() const;
  result<int> server_program(std::vector<std::string> arguments) const {
    arguments.front() = (programs / arguments.front()).string();
    return run_program(arguments, account, log());
  }
};

/// Inside the data folder when the path is short enough for a socket, otherwise a folder below /tmp
/// whose name is kept in the data folder.
result<void> embedded_cluster::state::choose_socket_folder() {
  socket_folder = data_dir / "pg.socket";
  if (socket_folder.string().size() > socket_folder_bytes_max) {
    auto note = data_dir / "pg.socket-folder";
    std::string known;
    std::ifstream{note} >> known;
    struct stat info {};
    auto owner = account ? account->uid : geteuid();
    if (known.empty() || lstat(known.c_str(), &info) != 0 || !S_ISDIR(info.st_mode)
        || info.st_uid != owner || (info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
      std::string pattern = "/tmp/callboard-XXXXXX";
      if (mkdtemp(pattern.data()) == nullptr)
        return bad("cannot make a folder for the database socket below /tmp");
      known = pattern;
      std::ofstream{note, std::ios::trunc} << known << '\n';
    }
    socket_folder = known;
  }
  if (!make_private_folder(socket_folder, account))
    return bad("cannot prepare " + socket_folder.string() + ": " + std::strerror(errno));
  // initdb makes the database "postgres" as durably as the cluster; another one would cost a
  // second.
  conninfo = "host='" + socket_folder.string() + "' port=5432 user=callboard dbname=postgres";
  return {};
}

/// initdb into a folder beside, renamed when complete: a crash in between leaves no half cluster.
result<void> embedded_cluster::state::create() {
  auto fresh = data_dir / "pg.new";
  std::error_code failed;
  fs::remove_all(fresh, failed);
  if (!make_private_folder(fresh, account))
    return bad("cannot make " + fresh.string() + ": " + std::strerror(errno));
  auto status =
    server_program({"initdb", "--no-locale", "-E", "UTF8", "-A", "trust", "-U", "callboard",
                    "--no-sync", "--no-instructions", "-D", fresh.string()});
  if (!status || *status != 0)
    return bad("initdb failed, see " + log().string()
               + " (can user postgres enter the data folder?)");
  {
    std::ofstream out{fresh / "postgresql.conf", std::ios::app};
    out << settings;
    if (!out.flush())
      return bad("cannot write " + (fresh / "postgresql.conf").string());
  }
  // One flush of the file system instead of initdb's one per file, of which there are a thousand.
  if (!make_durable(fresh, syncfs))
    return bad("cannot write " + fresh.string());
  fs::rename(fresh, cluster(), failed);
  if (failed)
    return bad("cannot rename " + fresh.string() + ": " + failed.message());
  if (!make_durable(data_dir, fsync))
    return bad("cannot write " + data_dir.string());
  return {};
}

bool embedded_cluster::state::runs() const {
  auto status = server_program({"pg_ctl", "status", "-D", cluster().string()});
  return status && *status == 0;
}

result<void> embedded_cluster::state::start() {
  // pg_ctl sees through a stale postmaster.pid. Backends of a killed postmaster may live on for a
  // moment; the server refuses to start beside them, hence the second try.
  for (int attempt = 0; attempt < 3; ++attempt) {
    auto status =
      server_program({"pg_ctl", "start", "-w", "-t", start_seconds, "-D", cluster().string(), "-l",
                      (cluster() / "server.log").string(), "-o",
                      "-c unix_socket_directories='" + socket_folder.string() + "'"});
    if (status && *status == 0)
      return {};
    std::this_thread::sleep_for(std::chrono::milliseconds{500});
  }
  return bad("the embedded database did not start, see " + (cluster() / "server.log").string()
             + " and " + log().string());
}

result<void> embedded_cluster::state::wait_until_it_answers() {
  auto deadline = clock::now() + answer_patience;
  while (clock::now() < deadline) {
    if (connection::open(conninfo))
      return {};
    std::this_thread::sleep_for(answer_interval);
  }
  return bad("the embedded database does not answer, see " + (cluster() / "server.log").string());
}

void embedded_cluster::state::stop() const {
  auto status = server_program(
    {"pg_ctl", "stop", "-w", "-t", start_seconds, "-m", "fast", "-D", cluster().string()});
  if (!status || *status != 0)
    spdlog::error("embedded_cluster stop failed, see {}", log().string());
}

embedded_cluster::embedded_cluster(std::unique_ptr<state> x) : state_(std::move(x)) {}
embedded_cluster::embedded_cluster(embedded_cluster&&) noexcept = default;
embedded_cluster& embedded_cluster::operator=(embedded_cluster&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}
embedded_cluster::~embedded_cluster() { leave(); }

result<embedded_cluster> embedded_cluster::join(const fs::path& data_dir) {
  auto x = std::make_unique<state>();
  std::error_code failed;
  fs::create_directories(data_dir, failed);
  x->data_dir = fs::canonical(data_dir, failed);
  if (failed)
    return bad("cannot use the data folder " + data_dir.string() + ": " + failed.message());
  if (x->data_dir.string().find('\'') != std::string::npos)
    return bad("the data folder's path may not hold an apostrophe");
  auto account = find_server_account();
  if (!account)
    return std::move(account.error());
  x->account = *account;
  auto programs = find_server_programs();
  if (!programs)
    return std::move(programs.error());
  x->programs = *programs;

  file_lock start{x->data_dir / "pg.start"};
  x->users = file_lock{x->data_dir / "pg.users"};
  if (!start.lock(LOCK_EX) || !x->users.lock(LOCK_SH))
    return bad("cannot lock " + (x->data_dir / "pg.start").string());
  if (auto ok = x->choose_socket_folder(); !ok)
    return std::move(ok.error());
  if (!fs::exists(x->cluster() / "PG_VERSION", failed))
    if (auto ok = x->create(); !ok)
      return std::move(ok.error());
  if (!x->runs())
    if (auto ok = x->start(); !ok)
      return std::move(ok.error());
  if (auto ok = x->wait_until_it_answers(); !ok)
    return std::move(ok.error());
  return embedded_cluster{std::move(x)};
}

const std::string& embedded_cluster::conninfo() const noexcept { return state_->conninfo; }

void embedded_cluster::leave() {
  if (!state_)
    return;
  file_lock start{state_->data_dir / "pg.start"};
  if (start.lock(LOCK_EX) && state_->users.try_lock(LOCK_EX))
    state_->stop();
  state_.reset();
}

} // namespace callboard
