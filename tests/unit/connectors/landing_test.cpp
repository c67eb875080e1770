#include "core/connectors/landing.hpp"

#include <boost/test/unit_test.hpp>

using namespace callboard;
using namespace callboard::connectors;

BOOST_AUTO_TEST_SUITE(landing_test)

BOOST_AUTO_TEST_CASE(exactly_one_slash_joins_base_and_path) {
  for (auto& [base, wanted] : std::vector<std::pair<std::string, std::string>>{
         {"https://a.com", "https://a.com/mcp/oauth-callback?app=github&status=connected"},
         {"https://a.com/", "https://a.com/mcp/oauth-callback?app=github&status=connected"},
         {"https://a.com//", "https://a.com/mcp/oauth-callback?app=github&status=connected"},
         {"https://a.com/x", "https://a.com/x/mcp/oauth-callback?app=github&status=connected"},
         {"https://a.com/x/", "https://a.com/x/mcp/oauth-callback?app=github&status=connected"},
         {"https://a.com?t=1&u=%2F",
          "https://a.com/mcp/oauth-callback?t=1&u=%2F&app=github&status=connected"},
         {"https://a.com/x/?t=1",
          "https://a.com/x/mcp/oauth-callback?t=1&app=github&status=connected"},
         {"https://a.com/?", "https://a.com/mcp/oauth-callback?app=github&status=connected"},
         {"http://localhost:3000",
          "http://localhost:3000/mcp/oauth-callback?app=github&status=connected"}}) {
    BOOST_TEST_CONTEXT(base) {
      BOOST_REQUIRE(validate_redirect_url(base));
      BOOST_TEST(landing_url(base, "github") == wanted);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_failure_names_its_code_and_text_in_order) {
  BOOST_TEST(landing_url("https://a.com", "zoho_mail", connect_error::access_denied,
                         "The user said \"no\" & left\r\n")
             == "https://a.com/mcp/oauth-callback?app=zoho_mail&status=error&error=access_denied"
                "&error_description=The%20user%20said%20%22no%22%20%26%20left%0D%0A");
}

BOOST_AUTO_TEST_CASE(a_port_is_one_that_there_is) {
  BOOST_TEST(static_cast<bool>(validate_redirect_url("https://a.com:65535")));
  for (auto* bad : {"https://a.com:0", "https://a.com:65536", "http://127.0.0.1:99999"})
    BOOST_TEST(!validate_redirect_url(bad), bad);
}

BOOST_AUTO_TEST_CASE(only_safe_absolute_urls_are_taken) {
  for (auto* good :
       {"https://a.com", "https://a.com:8443/x?y=z", "http://localhost", "http://LOCALHOST:3000/",
        "http://127.0.0.1:80", "http://127.9.8.7", "http://[::1]:3000/x", "HTTPS://a.com"})
    BOOST_TEST_CONTEXT(good)
  BOOST_TEST(static_cast<bool>(validate_redirect_url(good)));
  for (auto* bad :
       {"", "a.com", "/path", "//a.com", "https://", "https:///x", "ftp://a.com",
        "javascript:alert(1)", "https://u:p@a.com", "https://u@a.com", "https://a.com#f",
        "http://a.com", "http://localhost.evil.com", "http://127.0.0.1.evil.com", "https://a b.com",
        "https://a.com/\r\nX: y", "http://10.0.0.1", "http://[::2]", "data:text/html,x"}) {
    BOOST_TEST_CONTEXT(bad) {
      auto x = validate_redirect_url(bad);
      BOOST_REQUIRE(!x);
      BOOST_TEST(param_of(x.error()) == "redirect_url");
      BOOST_TEST((code_of(x.error()) == errc::invalid_field));
    }
  }
  BOOST_TEST(!validate_redirect_url("https://a.com/" + std::string(2048, 'x')));
}

BOOST_AUTO_TEST_CASE(a_development_platform_may_use_http_anywhere) {
  BOOST_TEST(static_cast<bool>(validate_redirect_url("http://dev.example.com", true)));
  BOOST_TEST(!validate_redirect_url("ftp://dev.example.com", true));
  BOOST_TEST(!validate_redirect_url("http://u@dev.example.com", true));
}

BOOST_AUTO_TEST_SUITE_END()
