#pragma once

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "core/base/error.hpp"

namespace callboard::sandbox {

/// Settings of `callboard sandbox`.
struct sandbox_settings {
  /// ADDRESS:PORT; port 0 lets the system choose.
  std::string listen = "127.0.0.1:4010";
  /// OAuth clients as "id:secret". Empty: the one client "sandbox-client:sandbox-secret".
  std::vector<std::string> clients = {};
  /// Bearer key that the model asks for. Empty: any key, or none, will do.
  std::string model_key = {};
  /// JSON file with the state of the apps: read at the start when it exists, written at the end.
  /// Empty: the state ends with the process.
  std::string state_file = {};
};

/// Adds the subcommand `sandbox` with its flags and environment variables
/// (CALLBOARD_SANDBOX_LISTEN, ...) to the command line. Parsing fills `settings`, which must
/// outlive `root`. The caller runs run_sandbox_command when the returned subcommand was given.
CLI::App* add_sandbox_command(CLI::App& root, sandbox_settings& settings);

/// Checks the settings, listens, prints one line of JSON with its addresses to standard output when
/// ready, and serves until SIGTERM or SIGINT. Returns the exit code of the process: 0, or 2 when a
/// setting is wrong (reason on standard error). Must be called before other threads are started,
/// since it blocks the two signals.
int run_sandbox_command(const sandbox_settings& settings);

} // namespace callboard::sandbox
