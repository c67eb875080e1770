#include "ops/callboard/sandbox/github.hpp"

#include <algorithm>
#include <utility>

#include "ops/callboard/sandbox/github_oauth.hpp"
#include "ops/callboard/sandbox/html.hpp"

namespace callboard::sandbox {

namespace github_rest {

answer problem(int status, std::string_view message) {
  return json_answer(status, json::object{{"message", message},
                                          {"documentation_url", "https://docs.github.com/rest"},
                                          {"status", std::to_string(status)}});
}

answer not_found() { return problem(404, "Not Found"); }

answer validation_failed(const std::vector<field_problem>& problems) {
  json::array errors;
  for (const auto& x : problems) {
    json::object one{{"resource", x.resource}, {"code", x.code}};
    if (!x.field.empty())
      one["field"] = x.field;
    if (!x.message.empty())
      one["message"] = x.message;
    errors.push_back(std::move(one));
  }
  return json_answer(422, json::object{{"message", "Validation Failed"},
                                       {"errors", std::move(errors)},
                                       {"documentation_url", "https://docs.github.com/rest"},
                                       {"status", "422"}});
}

json::object describe_user(const api_call& x, std::string_view login) {
  return {{"login", login},
          {"id", x.store.user_id(login)},
          {"type", "User"},
          {"html_url", x.in.base_url + "/github/" + std::string{login}}};
}

answer get_user(api_call& x) { return json_answer(200, describe_user(x, x.caller.login)); }

namespace {

json::object describe_window(const rate_window& x) {
  return {{"limit", x.limit},
          {"used", x.used},
          {"remaining", std::max<std::int64_t>(0, x.limit - x.used)},
          {"reset", x.reset_at}};
}

} // namespace

answer get_rate_limit(api_call& x) {
  const auto core = describe_window(x.store.look(x.caller.login, "core", x.in.now));
  const auto search = describe_window(x.store.look(x.caller.login, "search", x.in.now));
  return json_answer(
    200, json::object{{"resources", {{"core", core}, {"search", search}}}, {"rate", core}});
}

} // namespace github_rest

namespace {

using namespace github_rest;

/// What a caller must have.
enum class need : std::uint8_t { nothing, token, repo, gist };

struct route {
  std::string_view method;
  /// "*" is one segment, "**" all that follow.
  std::string_view pattern;
  need wants;
  answer (*act)(api_call&);
};

constexpr route routes[] = {
  {"GET", "user", need::token, get_user},
  {"GET", "rate_limit", need::nothing, get_rate_limit},
  {"GET", "search/issues", need::nothing, search_issues},
  {"POST", "gists", need::gist, create_gist},
  {"GET", "gists/*", need::nothing, get_gist},
  {"GET", "repos/*/*", need::nothing, get_repository},
  {"GET", "repos/*/*/issues", need::nothing, list_issues},
  {"POST", "repos/*/*/issues", need::repo, create_issue},
  {"GET", "repos/*/*/issues/*", need::nothing, get_issue},
  {"PATCH", "repos/*/*/issues/*", need::repo, update_issue},
  {"GET", "repos/*/*/issues/*/comments", need::nothing, list_comments},
  {"POST", "repos/*/*/issues/*/comments", need::repo, create_comment},
  {"POST", "repos/*/*/pulls", need::repo, create_pull},
  {"GET", "repos/*/*/pulls/*", need::nothing, get_pull},
  {"GET", "repos/*/*/commits/*", need::nothing, get_commit},
  {"POST", "repos/*/*/git/refs", need::repo, create_ref},
  {"GET", "repos/*/*/branches", need::nothing, list_branches},
  {"GET", "repos/*/*/contents", need::nothing, get_content},
  {"GET", "repos/*/*/contents/**", need::nothing, get_content},
  {"PUT", "repos/*/*/contents/**", need::repo, put_content},
  {"POST", "repos/*/*/actions/workflows/*/dispatches", need::repo, dispatch_workflow},
  {"GET", "repos/*/*/actions/runs", need::nothing, list_runs},
};

/// What the stars of a pattern stand for, or nothing when the path is another one.
std::optional<std::vector<std::string>> match(std::string_view pattern,
                                              const std::vector<std::string>& path) {
  std::vector<std::string> stars;
  std::size_t i = 0;
  for (; !pattern.empty(); ++i) {
    const auto slash = std::min(pattern.find('/'), pattern.size());
    const auto wanted = pattern.substr(0, slash);
    pattern.remove_prefix(std::min(slash + 1, pattern.size()));
    if (i >= path.size())
      return std::nullopt;
    if (wanted == "**") {
      stars.insert(stars.end(), path.begin() + static_cast<std::ptrdiff_t>(i), path.end());
      return stars;
    }
    if (wanted == "*")
      stars.push_back(path[i]);
    else if (wanted != path[i])
      return std::nullopt;
  }
  return i == path.size() ? std::optional{stars} : std::nullopt;
}

bool has_scope(const std::string& granted, std::string_view scope) {
  return (',' + granted + ',').find(',' + std::string{scope} + ',') != std::string::npos;
}

bool meets(need wants, const github_account& caller, const json::object* repository) {
  switch (wants) {
  case need::nothing:
  case need::token:
    return true;
  case need::gist:
    return has_scope(caller.scope, "gist");
  case need::repo:
    return has_scope(caller.scope, "repo")
           || (has_scope(caller.scope, "public_repo") && repository != nullptr
               && !repository->at("private").as_bool());
  }
  return false;
}

void add_rate_headers(answer& out, const rate_window& window, const std::string& resource) {
  const auto add = [&out](const char* name, std::int64_t value) {
    out.headers.push_back({name, std::to_string(value)});
  };
  add("x-ratelimit-limit", window.limit);
  add("x-ratelimit-used", std::min(window.used, window.limit));
  add("x-ratelimit-remaining", std::max<std::int64_t>(0, window.limit - window.used));
  add("x-ratelimit-reset", window.reset_at);
  out.headers.push_back({"x-ratelimit-resource", resource});
}

answer rate_problem(int status, const std::string& who) {
  return problem(status, "API rate limit exceeded for " + who + ".");
}

/// The scopes with which a route can be used, as GitHub names them in a header.
std::string_view scopes_for(need wants) {
  switch (wants) {
  case need::nothing:
  case need::token:
    return "";
  case need::repo:
    return "public_repo, repo";
  case need::gist:
    return "gist";
  }
  return "";
}

/// Writes that need more than to see the repository.
bool changes_code(const route& x) {
  return x.wants == need::repo && x.pattern.find("/issues") == std::string_view::npos;
}

} // namespace

github::github(std::vector<oauth_client> clients) : clients_(std::move(clients)) {}

answer github::handle(const request& x) {
  const auto& path = x.segments;
  github_oauth oauth{store_, clients_};
  if (path.size() == 3 && path[0] == "login" && path[1] == "oauth") {
    if (path[2] == "authorize")
      return oauth.authorize(x);
    if (path[2] == "access_token")
      return oauth.access_token(x);
  }
  if (!path.empty() && path[0] == "api")
    return api(x);
  return page(x);
}

answer github::api(const request& x) {
  if (trim(x.header("User-Agent")).empty())
    return text_answer(403, "text/plain; charset=utf-8",
                       "Request forbidden by administrative rules. Please make sure your request "
                       "has a User-Agent header.\n");
  auto inner = x;
  inner.segments.erase(inner.segments.begin());
  const auto& path = inner.segments;
  if (path.size() == 3 && path[0] == "applications" && x.method == "DELETE"
      && (path[2] == "token" || path[2] == "grant"))
    return github_oauth{store_, clients_}.revoke(x, path[1], path[2] == "grant");
  github_account caller;
  if (!x.header("Authorization").empty()) {
    const auto token = x.bearer();
    auto known = token ? store_.account_of(*token, x.now) : std::nullopt;
    if (!known)
      return problem(401, "Bad credentials");
    caller = std::move(*known);
  }
  const bool free = !path.empty() && path[0] == "rate_limit";
  const std::string resource = !path.empty() && path[0] == "search" ? "search" : "core";
  const auto window =
    free ? store_.look(caller.login, resource, x.now) : store_.count(caller.login, resource, x.now);
  auto out = !free && window.exceeded() ? rate_problem(403, "user ID " + std::to_string(caller.id))
                                        : act(inner, caller);
  add_rate_headers(out, window, resource);
  if (!caller.login.empty())
    out.headers.push_back({"X-OAuth-Scopes", caller.scope});
  out.headers.push_back({"X-GitHub-Media-Type", "github.v3; format=json"});
  return out;
}

answer github::act(const request& x, const github_account& caller) {
  for (const auto& one : routes) {
    if (one.method != x.method)
      continue;
    auto parts = match(one.pattern, x.segments);
    if (!parts)
      continue;
    if (one.wants != need::nothing && caller.login.empty())
      return problem(401, "Requires authentication");
    api_call call{x, store_, caller, {}, std::move(*parts), nullptr, {}};
    if (one.pattern.starts_with("repos/")) {
      call.full_name = call.parts[0] + '/' + call.parts[1];
      call.repository = store_.find_repository(call.full_name, caller.login);
      if (call.repository == nullptr)
        return not_found();
    }
    if (!meets(one.wants, caller, call.repository)) {
      auto out = not_found();
      out.headers.push_back({"X-Accepted-OAuth-Scopes", std::string{scopes_for(one.wants)}});
      return out;
    }
    if (changes_code(one) && !call.may_push())
      return problem(403, "Resource not accessible by integration");
    if (one.wants == need::repo && call.repository->at("archived").as_bool())
      return problem(403, "Repository was archived so is read-only.");
    if (!x.body.empty() && x.method != "GET") {
      auto body = parse_json(x.body);
      if (!body)
        return problem(400, "Problems parsing JSON");
      if (!body->is_object())
        return problem(400, "Body should be a JSON object");
      call.body = body->as_object();
    }
    return one.act(call);
  }
  return not_found();
}

answer github::page(const request& x) {
  const auto& path = x.segments;
  if (path.size() != 4 || (path[2] != "issues" && path[2] != "pull"))
    return html_page(404, "Not found", "<p>The sandbox has no such page.</p>");
  const auto* repository = store_.find_repository(path[0] + '/' + path[1], "octocat");
  const auto* record =
    repository ? find_object(repository->at("issues").as_object(), path[3]) : nullptr;
  if (record == nullptr)
    return html_page(404, "Not found", "<p>The sandbox has no such page.</p>");
  return html_page(200, to_std(record->at("title").as_string()) + " #" + path[3],
                   "<p>" + html_escape(to_std(record->at("state").as_string())) + "</p>\n<pre>"
                     + html_escape(find_string(*record, "body").value_or("")) + "</pre>");
}

std::optional<answer> github::trouble(std::string_view kind, const request& x) const {
  /// How long a made-up limit lasts: short, so that a test can wait for its end.
  constexpr std::int64_t limit_seconds = 2;
  if (kind == "rate_limit" || kind == "rate_limit_429") {
    auto out = rate_problem(kind == "rate_limit" ? 403 : 429, "user ID 1");
    add_rate_headers(out, {5000, 5001, x.now + limit_seconds}, "core");
    return out;
  }
  if (kind == "secondary_rate_limit") {
    auto out = problem(403, "You have exceeded a secondary rate limit. Please wait a few minutes "
                            "before you try again.");
    out.headers.push_back({"retry-after", std::to_string(limit_seconds)});
    return out;
  }
  if (kind == "bad_credentials")
    return problem(401, "Bad credentials");
  if (kind == "forbidden")
    return problem(403, "Resource not accessible by integration");
  if (kind == "server_error")
    return problem(500, "Server Error");
  if (kind == "unavailable")
    return text_answer(503, "text/html; charset=utf-8", "<html><h1>Unicorn!</h1></html>");
  if (kind == "validation")
    return json_answer(422, json::object{{"message", "Validation Failed"},
                                         {"errors", json::array{"Could not resolve to a node"}},
                                         {"documentation_url", "https://docs.github.com/rest"}});
  return std::nullopt;
}

json::object github::endpoints(std::string_view base_url) const {
  const auto base = std::string{base_url} + "/github";
  return {{"api_base", base + "/api"},
          {"authorize_url", base + "/login/oauth/authorize"},
          {"token_url", base + "/login/oauth/access_token"},
          {"revoke_url", base + "/api/applications/{client_id}/token"}};
}

result<bool> github::load(const json::object& saved) {
  const github_store fresh;
  for (const auto& member : fresh.doc) {
    const auto* value = find(saved, member.key());
    if (value == nullptr || value->kind() != member.value().kind())
      return make_problem(errc::bad_setting, "The state file is not one of this sandbox.",
                          "state_file");
  }
  store_.reset();
  store_.doc = saved;
  return true;
}

} // namespace callboard::sandbox
