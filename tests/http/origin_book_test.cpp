#include "http/client/origin_book.hpp"

#include <string>

#include <boost/test/unit_test.hpp>

using namespace callboard;

BOOST_AUTO_TEST_SUITE(origin_book_test)

BOOST_AUTO_TEST_CASE(a_url_is_cut_into_its_origin_and_what_is_asked_for) {
  struct {
    const char* url;
    const char* text;
    const char* host;
    const char* target;
  } const table[] = {
    {"https://api.test/a/../b?c=d", "https://api.test", "api.test", "/a/../b?c=d"},
    {"https://api.test", "https://api.test", "api.test", "/"},
    {"https://api.test/#part", "https://api.test", "api.test", "/"},
    {"https://api.test?a=/b#c?d", "https://api.test", "api.test", "/?a=/b"},
    {"https://api.test:443/", "https://api.test:443", "api.test", "/"},
    {"https://api.test:80/", "https://api.test:80", "api.test:80", "/"},
    {"http://api.test:80/", "http://api.test:80", "api.test", "/"},
    {"http://API.test:8080/", "http://API.test:8080", "API.test:8080", "/"},
    {"http://[::1]:8080/", "http://[::1]:8080", "[::1]:8080", "/"},
    {"http://127.1/", "http://127.1", "127.0.0.1", "/"},
    {"http://api.test/@b%20c", "http://api.test", "api.test", "/@b%20c"},
  };
  origin_book book;
  for (auto& [url, text, host, target] : table) {
    auto x = book.split(url);
    BOOST_TEST_REQUIRE(x.origin, url);
    BOOST_TEST(x.origin->text == text);
    BOOST_TEST(x.origin->host == host);
    BOOST_TEST(x.target == target);
  }
}

BOOST_AUTO_TEST_CASE(what_is_odd_is_left_to_libcurl) {
  origin_book book;
  for (auto* url : {"", "nonsense", "http://", "http:///x", "ftp://api.test/", "HTTP://api.test/",
                    "//api.test/", "http://user@api.test/", "http://user:word@api.test/",
                    "http://api.test\\@b.test/", "http://api%2etest/", "http://[fe80::1%25eth0]/",
                    "http://api.test:99999/", "http://api.test:x/", "http://\xc3\xa4.test/",
                    "http://api.test/\xc3\xa4", "http://api.test/a b", "http://api.test/\x7f"})
    BOOST_TEST(!book.split(url).origin, url);
}

BOOST_AUTO_TEST_CASE(an_origin_is_parsed_once) {
  origin_book book;
  auto first = book.split("https://api.test/a");
  BOOST_TEST(book.split("https://api.test/b").origin == first.origin);
  BOOST_TEST(book.split("https://api.test:8443/b").origin != first.origin);
}

BOOST_AUTO_TEST_CASE(a_full_book_begins_anew_and_origins_in_use_live_on) {
  origin_book book;
  auto url = [](std::size_t i) { return "https://api" + std::to_string(i) + ".test/"; };
  auto first = book.split(url(0));
  for (std::size_t i = 1; i < origin_book::origins_max; ++i)
    book.split(url(i));
  BOOST_TEST(book.split(url(0)).origin == first.origin);
  book.split(url(origin_book::origins_max));
  BOOST_TEST(book.split(url(0)).origin != first.origin);
  BOOST_TEST(first.origin->host == "api0.test");
}

BOOST_AUTO_TEST_SUITE_END()
