#pragma once

#include <string>

#include <CLI/CLI.hpp>

#include "core/base/error.hpp"
#include "ops/callboard/settings.hpp"

namespace callboard {

/// The environment variable of a flag: "data-dir" is CALLBOARD_DATA_DIR.
std::string environment_name(const std::string& flag);

/// Adds `--config`, `--data-dir`, `--database-url` and `--master-key-file` with their environment
/// variables. Parsing fills both targets, which must outlive `app`.
void add_store_options(CLI::App& app, store_settings& settings, std::string& config_file);

/// Adds every flag of `callboard serve`, those of add_store_options included.
void add_serve_options(CLI::App& app, serve_settings& settings, std::string& config_file);

/// Gives the options of `app` that neither flag nor environment has set their values from a TOML
/// file with one `flag = value` a line (no tables). Call it after parsing. Keys that are no flag of
/// `serve` are refused; those that `app` does not have are left out, so that one file serves all
/// subcommands. errc::bad_setting with one sentence.
result<void> apply_config_file(CLI::App& app, const std::string& file);

/// Secrets are never on the command line (I118), where every user of the machine reads them:
/// errc::bad_setting when the value of a flag among `arguments` is a connection string or URL with
/// a password in it.
result<void> refuse_visible_secrets(const std::vector<std::string>& arguments);

} // namespace callboard
