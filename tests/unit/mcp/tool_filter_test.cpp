#include "core/mcp/tool_filter.hpp"

#include <boost/test/unit_test.hpp>

using namespace callboard;
using namespace callboard::mcp;

BOOST_AUTO_TEST_SUITE(tool_filter_test)

BOOST_AUTO_TEST_CASE(every_list_must_admit_a_tool) {
  struct row {
    const char* lists;
    const char* app;
    const char* tool;
    bool admitted;
  };
  const row rows[]{
    {"", "github", "github_get_issue", true},
    {"[null,null,null]", "github", "github_get_issue", true},
    {R"([["github_get_issue"],null,null])", "github", "github_get_issue", true},
    {R"([["github_get_issue"],null,null])", "github", "github_get_issues", false},
    {R"([["github_*"],["github_get_*"],null])", "github", "github_get_issue", true},
    {R"([["github_*"],["github_get_*"],null])", "github", "github_create_issue", false},
    {R"([["docs/*"]])", "docs", "search", true},
    {R"([["docs/*"]])", "other", "search", false},
    {R"([["docs/search"]])", "docs", "search", true},
    {R"([[]])", "github", "github_get_issue", false},
    {R"([["*"]])", "x", "y", true},
    // What cannot be read opens nothing.
    {"nonsense", "github", "github_get_issue", false},
    {R"([3])", "github", "github_get_issue", false},
  };
  for (auto& x : rows)
    BOOST_TEST(tool_filter::read(x.lists).admits(x.app, x.tool) == x.admitted,
               x.lists << " " << x.tool);
  BOOST_TEST(tool_filter::read("").open());
  BOOST_TEST(tool_filter::read("[null]").open());
  BOOST_TEST(!tool_filter::read("[[]]").open());
}

BOOST_AUTO_TEST_CASE(patterns_are_checked_before_they_are_stored) {
  auto check = [](const char* text) {
    return static_cast<bool>(check_allowed_tools(json::parse(text).as_array(), "allowed_tools"));
  };
  BOOST_TEST(check("[]"));
  BOOST_TEST(check(R"(["a","a_*","*","app/a","app/*"])"));
  for (auto* bad : {R"([""])", R"([1])", R"(["a*b"])", R"(["/a"])", R"(["a/"])", R"(["a/b/c"])"})
    BOOST_TEST(!check(bad), bad);
  json::array many(allowed_tools_max + 1, json::value("a"));
  BOOST_TEST(!check_allowed_tools(many, "allowed_tools"));
}

BOOST_AUTO_TEST_SUITE_END()
