#include "core/base/network_address.hpp"

#include <algorithm>
#include <arpa/inet.h>

namespace callboard {
namespace {

/// The first `bits` of an address.
struct address_block {
  std::array<std::uint8_t, 16> prefix;
  unsigned bits;
  address_kind kind;
};

constexpr std::array blocks_v4{
  address_block{{0}, 8, address_kind::unspecified},
  address_block{{10}, 8, address_kind::private_use},
  address_block{{100, 64}, 10, address_kind::shared},
  address_block{{127}, 8, address_kind::loopback},
  address_block{{169, 254}, 16, address_kind::link_local},
  address_block{{172, 16}, 12, address_kind::private_use},
  address_block{{192, 0, 0}, 24, address_kind::reserved},
  address_block{{192, 0, 2}, 24, address_kind::reserved},
  address_block{{192, 88, 99}, 24, address_kind::reserved},
  address_block{{192, 168}, 16, address_kind::private_use},
  address_block{{198, 18}, 15, address_kind::reserved},
  address_block{{198, 51, 100}, 24, address_kind::reserved},
  address_block{{203, 0, 113}, 24, address_kind::reserved},
  address_block{{224}, 4, address_kind::multicast},
  address_block{{240}, 4, address_kind::reserved},
};

constexpr std::array blocks_v6{
  address_block{{}, 128, address_kind::unspecified},
  address_block{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128, address_kind::loopback},
  address_block{{0xfc}, 7, address_kind::private_use},
  address_block{{0xfe, 0x80}, 10, address_kind::link_local},
  address_block{{0xfe, 0xc0}, 10, address_kind::private_use},
  address_block{{0xff}, 8, address_kind::multicast},
  // Protocol assignments, Teredo among them, and documentation.
  address_block{{0x20, 0x01, 0x00}, 23, address_kind::reserved},
  address_block{{0x20, 0x01, 0x0d, 0xb8}, 32, address_kind::reserved},
  address_block{{0x3f, 0xff, 0x00}, 20, address_kind::reserved},
};

/// Blocks whose addresses carry an IPv4 address, and where in them.
struct carrier_block {
  std::array<std::uint8_t, 16> prefix;
  unsigned bits;
  std::size_t offset;
};

constexpr std::array carriers{
  // IPv4-mapped, NAT64 and 6to4.
  carrier_block{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96, 12},
  carrier_block{{0x00, 0x64, 0xff, 0x9b}, 96, 12},
  carrier_block{{0x20, 0x02}, 16, 2},
};

bool begins_with(const std::array<std::uint8_t, 16>& x, const std::array<std::uint8_t, 16>& prefix,
                 unsigned bits) {
  auto whole = bits / 8;
  if (!std::equal(x.begin(), x.begin() + whole, prefix.begin()))
    return false;
  auto rest = bits % 8;
  return rest == 0 || ((x[whole] ^ prefix[whole]) >> (8 - rest)) == 0;
}

address_kind kind_of_v4(const ip_address& x) {
  for (auto& block : blocks_v4)
    if (begins_with(x.bytes, block.prefix, block.bits))
      return block.kind;
  return address_kind::global;
}

/// Ports of services other than the web that are above the range kept for the system.
constexpr std::array<std::uint16_t, 22> service_ports{
  1433, 1521, 2049, 2181, 2375, 2376, 2379, 2380, 3306,  3389,  5432,
  5672, 5900, 5984, 6379, 6443, 9042, 9092, 9200, 10250, 11211, 27017};

} // namespace

std::optional<ip_address> parse_ip_address(std::string_view text) {
  std::string copy{text};
  if (copy.find('\0') != std::string::npos)
    return std::nullopt;
  ip_address x;
  if (inet_pton(AF_INET, copy.c_str(), x.bytes.data()) == 1)
    return x;
  x.v6 = true;
  if (inet_pton(AF_INET6, copy.c_str(), x.bytes.data()) == 1)
    return x;
  return std::nullopt;
}

address_kind kind_of_address(const ip_address& x) {
  if (!x.v6)
    return kind_of_v4(x);
  for (auto& carrier : carriers) {
    if (!begins_with(x.bytes, carrier.prefix, carrier.bits))
      continue;
    ip_address inner;
    auto begin = x.bytes.begin() + static_cast<std::ptrdiff_t>(carrier.offset);
    std::copy(begin, begin + 4, inner.bytes.begin());
    return kind_of_v4(inner);
  }
  for (auto& block : blocks_v6)
    if (begins_with(x.bytes, block.prefix, block.bits))
      return block.kind;
  // Only 2000::/3 is given out to anybody.
  return (x.bytes[0] & 0xe0) == 0x20 ? address_kind::global : address_kind::reserved;
}

std::string_view to_string(address_kind x) {
  switch (x) {
  case address_kind::global:
    return "global";
  case address_kind::unspecified:
    return "unspecified";
  case address_kind::loopback:
    return "loopback";
  case address_kind::private_use:
    return "private";
  case address_kind::shared:
    return "shared";
  case address_kind::link_local:
    return "link-local";
  case address_kind::multicast:
    return "multicast";
  case address_kind::reserved:
    return "reserved";
  }
  return "reserved";
}

bool is_foreign_port(std::uint16_t port) {
  constexpr std::uint16_t system_ports_end = 1024;
  if (port < system_ports_end)
    return port != 80 && port != 443;
  return std::find(service_ports.begin(), service_ports.end(), port) != service_ports.end();
}

} // namespace callboard
