#include "core/connectors/text_template.hpp"

#include <boost/test/unit_test.hpp>

using namespace callboard;
using namespace callboard::connectors;

namespace {

std::string rendered(std::string_view text, std::string_view answer, std::string_view arguments) {
  auto x = text_template::parse(text);
  BOOST_REQUIRE_MESSAGE(x, text);
  return x->render(parse_json(answer).value(), parse_json_object(arguments).value());
}

} // namespace

BOOST_AUTO_TEST_SUITE(text_template_test)

BOOST_AUTO_TEST_CASE(places_counts_and_arguments_are_put_in) {
  BOOST_TEST(rendered("#{/number} by {/user/login} in {repo}: {#/labels} labels, {#} members",
                      R"({"number":42,"user":{"login":"ann"},"labels":[1,2]})", R"({"repo":"r"})")
             == "#42 by ann in r: 2 labels, 3 members");
}

BOOST_AUTO_TEST_CASE(an_optional_part_goes_when_any_of_its_places_is_absent) {
  constexpr std::string_view text = "Issue {/n}[: {/url}][ ({/a}, {/b})] done";
  BOOST_TEST(rendered(text, R"({"n":1,"url":"u","a":1,"b":2})", "{}") == "Issue 1: u (1, 2) done");
  BOOST_TEST(rendered(text, R"({"n":1,"a":1})", "{}") == "Issue 1 done");
  BOOST_TEST(rendered(text, R"({"n":1,"url":null})", "{}") == "Issue 1 done");
  BOOST_TEST(rendered("a[ {x}]", "null", R"({"x":""})") == "a");
}

BOOST_AUTO_TEST_CASE(an_absent_place_outside_of_a_part_leaves_nothing) {
  BOOST_TEST(rendered("<{/x}{#/x}{y}>", "{}", "{}") == "<>");
}

BOOST_AUTO_TEST_CASE(the_arguments_of_a_text_are_known) {
  auto x = text_template::parse("{owner} {/a} {repo}").value();
  BOOST_TEST((x.arguments() == std::vector<std::string>{"owner", "repo"}));
}

BOOST_AUTO_TEST_CASE(unbalanced_or_nested_marks_are_refused) {
  for (auto* bad :
       {"", "{", "a}", "{}", "{a", "[a", "a]", "[[a]]", "{a{b}}", "{[a]}", "{/a~2}", "[{a]}"})
    BOOST_TEST_CONTEXT(bad)
  BOOST_TEST(!text_template::parse(bad));
}

BOOST_AUTO_TEST_SUITE_END()
