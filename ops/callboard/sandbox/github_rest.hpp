#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ops/callboard/sandbox/app.hpp"
#include "ops/callboard/sandbox/github_store.hpp"

/// The REST endpoints of the sandbox's GitHub, one function each. They see a call whose caller is
/// known, whose body is read and whose repository is found.
namespace callboard::sandbox::github_rest {

/// A call on its way to its endpoint.
struct api_call {
  const request& in;
  github_store& store;
  /// Empty login: no token was sent.
  github_account caller;
  json::object body;
  /// What the stars of the route matched, in order.
  std::vector<std::string> parts;
  /// Null for paths outside of /repos/.
  json::object* repository = nullptr;
  std::string full_name;

  /// Where the REST API is, and where the pages are that people look at.
  std::string api_url() const { return in.base_url + "/github/api"; }
  std::string html_url() const { return in.base_url + "/github/" + full_name; }
  std::string repo_url() const { return api_url() + "/repos/" + full_name; }
  bool may_push() const { return github_store::may_push(*repository, caller.login); }
};

/// One member of `errors` in a 422.
struct field_problem {
  std::string resource;
  std::string field;
  /// "missing_field", "invalid", "already_exists", "custom", ...
  std::string code;
  /// Only for "custom".
  std::string message;
};

/// An error body as GitHub writes it.
answer problem(int status, std::string_view message);
answer not_found();
answer validation_failed(const std::vector<field_problem>& problems);

/// A whole answer to GET of a list: the page that `page` and `per_page` ask for, with its Link.
answer page_of(const api_call& x, const json::array& all);

/// The user as other records show him.
json::object describe_user(const api_call& x, std::string_view login);

/// Issues and pull requests; the parts are owner, name, and a number.
answer create_issue(api_call& x);
answer list_issues(api_call& x);
answer get_issue(api_call& x);
answer update_issue(api_call& x);
answer create_comment(api_call& x);
answer list_comments(api_call& x);
answer create_pull(api_call& x);
answer get_pull(api_call& x);
answer search_issues(api_call& x);

/// Whether an issue record of a repository fits a search text with its qualifiers.
bool issue_fits(std::string_view query, std::string_view full_name, const json::object& record);

/// Code, workflows and gists; the parts are owner, name, and what the route says.
answer get_repository(api_call& x);
answer get_commit(api_call& x);
answer create_ref(api_call& x);
answer list_branches(api_call& x);
answer get_content(api_call& x);
answer put_content(api_call& x);
answer dispatch_workflow(api_call& x);
answer list_runs(api_call& x);
answer create_gist(api_call& x);
answer get_gist(api_call& x);

/// The caller and his limits.
answer get_user(api_call& x);
answer get_rate_limit(api_call& x);

} // namespace callboard::sandbox::github_rest
