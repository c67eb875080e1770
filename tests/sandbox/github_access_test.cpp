#include "tests/sandbox/sandbox_fixture.hpp"

using namespace callboard;
using namespace callboard::sandbox;

BOOST_FIXTURE_TEST_SUITE(github_access_test, sandbox_fixture)

BOOST_AUTO_TEST_CASE(a_user_agent_is_required) {
  const http_headers token{{"Authorization", "Bearer sandbox-octocat"}};
  BOOST_TEST(ask("GET", "/github/api/user", {}, token).status == 403);
  auto headers = token;
  headers.push_back({"User-Agent", "x"});
  BOOST_TEST(ask("GET", "/github/api/user", {}, headers).status == 200);
}

BOOST_AUTO_TEST_CASE(a_bad_token_is_told_from_no_token) {
  BOOST_TEST(text(github("GET", "/user", nullptr, "wrong"), "message") == "Bad credentials");
  BOOST_TEST(text(github("GET", "/user", nullptr, ""), "message") == "Requires authentication");
  const auto basic =
    ask("GET", "/github/api/user", {}, {{"User-Agent", "x"}, {"Authorization", "Basic eDp5"}});
  BOOST_TEST(basic.status == 401);
  // Even what is public is refused to a wrong token.
  BOOST_TEST(github("GET", "/repos/octocat/hello-world", nullptr, "wrong").status == 401);
  BOOST_TEST(github("GET", "/repos/octocat/hello-world", nullptr, "").status == 200);
}

BOOST_AUTO_TEST_CASE(names_of_repositories_have_no_case) {
  BOOST_TEST(github("GET", "/repos/Octocat/Hello-World").status == 200);
}

BOOST_AUTO_TEST_CASE(unknown_paths_and_methods_are_not_found) {
  for (const char* path : {"/", "/nothing", "/repos/octocat", "/repos/octocat/hello-world/x"})
    BOOST_TEST(github("GET", path).status == 404);
  BOOST_TEST(github("DELETE", "/repos/octocat/hello-world").status == 404);
  BOOST_TEST(github("GET", "/repos/octocat/hello-world/issues/1/x/y").status == 404);
}

BOOST_AUTO_TEST_CASE(malformed_targets_are_bad_requests) {
  BOOST_TEST(ask("GET", "/github/api/%zz").status == 400);
  BOOST_TEST(ask("GET", "/github/api/user?a=%2").status == 400);
  BOOST_TEST(ask("GET", "github").status == 400);
  BOOST_TEST(ask("GET", "").status == 400);
}

BOOST_AUTO_TEST_CASE(every_answer_tells_what_is_left) {
  const auto first = github("GET", "/user");
  BOOST_TEST(header(first, "x-ratelimit-limit") == "5000");
  BOOST_TEST(header(first, "x-ratelimit-remaining") == "4999");
  BOOST_TEST(header(first, "x-ratelimit-reset") == std::to_string(now + 3600));
  BOOST_TEST(header(first, "x-ratelimit-resource") == "core");
  BOOST_TEST(header(github("GET", "/user"), "x-ratelimit-used") == "2");
  const auto search = github("GET", "/search/issues?q=x");
  BOOST_TEST(header(search, "x-ratelimit-limit") == "30");
  BOOST_TEST(header(search, "x-ratelimit-resource") == "search");
  const auto told = github("GET", "/rate_limit");
  BOOST_TEST(at(told, "/resources/core/remaining") == 4998);
  BOOST_TEST(at(told, "/resources/search/used") == 1);
}

BOOST_AUTO_TEST_CASE(the_rate_limit_ends_with_its_window) {
  BOOST_TEST(ask("POST", "/_control/configure/github", R"({"core_limit":2})").status == 200);
  BOOST_TEST(github("GET", "/user").status == 200);
  BOOST_TEST(github("GET", "/user").status == 200);
  const auto refused = github("GET", "/user");
  BOOST_TEST(refused.status == 403);
  BOOST_TEST(header(refused, "x-ratelimit-remaining") == "0");
  BOOST_TEST(text(refused, "message").starts_with("API rate limit exceeded"));
  // Others are not concerned, and the limit itself can always be read.
  BOOST_TEST(github("GET", "/user", nullptr, connect("alice", "repo")).status == 200);
  BOOST_TEST(github("GET", "/rate_limit").status == 200);
  now += 3600;
  BOOST_TEST(github("GET", "/user").status == 200);
}

BOOST_AUTO_TEST_CASE(searches_are_limited_by_the_minute) {
  for (int i = 0; i < 30; ++i)
    BOOST_TEST(github("GET", "/search/issues?q=x").status == 200);
  BOOST_TEST(github("GET", "/search/issues?q=x").status == 403);
  BOOST_TEST(github("GET", "/user").status == 200);
  now += 60;
  BOOST_TEST(github("GET", "/search/issues?q=x").status == 200);
}

BOOST_AUTO_TEST_CASE(repositories_can_be_made_and_changed) {
  const auto set = [this](const std::string& body) {
    return ask("POST", "/_control/configure/github", body).status;
  };
  BOOST_TEST(set(R"({"repositories":[{"full_name":"new/one","private":true},)"
                 R"({"full_name":"octocat/hello-world","has_issues":false}]})")
             == 200);
  BOOST_TEST(github("GET", "/repos/new/one").status == 200);
  BOOST_TEST(github("GET", "/repos/new/one", nullptr, "").status == 404);
  BOOST_TEST(
    github("POST", "/repos/octocat/hello-world/issues", json::object{{"title", "x"}}).status
    == 410);
  for (const char* bad :
       {R"({"core_limit":-1})", R"({"core_limit":"x"})", R"({"what":1})", R"({"repositories":1})",
        R"({"repositories":[1]})", R"({"repositories":[{"full_name":"x"}]})", "[]", "{"})
    BOOST_TEST(set(bad) == 400);
  BOOST_TEST(ask("POST", "/_control/configure/nothing", "{}").status == 404);
}

BOOST_AUTO_TEST_SUITE_END()
