#include "ops/callboard/settings.hpp"

#include <boost/test/unit_test.hpp>

#include "tests/support/source_tree.hpp"

namespace callboard {
namespace {

using namespace std::chrono_literals;

std::string refusal(const serve_settings& x) {
  auto checked = check_settings(x);
  return checked ? std::string{} : checked.error().context().get_as<std::string>(0);
}

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

} // namespace

BOOST_AUTO_TEST_SUITE(settings_test)

BOOST_AUTO_TEST_CASE(listen_addresses_have_a_host_and_a_port) {
  struct sample {
    std::string text, host;
    std::uint16_t port;
  };
  for (const auto& x : {sample{"127.0.0.1:8080", "127.0.0.1", 8080},
                        {"[::1]:0", "::1", 0},
                        {"localhost:1", "localhost", 1},
                        {"0.0.0.0:65535", "0.0.0.0", 65535}}) {
    auto at = parse_listen_address(x.text);
    BOOST_REQUIRE_MESSAGE(at, x.text);
    BOOST_TEST(at->host == x.host);
    BOOST_TEST(at->port == x.port);
  }
}

BOOST_AUTO_TEST_CASE(other_listen_addresses_are_refused) {
  for (const auto* text : {"", ":", "8080", ":8080", "host:", "host:x", "host:65536", "host:-1",
                           "host:+1", "host:1x", "::1:80", "[::1]", "[::1", "[nonsense]:80",
                           "a b:80", "http://host:80", "user@host:80", "host: 80"}) {
    auto at = parse_listen_address(text);
    BOOST_REQUIRE_MESSAGE(!at, text);
    BOOST_TEST((code_of(at.error()) == errc::bad_setting));
  }
}

BOOST_AUTO_TEST_CASE(durations_are_a_whole_number_and_a_unit) {
  BOOST_TEST((*parse_duration("500ms") == 500ms));
  BOOST_TEST((*parse_duration("90s") == 90s));
  BOOST_TEST((*parse_duration("30m") == 30min));
  BOOST_TEST((*parse_duration("1h") == 1h));
  BOOST_TEST((*parse_duration("0s") == 0s));
}

BOOST_AUTO_TEST_CASE(other_durations_are_refused) {
  for (const auto* text : {"", "s", "30", "-1s", "+1s", "1.5h", "1 h", "1d", "1H", "1hh", "1h30m",
                           " 1s", "99999999999999999999s", "1000000001h"})
    BOOST_TEST(!parse_duration(text), text);
}

BOOST_AUTO_TEST_CASE(loopback_hosts_are_known) {
  for (const auto* host : {"127.0.0.1", "127.9.9.9", "::1", "localhost", "LocalHost"})
    BOOST_TEST(is_loopback_host(host), host);
  for (const auto* host : {"", "0.0.0.0", "::", "10.0.0.1", "127.0.0.1.evil.example",
                           "localhost.example", "128.0.0.1"})
    BOOST_TEST(!is_loopback_host(host), host);
}

BOOST_AUTO_TEST_CASE(urls_are_derived_from_the_listeners) {
  auto x = check_settings({});
  BOOST_REQUIRE(x);
  BOOST_TEST(x->api_url == "http://localhost:8080");
  BOOST_TEST(x->mcp_url == "http://localhost:4000");
  BOOST_TEST(derive_url({"10.0.0.1", 80}, 81, true) == "https://10.0.0.1:81");
  BOOST_TEST(derive_url({"2001:db8::1", 80}, 80, false) == "http://[2001:db8::1]:80");
}

BOOST_AUTO_TEST_CASE(a_port_that_the_system_chooses_gives_no_url_yet) {
  serve_settings x;
  x.api_listen = x.mcp_listen = x.ops_listen = "127.0.0.1:0";
  auto checked = check_settings(x);
  BOOST_REQUIRE(checked);
  BOOST_TEST(checked->api_url.empty());
  BOOST_TEST(checked->mcp_url.empty());
}

BOOST_AUTO_TEST_CASE(given_urls_lose_their_trailing_slash) {
  serve_settings x;
  x.api_url = "https://api.example.com/base//";
  auto checked = check_settings(x);
  BOOST_REQUIRE(checked);
  BOOST_TEST(checked->api_url == "https://api.example.com/base");
}

BOOST_AUTO_TEST_CASE(urls_that_clients_cannot_use_are_refused) {
  for (const auto* url : {"example.com", "ftp://example.com", "http://", "https://u:p@example.com",
                          "https://example.com?a=b", "https://example.com#f", "not a url"}) {
    serve_settings x;
    x.mcp_url = url;
    BOOST_TEST(mentions(refusal(x), "--mcp-url"), url);
  }
}

BOOST_AUTO_TEST_CASE(listening_on_every_address_needs_a_url) {
  serve_settings x;
  x.mcp_listen = "0.0.0.0:4000";
  BOOST_TEST(mentions(refusal(x), "--mcp-url"));
  x.mcp_url = "https://mcp.example.com";
  BOOST_TEST(refusal(x) == "");
}

BOOST_AUTO_TEST_CASE(two_listeners_on_one_port_are_refused) {
  serve_settings x;
  x.mcp_listen = x.api_listen;
  BOOST_TEST(mentions(refusal(x), "same address"));
  x = {};
  x.ops_listen = "[::]:4000";
  BOOST_TEST(mentions(refusal(x), "same address"));
  x.ops_listen = "127.0.0.2:4000";
  BOOST_TEST(refusal(x) == "");
}

BOOST_AUTO_TEST_CASE(tls_needs_both_files) {
  serve_settings x;
  x.tls_cert = "/dev/null";
  BOOST_TEST(mentions(refusal(x), "--tls-key"));
  x.tls_key = "/nonexistent/key.pem";
  x.tls_cert = "/nonexistent/cert.pem";
  BOOST_TEST(mentions(refusal(x), "cannot be read"));
}

BOOST_AUTO_TEST_CASE(clustering_names_the_missing_file_then_says_that_it_is_not_there) {
  const std::string present = source_tree() / "CMakeLists.txt";
  serve_settings x;
  x.cluster_listen = "127.0.0.1:5000";
  BOOST_TEST(mentions(refusal(x), "--cluster-cert is missing"));
  x.cluster_cert = present;
  BOOST_TEST(mentions(refusal(x), "--cluster-key is missing"));
  x.cluster_key = present;
  BOOST_TEST(mentions(refusal(x), "--cluster-ca is missing"));
  x.cluster_ca = "/nonexistent/ca.pem";
  BOOST_TEST(mentions(refusal(x), "cannot be read"));
  x.cluster_ca = present;
  BOOST_TEST(mentions(refusal(x), "not available in this version"));
  x.cluster_listen = "";
  BOOST_TEST(mentions(refusal(x), "useless without --cluster-listen"));
  x = {};
  x.cluster_advertise = "10.0.0.1:5000";
  BOOST_TEST(mentions(refusal(x), "useless without --cluster-listen"));
}

BOOST_AUTO_TEST_CASE(what_is_not_there_yet_is_not_silently_ignored) {
  serve_settings x;
  x.smtp_url = "smtp://localhost";
  BOOST_TEST(mentions(refusal(x), "not available yet"));
  x = {};
  x.smtp_from = "a@example.com";
  BOOST_TEST(mentions(refusal(x), "not available yet"));
}

BOOST_AUTO_TEST_CASE(values_out_of_range_are_refused) {
  serve_settings x;
  x.session_ttl = 99ms;
  BOOST_TEST(mentions(refusal(x), "--session-ttl"));
  x.session_ttl = 721h;
  BOOST_TEST(mentions(refusal(x), "--session-ttl"));
  x = {};
  x.log_level = "loud";
  BOOST_TEST(mentions(refusal(x), "--log-level"));
  x = {};
  x.apps_dir = "/nonexistent";
  BOOST_TEST(mentions(refusal(x), "--apps-dir"));
  x = {};
  x.store.data_dir = "";
  BOOST_TEST(mentions(refusal(x), "--data-dir"));
  x = {};
  x.api_listen = "nonsense";
  BOOST_TEST(mentions(refusal(x), "--api-listen"));
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace callboard
