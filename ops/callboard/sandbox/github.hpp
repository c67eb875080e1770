#pragma once

#include <string>
#include <vector>

#include "ops/callboard/sandbox/app.hpp"
#include "ops/callboard/sandbox/github_rest.hpp"
#include "ops/callboard/sandbox/github_store.hpp"

namespace callboard::sandbox {

/// GitHub: OAuth under /github/login/oauth (github_oauth.hpp), REST under /github/api
/// (github_rest.hpp), and a plain page for each issue, since answers link to it.
///
/// Like GitHub it wants a User-Agent (403), answers a bad token with 401, hides private
/// repositories behind 404, asks for the scopes repo or public_repo to write and gist for gists,
/// and counts rates per user: 5,000 an hour, 30 searches a minute (403 with x-ratelimit-remaining
/// 0).
///
/// Troubles for faults: "rate_limit", "rate_limit_429", "secondary_rate_limit", "bad_credentials",
/// "forbidden", "server_error", "unavailable", "validation".
class github final : public app {
public:
  explicit github(std::vector<oauth_client> clients);

  std::string_view slug() const override { return "github"; }
  answer handle(const request& x) override;
  std::optional<answer> trouble(std::string_view kind, const request& x) const override;
  json::object endpoints(std::string_view base_url) const override;
  json::object save() const override { return store_.doc; }
  result<bool> load(const json::object& saved) override;
  /// See github_store::configure.
  result<bool> configure(const json::object& changes) override { return store_.configure(changes); }
  void reset() override { store_.reset(); }

private:
  answer api(const request& x);
  answer act(const request& x, const github_account& caller);
  answer page(const request& x);

  std::vector<oauth_client> clients_;
  github_store store_;
};

} // namespace callboard::sandbox
