#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/error.hpp"
#include "core/base/json.hpp"

namespace callboard::sandbox {

/// The owner of an access token.
struct github_account {
  std::string login;
  std::int64_t id = 0;
  /// Granted scopes, comma-separated.
  std::string scope;
};

/// A use of one rate limit within its window.
struct rate_window {
  std::int64_t limit = 0;
  std::int64_t used = 0;
  /// Seconds since 1970.
  std::int64_t reset_at = 0;

  bool exceeded() const noexcept { return used > limit; }
};

/// What GitHub would remember. One JSON document, because tests want to read all of it and a run
/// may want to go on where the last one ended:
///
///   users         login -> {id}
///   tokens        token -> {login, client_id, scope, expires_at (0: never), refresh_token}
///   refresh       refresh token -> {login, client_id, scope, expires_at, access_token}
///   codes         code -> {login, client_id, redirect_uri, scope, challenge, expires_at, expiring}
///   repositories  owner/name -> {id, private, archived, has_issues, default_branch,
///   collaborators[],
///                 milestones {number: title}, workflows {file: {id, dispatch, inputs[]}},
///                 branches {name: sha}, commits {sha: {message, parent, files {path: text}}},
///                 issues {number: record}, runs[]}
///   gists         id -> {login, description, public, files {name: text}, created_at}
///   switches      {core_limit, search_limit, token_seconds}
///   next_id       a counter for ids
class github_store {
public:
  github_store();

  json::object doc;

  /// Back to the start: user octocat (token "sandbox-octocat", scopes repo and gist);
  /// octocat/hello-world (README.md, docs/guide.md, workflows ci.yml and release.yml, the latter
  /// without trigger), my-org/test-repo, my-org/private-repo, octocat/no-issues, octocat/archived,
  /// octocat/empty.
  void reset();

  /// A member of the document that is an object.
  json::object& part(std::string_view name);

  std::int64_t next_id();

  /// The id of a user, who is made up when new.
  std::int64_t user_id(std::string_view login);

  /// Who owns the token; nothing when it is unknown, revoked or expired.
  std::optional<github_account> account_of(const std::string& token, std::int64_t now);

  /// Ends a token and its refresh token.
  void revoke(const std::string& token);

  /// The repository, when that user may see it; an empty login is nobody. Names compare without
  /// case.
  json::object* find_repository(std::string_view full_name, std::string_view login);

  /// Whether the user may push.
  static bool may_push(const json::object& repository, std::string_view login);

  /// Takes `repositories` ([{full_name, private, archived, has_issues}], new ones are made),
  /// `core_limit`, `search_limit` (requests per window) and `token_seconds` (life of expiring
  /// tokens).
  result<bool> configure(const json::object& changes);

  /// Counts one request of that caller. `resource` is "core" or "search".
  rate_window count(const std::string& caller, const std::string& resource, std::int64_t now);

  /// The use so far, without counting.
  rate_window look(const std::string& caller, const std::string& resource, std::int64_t now);

private:
  std::map<std::string, rate_window> windows_;
};

/// A repository without commits.
json::object make_repository(std::int64_t id);

/// Adds a commit on top of the branch (made when new) that sets one file. Returns its sha.
std::string commit_file(json::object& repository, const std::string& branch,
                        const std::string& path, const std::string& text,
                        const std::string& message);

/// The sha that a branch, "HEAD", "heads/x", "refs/heads/x" or a sha (from 7 digits on) stands for.
std::optional<std::string> resolve_ref(const json::object& repository, std::string_view ref);

/// 40 hexadecimal digits that depend on the text.
std::string make_sha(std::string_view text);

/// "2026-11-20T12:00:00Z".
std::string time_text(std::int64_t seconds);

} // namespace callboard::sandbox
