#include <fstream>
#include <sstream>

#include "core/connectors/arguments.hpp"
#include "core/connectors/oauth.hpp"
#include "core/connectors/render.hpp"
#include "tests/sandbox/sandbox_fixture.hpp"
#include "tests/support/source_tree.hpp"

using namespace callboard;
using namespace callboard::sandbox;
namespace connectors = callboard::connectors;

namespace {

/// The node's own rules for GitHub against the sandbox's GitHub, without a wire between them.
struct connectors_fixture : sandbox_fixture {
  connectors_fixture() {
    std::ifstream file{source_tree() / "schema/apps/github.json"};
    std::stringstream text;
    text << file.rdbuf();
    auto app = connectors::load_app(text.str(), "github.json");
    BOOST_REQUIRE(app);
    std::vector<connectors::endpoint_override> overrides;
    const auto told = at(ask("GET", "/_control"), "/github");
    for (const auto& [name, url] : told.as_object()) {
      const auto setting = "github." + std::string{name} + '=' + to_std(url.as_string());
      auto one = connectors::parse_endpoint_override(setting);
      BOOST_REQUIRE_MESSAGE(one, setting);
      overrides.push_back(*one);
    }
    auto made = connectors::catalogue::make({std::move(*app)}, overrides);
    BOOST_REQUIRE(made);
    all = *made;
  }

  /// Delivers a request to the sandbox.
  http_response send(const http_request& x) {
    const std::string base = "http://sandbox.test";
    BOOST_REQUIRE_MESSAGE(x.url.starts_with(base + '/'), x.url);
    const auto got = ask(x.method, x.url.substr(base.size()), x.body, x.headers);
    return {got.status, got.headers, body_of(got)};
  }

  const connectors::app& github_app() const { return *all->find_app("github"); }

  /// The whole way of a user who connects.
  connectors::token_set connect_user(const std::vector<std::string>& scopes = {}) {
    const connectors::oauth_client client{"sandbox-client", "sandbox-secret"};
    const auto verifier = connectors::make_code_verifier();
    connectors::authorize_input asked;
    asked.redirect_uri = "http://node.test/oauth/callback";
    asked.state = "s";
    asked.scopes = scopes;
    asked.code_verifier = verifier;
    const auto page = connectors::authorize_url(github_app(), client, asked);
    BOOST_REQUIRE(page);
    const auto back = send({"GET", *page + "&auto=approve", {}, {}});
    const auto location = std::string{find_header(back.headers, "Location").value_or("")};
    const auto fields = parse_form(location.substr(location.find('?') + 1));
    BOOST_REQUIRE(fields);
    BOOST_TEST(find_field(*fields, "state").value_or("") == "s");
    const auto request = connectors::exchange_request(
      github_app(), client,
      {find_field(*fields, "code").value_or(""), asked.redirect_uri, verifier, {}});
    BOOST_REQUIRE(request);
    const auto answer = connectors::parse_token_answer(github_app(), send(*request));
    BOOST_REQUIRE(std::holds_alternative<connectors::token_set>(answer));
    return std::get<connectors::token_set>(answer);
  }

  /// Calls a tool as the node does.
  connectors::outcome call(std::string_view name, json::object arguments,
                           const std::string& token = "sandbox-octocat") {
    const auto found = all->find_tool(name);
    BOOST_REQUIRE(found);
    auto checked = connectors::check_arguments(*found->item, std::move(arguments));
    BOOST_REQUIRE_MESSAGE(checked, (checked ? std::string{} : message_of(checked.error())));
    auto plan = connectors::call_plan::make(*found, std::move(*checked), {}, token);
    BOOST_REQUIRE(plan);
    for (;;) {
      const auto answer = send(plan->request());
      const auto seen = plan->shape(answer, now);
      const auto more = plan->advance(answer);
      BOOST_REQUIRE(more);
      if (!*more)
        return seen;
    }
  }

  /// Calls a tool that must work.
  json::object work(std::string_view name, json::object arguments) {
    auto x = call(name, std::move(arguments));
    BOOST_TEST_CONTEXT(name) {
      BOOST_TEST(!x.is_error, x.text);
      BOOST_TEST(x.counts);
      BOOST_REQUIRE(!x.structured.empty());
    }
    return parse_json_object(x.structured).value();
  }

  std::shared_ptr<const connectors::catalogue> all;
};

json::object in_repo(json::object more) {
  more["owner"] = "octocat";
  more["repo"] = "hello-world";
  return more;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(connectors_test, connectors_fixture)

BOOST_AUTO_TEST_CASE(a_user_connects_and_disconnects) {
  const auto tokens = connect_user();
  BOOST_TEST(!call("github_create_gist", {{"files", {{"a", "b"}}}}, tokens.access_token).is_error);
  const auto end =
    connectors::revoke_request(github_app(), {"sandbox-client", "sandbox-secret"}, tokens, {});
  BOOST_REQUIRE(end);
  BOOST_REQUIRE(end->has_value());
  BOOST_TEST(send(**end).status == 204);
  BOOST_TEST(call("github_get_repository_content", in_repo({}), tokens.access_token).needs_refresh);
}

BOOST_AUTO_TEST_CASE(every_github_tool_works_against_the_sandbox) {
  const auto made = work("github_create_issue", in_repo({{"title", "t"}, {"body", "b"}}));
  BOOST_TEST(made.at("number") == 1);
  const auto read = work("github_get_issue", in_repo({{"issue_number", 1}}));
  BOOST_TEST(read.at("title") == "t");
  const auto closed =
    work("github_update_issue", in_repo({{"issue_number", 1}, {"state", "closed"}}));
  BOOST_TEST(closed.at("state") == "closed");
  work("github_create_issue_comment", in_repo({{"issue_number", 1}, {"body", "c"}}));
  const auto found = work("github_search_issues_and_pull_requests", {{"q", "t is:closed"}});
  BOOST_TEST(found.at("total_count") == 1);
  work("github_create_branch", in_repo({{"branch", "feature"}}));
  BOOST_TEST(github("PUT", "/repos/octocat/hello-world/contents/x",
                    json::object{{"message", "m"}, {"content", ""}, {"branch", "feature"}})
               .status
             == 201);
  work("github_create_pull_request",
       in_repo({{"head", "feature"}, {"base", "main"}, {"title", "p"}}));
  work("github_create_workflow_dispatch",
       in_repo({{"workflow_id", "ci.yml"}, {"ref", "main"}, {"inputs", {{"level", "1"}}}}));
  work("github_create_gist", {{"files", {{"a.txt", "text"}}}});
  const auto file = call("github_get_repository_content", in_repo({{"path", "docs/guide.md"}}));
  BOOST_TEST(!file.is_error);
  BOOST_TEST(file.text.find("There is nothing to know") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_goes_wrong_is_understood) {
  const auto issue = in_repo({{"title", "t"}});
  BOOST_TEST(call("github_create_issue", issue, "wrong").needs_refresh);
  const auto unscoped = call("github_create_issue", issue, connect_user({"gist"}).access_token);
  BOOST_TEST(unscoped.is_error);
  BOOST_TEST(unscoped.missing_scope.find("repo") != std::string::npos);
  break_with({{"match", "POST *"}, {"kind", "rate_limit"}});
  const auto limited = call("github_create_issue", issue);
  BOOST_TEST(limited.rate_limited);
  BOOST_TEST(limited.retry_after.value_or(std::chrono::seconds{0}).count() == 2);
  break_with({{"match", "POST *"}, {"kind", "secondary_rate_limit"}});
  BOOST_TEST(call("github_create_issue", issue).rate_limited);
  break_with({{"match", "POST *"}, {"kind", "unavailable"}});
  BOOST_TEST(call("github_create_issue", issue).provider_failed);
  break_with({{"match", "POST *"}, {"kind", "validation"}});
  BOOST_TEST(call("github_create_issue", issue).text.find("Could not resolve")
             != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
