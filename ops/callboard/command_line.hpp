#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "ops/callboard/settings.hpp"
#include "ops/callboard/store_access.hpp"

namespace callboard {

/// What a subcommand says: `data` with `--json`, else `text`, which ends without a line break.
struct report {
  json::value data;
  std::string text;
  /// Of the program: 1 when what was asked for was found to be wrong.
  int exit_code = 0;
};

/// The work of a subcommand. errc::invalid_field for an argument that is wrong (exit code 2);
/// everything else is a failure (exit code 1).
using database_work = std::function<result<report>(store_access&)>;

/// The subcommand that was given, as parsing leaves it.
struct chosen_command {
  CLI::App* app = nullptr;
  std::string config_file;
  std::function<result<report>()> work;
  bool json = false;
};

/// Adds subcommands that share `--config`, the options of the database, and `--json`. Each has its
/// own copy of these settings, since the environment fills all of them.
class command_builder {
public:
  /// @pre `chosen` outlives the parsing and the work
  explicit command_builder(chosen_command& chosen) : chosen_(&chosen) {}

  /// A subcommand that works on the database. Its caller adds further options to what it gets.
  CLI::App& add(CLI::App& group, const std::string& name, const std::string& help,
                database_work work, schema_policy policy = schema_policy::check);

  /// A subcommand that does not open the database; `settings` names it all the same.
  CLI::App& add_detached(CLI::App& group, const std::string& name, const std::string& help,
                         std::function<result<report>(const store_settings&)> work);

private:
  chosen_command* chosen_;
};

/// Starts a node; its exit code.
using serve_function = std::function<int(const serve_settings&)>;

/// The whole program. Exit codes: 0; 1 for a failure, and for money that is not exact; 2 for a
/// command line, setting or argument that is wrong. Errors are one sentence on standard error.
int run_command_line(int count, const char* const* arguments, const serve_function& serve);

/// The text of an error for the operator, who may see more than a client.
std::string operator_text(const caf::error& problem);

} // namespace callboard
