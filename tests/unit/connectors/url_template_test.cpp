#include "core/connectors/url_template.hpp"

#include <boost/test/unit_test.hpp>

using namespace callboard;
using namespace callboard::connectors;

BOOST_AUTO_TEST_SUITE(url_template_test)

BOOST_AUTO_TEST_CASE(a_url_is_rendered_with_connection_fields_and_client_id) {
  auto x = url_template::parse("https://{conn.sub}.zendesk.com/{client_id}/x/", false).value();
  BOOST_TEST((x.fields() == std::vector<std::string>{"sub"}));
  BOOST_TEST(x.uses_client_id());
  auto url = x.render([](std::string_view name) -> std::optional<std::string> {
    return name == "conn.sub" ? "acme" : "Iv1.abc";
  });
  BOOST_TEST(url.value() == "https://acme.zendesk.com/Iv1.abc/x");
}

BOOST_AUTO_TEST_CASE(values_that_could_move_the_host_are_refused) {
  auto x = url_template::parse("https://{conn.sub}.zendesk.com", false).value();
  for (std::string bad : {"", "a/b", "evil.com/", "a@b", "a:1", "a?b", "a#b", "a b", "..", ".",
                          "a%2F", "\xc3\xa9", "a\\b"}) {
    BOOST_TEST_CONTEXT(bad) {
      auto url = x.render([&](std::string_view) { return std::optional{bad}; });
      BOOST_REQUIRE(!url);
      BOOST_TEST(param_of(url.error()) == "sub");
    }
  }
  auto absent = x.render([](std::string_view) { return std::optional<std::string>{}; });
  BOOST_REQUIRE(!absent);
  BOOST_TEST(message_of(absent.error()) == "sub is required.");
}

BOOST_AUTO_TEST_CASE(only_absolute_urls_without_extras_are_taken) {
  for (auto* bad : {"", "github.com", "/path", "ftp://a.b", "https://", "https://u@a.b",
                    "https://a.b?x=1", "https://a.b#f", "https://a b", "https://{x}.com",
                    "https://{conn.}.com", "https://{conn.a.com", "http://a.b", "https://a.b/{/x}"})
    BOOST_TEST_CONTEXT(bad)
  BOOST_TEST(!url_template::parse(bad, false));
  BOOST_TEST(url_template::parse("http://127.0.0.1:8080/x", true).value().source()
             == "http://127.0.0.1:8080/x");
  BOOST_TEST(!url_template::parse("ws://127.0.0.1", true));
}

BOOST_AUTO_TEST_CASE(a_path_knows_its_variables) {
  auto x = path_template::parse("/help{/locale}/a/{id}.json").value();
  BOOST_TEST(x.has_variable("id"));
  BOOST_TEST(!x.has_variable("locale"));
  BOOST_TEST(x.has_optional("locale"));
  BOOST_TEST(x.pieces().size() == 5u);
}

BOOST_AUTO_TEST_CASE(bad_paths_are_refused) {
  for (auto* bad : {"", "a", "{x}", "/a?b", "/a#b", "/a b", "/a//b", "/a/../b", "/a/..", "/./a",
                    "/{x", "/{}", "/{a-b}", "/{x}/{x}", "/{x}{/x}", "/a%2Fb", "/a\\b"})
    BOOST_TEST_CONTEXT(bad)
  BOOST_TEST(!path_template::parse(bad));
}

BOOST_AUTO_TEST_SUITE_END()
