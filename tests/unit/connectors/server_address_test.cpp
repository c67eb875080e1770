#include "core/connectors/server_address.hpp"

#include <boost/test/unit_test.hpp>

using namespace callboard;
using namespace callboard::connectors;

BOOST_AUTO_TEST_SUITE(server_address_test)

BOOST_AUTO_TEST_CASE(public_https_addresses_are_taken) {
  for (auto url :
       {"https://mcp.example.com/mcp", "https://mcp.example.com:8443/a?b=c", "https://8.8.8.8/mcp",
        "https://[2606:4700::1111]/mcp", "https://xn--bcher-kva.example"})
    BOOST_TEST(static_cast<bool>(check_server_url(url, false)), url);
}

BOOST_AUTO_TEST_CASE(addresses_that_reach_inside_are_refused) {
  for (auto url : {"http://mcp.example.com/mcp",
                   "https://127.0.0.1/",
                   "https://127.1/",
                   "https://0x7f.1/",
                   "https://2130706433/",
                   "https://[::1]/",
                   "https://[::ffff:127.0.0.1]/",
                   "https://169.254.169.254/",
                   "https://10.0.0.1/",
                   "https://100.64.0.1/",
                   "https://[fc00::1]/",
                   "https://[fe80::1]/",
                   "https://0.0.0.0/",
                   "https://user@mcp.example.com/",
                   "https://mcp.example.com:22/",
                   "https://mcp.example.com:5432/",
                   "https://localhost/",
                   "https://a.localhost/",
                   "https://printer.local/",
                   "https://metadata.google.internal/",
                   "https://intranet/",
                   "https://127.0.0.1./",
                   "https://mcp.example.com/#f",
                   "/mcp",
                   "ftp://mcp.example.com/",
                   "https://",
                   "",
                   "https://mcp.example.com:0/",
                   "https://mcp.example.com:99999/"}) {
    auto checked = check_server_url(url, false);
    BOOST_REQUIRE_MESSAGE(!checked, url);
    BOOST_TEST((code_of(checked.error()) == errc::invalid_field));
    BOOST_TEST(param_of(checked.error()) == "url");
  }
}

BOOST_AUTO_TEST_CASE(development_may_reach_itself) {
  BOOST_TEST(static_cast<bool>(check_server_url("http://127.0.0.1:3000/mcp", true)));
  BOOST_TEST(!check_server_url("http://user@127.0.0.1:3000/mcp", true));
  BOOST_TEST(!check_server_url("http://127.0.0.1:22/mcp", true));
}

BOOST_AUTO_TEST_CASE(credentials_go_into_headers_of_their_own) {
  for (auto name : {"Authorization", "X-Api-Key", "api_key"})
    BOOST_TEST(static_cast<bool>(check_credential_header(name)), name);
  for (auto name : {"", "a b", "Host", "content-length", "Mcp-Session-Id", "MCP-Param-Region",
                    "Transfer-Encoding", "Proxy-Authorization", "a:b", "x\r\ny"})
    BOOST_TEST(!check_credential_header(name), name);
  BOOST_TEST(static_cast<bool>(check_credential_value("Bearer abc")));
  for (auto value : {"", " x", "x ", "a\nb", "\x7f", "é"})
    BOOST_TEST(!check_credential_value(value), value);
}

BOOST_AUTO_TEST_SUITE_END()
