#pragma once

#include <CLI/CLI.hpp>

#include "ops/callboard/command_line.hpp"

namespace callboard {

// Each adds one group of subcommands to the program.

/// `platform create|list|show`
void add_platform_commands(CLI::App& root, command_builder& builder);
/// `key create|list|revoke`
void add_key_commands(CLI::App& root, command_builder& builder);
/// `end-user create|list`
void add_end_user_commands(CLI::App& root, command_builder& builder);
/// `model set|list`
void add_model_commands(CLI::App& root, command_builder& builder);
/// `tool-price set|list`
void add_tool_price_commands(CLI::App& root, command_builder& builder);
/// `wallet topup|show`
void add_wallet_commands(CLI::App& root, command_builder& builder);
/// `ledger verify`
void add_ledger_commands(CLI::App& root, command_builder& builder);
/// `keys rotate|retire`
void add_keys_commands(CLI::App& root, command_builder& builder);
/// `migrate`
void add_migrate_command(CLI::App& root, command_builder& builder);
/// `inspect KIND [ID]`
void add_inspect_command(CLI::App& root, command_builder& builder);

} // namespace callboard
