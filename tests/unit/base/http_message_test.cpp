#include "core/base/http_message.hpp"

#include <boost/test/unit_test.hpp>
#include <rapidcheck.h>

using namespace callboard;

BOOST_AUTO_TEST_SUITE(http_message_test)

BOOST_AUTO_TEST_CASE(headers_are_found_in_any_case) {
  http_headers headers{{"Content-Type", "a"}, {"content-type", "b"}};
  BOOST_TEST(find_header(headers, "CONTENT-TYPE").value() == "a");
  BOOST_TEST(!find_header(headers, "content").has_value());
}

BOOST_AUTO_TEST_CASE(names_are_equal_but_for_the_case_of_their_letters) {
  BOOST_TEST(iequals("", ""));
  BOOST_TEST(iequals("eTag-Z", "EtAG-z"));
  for (auto other : {"", "e", "et", "etc", "atag", "etag ", "et\x41g\x01"})
    BOOST_TEST(!iequals("etag", other), other);
  // As far apart as upper and lower case, but no letters.
  BOOST_TEST(!iequals("@", "`"));
  BOOST_TEST(!iequals("[", "{"));
  BOOST_TEST(!iequals("\xc1", "\xe1"));
}

BOOST_AUTO_TEST_CASE(forms_read_back) {
  BOOST_TEST(rc::check("form", [](const std::vector<name_value>& fields) {
    for (auto& field : fields)
      RC_PRE(!field.first.empty());
    RC_ASSERT(parse_form(encode_form(fields)).value() == fields);
  }));
}

BOOST_AUTO_TEST_CASE(escapes_at_the_end_are_read_and_malformed_ones_refused) {
  BOOST_TEST(percent_decode("a%20b%41").value() == "a bA");
  BOOST_TEST(percent_decode("a+b", true).value() == "a b");
  BOOST_TEST(percent_decode("a+b").value() == "a+b");
  for (auto bad : {"%", "%4", "%zz", "a%", "%4g"})
    BOOST_TEST(!percent_decode(bad).has_value());
  BOOST_TEST(!parse_form("a=%zz"));
  BOOST_TEST(find_field(parse_form("x=1&&y").value(), "y").value().empty());
}

BOOST_AUTO_TEST_CASE(field_values_hold_no_control_characters_but_tabs) {
  BOOST_TEST(is_field_text(""));
  for (int c = 0; c < 256; ++c) {
    bool control = (c < 0x20 && c != '\t') || c == 0x7f;
    BOOST_TEST(is_field_text(std::string{"a"} + static_cast<char>(c) + "b") == !control, c);
  }
}

BOOST_AUTO_TEST_CASE(blanks_are_trimmed) {
  BOOST_TEST(trim(" \t a b\t") == "a b");
  BOOST_TEST(trim("  ").empty());
  BOOST_TEST(trim("").empty());
  BOOST_TEST(trim("\na\r") == "\na\r");
}

BOOST_AUTO_TEST_SUITE_END()
