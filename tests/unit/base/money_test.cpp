#include "core/base/money.hpp"

#include <limits>

#include <boost/test/unit_test.hpp>
#include <rapidcheck.h>

using namespace callboard;

BOOST_AUTO_TEST_SUITE(money_test)

BOOST_AUTO_TEST_CASE(amounts_have_six_decimals) {
  BOOST_TEST(format_usd({0}) == "0.000000");
  BOOST_TEST(format_usd({-150}) == "-0.000150");
  BOOST_TEST(format_usd({12'500'000}) == "12.500000");
  BOOST_TEST(format_usd({std::numeric_limits<std::int64_t>::min()}) == "-9223372036854.775808");
}

BOOST_AUTO_TEST_CASE(bad_amounts_are_refused) {
  for (auto bad : {"", "-", ".", "1.", ".5", "1.0000001", "1e3", "+1", " 1", "1 ", "0x1", "1,5",
                   "--1", "99999999999", "1000000000.000001", "NaN"})
    BOOST_TEST_CONTEXT(bad) { BOOST_TEST(!parse_usd(bad)); }
  BOOST_TEST(parse_usd("1000000000").value().value == money_max.value);
}

BOOST_AUTO_TEST_CASE(json_numbers_are_read_without_rounding) {
  BOOST_TEST(usd_from_json(json::parse("0.1")).value().value == 100'000);
  BOOST_TEST(usd_from_json(json::parse("0.000001")).value().value == 1);
  BOOST_TEST(usd_from_json(json::parse("\"2.30\"")).value().value == 2'300'000);
  BOOST_TEST(usd_from_json(json::parse("10")).value().value == 10'000'000);
  BOOST_TEST(!usd_from_json(json::parse("0.0000001")));
  BOOST_TEST(!usd_from_json(json::parse("1e300")));
  BOOST_TEST(!usd_from_json(json::parse("true")));
}

BOOST_AUTO_TEST_CASE(what_is_formatted_reads_back) {
  BOOST_TEST(rc::check("format and parse are inverse", [] {
    auto x = *rc::gen::inRange<std::int64_t>(-money_max.value, money_max.value + 1);
    RC_ASSERT(parse_usd(format_usd({x})).value().value == x);
  }));
}

BOOST_AUTO_TEST_SUITE_END()
