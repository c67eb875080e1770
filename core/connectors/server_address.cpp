#include "core/connectors/server_address.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "core/base/http_message.hpp"
#include "core/base/network_address.hpp"
#include "core/connectors/absolute_url.hpp"

namespace callboard::connectors {
namespace {

constexpr std::size_t url_bytes_max = 2048;

/// Fields that decide how a message is read, or that the gateway sets itself.
constexpr std::array<std::string_view, 17> reserved_fields{"accept",
                                                           "accept-encoding",
                                                           "connection",
                                                           "content-encoding",
                                                           "content-length",
                                                           "content-type",
                                                           "cookie",
                                                           "expect",
                                                           "host",
                                                           "keep-alive",
                                                           "last-event-id",
                                                           "mcp-session-id",
                                                           "mcp-method",
                                                           "mcp-name",
                                                           "te",
                                                           "trailer",
                                                           "mcp-protocol-version"};

caf::error bad(std::string_view param, std::string what) {
  return make_problem(errc::invalid_field, std::string{param} + ' ' + std::move(what) + '.',
                      std::string{param});
}

/// The host without the brackets of an IPv6 address.
std::string_view bare(std::string_view host) {
  if (host.size() > 1 && host.front() == '[' && host.back() == ']')
    return host.substr(1, host.size() - 2);
  return host;
}

/// Whether resolvers may read a name as a number: "127.1", "0x7f.1", "2130706433" are 127.0.0.1 to
/// some. No public name ends in a numeric label.
bool looks_numeric(std::string_view host) {
  while (!host.empty() && host.back() == '.')
    host.remove_suffix(1);
  auto last = host.substr(host.rfind('.') + 1);
  if (last.size() > 1 && last[0] == '0' && (last[1] == 'x' || last[1] == 'X'))
    return true;
  return !last.empty()
         && std::all_of(last.begin(), last.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// Names that mean this machine or its own network without being resolved.
bool is_local_name(std::string_view host) {
  while (!host.empty() && host.back() == '.')
    host.remove_suffix(1);
  for (std::string_view suffix : {"localhost", "local", "internal", "localdomain"})
    if (host == suffix || (host.ends_with(suffix) && host[host.size() - suffix.size() - 1] == '.'))
      return true;
  return host.find('.') == std::string_view::npos;
}

result<void> check_host(std::string_view host) {
  if (auto address = parse_ip_address(bare(host))) {
    auto kind = kind_of_address(*address);
    if (kind != address_kind::global)
      return bad("url", "must not point to a " + std::string{to_string(kind)} + " address");
    return {};
  }
  if (host.front() == '[' || looks_numeric(host))
    return bad("url", "must name its host or give its address in the usual form");
  if (is_local_name(host))
    return bad("url", "must name a public host");
  return {};
}

} // namespace

result<void> check_server_url(std::string_view url, bool allow_private) {
  if (url.empty() || url.size() > url_bytes_max)
    return bad("url", "must be an absolute URL of at most 2048 bytes");
  auto parsed = parse_absolute_url(url);
  if (!parsed || (parsed->scheme != "https" && parsed->scheme != "http"))
    return bad("url", "must be an absolute https URL");
  if (parsed->scheme == "http" && !allow_private)
    return bad("url", "must use https");
  if (parsed->has_user)
    return bad("url", "must not hold a user name");
  if (parsed->has_fragment)
    return bad("url", "must not hold a fragment");
  auto port = parsed->port_number();
  if (!port || is_foreign_port(*port))
    return bad("url", "must not use that port");
  if (!allow_private)
    return check_host(parsed->host);
  return {};
}

result<void> check_credential_header(std::string_view name) {
  constexpr std::string_view others = "!#$%&'*+-.^_`|~";
  bool token = !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || others.find(c) != std::string_view::npos;
  });
  if (!token)
    return bad("auth.name", "must be a header name");
  auto lower = to_lower(name);
  bool reserved =
    std::find(reserved_fields.begin(), reserved_fields.end(), lower) != reserved_fields.end()
    || lower.starts_with("mcp-param-") || lower.starts_with("proxy-")
    || lower == "transfer-encoding" || lower == "upgrade" || lower == "origin";
  if (reserved)
    return bad("auth.name", "is a header that the transport needs");
  return {};
}

result<void> check_credential_value(std::string_view value) {
  bool clean =
    !value.empty() && value.front() != ' ' && value.back() != ' '
    && std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c <= '~'; });
  if (!clean)
    return bad("auth.value", "must be visible ASCII");
  return {};
}

} // namespace callboard::connectors
