#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace callboard::connectors {

/// The parts of an absolute URL that decide where a request goes.
struct absolute_url {
  /// Lower case.
  std::string scheme;
  /// Lower case, brackets included for an IPv6 address.
  std::string host;
  /// As digits; the scheme's default for http and https when the URL names none.
  std::string port;
  bool has_user = false;
  bool has_query = false;
  bool has_fragment = false;

  /// "scheme://host:port", for comparing.
  std::string origin() const { return scheme + "://" + host + ':' + port; }

  /// Nothing when there is no such port; Boost.URL takes any digits.
  std::optional<std::uint16_t> port_number() const;

  /// The host is localhost or a loopback address.
  bool is_loopback() const;
};

/// Takes a URL apart; nothing when it is relative, has no host or is malformed.
std::optional<absolute_url> parse_absolute_url(std::string_view text);

} // namespace callboard::connectors
