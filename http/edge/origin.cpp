#include "http/edge/origin.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "core/base/http_message.hpp"

namespace callboard {
namespace {

bool is_loopback_name(std::string_view host) {
  return host == "localhost" || host == "127.0.0.1" || host == "[::1]";
}

bool is_host_char(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '.' || c == '-' || c == '_';
}

bool is_address_char(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == ':' || c == '.';
}

bool is_host(std::string_view host) {
  if (host.starts_with('['))
    return host.size() > 2 && host.ends_with(']')
           && std::all_of(host.begin() + 1, host.end() - 1, is_address_char);
  return !host.empty() && std::all_of(host.begin(), host.end(), is_host_char);
}

std::optional<std::uint16_t> read_port(std::string_view text) {
  std::uint16_t port = 0;
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (ec != std::errc{} || end != text.data() + text.size() || port == 0)
    return std::nullopt;
  return port;
}

/// Reads what stands behind the "://" of a URL.
std::optional<url_origin> origin_behind(std::string scheme, std::string_view rest) {
  url_origin x;
  x.port = scheme == "https" ? 443 : 80;
  x.scheme = std::move(scheme);
  auto authority = rest.substr(0, rest.find_first_of("/?#"));
  auto host_end = authority.starts_with('[') ? authority.find(']') : authority.find(':');
  if (host_end != std::string_view::npos && authority[host_end] == ']')
    ++host_end;
  x.host = to_lower(authority.substr(0, host_end));
  if (!is_host(x.host))
    return std::nullopt;
  authority.remove_prefix(x.host.size());
  if (authority.empty())
    return x;
  auto port = authority.front() == ':' ? read_port(authority.substr(1)) : std::nullopt;
  if (!port)
    return std::nullopt;
  x.port = *port;
  return x;
}

} // namespace

std::optional<url_origin> origin_of(std::string_view url) {
  auto colon = url.find("://");
  if (colon == std::string_view::npos)
    return std::nullopt;
  auto scheme = to_lower(url.substr(0, colon));
  if (scheme != "http" && scheme != "https")
    return std::nullopt;
  return origin_behind(std::move(scheme), url.substr(colon + 3));
}

bool origin_allowed(std::string_view origin, const std::vector<std::string>& own_urls) {
  auto x = origin_of(origin);
  if (!x)
    return false;
  return is_loopback_name(x->host) || std::any_of(own_urls.begin(), own_urls.end(), [&](auto& url) {
           return origin_of(url) == x;
         });
}

bool host_allowed(std::string_view host, const std::vector<std::string>& own_urls) {
  auto x = origin_behind("http", host);
  if (!x)
    return false;
  return is_loopback_name(x->host) || std::any_of(own_urls.begin(), own_urls.end(), [&](auto& url) {
           auto own = origin_of(url);
           return own && own->host == x->host;
         });
}

} // namespace callboard
