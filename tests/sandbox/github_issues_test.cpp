#include "tests/sandbox/sandbox_fixture.hpp"

using namespace callboard;
using namespace callboard::sandbox;

namespace {

const std::string repo = "/repos/octocat/hello-world";

struct issues_fixture : sandbox_fixture {
  answer create(const json::object& body, const std::string& token = "sandbox-octocat") {
    return github("POST", repo + "/issues", body, token);
  }

  /// The first member of `errors` as "field code".
  std::string fault_of(const answer& x) {
    BOOST_TEST(x.status == 422);
    BOOST_TEST(text(x, "message") == "Validation Failed");
    const auto first = at(x, "/errors/0").as_object();
    return find_string(first, "field").value_or("-") + ' '
           + find_string(first, "message").value_or(find_string(first, "code").value_or("-"));
  }

  /// Makes a branch with one commit that main has not.
  void make_branch(const std::string& name) {
    const auto sha = text(github("GET", repo + "/commits/HEAD"), "sha");
    BOOST_TEST(
      github("POST", repo + "/git/refs", json::object{{"ref", "refs/heads/" + name}, {"sha", sha}})
        .status
      == 201);
    BOOST_TEST(github("PUT", repo + "/contents/new.txt",
                      json::object{{"message", "m"}, {"content", "bmV3"}, {"branch", name}})
                 .status
               == 201);
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(github_issues_test, issues_fixture)

BOOST_AUTO_TEST_CASE(an_issue_is_created_and_read_again) {
  const auto made = create({{"title", "It breaks"},
                            {"body", "Always"},
                            {"labels", {"bug", "urgent"}},
                            {"assignees", json::array{"octocat"}},
                            {"milestone", 1}});
  BOOST_TEST(made.status == 201);
  BOOST_TEST(at(made, "/number") == 1);
  BOOST_TEST(text(made, "html_url") == "http://sandbox.test/github/octocat/hello-world/issues/1");
  BOOST_TEST(header(made, "Location") == "http://sandbox.test/github/api" + repo + "/issues/1");
  const auto read = github("GET", repo + "/issues/1");
  BOOST_TEST(read.status == 200);
  BOOST_TEST(value(read) == value(made));
  BOOST_TEST(text(read, "title") == "It breaks");
  BOOST_TEST(at(read, "/labels/1/name") == "urgent");
  BOOST_TEST(at(read, "/assignees/0/login") == "octocat");
  BOOST_TEST(at(read, "/milestone/title") == "v1.0");
  BOOST_TEST(at(read, "/user/login") == "octocat");
  BOOST_TEST(text(read, "created_at") == "2027-01-15T08:00:00Z");
  BOOST_TEST(at(create({{"title", "Again"}}), "/number") == 2);
}

BOOST_AUTO_TEST_CASE(bad_issues_are_refused_field_by_field) {
  BOOST_TEST(fault_of(create({{"body", "x"}})) == "title missing_field");
  BOOST_TEST(fault_of(create({{"title", "  "}})) == "title missing_field");
  BOOST_TEST(fault_of(create({{"title", 1}})) == "title invalid");
  BOOST_TEST(fault_of(create({{"title", "x"}, {"body", 1}})) == "body invalid");
  BOOST_TEST(fault_of(create({{"title", "x"}, {"labels", "bug"}})) == "labels invalid");
  BOOST_TEST(fault_of(create({{"title", "x"}, {"assignees", json::array{"who"}}}))
             == "assignees invalid");
  BOOST_TEST(fault_of(create({{"title", "x"}, {"milestone", 9}})) == "milestone invalid");
  BOOST_TEST(github("GET", repo + "/issues/1").status == 404);
}

BOOST_AUTO_TEST_CASE(bodies_that_are_no_json_objects_are_refused) {
  const http_headers headers{{"User-Agent", "t"}, {"Authorization", "token sandbox-octocat"}};
  BOOST_TEST(ask("POST", "/github/api" + repo + "/issues", "{", headers).status == 400);
  BOOST_TEST(ask("POST", "/github/api" + repo + "/issues", "[]", headers).status == 400);
}

BOOST_AUTO_TEST_CASE(labels_without_push_access_are_dropped_silently) {
  const auto made = create({{"title", "x"}, {"labels", json::array{"bug"}}, {"milestone", 9}},
                           connect("alice", "public_repo"));
  BOOST_TEST(made.status == 201);
  BOOST_TEST(at(made, "/labels").as_array().empty());
  BOOST_TEST(at(made, "/milestone").is_null());
}

BOOST_AUTO_TEST_CASE(what_the_caller_may_not_see_does_not_exist) {
  const auto path = "/repos/my-org/private-repo/issues";
  BOOST_TEST(github("POST", path, json::object{{"title", "x"}}).status == 201);
  BOOST_TEST(github("GET", std::string{path} + "/1").status == 200);
  BOOST_TEST(github("GET", std::string{path} + "/1", nullptr, "").status == 404);
  BOOST_TEST(github("GET", std::string{path} + "/1", nullptr, connect("alice", "repo")).status
             == 404);
  BOOST_TEST(
    github("POST", path, json::object{{"title", "x"}}, connect("octocat", "public_repo")).status
    == 404);
  BOOST_TEST(github("POST", "/repos/no/such/issues", json::object{{"title", "x"}}).status == 404);
}

BOOST_AUTO_TEST_CASE(states_of_a_repository_have_their_own_errors) {
  const json::object body{{"title", "x"}};
  BOOST_TEST(github("POST", "/repos/octocat/no-issues/issues", body).status == 410);
  BOOST_TEST(github("POST", "/repos/octocat/archived/issues", body).status == 403);
  BOOST_TEST(create(body, "").status == 401);
  BOOST_TEST(create(body, connect("octocat", "gist")).status == 404);
}

BOOST_AUTO_TEST_CASE(an_update_changes_what_it_names) {
  create({{"title", "old"}, {"body", "stays"}, {"labels", {"a", "b"}}});
  now += 60;
  const auto changed =
    github("PATCH", repo + "/issues/1",
           json::object{{"title", "new"}, {"state", "closed"}, {"state_reason", "not_planned"}});
  BOOST_TEST(changed.status == 200);
  BOOST_TEST(text(changed, "title") == "new");
  BOOST_TEST(text(changed, "body") == "stays");
  BOOST_TEST(text(changed, "state_reason") == "not_planned");
  BOOST_TEST(text(changed, "closed_at") == "2027-01-15T08:01:00Z");
  BOOST_TEST(text(changed, "created_at") == "2027-01-15T08:00:00Z");
  const auto reopened =
    github("PATCH", repo + "/issues/1", json::object{{"state", "open"}, {"labels", json::array{}}});
  BOOST_TEST(at(reopened, "/closed_at").is_null());
  BOOST_TEST(at(reopened, "/labels").as_array().empty());
}

BOOST_AUTO_TEST_CASE(a_bad_update_changes_nothing) {
  create({{"title", "old"}});
  for (const json::object& bad :
       {json::object{{"title", "new"}, {"state", "gone"}}, json::object{{"state", 1}},
        json::object{{"title", "new"}, {"state_reason", "bored"}}, json::object{{"title", ""}}})
    BOOST_TEST(github("PATCH", repo + "/issues/1", bad).status == 422);
  BOOST_TEST(text(github("GET", repo + "/issues/1"), "title") == "old");
  BOOST_TEST(github("PATCH", repo + "/issues/9", json::object{{"title", "x"}}).status == 404);
  BOOST_TEST(
    github("PATCH", repo + "/issues/1", json::object{{"title", "x"}}, connect("alice", "repo"))
      .status
    == 403);
}

BOOST_AUTO_TEST_CASE(comments_are_kept_and_counted) {
  create({{"title", "x"}});
  const auto made = github("POST", repo + "/issues/1/comments", json::object{{"body", "hi"}});
  BOOST_TEST(made.status == 201);
  BOOST_TEST(text(made, "html_url").find("/issues/1#issuecomment-") != std::string::npos);
  BOOST_TEST(at(github("GET", repo + "/issues/1"), "/comments") == 1);
  BOOST_TEST(at(github("GET", repo + "/issues/1/comments"), "/0/body") == "hi");
  BOOST_TEST(github("POST", repo + "/issues/1/comments", json::object{{"body", ""}}).status == 422);
  BOOST_TEST(github("POST", repo + "/issues/1/comments", json::object{{"x", ""}}).status == 422);
  BOOST_TEST(github("POST", repo + "/issues/2/comments", json::object{{"body", "x"}}).status
             == 404);
}

BOOST_AUTO_TEST_CASE(lists_come_in_pages) {
  for (const char* title : {"a", "b", "c"})
    create({{"title", title}});
  const auto first = github("GET", repo + "/issues?per_page=2");
  BOOST_TEST(value(first).as_array().size() == 2u);
  BOOST_TEST(at(first, "/0/title") == "c");
  BOOST_TEST(header(first, "Link")
             == "<http://sandbox.test/github/api" + repo
                  + "/issues?per_page=2&page=2>; rel=\"next\"");
  const auto second = github("GET", repo + "/issues?per_page=2&page=2");
  BOOST_TEST(value(second).as_array().size() == 1u);
  BOOST_TEST(header(second, "Link").empty());
}

BOOST_AUTO_TEST_CASE(a_search_follows_its_qualifiers) {
  create({{"title", "Crash on start"}, {"labels", json::array{"good first"}}});
  create({{"title", "Slow start"}});
  github("PATCH", repo + "/issues/2", json::object{{"state", "closed"}});
  github("POST", "/repos/my-org/private-repo/issues", json::object{{"title", "start secret"}});
  const auto count = [this](const std::string& query, const std::string& token) {
    const auto found = github("GET", "/search/issues?q=" + percent_encode(query), nullptr, token);
    BOOST_TEST(found.status == 200);
    return at(found, "/total_count").to_number<int>();
  };
  const std::string me = "sandbox-octocat";
  BOOST_TEST(count("start", me) == 3);
  BOOST_TEST(count("start", "") == 2);
  BOOST_TEST(count("START is:open repo:octocat/hello-world", me) == 1);
  BOOST_TEST(count("label:\"good first\"", me) == 1);
  BOOST_TEST(count("-label:\"good first\" org:octocat", me) == 1);
  BOOST_TEST(count("is:pr", me) == 0);
  BOOST_TEST(count("author:octocat state:closed", me) == 1);
  BOOST_TEST(count("assignee:octocat", me) == 0);
  BOOST_TEST(count("sort:created start type:issue", me) == 3);
  const auto some = github("GET", "/search/issues?q=start&per_page=1");
  BOOST_TEST(at(some, "/items").as_array().size() == 1u);
  BOOST_TEST(at(some, "/total_count") == 3);
}

BOOST_AUTO_TEST_CASE(a_search_that_cannot_be_is_refused) {
  BOOST_TEST(fault_of(github("GET", "/search/issues?q=")) == "q missing");
  BOOST_TEST(fault_of(github("GET", "/search/issues")) == "q missing");
  const auto hidden = github("GET", "/search/issues?q=repo%3Amy-org%2Fprivate-repo", nullptr, "");
  BOOST_TEST(fault_of(hidden).find("cannot be searched") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_pull_request_needs_commits) {
  make_branch("feature");
  const json::object body{{"title", "Add"}, {"head", "feature"}, {"base", "main"}};
  const auto made = github("POST", repo + "/pulls", body);
  BOOST_TEST(made.status == 201);
  BOOST_TEST(at(made, "/head/ref") == "feature");
  BOOST_TEST(at(made, "/base/ref") == "main");
  BOOST_TEST(text(made, "mergeable_state") == "clean");
  BOOST_TEST(value(github("GET", repo + "/pulls/1")) == value(made));
  BOOST_TEST(at(github("GET", repo + "/issues/1"), "/pull_request/html_url")
             == "http://sandbox.test/github/octocat/hello-world/pull/1");
  BOOST_TEST(fault_of(github("POST", repo + "/pulls", body))
             == "- A pull request already exists for octocat:feature.");
}

BOOST_AUTO_TEST_CASE(impossible_pull_requests_are_refused) {
  make_branch("feature");
  const auto pull = [this](const json::object& body) {
    return fault_of(github("POST", repo + "/pulls", body));
  };
  BOOST_TEST(pull({{"title", "x"}, {"base", "main"}}) == "head missing_field");
  BOOST_TEST(pull({{"title", "x"}, {"head", "feature"}}) == "base missing_field");
  BOOST_TEST(pull({{"head", "feature"}, {"base", "main"}}) == "title missing_field");
  BOOST_TEST(pull({{"title", "x"}, {"head", "none"}, {"base", "main"}}) == "head invalid");
  BOOST_TEST(pull({{"title", "x"}, {"head", "feature"}, {"base", "none"}}) == "base invalid");
  BOOST_TEST(pull({{"title", "x"}, {"head", "who:feature"}, {"base", "main"}}) == "head invalid");
  BOOST_TEST(pull({{"title", "x"}, {"head", "main"}, {"base", "main"}})
             == "- No commits between main and main");
  BOOST_TEST(pull({{"issue", 9}, {"head", "feature"}, {"base", "main"}}) == "issue invalid");
}

BOOST_AUTO_TEST_CASE(an_issue_becomes_a_pull_request) {
  make_branch("feature");
  create({{"title", "Wish"}});
  const auto made = github(
    "POST", repo + "/pulls",
    json::object{{"issue", 1}, {"head", "octocat:feature"}, {"base", "main"}, {"draft", true}});
  BOOST_TEST(made.status == 201);
  BOOST_TEST(at(made, "/number") == 1);
  BOOST_TEST(text(made, "title") == "Wish");
  BOOST_TEST(text(made, "mergeable_state") == "draft");
}

BOOST_AUTO_TEST_CASE(an_issue_has_a_page) {
  create({{"title", "<b>"}, {"body", "text"}});
  const auto page = ask("GET", "/github/octocat/hello-world/issues/1");
  BOOST_TEST(page.status == 200);
  BOOST_TEST(page.body.find("&lt;b&gt; #1") != std::string::npos);
  BOOST_TEST(ask("GET", "/github/octocat/hello-world/issues/2").status == 404);
}

BOOST_AUTO_TEST_SUITE_END()
