#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"

namespace callboard {

/// Where the database is. Shared by `serve` and by every subcommand that works on the database.
struct store_settings {
  /// State of the embedded mode: cluster, key ring, journal, operator key.
  std::string data_dir = "./var";
  /// libpq connection string; empty: a private cluster in data_dir.
  std::string database_url;
  /// Key ring that seals secrets; empty: `<data_dir>/master.key`, generated in the embedded mode
  /// only.
  std::string master_key_file;
};

/// An address to listen on.
struct listen_address {
  /// A name or an address, IPv6 without brackets.
  std::string host = "127.0.0.1";
  /// 0 lets the system choose.
  std::uint16_t port = 0;
};

/// Reads "host:port" or "[v6]:port"; errc::bad_setting.
result<listen_address> parse_listen_address(const std::string& text);

/// Whether only this machine reaches the host: 127.0.0.0/8, ::1 or "localhost".
bool is_loopback_host(std::string_view host);

/// The base URL of a listener that was told none: `http(s)://host:port`, "localhost" for a loopback
/// host, without trailing slash. `port` is the one that is bound.
std::string derive_url(const listen_address& at, std::uint16_t port, bool tls);

/// Reads "500ms", "90s", "30m", "1h": a whole number and a unit; errc::bad_setting.
result<std::chrono::milliseconds> parse_duration(std::string_view text);

/// Everything that `callboard serve` can be told; DESIGN.md section 3 has the table.
struct serve_settings {
  store_settings store;
  std::string api_listen = "127.0.0.1:8080";
  /// Empty: derived from api_listen.
  std::string api_url;
  std::string mcp_listen = "127.0.0.1:4000";
  std::string mcp_url;
  std::string ops_listen = "127.0.0.1:9464";
  std::string cluster_listen;
  std::string cluster_advertise;
  std::string cluster_cert;
  std::string cluster_key;
  std::string cluster_ca;
  std::string tls_cert;
  std::string tls_key;
  std::chrono::milliseconds session_ttl{30 * 60 * 1000};
  std::string smtp_url;
  std::string smtp_from;
  /// `<slug>.<endpoint>=URL`, as given.
  std::vector<std::string> app_bases;
  bool allow_private_upstreams = false;
  /// Folder of app catalogues; empty: the ones built into the binary.
  std::string apps_dir;
  std::string log_level = "info";
};

/// Checks all settings against each other (I118) and fills in what follows from them: URLs lose
/// their trailing slash; empty ones are derived unless the system chooses the port, then they stay
/// empty. errc::bad_setting with one sentence that names the flag.
result<serve_settings> check_settings(serve_settings given);

} // namespace callboard
