#include "ops/callboard/settings.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <utility>

#include <arpa/inet.h>
#include <boost/url/parse.hpp>
#include <netinet/in.h>

#include "core/base/http_message.hpp"

namespace callboard {
namespace {

using namespace std::chrono_literals;

/// A session that ends sooner would end between two messages of one client.
constexpr std::chrono::milliseconds session_ttl_min = 100ms;
/// Idle sessions keep a row each; longer than a month is a typing mistake.
constexpr std::chrono::milliseconds session_ttl_max = std::chrono::hours{24 * 30};
constexpr std::array log_levels{"trace", "debug", "info", "warn", "error", "critical", "off"};

caf::error bad(std::string why) { return make_problem(errc::bad_setting, std::move(why)); }

bool readable(const std::string& file) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(file, ignored) && std::ifstream{file}.good();
}

/// Both or neither, and files that can be read.
result<void> check_tls(const serve_settings& x) {
  if (x.tls_cert.empty() != x.tls_key.empty())
    return bad("--tls-cert and --tls-key are given together or not at all.");
  for (auto& file : {x.tls_cert, x.tls_key})
    if (!file.empty() && !readable(file))
      return bad("The TLS file " + file + " cannot be read.");
  return {};
}

result<void> check_cluster(const serve_settings& x) {
  const std::initializer_list<std::pair<const char*, const std::string*>> needed{
    {"--cluster-cert", &x.cluster_cert},
    {"--cluster-key", &x.cluster_key},
    {"--cluster-ca", &x.cluster_ca}};
  if (x.cluster_listen.empty()) {
    for (auto& [flag, value] : needed)
      if (!value->empty())
        return bad(std::string{flag} + " is useless without --cluster-listen.");
    if (!x.cluster_advertise.empty())
      return bad("--cluster-advertise is useless without --cluster-listen.");
    return {};
  }
  if (auto at = parse_listen_address(x.cluster_listen); !at)
    return bad("--cluster-listen: " + at.error().context().get_as<std::string>(0));
  for (auto& [flag, value] : needed) {
    if (value->empty())
      return bad("--cluster-listen needs mutual TLS, but " + std::string{flag} + " is missing.");
    if (!readable(*value))
      return bad(std::string{flag} + ": the file " + *value + " cannot be read.");
  }
  return bad("Clustering is not available in this version; leave --cluster-listen out.");
}

result<void> check_rest(const serve_settings& x) {
  if (!x.smtp_url.empty() || !x.smtp_from.empty())
    return bad("E-mail is not available yet; leave --smtp-url and --smtp-from out.");
  if (x.session_ttl < session_ttl_min || x.session_ttl > session_ttl_max)
    return bad("--session-ttl must be between 100ms and 720h.");
  if (x.store.data_dir.empty())
    return bad("--data-dir must not be empty.");
  if (std::find(log_levels.begin(), log_levels.end(), x.log_level) == log_levels.end())
    return bad("--log-level must be trace, debug, info, warn, error, critical or off.");
  std::error_code ignored;
  if (!x.apps_dir.empty() && !std::filesystem::is_directory(x.apps_dir, ignored))
    return bad("--apps-dir: " + x.apps_dir + " is not a folder.");
  return {};
}

/// A base URL that clients can append a path to.
result<std::string> check_url(const std::string& flag, std::string text) {
  auto url = boost::urls::parse_uri(text);
  if (!url || (url->scheme() != "http" && url->scheme() != "https") || url->host().empty())
    return bad(flag + " must be an absolute http or https URL.");
  if (url->has_userinfo() || url->has_query() || url->has_fragment())
    return bad(flag + " must have neither user name, query nor fragment.");
  while (text.ends_with('/'))
    text.pop_back();
  return text;
}

bool listens_everywhere(const std::string& host) { return host == "0.0.0.0" || host == "::"; }

/// The URL as given, or the derived one.
result<std::string> complete_url(const std::string& name, const listen_address& at,
                                 const std::string& given, bool tls) {
  if (!given.empty())
    return check_url("--" + name + "-url", given);
  if (listens_everywhere(at.host))
    return bad("--" + name + "-listen on every address needs --" + name
               + "-url, since no client can use the address " + at.host + ".");
  return at.port == 0 ? std::string{} : derive_url(at, at.port, tls);
}

bool same_socket(const listen_address& a, const listen_address& b) {
  return a.port != 0 && a.port == b.port
         && (a.host == b.host || listens_everywhere(a.host) || listens_everywhere(b.host));
}

/// The three listeners: addresses that can be read, and no two on one port.
result<std::array<listen_address, 3>> check_listeners(const serve_settings& x) {
  const std::array<std::pair<const char*, const std::string*>, 3> given{
    {{"--api-listen", &x.api_listen},
     {"--mcp-listen", &x.mcp_listen},
     {"--ops-listen", &x.ops_listen}}};
  std::array<listen_address, 3> found;
  for (std::size_t i = 0; i < given.size(); ++i) {
    auto at = parse_listen_address(*given[i].second);
    if (!at)
      return bad(std::string{given[i].first} + ": " + at.error().context().get_as<std::string>(0));
    found[i] = *at;
    for (std::size_t k = 0; k < i; ++k)
      if (same_socket(found[k], found[i]))
        return bad(std::string{given[k].first} + " and " + given[i].first
                   + " are the same address.");
  }
  return found;
}

} // namespace

result<listen_address> parse_listen_address(const std::string& text) {
  const auto refused =
    bad("'" + text + "' is not ADDRESS:PORT, like 127.0.0.1:8080 or [::1]:8080.");
  const auto colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == text.size())
    return refused;
  listen_address out;
  const auto* end = text.data() + text.size();
  const auto port = std::from_chars(text.data() + colon + 1, end, out.port);
  if (port.ec != std::errc{} || port.ptr != end)
    return refused;
  out.host = text.substr(0, colon);
  const bool bracketed = out.host.front() == '[' && out.host.back() == ']';
  if (bracketed)
    out.host = out.host.substr(1, out.host.size() - 2);
  in6_addr v6{};
  if (bracketed ? inet_pton(AF_INET6, out.host.c_str(), &v6) != 1
                : out.host.find_first_of(":[]/@ ") != std::string::npos)
    return refused;
  return out;
}

bool is_loopback_host(std::string_view host) {
  constexpr std::uint32_t loopback_network = 127;
  const std::string text{host};
  in_addr v4{};
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1)
    return ntohl(v4.s_addr) >> 24 == loopback_network;
  in6_addr v6{};
  if (inet_pton(AF_INET6, text.c_str(), &v6) == 1)
    return IN6_IS_ADDR_LOOPBACK(&v6);
  return iequals(host, "localhost");
}

std::string derive_url(const listen_address& at, std::uint16_t port, bool tls) {
  std::string host = at.host;
  if (is_loopback_host(host))
    host = "localhost";
  else if (host.find(':') != std::string::npos)
    host = "[" + host + "]";
  return (tls ? "https://" : "http://") + host + ":" + std::to_string(port);
}

result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  /// Far above every limit, and no product below overflows.
  constexpr std::int64_t count_max = 1'000'000'000;
  const auto refused =
    bad("'" + std::string{text} + "' is no duration like 500ms, 90s, 30m or 1h.");
  std::int64_t count = 0;
  const auto* end = text.data() + text.size();
  const auto number = std::from_chars(text.data(), end, count);
  if (number.ec != std::errc{} || count < 0 || count > count_max || text.starts_with('-'))
    return refused;
  const std::string_view unit{number.ptr, static_cast<std::size_t>(end - number.ptr)};
  if (unit == "ms")
    return std::chrono::milliseconds{count};
  if (unit == "s")
    return std::chrono::milliseconds{std::chrono::seconds{count}};
  if (unit == "m")
    return std::chrono::milliseconds{std::chrono::minutes{count}};
  if (unit == "h")
    return std::chrono::milliseconds{std::chrono::hours{count}};
  return refused;
}

result<serve_settings> check_settings(serve_settings given) {
  const auto listeners = check_listeners(given);
  if (!listeners)
    return listeners.error();
  for (auto check : {check_tls, check_cluster, check_rest})
    if (auto ok = check(given); !ok)
      return ok.error();
  const bool tls = !given.tls_cert.empty();
  auto api = complete_url("api", (*listeners)[0], given.api_url, tls);
  if (!api)
    return api.error();
  auto mcp = complete_url("mcp", (*listeners)[1], given.mcp_url, tls);
  if (!mcp)
    return mcp.error();
  given.api_url = std::move(*api);
  given.mcp_url = std::move(*mcp);
  return given;
}

} // namespace callboard
