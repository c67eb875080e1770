#include "ops/callboard/command_line.hpp"

#include <iostream>
#include <optional>
#include <utility>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "ops/callboard/commands.hpp"
#include "ops/callboard/sandbox/sandbox.hpp"
#include "ops/callboard/setting_options.hpp"
#include "ops/callboard/version.hpp"

namespace callboard {
namespace {

constexpr int exit_failure = 1;
constexpr int exit_usage = 2;

int refuse(const std::string& who, const std::string& why, int code) {
  std::cerr << who << ": " << why << std::endl;
  return code;
}

/// "callboard key create" for messages.
std::string full_name(const CLI::App& app) {
  std::string name = app.get_name();
  for (const auto* x = app.get_parent(); x; x = x->get_parent())
    name = x->get_name() + " " + name;
  return name;
}

/// Everything that the subcommands write into while the command line is parsed.
struct program {
  program()
      : root{"A multi-tenant MCP gateway and OpenAI-compatible Responses server", "callboard"} {
    root.require_subcommand(1);
    root.set_version_flag("--version", version_text);
    serve = root.add_subcommand("serve", "Runs a node until SIGTERM or SIGINT");
    add_serve_options(*serve, settings, serve_config);
    command_builder builder{chosen};
    add_platform_commands(root, builder);
    add_end_user_commands(root, builder);
    add_key_commands(root, builder);
    add_model_commands(root, builder);
    add_tool_price_commands(root, builder);
    add_wallet_commands(root, builder);
    add_ledger_commands(root, builder);
    add_keys_commands(root, builder);
    add_migrate_command(root, builder);
    add_inspect_command(root, builder);
    sandbox = sandbox::add_sandbox_command(root, sandbox_options);
    version = root.add_subcommand("version", "Prints the version");
    version->add_flag("--json", version_json, "Print JSON");
  }

  CLI::App root;
  serve_settings settings;
  std::string serve_config;
  CLI::App* serve = nullptr;
  sandbox::sandbox_settings sandbox_options;
  CLI::App* sandbox = nullptr;
  bool version_json = false;
  CLI::App* version = nullptr;
  chosen_command chosen;
};

/// Parses; an exit code when that is all there is to do.
std::optional<int> parse(program& x, int count, const char* const* arguments) {
  try {
    x.root.parse(count, arguments);
    return std::nullopt;
  } catch (const CLI::ParseError& why) {
    if (why.get_exit_code() == 0)
      return x.root.exit(why);
    // CLI11 misses the subcommand before it finds the word that is none.
    if (const auto strays = x.root.remaining();
        !strays.empty() && strays.front().front() != '-' && x.root.get_subcommands().empty())
      return refuse("callboard",
                    "There is no subcommand '" + strays.front() + "' (--help tells more)",
                    exit_usage);
    return refuse("callboard", std::string{why.what()} + " (--help tells more)", exit_usage);
  }
}

int run_serve(program& x, const serve_function& serve) {
  if (auto ok = apply_config_file(*x.serve, x.serve_config); !ok)
    return refuse("callboard serve", operator_text(ok.error()), exit_usage);
  auto settings = check_settings(x.settings);
  if (!settings)
    return refuse("callboard serve", operator_text(settings.error()), exit_usage);
  return serve(*settings);
}

int print_version(bool as_json) {
  if (as_json)
    std::cout << json::serialize(json::object{{"version", version_text}}) << std::endl;
  else
    std::cout << "callboard " << version_text << std::endl;
  return 0;
}

int run_chosen(const chosen_command& x) {
  spdlog::set_level(spdlog::level::warn);
  const auto who = full_name(*x.app);
  if (auto ok = apply_config_file(*x.app, x.config_file); !ok)
    return refuse(who, operator_text(ok.error()), exit_usage);
  auto said = x.work();
  if (!said)
    return refuse(who, operator_text(said.error()),
                  code_of(said.error()) == errc::invalid_field ? exit_usage : exit_failure);
  std::cout << (x.json ? json::serialize(said->data) : said->text) << std::endl;
  return said->exit_code;
}

/// The options of one subcommand; see command_builder.
struct shared_options {
  store_settings store;
  std::string config_file;
  bool json = false;
};

} // namespace

CLI::App& command_builder::add_detached(CLI::App& group, const std::string& name,
                                        const std::string& help,
                                        std::function<result<report>(const store_settings&)> work) {
  auto& app = *group.add_subcommand(name, help);
  auto options = std::make_shared<shared_options>();
  add_store_options(app, options->store, options->config_file);
  app.add_flag("--json", options->json, "Print JSON");
  app.callback([chosen = chosen_, &app, options, work = std::move(work)] {
    *chosen = {&app, options->config_file, [options, work] { return work(options->store); },
               options->json};
  });
  return app;
}

CLI::App& command_builder::add(CLI::App& group, const std::string& name, const std::string& help,
                               database_work work, schema_policy policy) {
  return add_detached(group, name, help,
                      [work = std::move(work), policy](const store_settings& settings) {
                        auto access = open_store(settings, policy);
                        return access ? work(*access) : result<report>{access.error()};
                      });
}

std::string operator_text(const caf::error& problem) {
  if (problem.context().size() > 0 && problem.context().match_element<std::string>(0)) {
    const auto text = problem.context().get_as<std::string>(0);
    return code_of(problem) == errc::internal ? "Something is wrong inside: " + text : text;
  }
  return "Something is wrong inside: " + to_string(code_of(problem));
}

int run_command_line(int count, const char* const* arguments, const serve_function& serve) {
  // Standard output is for answers alone: scripts read them.
  spdlog::set_default_logger(std::make_shared<spdlog::logger>(
    "callboard", std::make_shared<spdlog::sinks::stderr_sink_mt>()));
  const std::vector<std::string> words{arguments, arguments + count};
  if (auto ok = refuse_visible_secrets(words); !ok)
    return refuse("callboard", operator_text(ok.error()), exit_usage);
  program x;
  if (auto code = parse(x, count, arguments))
    return *code;
  if (x.serve->parsed())
    return run_serve(x, serve);
  if (x.sandbox->parsed())
    return sandbox::run_sandbox_command(x.sandbox_options);
  if (x.version->parsed())
    return print_version(x.version_json);
  return run_chosen(x.chosen);
}

} // namespace callboard
