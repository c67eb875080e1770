#include "ops/callboard/setting_options.hpp"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <optional>
#include <utility>

#include <boost/url/parse.hpp>

#include "core/base/http_message.hpp"

namespace callboard {
namespace {

caf::error bad(std::string why) { return make_problem(errc::bad_setting, std::move(why)); }

template <class T>
CLI::Option* add(CLI::App& app, const std::string& flag, T& target, const std::string& help) {
  return app.add_option("--" + flag, target, help)->envname(environment_name(flag));
}

void add_duration(CLI::App& app, const std::string& flag, std::chrono::milliseconds& target,
                  const std::string& help) {
  app
    .add_option_function<std::string>(
      "--" + flag,
      [&target, flag](const std::string& text) {
        auto read = parse_duration(text);
        if (!read)
          throw CLI::ValidationError("--" + flag, read.error().context().get_as<std::string>(0));
        target = *read;
      },
      help)
    ->envname(environment_name(flag));
}

void add_listeners(CLI::App& app, serve_settings& x) {
  add(app, "api-listen", x.api_listen, "ADDRESS:PORT of the API; port 0 lets the system choose")
    ->capture_default_str();
  add(app, "api-url", x.api_url, "Base URL of the API as clients know it (from --api-listen)");
  add(app, "mcp-listen", x.mcp_listen, "ADDRESS:PORT of the MCP endpoints")->capture_default_str();
  add(app, "mcp-url", x.mcp_url,
      "Base URL of the MCP endpoints as clients know it (from --mcp-listen)");
  add(app, "ops-listen", x.ops_listen, "ADDRESS:PORT of /metrics, /ready and /inspect")
    ->capture_default_str();
  add(app, "tls-cert", x.tls_cert, "PEM file: TLS on the api and mcp listeners");
  add(app, "tls-key", x.tls_key, "PEM file with the key of --tls-cert");
  add(app, "cluster-listen", x.cluster_listen,
      "ADDRESS:PORT of the port between nodes (not available in this version)");
  add(app, "cluster-advertise", x.cluster_advertise, "ADDRESS:PORT by which other nodes reach it");
  add(app, "cluster-cert", x.cluster_cert, "PEM file for mutual TLS between nodes");
  add(app, "cluster-key", x.cluster_key, "PEM file with the key of --cluster-cert");
  add(app, "cluster-ca", x.cluster_ca, "PEM file with the authority of all nodes");
}

/// Whether a key = 'value' connection string or a URL carries a password.
bool has_password(const std::string& value) {
  if (auto url = boost::urls::parse_uri(value); url && url->has_authority())
    return url->has_password() || url->encoded_query().find("password=") != std::string::npos;
  auto at = value.find("password");
  if (at == std::string::npos || (at > 0 && value[at - 1] != ' '))
    return false;
  at = value.find_first_not_of(' ', at + std::string_view{"password"}.size());
  return at != std::string::npos && value[at] == '=';
}

/// Tells a value whose quotes the reader has not understood: it takes every "#" for the beginning
/// of a comment.
bool has_open_quote(const std::string& value) {
  return !value.empty() && (value.front() == '"' || value.front() == '\'');
}

/// All flags that a configuration file may name.
std::vector<std::string> setting_names() {
  CLI::App all;
  serve_settings settings;
  std::string config_file;
  add_serve_options(all, settings, config_file);
  std::vector<std::string> names;
  for (const auto* option : all.get_options())
    for (const auto& name : option->get_lnames())
      if (name != "help" && name != "config")
        names.push_back(name);
  return names;
}

/// Sets one option from the file, unless it is set already or not there.
result<void> apply(CLI::App& app, const std::string& file, const CLI::ConfigItem& item) {
  auto* option = app.get_option_no_throw("--" + item.name);
  if (!option || option->count() > 0)
    return {};
  if (item.inputs.size() != 1 && option->get_items_expected_max() == 1)
    return bad(file + ": " + item.name + " must have one value; put it in quotes.");
  for (const auto& value : item.inputs)
    if (has_open_quote(value))
      return bad(file + ": " + item.name
                 + ": a quote is not closed. A '#' begins a comment even in quotes; write %23.");
  try {
    option->add_result(item.inputs);
    option->run_callback();
  } catch (const CLI::Error& why) {
    return bad(file + ": " + why.what());
  }
  return {};
}

} // namespace

std::string environment_name(const std::string& flag) {
  std::string name = "CALLBOARD_";
  for (char c : flag)
    name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

void add_store_options(CLI::App& app, store_settings& settings, std::string& config_file) {
  add(app, "config", config_file, "TOML file with `flag = value` lines");
  add(app, "data-dir", settings.data_dir, "Folder for the state of this installation")
    ->capture_default_str();
  add(app, "database-url", settings.database_url,
      "libpq connection string (a private PostgreSQL in --data-dir)");
  add(app, "master-key-file", settings.master_key_file,
      "Key ring that seals secrets (<data-dir>/master.key)");
}

void add_serve_options(CLI::App& app, serve_settings& settings, std::string& config_file) {
  add_store_options(app, settings.store, config_file);
  add_listeners(app, settings);
  add_duration(app, "session-ttl", settings.session_ttl,
               "Idle time that ends an MCP session, like 30m or 90s [30m]");
  add(app, "smtp-url", settings.smtp_url, "SMTP server for e-mail (not available yet)");
  add(app, "smtp-from", settings.smtp_from, "Sender of e-mail (not available yet)");
  add(app, "app-base", settings.app_bases,
      "SLUG.ENDPOINT=URL, repeatable: overrides api_base, authorize_url, token_url or revoke_url")
    ->delimiter(',');
  app
    .add_flag("--allow-private-upstreams", settings.allow_private_upstreams,
              "Let outbound calls reach private addresses (development and tests only)")
    ->envname(environment_name("allow-private-upstreams"));
  add(app, "apps-dir", settings.apps_dir,
      "Folder with app catalogues instead of the built-in ones");
  add(app, "log-level", settings.log_level, "trace, debug, info, warn, error, critical or off")
    ->capture_default_str();
}

result<void> apply_config_file(CLI::App& app, const std::string& file) {
  if (file.empty())
    return {};
  std::ifstream in{file};
  if (!in)
    return bad("The configuration file " + file + " cannot be read.");
  std::vector<CLI::ConfigItem> items;
  try {
    items = CLI::ConfigTOML{}.from_config(in);
  } catch (const CLI::Error& why) {
    return bad(file + ": " + why.what());
  }
  const auto known = setting_names();
  for (const auto& item : items) {
    if (!item.parents.empty())
      return bad(file + ": settings stand at the top level, not in the table ["
                 + item.parents.front() + "].");
    if (std::find(known.begin(), known.end(), item.name) == known.end())
      return bad(file + ": there is no setting '" + item.name + "'.");
    if (auto ok = apply(app, file, item); !ok)
      return ok.error();
  }
  return {};
}

result<void> refuse_visible_secrets(const std::vector<std::string>& arguments) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    for (std::string flag : {"--database-url", "--smtp-url"}) {
      std::optional<std::string> value;
      if (arguments[i] == flag && i + 1 < arguments.size())
        value = arguments[i + 1];
      else if (arguments[i].starts_with(flag + "="))
        value = arguments[i].substr(flag.size() + 1);
      if (value && has_password(*value))
        return bad(flag + " shows a password to every user of this machine; put it into "
                   + environment_name(flag.substr(2)) + ", the configuration file or ~/.pgpass.");
    }
  }
  return {};
}

} // namespace callboard
