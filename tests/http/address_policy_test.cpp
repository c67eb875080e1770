#include <boost/test/unit_test.hpp>

#include "tests/http/support/client_fixture.hpp"

using namespace callboard;

namespace {

/// The client as it runs in production.
struct strict_fixture : client_fixture {
  strict_fixture() : client_fixture(http_client_args{}) {}
};

} // namespace

BOOST_AUTO_TEST_SUITE(address_policy_test)

BOOST_FIXTURE_TEST_CASE(no_spelling_of_a_private_address_is_reached, strict_fixture) {
  fake_upstream upstream{serve_all("secret")};
  auto port = ":" + std::to_string(upstream.port());
  for (auto host : {"127.0.0.1",
                    "127.1",
                    "0x7f.1",
                    "0x7f000001",
                    "0177.0.0.1",
                    "2130706433",
                    "localhost",
                    "LOCALHOST",

                    "0.0.0.0",
                    "0",
                    "[::1]",
                    "[::]",
                    "[::ffff:127.0.0.1]",
                    "[::ffff:7f00:1]",
                    "[0:0:0:0:0:0:0:1]",
                    "[64:ff9b::127.0.0.1]",
                    "[fe80::1]",
                    "[fd00::1]",
                    "10.0.0.1",
                    "172.16.0.1",
                    "192.168.0.1",
                    "100.64.0.1",
                    "169.254.169.254",
                    "224.0.0.1",
                    "255.255.255.255"})
    BOOST_TEST_CONTEXT(host)
  check_error(fetch(get("http://" + std::string{host} + port + "/")), errc::address_refused);
  BOOST_TEST(upstream.connections() == 0);
  BOOST_TEST(counters->connections_total == 0u);
}

BOOST_FIXTURE_TEST_CASE(user_names_and_other_schemes_are_refused, strict_fixture) {
  for (auto url : {"http://user@example.com/", "http://user:secret@example.com/",
                   "http://127.0.0.1@example.com/", "file:///etc/passwd", "ftp://example.com/",
                   "gopher://127.0.0.1:6379/_x", "dict://127.0.0.1:11211/", "ws://example.com/",
                   "scp://example.com/"})
    BOOST_TEST_CONTEXT(url) check_error(fetch(get(url)), errc::address_refused);
}

BOOST_FIXTURE_TEST_CASE(ports_of_other_services_are_refused_on_global_addresses, strict_fixture) {
  for (auto port : {"22", "25", "5432", "6379"})
    BOOST_TEST_CONTEXT(port)
  check_error(fetch(get("http://8.8.8.8:" + std::string{port} + "/")), errc::address_refused);
}

BOOST_AUTO_TEST_CASE(the_switch_for_development_opens_loopback_but_no_schemes) {
  client_fixture open;
  fake_upstream upstream{client_fixture::serve_all("ok")};
  for (auto host : {"127.0.0.1", "127.1", "localhost"})
    BOOST_TEST(open
                 .unbox_fetch(open.get("http://" + std::string{host} + ":"
                                       + std::to_string(upstream.port()) + "/"))
                 .body
               == "ok");
  open.check_error(open.fetch(open.get("file:///etc/passwd")), errc::address_refused);
  open.check_error(open.fetch(open.get("http://user@127.0.0.1/")), errc::address_refused);
}

BOOST_AUTO_TEST_SUITE_END()
