#include "ops/callboard/text_table.hpp"

#include <boost/test/unit_test.hpp>

namespace callboard {

BOOST_AUTO_TEST_SUITE(text_table_test)

BOOST_AUTO_TEST_CASE(columns_are_aligned_and_members_may_be_nested) {
  const auto rows =
    json::parse(R"([{"a":"x","b":{"c":12}},{"a":"longer","b":{}},{"a":null,"b":{"c":"é"}}])");
  BOOST_TEST(text_table(rows.as_array(), {{"A", "a"}, {"C", "b.c"}}, "none")
             == "A       C\nx       12\nlonger  -\n-       é");
}

BOOST_AUTO_TEST_CASE(an_empty_table_says_so) {
  BOOST_TEST(text_table({}, {{"A", "a"}}, "There is none.") == "There is none.");
}

BOOST_AUTO_TEST_CASE(stored_text_cannot_steer_a_terminal) {
  const json::value evil = "a\x1b[2Jb\nc\x7f";
  BOOST_TEST(cell_text(&evil) == "a?[2Jb?c?");
  BOOST_TEST(cell_text(nullptr) == "-");
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace callboard
