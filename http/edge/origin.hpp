#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace callboard {

/// Scheme, host and port of a URL.
struct url_origin {
  /// "http" or "https".
  std::string scheme;
  /// Lower case; IPv6 addresses in brackets.
  std::string host;
  std::uint16_t port = 0;

  bool operator==(const url_origin&) const = default;
};

/// Reads the origin of an absolute http or https URL, or an Origin field. Nothing for other
/// schemes, for user names, and for anything odd. Not by Boost.URL: its 1.81 takes
/// "http://127.0.0.1.evil.example" for the host 127.0.0.1 with the path ".evil.example".
std::optional<url_origin> origin_of(std::string_view url);

/// Whether a web page of that Origin may call the mcp listener (I70): loopback, or the origin of an
/// own URL.
bool origin_allowed(std::string_view origin, const std::vector<std::string>& own_urls);

/// Whether a Host field names loopback or the host of an own URL.
bool host_allowed(std::string_view host, const std::vector<std::string>& own_urls);

} // namespace callboard
