#include "ops/callboard/sandbox/github_store.hpp"

#include <algorithm>
#include <chrono>
#include <ctime>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "core/base/digest.hpp"
#include "core/base/http_message.hpp"

namespace callboard::sandbox {

namespace {

/// GitHub's own limits: an hour for everything, a minute for searches.
constexpr std::int64_t core_limit = 5000;
constexpr std::int64_t core_seconds = 3600;
constexpr std::int64_t search_limit = 30;
constexpr std::int64_t search_seconds = 60;
/// Without a token GitHub counts by address, and much less.
constexpr std::int64_t anonymous_core_limit = 60;
constexpr std::int64_t anonymous_search_limit = 10;
/// A GitHub App's user token lives eight hours.
constexpr std::int64_t token_seconds = 8 * 3600;
constexpr std::size_t sha_digits = 40;
constexpr std::size_t short_sha_digits = 7;

void seed_hello_world(json::object& repository) {
  commit_file(repository, "main", "README.md", "# Hello, world\n\nA repository to try things on.\n",
              "Say hello");
  commit_file(repository, "main", "docs/guide.md", "# Guide\n\nThere is nothing to know.\n",
              "Explain everything");
  commit_file(repository, "main", ".github/workflows/ci.yml",
              "on:\n  workflow_dispatch:\n    inputs:\n      level: {}\n", "Check every change");
  repository["milestones"] = json::object{{"1", "v1.0"}};
  repository["workflows"] =
    json::object{{"ci.yml", {{"id", 1001}, {"dispatch", true}, {"inputs", json::array{"level"}}}},
                 {"release.yml", {{"id", 1002}, {"dispatch", false}, {"inputs", json::array{}}}}};
}

} // namespace

github_store::github_store() { reset(); }

void github_store::reset() {
  windows_.clear();
  doc = {{"users", {{"octocat", {{"id", 1}}}}},
         {"tokens",
          {{"sandbox-octocat",
            {{"login", "octocat"},
             {"client_id", ""},
             {"scope", "gist,repo"},
             {"expires_at", 0},
             {"refresh_token", ""}}}}},
         {"refresh", json::object{}},
         {"codes", json::object{}},
         {"gists", json::object{}},
         {"switches",
          {{"core_limit", core_limit},
           {"search_limit", search_limit},
           {"token_seconds", token_seconds}}},
         {"next_id", 2000}};
  json::object repositories;
  for (const char* name : {"octocat/hello-world", "my-org/test-repo", "my-org/private-repo",
                           "octocat/no-issues", "octocat/archived", "octocat/empty"})
    repositories[name] = make_repository(100 + static_cast<std::int64_t>(repositories.size()));
  seed_hello_world(repositories["octocat/hello-world"].as_object());
  for (const char* name :
       {"my-org/test-repo", "my-org/private-repo", "octocat/no-issues", "octocat/archived"})
    commit_file(repositories[name].as_object(), "main", "README.md", "# Test\n", "Begin");
  repositories["my-org/private-repo"].as_object()["private"] = true;
  repositories["octocat/no-issues"].as_object()["has_issues"] = false;
  repositories["octocat/archived"].as_object()["archived"] = true;
  doc["repositories"] = std::move(repositories);
}

json::object& github_store::part(std::string_view name) { return doc.at(name).as_object(); }

std::int64_t github_store::next_id() {
  const auto id = doc.at("next_id").as_int64();
  doc["next_id"] = id + 1;
  return id;
}

std::int64_t github_store::user_id(std::string_view login) {
  auto& users = part("users");
  if (!users.contains(login))
    users[login] = json::object{{"id", next_id()}};
  return users.at(login).at("id").as_int64();
}

std::optional<github_account> github_store::account_of(const std::string& token, std::int64_t now) {
  const auto* row = find_object(part("tokens"), token);
  if (row == nullptr)
    return std::nullopt;
  const auto expires_at = row->at("expires_at").as_int64();
  if (expires_at != 0 && expires_at <= now)
    return std::nullopt;
  const auto login = to_std(row->at("login").as_string());
  const auto scope = to_std(row->at("scope").as_string());
  return github_account{login, user_id(login), scope};
}

void github_store::revoke(const std::string& token) {
  if (const auto* row = find_object(part("tokens"), token))
    part("refresh").erase(row->at("refresh_token").as_string());
  part("tokens").erase(token);
}

json::object* github_store::find_repository(std::string_view full_name, std::string_view login) {
  for (auto& [name, value] : part("repositories")) {
    if (!iequals(name, full_name))
      continue;
    auto& repository = value.as_object();
    const bool hidden = repository.at("private").as_bool() && !may_push(repository, login);
    return hidden ? nullptr : &repository;
  }
  return nullptr;
}

bool github_store::may_push(const json::object& repository, std::string_view login) {
  const auto& all = repository.at("collaborators").as_array();
  return std::any_of(all.begin(), all.end(),
                     [login](const json::value& x) { return x.as_string() == login; });
}

result<bool> github_store::configure(const json::object& changes) {
  auto wanted = doc;
  for (const auto& [name, value] : changes) {
    if (wanted.at("switches").as_object().contains(name)) {
      if (!value.is_int64() || value.get_int64() < 0)
        return make_problem(errc::invalid_field, "It must be a number from 0 on.",
                            std::string{name});
      wanted["switches"].as_object()[name] = value;
      continue;
    }
    if (name != "repositories" || !value.is_array())
      return make_problem(errc::invalid_field, "There is no such switch.", std::string{name});
    auto& repositories = wanted["repositories"].as_object();
    for (const auto& item : value.get_array()) {
      const auto full_name =
        item.is_object() ? find_string(item.get_object(), "full_name") : std::nullopt;
      if (!full_name || std::count(full_name->begin(), full_name->end(), '/') != 1)
        return make_problem(errc::invalid_field, "It must be owner/name.", "full_name");
      if (!repositories.contains(*full_name)) {
        const auto id = wanted.at("next_id").as_int64();
        wanted["next_id"] = id + 1;
        repositories[*full_name] = make_repository(id);
        commit_file(repositories[*full_name].as_object(), "main", "README.md", "# New\n", "Begin");
      }
      for (const char* flag : {"private", "archived", "has_issues"})
        if (const auto on = find_bool(item.get_object(), flag))
          repositories[*full_name].as_object()[flag] = *on;
    }
  }
  doc = std::move(wanted);
  return true;
}

rate_window github_store::look(const std::string& caller, const std::string& resource,
                               std::int64_t now) {
  const bool search = resource == "search";
  auto& window = windows_[caller + '\n' + resource];
  if (window.reset_at <= now)
    window = {0, 0, now + (search ? search_seconds : core_seconds)};
  window.limit = part("switches").at(search ? "search_limit" : "core_limit").as_int64();
  if (caller.empty())
    window.limit = std::min(window.limit, search ? anonymous_search_limit : anonymous_core_limit);
  return window;
}

rate_window github_store::count(const std::string& caller, const std::string& resource,
                                std::int64_t now) {
  look(caller, resource, now);
  auto& window = windows_[caller + '\n' + resource];
  ++window.used;
  return window;
}

json::object make_repository(std::int64_t id) {
  return {{"id", id},
          {"private", false},
          {"archived", false},
          {"has_issues", true},
          {"default_branch", "main"},
          {"collaborators", json::array{"octocat"}},
          {"milestones", json::object{}},
          {"workflows", json::object{}},
          {"branches", json::object{}},
          {"commits", json::object{}},
          {"issues", json::object{}},
          {"runs", json::array{}}};
}

std::string commit_file(json::object& repository, const std::string& branch,
                        const std::string& path, const std::string& text,
                        const std::string& message) {
  auto& branches = repository["branches"].as_object();
  auto& commits = repository["commits"].as_object();
  const auto parent = find_string(branches, branch).value_or("");
  json::object files;
  if (const auto* before = find_object(commits, parent))
    files = before->at("files").as_object();
  files[path] = text;
  const auto sha = make_sha(
    fmt::format("{}\n{}\n{}\n{}\n{}", parent, path, text, message, repository.at("id").as_int64()));
  commits[sha] = json::object{{"message", message}, {"parent", parent}, {"files", files}};
  branches[branch] = sha;
  return sha;
}

std::optional<std::string> resolve_ref(const json::object& repository, std::string_view ref) {
  const auto& branches = repository.at("branches").as_object();
  if (ref == "HEAD")
    ref = repository.at("default_branch").as_string();
  for (std::string_view prefix : {"refs/heads/", "heads/"})
    if (ref.starts_with(prefix) && !find_string(branches, ref)) {
      ref.remove_prefix(prefix.size());
      break;
    }
  if (auto sha = find_string(branches, ref))
    return sha;
  if (ref.size() >= short_sha_digits)
    for (const auto& commit : repository.at("commits").as_object())
      if (std::string_view{commit.key()}.starts_with(ref))
        return std::string{commit.key()};
  return std::nullopt;
}

std::string make_sha(std::string_view text) { return to_hex(sha256(text)).substr(0, sha_digits); }

std::string time_text(std::int64_t seconds) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(static_cast<std::time_t>(seconds)));
}

} // namespace callboard::sandbox
