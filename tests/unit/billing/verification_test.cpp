#include "core/billing/verification.hpp"

#include <boost/test/unit_test.hpp>

using namespace callboard;
using namespace callboard::billing;

namespace {

std::string story_of(const json::object& x) {
  std::string text;
  for (const auto& line : *find_array(x, "story"))
    text += to_std(line.as_string()) + "\n";
  return text;
}

store_rows counts_of(const std::string& first, const std::string& second) {
  return {{"invariant", "violations"},
          {"I1 pending = holds", first, "I12 balances = sums", second},
          {0, 0, 0, 0}};
}

} // namespace

BOOST_AUTO_TEST_SUITE(verification_test)

BOOST_AUTO_TEST_CASE(all_invariants_hold) {
  const auto rows = counts_of("0", "0");
  BOOST_TEST(all_hold(rows));
  const auto x = verification(rows, {});
  BOOST_REQUIRE(x);
  BOOST_TEST(*find_integer(*x, "violations") == 0);
  BOOST_TEST(story_of(*x)
             == "ok   I1   pending = holds: no violation\n"
                "ok   I12  balances = sums: no violation\n"
                "All 2 invariants hold.\n");
}

BOOST_AUTO_TEST_CASE(a_violation_is_counted_and_its_places_are_named) {
  const auto rows = counts_of("3", "1");
  BOOST_TEST(!all_hold(rows));
  const store_rows findings{{"id", "platform_id", "finding"},
                            {"I1", "p1", "here", "I1", "p2", "there", "I12", "", "everywhere"},
                            {0, 0, 0, 0, 0, 0, 0, 1, 0}};
  const auto x = verification(rows, findings);
  BOOST_REQUIRE(x);
  BOOST_TEST(*find_integer(*x, "violations") == 4);
  const auto& first = find_array(*x, "invariants")->at(0).as_object();
  BOOST_TEST(*find_string(first, "id") == "I1");
  BOOST_TEST(*find_integer(first, "violations") == 3);
  BOOST_TEST(find_array(first, "findings")->size() == 2u);
  BOOST_TEST(story_of(*x)
             == "BAD  I1   pending = holds: 3 violations\n"
                "          platform p1: here\n"
                "          platform p2: there\n"
                "          and more\n"
                "BAD  I12  balances = sums: 1 violation\n"
                "          everywhere\n"
                "The money is not exact: 4 violations.\n");
}

BOOST_AUTO_TEST_CASE(nothing_verified_is_no_success) {
  BOOST_TEST((code_of(verification({}, {}).error()) == errc::internal));
}

BOOST_AUTO_TEST_CASE(stuck_holds_come_with_what_they_keep_back) {
  const store_rows rows{
    {"data", "total", "exposure"}, {R"([{"id":"h1"}])", "7", "1500"}, {0, 0, 0}};
  const auto x = stuck_holds_json(rows);
  BOOST_TEST(find_array(x, "holds")->size() == 1u);
  BOOST_TEST(*find_integer(x, "total") == 7);
  BOOST_TEST(*find_string(x, "exposure") == "0.001500");
}

BOOST_AUTO_TEST_SUITE_END()
