#include "storage/server_process.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace callboard {

namespace {

constexpr const char* debian_programs = "/usr/lib/postgresql/15/bin";
/// What a shell reports for a program that could not be started.
constexpr int not_started = 127;
/// Size that POSIX systems never exceed for one passwd entry in practice.
constexpr std::size_t passwd_bytes_max = 16384;

bool has_programs(const std::filesystem::path& folder) {
  for (const char* name : {"initdb", "pg_ctl", "postgres"})
    if (access((folder / name).c_str(), X_OK) != 0)
      return false;
  return true;
}

std::optional<std::filesystem::path> programs_in_path() {
  const char* path = std::getenv("PATH");
  std::string_view rest = path != nullptr ? path : "";
  while (!rest.empty()) {
    auto end = rest.find(':');
    std::filesystem::path folder{rest.substr(0, end)};
    if (!folder.empty() && has_programs(folder))
      return folder;
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
  }
  return std::nullopt;
}

std::optional<std::filesystem::path> programs_by_pg_config() {
  auto* pipe = popen("pg_config --bindir 2>/dev/null", "r");
  if (pipe == nullptr)
    return std::nullopt;
  std::array<char, 4096> line{};
  std::string text;
  if (std::fgets(line.data(), static_cast<int>(line.size()), pipe) != nullptr)
    text = line.data();
  pclose(pipe);
  while (!text.empty() && (text.back() == '\n' || text.back() == ' '))
    text.pop_back();
  if (text.empty() || !has_programs(text))
    return std::nullopt;
  return text;
}

/// Runs in the child between fork and exec: only async-signal-safe calls.
[[noreturn]] void become_program(char* const* arguments,
                                 const std::optional<server_account>& account, int log) {
  auto null = open("/dev/null", O_RDONLY);
  if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(log, STDOUT_FILENO) < 0
      || dup2(log, STDERR_FILENO) < 0)
    _exit(not_started);
  // The server outlives us: it must not keep our locks and sockets open.
  close_range(STDERR_FILENO + 1, ~0u, 0);
  // A Ctrl-C at the node's terminal is not meant for the server: the node stops it in order.
  setsid();
  if (account
      && (setgroups(1, &account->gid) != 0 || setgid(account->gid) != 0
          || setuid(account->uid) != 0))
    _exit(not_started);
  // initdb and pg_ctl look at the current folder, which the account may not be able to enter.
  if (chdir("/") != 0)
    _exit(not_started);
  execv(arguments[0], arguments);
  _exit(not_started);
}

} // namespace

result<std::optional<server_account>> find_server_account() {
  if (geteuid() != 0)
    return std::optional<server_account>{};
  passwd entry{};
  passwd* found = nullptr;
  std::string buffer(passwd_bytes_max, '\0');
  if (getpwnam_r("postgres", &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    return make_problem(errc::bad_setting,
                        "The embedded database cannot run as root and there is no user postgres; "
                        "start as another user or give --database-url.");
  return std::optional<server_account>{server_account{entry.pw_uid, entry.pw_gid}};
}

result<std::filesystem::path> find_server_programs() {
  if (has_programs(debian_programs))
    return std::filesystem::path{debian_programs};
  if (auto x = programs_in_path())
    return *x;
  if (auto x = programs_by_pg_config())
    return *x;
  return make_problem(errc::bad_setting,
                      "PostgreSQL 15's server programs were not found; install postgresql-15 or "
                      "give --database-url.");
}

result<int> run_program(const std::vector<std::string>& arguments,
                        const std::optional<server_account>& account,
                        const std::filesystem::path& log_file) {
  std::vector<char*> pointers;
  for (const auto& x : arguments)
    pointers.push_back(const_cast<char*>(x.c_str()));
  pointers.push_back(nullptr);
  auto log = open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (log < 0)
    return make_problem(errc::bad_setting, "cannot write " + log_file.string());
  auto child = fork();
  if (child == 0)
    become_program(pointers.data(), account, log);
  close(log);
  if (child < 0)
    return make_problem(errc::internal, "fork failed");
  int status = 0;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR)
      return make_problem(errc::internal, "waitpid failed");
  if (!WIFEXITED(status) || WEXITSTATUS(status) == not_started)
    return make_problem(errc::internal, arguments.front() + " could not be run");
  return WEXITSTATUS(status);
}

} // namespace callboard
