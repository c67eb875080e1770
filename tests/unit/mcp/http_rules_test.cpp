#include "core/mcp/http_rules.hpp"

#include <boost/test/unit_test.hpp>

using namespace callboard;
using namespace callboard::mcp;

namespace {

http_headers one(std::string name, std::string value) {
  return {{std::move(name), std::move(value)}};
}

const std::vector<std::string> hosts{"mcp.example.com", "Other.example.com:8443"};

} // namespace

BOOST_AUTO_TEST_SUITE(http_rules_test)

BOOST_AUTO_TEST_CASE(accept_is_read_leniently) {
  struct row {
    const char* accept;
    bool json;
    bool event_stream;
  };
  const row rows[]{
    {"", true, true},
    {"*/*", true, true},
    {"application/json, text/event-stream", true, true},
    {"text/event-stream,application/json;q=0.5", true, true},
    {"APPLICATION/JSON", true, false},
    {"application/json", true, false},
    {"application/*", true, false},
    {"text/event-stream", false, true},
    {"text/*;q=0.1", false, true},
    {"text/html, */*;q=0.8", true, true},
    {"*/*, text/event-stream;q=0", true, false},
    {"application/json;q=0.000, */*", false, true},
    {"application/json ; charset=utf-8 ; q=1", true, false},
    {",, ,", true, true},
  };
  for (auto& x : rows) {
    BOOST_TEST_CONTEXT(x.accept) {
      auto forms = accepted_forms(one("accept", x.accept));
      BOOST_REQUIRE(forms);
      BOOST_TEST(forms->json == x.json);
      BOOST_TEST(forms->event_stream == x.event_stream);
    }
  }
  auto absent = accepted_forms({}).value();
  BOOST_TEST((absent.json && absent.event_stream));
  auto several = accepted_forms({{"Accept", "application/json"}, {"Accept", "text/event-stream"}});
  BOOST_TEST((several->json && several->event_stream));
}

BOOST_AUTO_TEST_CASE(a_client_that_takes_neither_form_is_refused) {
  for (auto* bad : {"text/html", "application/xml, image/*", "*/*;q=0",
                    "application/json;q=0, text/event-stream;q=0.0", "json"}) {
    auto x = accepted_forms(one("Accept", bad));
    BOOST_REQUIRE(!x);
    BOOST_TEST(status_of(code_of(x.error())) == 406);
  }
}

BOOST_AUTO_TEST_CASE(a_stream_needs_an_accept_that_names_it) {
  for (auto* good : {"text/event-stream", "application/json, text/event-stream", "*/*", "text/*"})
    BOOST_TEST(static_cast<bool>(check_stream_accepted(one("Accept", good))));
  BOOST_TEST(!check_stream_accepted({}));
  for (auto* bad : {"", "application/json", "text/event-stream;q=0"})
    BOOST_TEST(!check_stream_accepted(one("Accept", bad)));
}

BOOST_AUTO_TEST_CASE(only_json_bodies_are_taken) {
  for (auto* good : {"application/json", "Application/JSON", "application/json; charset=utf-8",
                     "application/json;charset=\"UTF-8\"", "application/json ; x=y"})
    BOOST_TEST_CONTEXT(good)
  BOOST_TEST(static_cast<bool>(check_content_type(one("content-type", good))));
  for (auto* bad : {"", "text/plain", "application/jsonx", "application/json-rpc",
                    "application/json; charset=utf-16", "application/x-www-form-urlencoded",
                    "text/plain, application/json", "multipart/form-data; a=application/json"}) {
    BOOST_TEST_CONTEXT(bad) {
      auto x = check_content_type(one("Content-Type", bad));
      BOOST_REQUIRE(!x);
      BOOST_TEST(status_of(code_of(x.error())) == 415);
    }
  }
  BOOST_TEST(!check_content_type({}));
  BOOST_TEST(!check_content_type(
    {{"Content-Type", "application/json"}, {"Content-Type", "application/json"}}));
}

BOOST_AUTO_TEST_CASE(origins_of_loopback_and_of_our_own_hosts_are_allowed) {
  BOOST_TEST(static_cast<bool>(check_origin({}, {})));
  for (auto* good : {"http://localhost", "http://localhost:6274", "http://127.0.0.1:3000",
                     "http://127.8.9.10", "http://[::1]:80", "https://mcp.example.com",
                     "https://MCP.example.com:444", "https://other.example.com:8443"})
    BOOST_TEST_CONTEXT(good)
  BOOST_TEST(static_cast<bool>(check_origin(one("origin", good), hosts)));
}

BOOST_AUTO_TEST_CASE(other_origins_are_refused) {
  for (auto* bad : {"",
                    "null",
                    "https://evil.com",
                    "https://mcp.example.com.evil.com",
                    "https://evilmcp.example.com",
                    "https://example.com",
                    "https://other.example.com",
                    "https://other.example.com:8444",
                    "http://localhost.evil.com",
                    "http://127.0.0.1.evil.com",
                    "http://127.0.0.256",
                    "http://127.0.0",
                    "http://127.0.0.1.",
                    "http://1270.0.0.1",
                    "http://[::2]",
                    "http://[::1",
                    "http://[::1]x",
                    "http://localhost:",
                    "http://localhost:x",
                    "http://localhost:123456",
                    "ftp://localhost",
                    "vscode-webview://x",
                    "localhost",
                    "http://user@localhost",
                    "http://evil.com/localhost",
                    "http://localhost/x",
                    "http://localhost evil.com",
                    "http://"}) {
    BOOST_TEST_CONTEXT(bad) {
      auto x = check_origin(one("Origin", bad), hosts);
      BOOST_REQUIRE(!x);
      BOOST_TEST(status_of(code_of(x.error())) == 403);
    }
  }
  BOOST_TEST(
    !check_origin({{"Origin", "http://localhost"}, {"Origin", "http://localhost"}}, hosts));
}

BOOST_AUTO_TEST_CASE(the_host_of_a_loopback_listener_is_checked) {
  for (auto* good : {"localhost:8080", "127.0.0.1", "[::1]:4000", "mcp.example.com"})
    BOOST_TEST(static_cast<bool>(check_host(one("host", good), hosts)));
  for (auto* bad : {"", "evil.com", "evil.com:4000", "localhost@evil.com", "localhost, evil.com"})
    BOOST_TEST(!check_host(one("Host", bad), hosts));
  BOOST_TEST(!check_host({}, hosts));
  BOOST_TEST(!check_host({{"Host", "localhost"}, {"Host", "localhost"}}, hosts));
}

BOOST_AUTO_TEST_CASE(a_session_id_is_visible_ascii) {
  BOOST_TEST(!session_of({}).value());
  BOOST_TEST(!session_of(one("mcp-session-id", "")).value());
  BOOST_TEST(session_of(one("MCP-SESSION-ID", " !ab~ ")).value()->value == "!ab~");
  for (std::string bad : {std::string{"a b"}, std::string{"a\x7f"}, std::string{"\xc3\xa9"},
                          std::string{"a\tb"}, std::string(257, 'x')}) {
    auto x = session_of(one("Mcp-Session-Id", bad));
    BOOST_REQUIRE(!x);
    BOOST_TEST(status_of(code_of(x.error())) == 404);
    BOOST_TEST(rpc_code_of(code_of(x.error())) == -32001);
  }
}

BOOST_AUTO_TEST_CASE(a_missing_session_is_a_bad_request) {
  BOOST_TEST(require_session(one("Mcp-Session-Id", "abc")).value().value == "abc");
  for (auto& headers : {http_headers{}, one("Mcp-Session-Id", "")}) {
    auto x = require_session(headers);
    BOOST_REQUIRE(!x);
    BOOST_TEST(status_of(code_of(x.error())) == 400);
    BOOST_TEST(rpc_code_of(code_of(x.error())) == -32000);
  }
  BOOST_TEST(status_of(code_of(require_session(one("Mcp-Session-Id", "a b")).error())) == 404);
}

BOOST_AUTO_TEST_CASE(browsers_get_cors_headers_for_their_own_origin_only) {
  BOOST_TEST(cors_headers("").empty());
  BOOST_TEST(preflight_headers("").empty());
  auto x = cors_headers("http://localhost:6274");
  BOOST_TEST(find_header(x, "access-control-allow-origin").value() == "http://localhost:6274");
  BOOST_TEST(find_header(x, "vary").value() == "Origin");
  BOOST_TEST(find_header(x, "access-control-expose-headers").value().find("Mcp-Session-Id")
             != std::string_view::npos);
  auto y = preflight_headers("http://localhost:6274");
  BOOST_TEST(find_header(y, "access-control-allow-methods").value() == "GET, POST, DELETE");
  BOOST_TEST(find_header(y, "access-control-allow-headers").value().find("mcp-protocol-version")
             != std::string_view::npos);
}

BOOST_AUTO_TEST_SUITE_END()
