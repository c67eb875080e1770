#include "ops/callboard/setting_options.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include <boost/test/unit_test.hpp>
#include <unistd.h>

namespace callboard {
namespace {

using namespace std::chrono_literals;

/// An environment variable while the object lives.
class variable {
public:
  variable(std::string name, const std::string& value) : name_(std::move(name)) {
    setenv(name_.c_str(), value.c_str(), 1);
  }
  ~variable() { unsetenv(name_.c_str()); }
  variable(const variable&) = delete;
  variable& operator=(const variable&) = delete;

private:
  std::string name_;
};

/// A configuration file while the object lives.
class config {
public:
  explicit config(const std::string& text) {
    std::string pattern = (std::filesystem::temp_directory_path() / "callboard-XXXXXX").string();
    close(mkstemp(pattern.data()));
    path_ = pattern;
    std::ofstream{path_} << text;
  }
  ~config() { std::filesystem::remove(path_); }
  config(const config&) = delete;
  config& operator=(const config&) = delete;

  const std::string& path() const { return path_; }

private:
  std::string path_;
};

/// Parses as `callboard serve` does, the file included. Throws what CLI11 throws.
struct parsed {
  explicit parsed(const std::vector<std::string>& arguments) {
    add_serve_options(app, settings, config_file);
    // CLI11 takes arguments from the end.
    app.parse(std::vector<std::string>{arguments.rbegin(), arguments.rend()});
    outcome = apply_config_file(app, config_file);
  }

  std::string refusal() const {
    return outcome ? std::string{} : outcome.error().context().get_as<std::string>(0);
  }

  CLI::App app;
  serve_settings settings;
  std::string config_file;
  result<void> outcome;
};

std::string value_of(std::string serve_settings::*member,
                     const std::vector<std::string>& arguments) {
  return parsed{arguments}.settings.*member;
}

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

BOOST_AUTO_TEST_SUITE(setting_options_test)

BOOST_AUTO_TEST_CASE(nothing_given_leaves_the_defaults) {
  parsed x{{}};
  BOOST_TEST(x.settings.api_listen == "127.0.0.1:8080");
  BOOST_TEST(x.settings.store.data_dir == "./var");
  BOOST_TEST((x.settings.session_ttl == 30min));
  BOOST_TEST(!x.settings.allow_private_upstreams);
}

BOOST_AUTO_TEST_CASE(every_setting_can_come_from_a_flag_an_environment_variable_and_the_file) {
  // The member that each flag fills, read back as text.
  const std::map<std::string, std::string serve_settings::*> members{
    {"api-listen", &serve_settings::api_listen},
    {"api-url", &serve_settings::api_url},
    {"mcp-listen", &serve_settings::mcp_listen},
    {"mcp-url", &serve_settings::mcp_url},
    {"ops-listen", &serve_settings::ops_listen},
    {"cluster-listen", &serve_settings::cluster_listen},
    {"cluster-advertise", &serve_settings::cluster_advertise},
    {"cluster-cert", &serve_settings::cluster_cert},
    {"cluster-key", &serve_settings::cluster_key},
    {"cluster-ca", &serve_settings::cluster_ca},
    {"tls-cert", &serve_settings::tls_cert},
    {"tls-key", &serve_settings::tls_key},
    {"smtp-url", &serve_settings::smtp_url},
    {"smtp-from", &serve_settings::smtp_from},
    {"apps-dir", &serve_settings::apps_dir},
    {"log-level", &serve_settings::log_level}};
  for (const auto& [flag, member] : members) {
    BOOST_TEST_CONTEXT(flag) {
      BOOST_TEST(value_of(member, {"--" + flag, "v1"}) == "v1");
      variable set{environment_name(flag), "v2"};
      BOOST_TEST(value_of(member, {}) == "v2");
      BOOST_TEST(value_of(member, {"--" + flag, "v1"}) == "v1");
    }
    config file{flag + " = \"v3\"\n"};
    BOOST_TEST(value_of(member, {"--config", file.path()}) == "v3");
    BOOST_TEST(value_of(member, {"--config", file.path(), "--" + flag, "v1"}) == "v1");
  }
}

BOOST_AUTO_TEST_CASE(the_environment_wins_over_the_file) {
  config file{"log-level = \"warn\"\ndata-dir = \"/from/file\"\n"};
  variable set{"CALLBOARD_LOG_LEVEL", "debug"};
  variable name{"CALLBOARD_CONFIG", file.path()};
  parsed x{{}};
  BOOST_TEST(x.settings.log_level == "debug");
  BOOST_TEST(x.settings.store.data_dir == "/from/file");
}

BOOST_AUTO_TEST_CASE(the_database_can_come_from_all_three) {
  config file{"database-url = \"host='/tmp' dbname=x\"\nmaster-key-file = \"/k\" # a comment\n"};
  parsed from_file{{"--config", file.path()}};
  BOOST_TEST(from_file.refusal() == "");
  BOOST_TEST(from_file.settings.store.database_url == "host='/tmp' dbname=x");
  BOOST_TEST(from_file.settings.store.master_key_file == "/k");
  variable set{"CALLBOARD_DATABASE_URL", "dbname=env"};
  BOOST_TEST(parsed({}).settings.store.database_url == "dbname=env");
  BOOST_TEST(parsed({"--database-url", "dbname=flag"}).settings.store.database_url
             == "dbname=flag");
}

BOOST_AUTO_TEST_CASE(durations_flags_and_lists_are_read_in_all_three_ways) {
  const std::vector<std::string> two{"github.api_base=http://a", "slack.token_url=http://b"};
  parsed flags{{"--session-ttl", "90s", "--allow-private-upstreams", "--app-base", two[0],
                "--app-base", two[1]}};
  BOOST_TEST((flags.settings.session_ttl == 90s));
  BOOST_TEST(flags.settings.allow_private_upstreams);
  BOOST_TEST(flags.settings.app_bases == two, boost::test_tools::per_element());
  config file{"session-ttl = \"500ms\"\nallow-private-upstreams = true\n"
              "app-base = [\"github.api_base=http://a\", \"slack.token_url=http://b\"]\n"};
  parsed read{{"--config", file.path()}};
  BOOST_TEST(read.refusal() == "");
  BOOST_TEST((read.settings.session_ttl == 500ms));
  BOOST_TEST(read.settings.allow_private_upstreams);
  BOOST_TEST(read.settings.app_bases == two, boost::test_tools::per_element());
  variable ttl{"CALLBOARD_SESSION_TTL", "1h"};
  variable allow{"CALLBOARD_ALLOW_PRIVATE_UPSTREAMS", "true"};
  variable bases{"CALLBOARD_APP_BASE", two[0] + "," + two[1]};
  parsed environment{{}};
  BOOST_TEST((environment.settings.session_ttl == 1h));
  BOOST_TEST(environment.settings.allow_private_upstreams);
  BOOST_TEST(environment.settings.app_bases == two, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_false_flag_in_the_file_stays_false) {
  config file{"allow-private-upstreams = false\n"};
  parsed x{{"--config", file.path()}};
  BOOST_TEST(x.refusal() == "");
  BOOST_TEST(!x.settings.allow_private_upstreams);
}

BOOST_AUTO_TEST_CASE(bad_files_are_refused_with_the_reason) {
  const std::vector<std::pair<std::string, std::string>> samples{
    {"api-port = 8080\n", "no setting 'api-port'"},
    {"config = \"other.toml\"\n", "no setting 'config'"},
    {"help = true\n", "no setting 'help'"},
    {"[serve]\nlog-level = \"warn\"\n", "top level"},
    {"session-ttl = \"soon\"\n", "soon"},
    {"allow-private-upstreams = \"maybe\"\n", "allow-private-upstreams"},
    {"data-dir = [\"a\", \"b\"]\n", "data-dir must have one value"},
    {"database-url = \"postgres://u:a#b@h/d\"\n", "quote is not closed"}};
  for (const auto& [text, why] : samples) {
    config file{text};
    parsed x{{"--config", file.path()}};
    BOOST_TEST(mentions(x.refusal(), why), text << " gave: " << x.refusal());
  }
  BOOST_TEST(mentions(parsed({"--config", "/nonexistent.toml"}).refusal(), "cannot be read"));
}

BOOST_AUTO_TEST_CASE(one_file_serves_subcommands_with_fewer_settings) {
  config file{"api-listen = \"127.0.0.1:1\"\ndata-dir = \"/d\"\n"};
  CLI::App app;
  store_settings settings;
  std::string config_file;
  add_store_options(app, settings, config_file);
  app.parse(std::vector<std::string>{file.path(), "--config"});
  BOOST_TEST(static_cast<bool>(apply_config_file(app, config_file)));
  BOOST_TEST(settings.data_dir == "/d");
}

BOOST_AUTO_TEST_CASE(unknown_flags_and_bad_values_are_refused) {
  BOOST_CHECK_THROW(parsed({"--nonsense"}), CLI::ParseError);
  BOOST_CHECK_THROW(parsed({"--session-ttl", "30"}), CLI::ParseError);
  BOOST_CHECK_THROW(parsed({"--api-listen"}), CLI::ParseError);
  BOOST_CHECK_THROW(parsed({"stray"}), CLI::ParseError);
  variable ttl{"CALLBOARD_SESSION_TTL", "x"};
  BOOST_CHECK_THROW(parsed({}), CLI::ParseError);
}

BOOST_AUTO_TEST_CASE(passwords_on_the_command_line_are_refused) {
  for (const auto* value : {"postgres://u:secret@h/d", "postgresql://h/d?password=secret",
                            "host=h password=secret", "password = secret host=h"}) {
    BOOST_TEST(!refuse_visible_secrets({"callboard", "serve", "--database-url", value}), value);
    BOOST_TEST(!refuse_visible_secrets({std::string{"--database-url="} + value}), value);
  }
  BOOST_TEST(!refuse_visible_secrets({"--smtp-url", "smtp://u:p@h"}));
  for (const auto* value :
       {"postgres://u@h/d", "host=h user=u dbname=password", "dbname=d", "host=/tmp passfile=/p"})
    BOOST_TEST(static_cast<bool>(refuse_visible_secrets({"--database-url", value})), value);
  BOOST_TEST(static_cast<bool>(refuse_visible_secrets({"--database-url"})));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace callboard
