#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace callboard {

/// An IPv4 or IPv6 address in network order; IPv4 uses the first four bytes.
struct ip_address {
  bool v6 = false;
  std::array<std::uint8_t, 16> bytes{};

  bool operator==(const ip_address&) const = default;
};

/// What an address is for, after the IANA registries of special-purpose addresses.
enum class address_kind : std::uint8_t {
  /// Anybody's: the only kind that outbound calls may reach.
  global,
  /// 0.0.0.0/8 and ::, which mean this host.
  unspecified,
  loopback,
  /// 10/8, 172.16/12, 192.168/16, fc00::/7, and the old fec0::/10.
  private_use,
  /// 100.64/10: behind a carrier's address translation.
  shared,
  /// 169.254/16, where clouds keep their metadata services, and fe80::/10.
  link_local,
  multicast,
  /// Documentation, benchmarks, translation, future use and everything else that is nobody's.
  reserved,
};

/// Reads the canonical text forms "192.0.2.1" and "2001:db8::1", nothing else: no octal,
/// hexadecimal or shortened IPv4, no brackets, no zone.
std::optional<ip_address> parse_ip_address(std::string_view text);

/// Sorts an address (F1). An IPv6 address that carries an IPv4 address (mapped, NAT64, 6to4) is of
/// the kind of that address.
address_kind kind_of_address(const ip_address& x);

/// "loopback", for messages and logs.
std::string_view to_string(address_kind x);

/// Whether a port belongs to a service that no web API uses (SSH, SMTP, databases, ...). Requests
/// to it could be read as that service's commands.
bool is_foreign_port(std::uint16_t port);

} // namespace callboard
