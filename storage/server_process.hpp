#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "core/base/error.hpp"

namespace callboard {

/// The account under which the PostgreSQL server programs run.
struct server_account {
  uid_t uid = 0;
  gid_t gid = 0;
};

/// "postgres" when we are root (the server refuses root), nothing when we are anybody else.
/// errc::bad_setting when we are root and there is no such user.
result<std::optional<server_account>> find_server_account();

/// The folder with initdb, pg_ctl and postgres: /usr/lib/postgresql/15/bin, PATH, or what
/// `pg_config --bindir` says. errc::bad_setting when there is none.
result<std::filesystem::path> find_server_programs();

/// Runs a program to its end under that account, without a shell, input from /dev/null, output
/// appended to `log_file` (opened before the account changes). Gives the exit status;
/// errc::internal when it could not be started.
result<int> run_program(const std::vector<std::string>& arguments,
                        const std::optional<server_account>& account,
                        const std::filesystem::path& log_file);

} // namespace callboard
