#include "core/base/digest.hpp"
#include "tests/sandbox/sandbox_fixture.hpp"

using namespace callboard;
using namespace callboard::sandbox;

namespace {

const std::string repo = "/repos/octocat/hello-world";

struct code_fixture : sandbox_fixture {
  answer dispatch(const std::string& workflow, const json::object& body) {
    return github("POST", repo + "/actions/workflows/" + workflow + "/dispatches", body);
  }

  answer put(const std::string& path, const json::object& body) {
    return github("PUT", repo + "/contents/" + path, body);
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(github_code_test, code_fixture)

BOOST_AUTO_TEST_CASE(a_file_is_read_in_base64) {
  const auto file = github("GET", repo + "/contents/README.md");
  BOOST_TEST(file.status == 200);
  BOOST_TEST(text(file, "type") == "file");
  BOOST_TEST(text(file, "encoding") == "base64");
  BOOST_TEST(from_base64(text(file, "content")).value()
             == "# Hello, world\n\nA repository to try things on.\n");
  BOOST_TEST(at(file, "/size") == 47);
}

BOOST_AUTO_TEST_CASE(a_path_may_hold_plain_or_encoded_slashes) {
  for (const char* path : {"docs/guide.md", "docs%2Fguide.md"})
    BOOST_TEST(text(github("GET", repo + "/contents/" + path), "path") == "docs/guide.md");
}

BOOST_AUTO_TEST_CASE(a_directory_is_a_list) {
  const auto root = value(github("GET", repo + "/contents/")).as_array();
  BOOST_TEST(root.size() == 3u);
  const auto docs = github("GET", repo + "/contents/docs");
  BOOST_TEST(at(docs, "/0/path") == "docs/guide.md");
  BOOST_TEST(value(docs).as_array().size() == 1u);
}

BOOST_AUTO_TEST_CASE(the_accept_header_chooses_the_representation) {
  const auto get = [this](const std::string& path, const std::string& accept) {
    return github("GET", repo + "/contents/" + path, nullptr, "sandbox-octocat",
                  {{"Accept", accept}});
  };
  BOOST_TEST(get("README.md", "application/vnd.github.raw+json").body.starts_with("# Hello"));
  BOOST_TEST(get("README.md", "application/vnd.github.html+json").body.starts_with("<article>"));
  const auto folder = get("docs", "application/vnd.github.object+json");
  BOOST_TEST(at(folder, "/entries/0/name") == "guide.md");
}

BOOST_AUTO_TEST_CASE(what_is_not_there_is_not_found) {
  BOOST_TEST(github("GET", repo + "/contents/none.md").status == 404);
  BOOST_TEST(github("GET", repo + "/contents/README.md?ref=none").status == 404);
  BOOST_TEST(github("GET", "/repos/octocat/empty/contents/").status == 404);
}

BOOST_AUTO_TEST_CASE(a_large_file_has_no_content) {
  const std::string large(1024 * 1024 + 1, 'x');
  BOOST_TEST(put("large", {{"message", "m"}, {"content", to_base64(large)}}).status == 201);
  const auto file = github("GET", repo + "/contents/large");
  BOOST_TEST(text(file, "encoding") == "none");
  BOOST_TEST(text(file, "content").empty());
}

BOOST_AUTO_TEST_CASE(replacing_a_file_wants_its_sha) {
  const json::object fresh{{"message", "m"}, {"content", "YQ=="}};
  const auto made = put("a.txt", fresh);
  BOOST_TEST(made.status == 201);
  BOOST_TEST(put("a.txt", fresh).status == 422);
  auto stale = fresh;
  stale["sha"] = "0000";
  BOOST_TEST(put("a.txt", stale).status == 409);
  auto right = fresh;
  right["content"] = "Yg==";
  right["sha"] = at(made, "/content/sha");
  BOOST_TEST(put("a.txt", right).status == 200);
  BOOST_TEST(from_base64(text(github("GET", repo + "/contents/a.txt"), "content")).value() == "b");
  BOOST_TEST(put("b.txt", {{"message", "m"}}).status == 422);
  BOOST_TEST(put("b.txt", {{"message", "m"}, {"content", "!"}}).status == 422);
  BOOST_TEST(put("b.txt", {{"message", "m"}, {"content", "YQ=="}, {"branch", "x"}}).status == 404);
}

BOOST_AUTO_TEST_CASE(a_ref_is_resolved_from_whatever_names_it) {
  const auto sha = text(github("GET", repo + "/commits/HEAD"), "sha");
  BOOST_TEST(sha.size() == 40u);
  for (const std::string& ref : {std::string{"main"}, std::string{"heads%2Fmain"}, sha,
                                 sha.substr(0, 7), std::string{"refs%2Fheads%2Fmain"}})
    BOOST_TEST(text(github("GET", repo + "/commits/" + ref), "sha") == sha);
  BOOST_TEST(github("GET", repo + "/commits/none").status == 422);
  BOOST_TEST(github("GET", "/repos/octocat/empty/commits/HEAD").status == 409);
}

BOOST_AUTO_TEST_CASE(a_branch_is_created_at_a_commit) {
  const auto sha = text(github("GET", repo + "/commits/HEAD"), "sha");
  const auto make = [&](const json::object& body) {
    return github("POST", repo + "/git/refs", body);
  };
  const auto made = make({{"ref", "refs/heads/dev/one"}, {"sha", sha}});
  BOOST_TEST(made.status == 201);
  BOOST_TEST(text(made, "ref") == "refs/heads/dev/one");
  BOOST_TEST(at(made, "/object/sha") == json::value(sha));
  BOOST_TEST(value(github("GET", repo + "/branches")).as_array().size() == 2u);
  BOOST_TEST(text(make({{"ref", "refs/heads/dev/one"}, {"sha", sha}}), "message")
             == "Reference already exists");
  BOOST_TEST(text(make({{"ref", "refs/heads/x"}, {"sha", std::string(40, '0')}}), "message")
             == "Object does not exist");
  for (const char* bad : {"x", "refs/heads/", "refs/heads/a b", "refs/heads/a..b"})
    BOOST_TEST(make({{"ref", bad}, {"sha", sha}}).status == 422);
  BOOST_TEST(make({{"ref", "refs/heads/x"}}).status == 422);
  BOOST_TEST(make({{"sha", sha}}).status == 422);
  const json::object body{{"ref", "refs/heads/x"}, {"sha", sha}};
  BOOST_TEST(github("POST", "/repos/octocat/empty/git/refs", body).status == 409);
  BOOST_TEST(github("POST", repo + "/git/refs", body, connect("alice", "repo")).status == 403);
}

BOOST_AUTO_TEST_CASE(a_workflow_is_dispatched) {
  const auto plain = dispatch("ci.yml", {{"ref", "main"}});
  BOOST_TEST(plain.status == 204);
  BOOST_TEST(plain.body.empty());
  const auto told = dispatch(
    "1001", {{"ref", "main"}, {"inputs", {{"level", "high"}}}, {"return_run_details", true}});
  BOOST_TEST(told.status == 200);
  BOOST_TEST(at(told, "/workflow_run_id").is_int64());
  const auto runs = github("GET", repo + "/actions/runs");
  BOOST_TEST(at(runs, "/total_count") == 2);
  BOOST_TEST(at(runs, "/workflow_runs/1/inputs/level") == "high");
}

BOOST_AUTO_TEST_CASE(a_workflow_that_cannot_run_is_refused) {
  BOOST_TEST(dispatch("none.yml", {{"ref", "main"}}).status == 404);
  BOOST_TEST(dispatch("ci.yml", {{"ref", "none"}}).status == 404);
  BOOST_TEST(dispatch("ci.yml", json::object{{"inputs", json::object{}}}).status == 422);
  BOOST_TEST(dispatch("release.yml", {{"ref", "main"}}).status == 422);
  BOOST_TEST(dispatch("ci.yml", {{"ref", "main"}, {"inputs", {{"x", "1"}}}}).status == 422);
  json::object many;
  for (int i = 0; i < 26; ++i)
    many["i" + std::to_string(i)] = "x";
  BOOST_TEST(dispatch("ci.yml", {{"ref", "main"}, {"inputs", many}}).status == 422);
}

BOOST_AUTO_TEST_CASE(a_gist_is_created_and_read_again) {
  const auto made =
    github("POST", "/gists",
           json::object{{"description", "d"}, {"files", {{"a b.txt", {{"content", "hello"}}}}}});
  BOOST_TEST(made.status == 201);
  BOOST_TEST(at(made, "/public") == false);
  BOOST_TEST(at(made, "/files/a b.txt/filename") == "a b.txt");
  BOOST_TEST(value(github("GET", "/gists/" + text(made, "id"))) == value(made));
  BOOST_TEST(github("GET", "/gists/none").status == 404);
}

BOOST_AUTO_TEST_CASE(bad_gists_are_refused) {
  for (const json::object& bad : {json::object{{"x", 1}}, json::object{{"files", json::object{}}},
                                  json::object{{"files", {{"a", json::object{{"content", ""}}}}}},
                                  json::object{{"files", json::object{{"a", "text"}}}}})
    BOOST_TEST(github("POST", "/gists", bad).status == 422);
  const json::object good{{"files", {{"a", {{"content", "hello"}}}}}};
  BOOST_TEST(github("POST", "/gists", good, "").status == 401);
  const auto unscoped = github("POST", "/gists", good, connect("alice", "repo"));
  BOOST_TEST(unscoped.status == 404);
  BOOST_TEST(header(unscoped, "X-Accepted-OAuth-Scopes") == "gist");
  BOOST_TEST(header(unscoped, "X-OAuth-Scopes") == "repo");
}

BOOST_AUTO_TEST_SUITE_END()
