#include "core/base/network_address.hpp"

#include <boost/test/unit_test.hpp>

using namespace callboard;

BOOST_AUTO_TEST_SUITE(network_address_test)

BOOST_AUTO_TEST_CASE(addresses_are_sorted_up_to_the_edges_of_their_blocks) {
  struct {
    const char* text;
    address_kind kind;
  } const table[] = {
    {"0.0.0.0", address_kind::unspecified},
    {"0.255.255.255", address_kind::unspecified},
    {"1.0.0.0", address_kind::global},
    {"9.255.255.255", address_kind::global},
    {"10.0.0.0", address_kind::private_use},
    {"10.255.255.255", address_kind::private_use},
    {"11.0.0.0", address_kind::global},
    {"100.63.255.255", address_kind::global},
    {"100.64.0.0", address_kind::shared},
    {"100.127.255.255", address_kind::shared},
    {"100.128.0.0", address_kind::global},
    {"127.0.0.1", address_kind::loopback},
    {"127.255.255.255", address_kind::loopback},
    {"128.0.0.0", address_kind::global},
    {"169.253.255.255", address_kind::global},
    {"169.254.169.254", address_kind::link_local},
    {"169.255.0.0", address_kind::global},
    {"172.15.255.255", address_kind::global},
    {"172.16.0.0", address_kind::private_use},
    {"172.31.255.255", address_kind::private_use},
    {"172.32.0.0", address_kind::global},
    {"192.0.0.1", address_kind::reserved},
    {"192.0.1.1", address_kind::global},
    {"192.0.2.1", address_kind::reserved},
    {"192.88.99.1", address_kind::reserved},
    {"192.167.255.255", address_kind::global},
    {"192.168.0.1", address_kind::private_use},
    {"192.169.0.0", address_kind::global},
    {"198.17.255.255", address_kind::global},
    {"198.18.0.0", address_kind::reserved},
    {"198.19.255.255", address_kind::reserved},
    {"198.20.0.0", address_kind::global},
    {"198.51.100.7", address_kind::reserved},
    {"203.0.113.7", address_kind::reserved},
    {"223.255.255.255", address_kind::global},
    {"224.0.0.1", address_kind::multicast},
    {"239.255.255.255", address_kind::multicast},
    {"240.0.0.0", address_kind::reserved},
    {"255.255.255.255", address_kind::reserved},
    {"8.8.8.8", address_kind::global},
    {"::", address_kind::unspecified},
    {"::1", address_kind::loopback},
    {"::2", address_kind::reserved},
    {"::127.0.0.1", address_kind::reserved},
    {"::ffff:127.0.0.1", address_kind::loopback},
    {"::ffff:169.254.169.254", address_kind::link_local},
    {"::ffff:10.1.2.3", address_kind::private_use},
    {"::ffff:8.8.8.8", address_kind::global},
    {"64:ff9b::7f00:1", address_kind::loopback},
    {"64:ff9b::808:808", address_kind::global},
    {"64:ff9b:1::1", address_kind::reserved},
    {"2002:7f00:1::", address_kind::loopback},
    {"2002:a00:1::", address_kind::private_use},
    {"2002:808:808::", address_kind::global},
    {"100::1", address_kind::reserved},
    {"2001::1", address_kind::reserved},
    {"2001:1ff:ffff::", address_kind::reserved},
    {"2001:200::", address_kind::global},
    {"2001:db8::1", address_kind::reserved},
    {"2001:db9::1", address_kind::global},
    {"2606:4700::1111", address_kind::global},
    {"3fff::1", address_kind::reserved},
    {"3fff:1000::", address_kind::global},
    {"4000::", address_kind::reserved},
    {"fbff::1", address_kind::reserved},
    {"fc00::1", address_kind::private_use},
    {"fdff::1", address_kind::private_use},
    {"fe80::1", address_kind::link_local},
    {"febf::1", address_kind::link_local},
    {"fec0::1", address_kind::private_use},
    {"ff02::1", address_kind::multicast},
  };
  for (auto& [text, kind] : table) {
    auto x = parse_ip_address(text);
    BOOST_REQUIRE_MESSAGE(x, text);
    BOOST_TEST(to_string(kind_of_address(*x)) == to_string(kind), text);
  }
}

BOOST_AUTO_TEST_CASE(only_canonical_texts_are_addresses) {
  for (auto text : {"", "127.1", "0x7f.1", "0177.0.0.1", "2130706433", "127.0.0.1.", "127.0.0.256",
                    "[::1]", "fe80::1%eth0", ":::", "1.2.3", " 1.2.3.4", "1.2.3.4 ", "localhost"})
    BOOST_TEST(!parse_ip_address(text).has_value(), text);
  BOOST_TEST(!parse_ip_address(std::string_view{"1.2.3.4\0x", 9}).has_value());
}

BOOST_AUTO_TEST_CASE(ports_of_other_services_are_foreign) {
  for (auto port :
       std::initializer_list<std::uint16_t>{80, 443, 1024, 3000, 8000, 8080, 8443, 65535})
    BOOST_TEST(!is_foreign_port(port), port);
  for (auto port : std::initializer_list<std::uint16_t>{0, 1, 22, 25, 53, 79, 81, 442, 444, 465,
                                                        993, 1023, 3306, 5432, 6379, 11211, 27017})
    BOOST_TEST(is_foreign_port(port), port);
}

BOOST_AUTO_TEST_SUITE_END()
