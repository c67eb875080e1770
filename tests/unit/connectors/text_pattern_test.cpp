#include "core/connectors/text_pattern.hpp"

#include <boost/test/unit_test.hpp>

using namespace callboard;
using namespace callboard::connectors;

namespace {

bool matches(const char* source, const std::string& text) {
  auto x = text_pattern::compile(source);
  BOOST_REQUIRE(x);
  return x->matches(text);
}

} // namespace

BOOST_AUTO_TEST_SUITE(text_pattern_test)

BOOST_AUTO_TEST_CASE(a_part_of_the_text_is_enough) {
  BOOST_TEST(matches("b+", "abba"));
  BOOST_TEST(!matches("^b+", "abba"));
  BOOST_TEST(matches("^[A-Za-z0-9_.-]+$", "octo-org"));
  BOOST_TEST(!matches("^[A-Za-z0-9_.-]+$", "octo/org"));
}

BOOST_AUTO_TEST_CASE(ends_are_those_of_the_text_and_not_of_its_lines) {
  BOOST_TEST(!matches("^a$", "a\n"));
  BOOST_TEST(!matches("^b", "a\nb"));
  BOOST_TEST(!matches("a$", "a\nb"));
  BOOST_TEST(!matches("a.b", "a\nb"));
}

BOOST_AUTO_TEST_CASE(long_texts_do_not_match) {
  BOOST_TEST(matches("^a+$", std::string(text_pattern::text_bytes_max, 'a')));
  BOOST_TEST(!matches("^a+$", std::string(text_pattern::text_bytes_max + 1, 'a')));
}

BOOST_AUTO_TEST_CASE(an_expression_that_would_run_for_ever_gives_up) {
  BOOST_TEST(!matches("^(a+)+$", std::string(1000, 'a') + "b"));
}

BOOST_AUTO_TEST_CASE(what_is_no_expression_is_refused) {
  BOOST_TEST(!text_pattern::compile("^[$"));
  auto numbered = text_pattern::compile(R"(^\u0041$)");
  BOOST_REQUIRE(!numbered);
  BOOST_TEST(message_of(numbered.error()) == R"(must have the character itself instead of \u)");
  BOOST_TEST(matches(R"(^\\u$)", R"(\u)"));
}

BOOST_AUTO_TEST_CASE(an_empty_one_matches_everything) {
  BOOST_TEST(text_pattern{}.matches("x"));
  BOOST_TEST(text_pattern{}.empty());
  BOOST_TEST(text_pattern{}.source().empty());
}

BOOST_AUTO_TEST_SUITE_END()
