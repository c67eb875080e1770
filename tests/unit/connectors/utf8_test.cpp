#include "core/connectors/utf8.hpp"

#include <string>

#include <rapidcheck.h>

#include <boost/test/unit_test.hpp>

using namespace callboard::connectors;

BOOST_AUTO_TEST_SUITE(utf8_test)

BOOST_AUTO_TEST_CASE(valid_texts_of_every_length_pass) {
  for (std::string good : {"", "abc", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
                           "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"})
    BOOST_TEST(is_text(good));
}

BOOST_AUTO_TEST_CASE(broken_texts_are_told) {
  for (std::string bad :
       {std::string("a\0b", 3), std::string{"\x80"}, std::string{"\xc0\x80"},
        std::string{"\xc1\xbf"}, std::string{"\xe0\x9f\xbf"}, std::string{"\xed\xa0\x80"},
        std::string{"\xf0\x8f\xbf\xbf"}, std::string{"\xf4\x90\x80\x80"}, std::string{"\xf5"},
        std::string{"\xff"}, std::string{"\xe2\x82"}, std::string{"\xe2\x28\xa1"}})
    BOOST_TEST(!is_text(bad));
}

BOOST_AUTO_TEST_CASE(a_cut_never_splits_a_character) {
  const std::string text = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z";
  for (std::size_t n = 0; n <= text.size() + 1; ++n) {
    auto cut = cut_text(text, n);
    BOOST_TEST(cut.size() <= n);
    BOOST_TEST(is_text(cut));
    BOOST_TEST(n - cut.size() < 4u + (n > text.size() ? 1 : 0));
  }
  BOOST_TEST(cut_text(text, 100) == text);
}

BOOST_AUTO_TEST_SUITE_END()
