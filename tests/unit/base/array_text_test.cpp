#include "core/base/array_text.hpp"

#include <boost/test/unit_test.hpp>

using namespace callboard;

BOOST_AUTO_TEST_SUITE(array_text_test)

BOOST_AUTO_TEST_CASE(elements_are_quoted_and_null_is_not) {
  array_text x;
  x.add("plain");
  x.add(R"(a "b" \c, {d})");
  x.add("NULL");
  x.add_null();
  x.add(std::int64_t{-7});
  x.add_unless_empty("");
  x.add("");
  BOOST_TEST(x.take().data == R"({"plain","a \"b\" \\c, {d}","NULL",NULL,-7,NULL,""})");
}

BOOST_AUTO_TEST_CASE(nothing_is_an_empty_array) { BOOST_TEST(array_text{}.take().data == "{}"); }

BOOST_AUTO_TEST_SUITE_END()
