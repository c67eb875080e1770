#include "core/connectors/arguments.hpp"

#include <rapidcheck.h>

#include <boost/test/unit_test.hpp>

#include "tests/unit/connectors/sample_apps.hpp"

using namespace callboard;
using namespace callboard::connectors;

namespace {

result<json::object> checked(std::string_view tool_name, std::string_view arguments) {
  return check_arguments(*sample::tool_named(tool_name).item, sample::object(arguments));
}

std::string accepted(std::string_view tool_name, std::string_view arguments) {
  auto x = checked(tool_name, arguments);
  return x ? json::serialize(*x) : "refused: " + message_of(x.error());
}

struct refusal {
  const char* tool_name;
  const char* arguments;
  const char* param;
  const char* message;
};

} // namespace

BOOST_AUTO_TEST_SUITE(arguments_test)

BOOST_AUTO_TEST_CASE(good_arguments_pass_unchanged) {
  for (auto* x : {R"({"owner":"o","repo":"r","title":"t"})",
                  R"({"owner":"o","repo":"r","title":"t","labels":[],"body":""})",
                  R"({"owner":"o","repo":"r","title":"t","labels":["a","b"],"milestone":3})"})
    BOOST_TEST(accepted("github_create_issue", x) == x);
}

BOOST_AUTO_TEST_CASE(defaults_are_filled_in) {
  BOOST_TEST(accepted("github_create_branch", R"({"owner":"o","repo":"r","branch":"b"})")
             == R"({"owner":"o","repo":"r","branch":"b","sha":"HEAD"})");
  BOOST_TEST(accepted("github_search_issues_and_pull_requests", R"({"q":"x"})")
             == R"({"q":"x","per_page":10})");
  BOOST_TEST(accepted("github_search_issues_and_pull_requests", R"({"q":"x","per_page":3})")
             == R"({"q":"x","per_page":3})");
  BOOST_TEST(accepted("slack_list_channels", "{}") == R"({"limit":100})");
}

BOOST_AUTO_TEST_CASE(null_counts_as_absent_unless_the_schema_admits_it) {
  BOOST_TEST(accepted("github_create_issue",
                      R"({"owner":"o","repo":"r","title":"t","body":null,"milestone":null})")
             == R"({"owner":"o","repo":"r","title":"t"})");
  BOOST_TEST(
    accepted("github_update_issue", R"({"owner":"o","repo":"r","issue_number":1,"milestone":null})")
    == R"({"owner":"o","repo":"r","issue_number":1,"milestone":null})");
  BOOST_TEST(!checked("github_create_issue", R"({"owner":"o","repo":"r","title":null})"));
}

BOOST_AUTO_TEST_CASE(whole_numbers_spelt_as_fractions_become_integers) {
  BOOST_TEST(accepted("github_get_issue", R"({"owner":"o","repo":"r","issue_number":4.0})")
             == R"({"owner":"o","repo":"r","issue_number":4})");
  BOOST_TEST(!checked("github_get_issue", R"({"owner":"o","repo":"r","issue_number":4.5})"));
  BOOST_TEST(!checked("github_get_issue", R"({"owner":"o","repo":"r","issue_number":1e300})"));
}

BOOST_AUTO_TEST_CASE(bad_arguments_are_named_with_what_is_allowed) {
  const refusal rows[]{
    {"github_create_issue", R"({"owner":"o","repo":"r"})", "title",
     "Argument \"title\" is required."},
    {"github_create_issue", "{}", "owner", "Argument \"owner\" is required."},
    {"github_create_issue", R"({"owner":"o","repo":"r","title":"t","colour":1})", "colour",
     "Argument \"colour\" is unknown; allowed are owner, repo, title, body, labels, assignees, "
     "milestone."},
    {"github_create_issue", R"({"owner":"o","repo":"r","title":5})", "title",
     "Argument \"title\" must be a text of 1 to 256 characters."},
    {"github_create_issue", R"({"owner":"o","repo":"r","title":""})", "title",
     "Argument \"title\" must be a text of 1 to 256 characters."},
    {"github_create_issue", R"({"owner":"o/r","repo":"r","title":"t"})", "owner",
     "Argument \"owner\" must be a text of 1 to 100 characters that matches ^[A-Za-z0-9_.-]+$."},
    {"github_create_issue", R"({"owner":"o\nx","repo":"r","title":"t"})", "owner",
     "Argument \"owner\" must be a text of 1 to 100 characters that matches ^[A-Za-z0-9_.-]+$."},
    {"github_create_issue", R"({"owner":"o","repo":"r","title":"t","labels":"bug"})", "labels",
     "Argument \"labels\" must be a list of at most 100 elements, each element a text."},
    {"github_create_issue", R"({"owner":"o","repo":"r","title":"t","labels":["a",1]})", "labels",
     "Argument \"labels[1]\" must be a text."},
    {"github_get_issue", R"({"owner":"o","repo":"r","issue_number":"4"})", "issue_number",
     "Argument \"issue_number\" must be a whole number of at least 1."},
    {"github_get_issue", R"({"owner":"o","repo":"r","issue_number":0})", "issue_number",
     "Argument \"issue_number\" must be a whole number of at least 1."},
    {"github_update_issue", R"({"owner":"o","repo":"r","issue_number":1,"state":"done"})", "state",
     "Argument \"state\" must be one of \"open\", \"closed\"."},
    {"github_update_issue", R"({"owner":"o","repo":"r","issue_number":1,"milestone":"x"})",
     "milestone", "Argument \"milestone\" must be a whole number or null of at least 1."},
    {"github_search_issues_and_pull_requests", R"({"q":"x","per_page":101})", "per_page",
     "Argument \"per_page\" must be a whole number of 1 to 100."},
    {"github_create_pull_request", R"({"owner":"o","repo":"r","head":"h","base":"b","draft":1,
      "title":"t"})",
     "draft", "Argument \"draft\" must be true or false."},
    {"github_create_workflow_dispatch",
     R"({"owner":"o","repo":"r","workflow_id":"ci.yml","ref":"m","inputs":{"a":[1]}})", "inputs",
     "Argument \"inputs.a\" must be a text or a number or true or false."},
    {"github_create_gist", R"({"files":{}})", "files",
     "Argument \"files\" must be an object of 1 to 100 members, each value a text of at least 1 "
     "characters."},
    {"github_create_gist", R"({"files":{"a.md":""}})", "files",
     "Argument \"files.a.md\" must be a text of at least 1 characters."},
  };
  for (auto& x : rows) {
    BOOST_TEST_CONTEXT(x.tool_name << ' ' << x.arguments) {
      auto got = checked(x.tool_name, x.arguments);
      BOOST_REQUIRE(!got);
      BOOST_TEST((code_of(got.error()) == errc::invalid_field));
      BOOST_TEST(message_of(got.error()) == x.message);
      BOOST_TEST(param_of(got.error()) == x.param);
    }
  }
}

BOOST_AUTO_TEST_CASE(cross_field_rules_hold) {
  constexpr auto pull = "github_create_pull_request";
  BOOST_TEST(checked(pull, R"({"owner":"o","repo":"r","head":"h","base":"b","title":"t"})"));
  BOOST_TEST(checked(pull, R"({"owner":"o","repo":"r","head":"h","base":"b","issue":1})"));
  for (auto* bad : {R"({"owner":"o","repo":"r","head":"h","base":"b"})",
                    R"({"owner":"o","repo":"r","head":"h","base":"b","title":"t","issue":1})"}) {
    auto x = checked(pull, bad);
    BOOST_REQUIRE(!x);
    BOOST_TEST(message_of(x.error()) == "Give exactly one of the arguments title, issue.");
  }
  auto none = checked("github_update_issue", R"({"owner":"o","repo":"r","issue_number":1})");
  BOOST_REQUIRE(!none);
  BOOST_TEST(message_of(none.error())
             == "Give at least one of the arguments title, body, state, state_reason, labels, "
                "assignees, milestone.");
  auto both = checked("zendesk_list_articles", R"({"user_id":"1","section_id":"2"})");
  BOOST_REQUIRE(!both);
  BOOST_TEST(message_of(both.error()) == "Give only one of the arguments user_id, section_id.");
  BOOST_TEST(checked("zendesk_list_articles", R"({"category_id":"1","section_id":"2"})"));
}

BOOST_AUTO_TEST_CASE(a_default_does_not_count_as_given_for_a_rule) {
  auto root = parse_json(sample::zendesk_text).value();
  auto pointer = json_pointer::parse("/tools/0/inputSchema/properties/comment").value();
  pointer.find_in(root)->as_object()["default"] = "hello";
  auto loaded = sample::load(json::serialize(root), "zendesk.json");
  auto x = check_arguments(loaded.tools[0], sample::object(R"({"ticket_id":1})"));
  BOOST_REQUIRE(!x);
  BOOST_TEST(message_of(x.error()).find("Give at least one") == 0u);
}

BOOST_AUTO_TEST_CASE(a_huge_text_is_refused_without_running_the_pattern) {
  const std::string huge(2'000'000, 'a');
  auto x =
    checked("github_get_issue", R"({"owner":")" + huge + R"(","repo":"r","issue_number":1})");
  BOOST_REQUIRE(!x);
  BOOST_TEST(param_of(x.error()) == "owner");
}

BOOST_AUTO_TEST_CASE(characters_are_counted_and_not_bytes) {
  std::string title;
  for (int i = 0; i < 256; ++i)
    title += "\xe2\x82\xac";
  BOOST_TEST(
    checked("github_create_issue", R"({"owner":"o","repo":"r","title":")" + title + R"("})"));
  BOOST_TEST(
    !checked("github_create_issue", R"({"owner":"o","repo":"r","title":")" + title + R"(x"})"));
}

BOOST_AUTO_TEST_CASE(checked_arguments_pass_again) {
  BOOST_TEST(rc::check([](std::int64_t per_page, std::int64_t page) {
    json::object given{{"q", "x"}, {"per_page", per_page}, {"page", page}};
    auto& item = *sample::tool_named("github_search_issues_and_pull_requests").item;
    auto once = check_arguments(item, given);
    bool allowed = per_page >= 1 && per_page <= 100 && page >= 1 && page <= 1000;
    RC_ASSERT(static_cast<bool>(once) == allowed);
    if (once)
      RC_ASSERT(check_arguments(item, *once).value() == *once);
  }));
}

BOOST_AUTO_TEST_SUITE_END()
