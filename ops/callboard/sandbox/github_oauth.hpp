#pragma once

#include <vector>

#include "ops/callboard/sandbox/app.hpp"
#include "ops/callboard/sandbox/github_store.hpp"

namespace callboard::sandbox {

/// The OAuth 2 code flow as GitHub has it.
struct github_oauth {
  github_store& store;
  const std::vector<oauth_client>& clients;

  /// GET and POST /github/login/oauth/authorize. Fields: client_id, redirect_uri, scope, state,
  /// login (the user who consents; octocat), code_challenge with code_challenge_method=S256, and of
  /// our own: `expiring=1` for a token of eight hours with a refresh token, as GitHub Apps have it;
  /// `auto=approve|deny` to answer without a person. A GET without `auto` shows a page with a form;
  /// a POST approves unless its `decision` is "deny".
  answer authorize(const request& x);

  /// POST /github/login/oauth/access_token: grant_type authorization_code (default) or
  /// refresh_token. The fields may be in a form, a JSON object or the query; errors have status
  /// 200.
  answer access_token(const request& x);

  /// DELETE /github/api/applications/{client_id}/token, or /grant for all tokens of its user.
  answer revoke(const request& x, const std::string& client_id, bool whole_grant);

  /// The secret of a client, or null.
  const oauth_client* find_client(std::string_view id) const;
};

} // namespace callboard::sandbox
