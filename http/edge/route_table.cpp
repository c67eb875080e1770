#include "http/edge/route_table.hpp"

#include <algorithm>
#include <array>

namespace callboard {
namespace {

using enum edge_side;
using enum route_flag;

/// Deeper paths match nothing.
constexpr std::size_t segments_max = 8;

std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> segments;
  segments.reserve(segments_max);
  while (!path.empty() && segments.size() <= segments_max) {
    path.remove_prefix(1);
    auto end = std::min(path.find('/'), path.size());
    segments.push_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return segments;
}

bool is_parameter(std::string_view segment) { return segment.size() > 2 && segment.front() == '{'; }

std::string_view parameter_name(std::string_view segment) {
  return segment.substr(1, segment.size() - 2);
}

/// Bytes of the UTF-8 sequence that begins with `lead`, or 0.
std::size_t sequence_bytes(unsigned char lead) {
  if (lead < 0x80)
    return 1;
  if (lead >= 0xc2 && lead <= 0xdf)
    return 2;
  if (lead >= 0xe0 && lead <= 0xef)
    return 3;
  return lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
}

/// UTF-8 without control characters: what PostgreSQL takes as text and logs can show.
bool is_plain_text(std::string_view x) {
  while (!x.empty()) {
    auto lead = static_cast<unsigned char>(x[0]);
    auto count = sequence_bytes(lead);
    if (count == 0 || count > x.size() || lead < 0x20 || lead == 0x7f)
      return false;
    auto second = count > 1 ? static_cast<unsigned char>(x[1]) : 0u;
    // Overlong forms, surrogates, and beyond U+10FFFF.
    if ((lead == 0xe0 && second < 0xa0) || (lead == 0xed && second > 0x9f)
        || (lead == 0xf0 && second < 0x90) || (lead == 0xf4 && second > 0x8f))
      return false;
    for (std::size_t i = 1; i < count; ++i)
      if ((static_cast<unsigned char>(x[i]) & 0xc0) != 0x80)
        return false;
    x.remove_prefix(count);
  }
  return true;
}

struct parsed_route {
  const route* line;
  std::vector<std::string_view> segments;
};

constexpr std::size_t sides = 3;

/// The routes of one listener.
const std::vector<parsed_route>& parsed_routes(edge_side side) {
  static const auto parsed = [] {
    std::array<std::vector<parsed_route>, sides> result;
    for (auto& line : all_routes())
      result.at(static_cast<std::size_t>(line.side)).push_back({&line, split(line.pattern)});
    return result;
  }();
  return parsed.at(static_cast<std::size_t>(side));
}

bool matches(const parsed_route& x, const std::vector<std::string>& segments) {
  if (x.segments.size() != segments.size())
    return false;
  for (std::size_t i = 0; i < segments.size(); ++i)
    if (is_parameter(x.segments[i]) ? segments[i].empty() : segments[i] != x.segments[i])
      return false;
  return true;
}

bool answers_head(const route& line) { return line.method == "GET" && !line.has(no_head); }

bool has_method(const route& line, std::string_view method) {
  return line.method == method || (method == "HEAD" && answers_head(line));
}

void add_method(std::string& allow, std::string_view method) {
  if (!allow.empty())
    allow += ", ";
  allow += method;
}

std::string methods_of(edge_side side, const std::vector<std::string>& segments) {
  std::string allow;
  for (auto& candidate : parsed_routes(side)) {
    if (!matches(candidate, segments))
      continue;
    add_method(allow, candidate.line->method);
    if (answers_head(*candidate.line))
      add_method(allow, "HEAD");
  }
  return allow;
}

} // namespace

const std::vector<route>& all_routes() {
  static const std::vector<route> routes{
    {api, "GET", "/healthz", endpoint::healthz},
    {api, "GET", "/readyz", endpoint::readyz},
    {api, "GET", "/openapi.yaml", endpoint::openapi},
    {api, "GET", "/v1/platforms/{platform_id}", endpoint::platform_get},
    {api, "PATCH", "/v1/platforms/{platform_id}", endpoint::platform_patch},
    {api, "DELETE", "/v1/platforms/{platform_id}", endpoint::platform_delete},
    {api, "GET", "/v1/platforms/{platform_id}/end-users", endpoint::end_user_list},
    {api, "POST", "/v1/platforms/{platform_id}/end-users", endpoint::end_user_create},
    {api, "GET", "/v1/platforms/{platform_id}/end-users/{end_user_id}", endpoint::end_user_get},
    {api, "PATCH", "/v1/platforms/{platform_id}/end-users/{end_user_id}", endpoint::end_user_patch},
    {api, "DELETE", "/v1/platforms/{platform_id}/end-users/{end_user_id}",
     endpoint::end_user_delete},
    {api, "GET", "/v1/platforms/{platform_id}/end-users/{end_user_id}/rate-limits",
     endpoint::rate_limits_get},
    {api, "PUT", "/v1/platforms/{platform_id}/end-users/{end_user_id}/rate-limits",
     endpoint::rate_limits_put},
    {api, "DELETE", "/v1/platforms/{platform_id}/end-users/{end_user_id}/rate-limits",
     endpoint::rate_limits_delete},
    {api, "GET", "/v1/platforms/{platform_id}/api-keys", endpoint::key_list},
    {api, "POST", "/v1/platforms/{platform_id}/api-keys", endpoint::key_create},
    {api, "DELETE", "/v1/platforms/{platform_id}/api-keys/{key_id}", endpoint::key_revoke},
    {api, "GET", "/v1/platforms/{platform_id}/mcp/apps", endpoint::app_list},
    {api, "POST", "/v1/platforms/{platform_id}/mcp/apps", endpoint::app_activate},
    {api, "DELETE", "/v1/platforms/{platform_id}/mcp/apps", endpoint::app_deactivate},
    {api, "PATCH", "/v1/platforms/{platform_id}/mcp/apps/{app_slug}", endpoint::app_patch},
    {api, "DELETE", "/v1/platforms/{platform_id}/mcp/apps/{app_slug}", endpoint::app_deactivate},
    {api, "GET", "/v1/platforms/{platform_id}/mcp/servers", endpoint::server_list},
    {api, "POST", "/v1/platforms/{platform_id}/mcp/servers", endpoint::server_create},
    {api, "GET", "/v1/platforms/{platform_id}/mcp/servers/{server_slug}", endpoint::server_get},
    {api, "PATCH", "/v1/platforms/{platform_id}/mcp/servers/{server_slug}", endpoint::server_patch},
    {api, "DELETE", "/v1/platforms/{platform_id}/mcp/servers/{server_slug}",
     endpoint::server_delete},
    {api, "POST", "/v1/platforms/{platform_id}/mcp/servers/{server_slug}/approvals",
     endpoint::server_approve},
    {api, "GET", "/v1/platforms/{platform_id}/wallet", endpoint::wallet_get},
    {api, "POST", "/v1/platforms/{platform_id}/wallet/topup", endpoint::wallet_topup},
    {api, "GET", "/v1/platforms/{platform_id}/wallet/transactions", endpoint::wallet_transactions},
    {api, "GET", "/v1/platforms/{platform_id}/usage", endpoint::usage_get},
    {api, "GET", "/v1/platforms/{platform_id}/logs", endpoint::logs_list},
    {api, "GET", "/v1/platforms/{platform_id}/end-users/{end_user_id}/budget",
     endpoint::budget_get},
    {api, "POST", "/v1/platforms/{platform_id}/end-users/{end_user_id}/budget",
     endpoint::budget_create},
    {api, "PATCH", "/v1/platforms/{platform_id}/end-users/{end_user_id}/budget",
     endpoint::budget_patch},
    {api, "POST", "/v1/platforms/{platform_id}/end-users/{end_user_id}/budget/topup",
     endpoint::budget_topup},
    {api, "POST", "/v1/platforms/{platform_id}/end-users/{end_user_id}/budget/debit",
     endpoint::budget_debit},
    {api, "GET", "/v1/platforms/{platform_id}/end-users/{end_user_id}/budget/transactions",
     endpoint::budget_transactions},
    {api, "GET", "/v1/platforms/{platform_id}/webhooks", endpoint::webhook_list},
    {api, "POST", "/v1/platforms/{platform_id}/webhooks", endpoint::webhook_create},
    {api, "GET", "/v1/platforms/{platform_id}/webhooks/{webhook_id}", endpoint::webhook_get},
    {api, "PATCH", "/v1/platforms/{platform_id}/webhooks/{webhook_id}", endpoint::webhook_patch},
    {api, "DELETE", "/v1/platforms/{platform_id}/webhooks/{webhook_id}", endpoint::webhook_delete},
    {api, "POST", "/v1/platforms/{platform_id}/webhooks/{webhook_id}/test", endpoint::webhook_test},
    {api, "GET", "/v1/platforms/{platform_id}/webhooks/{webhook_id}/deliveries",
     endpoint::webhook_deliveries},
    {api, "POST", "/v1/platforms/{platform_id}/webhooks/{webhook_id}/replay",
     endpoint::webhook_replay_since},
    {api, "POST",
     "/v1/platforms/{platform_id}/webhooks/{webhook_id}/deliveries/{delivery_id}/replay",
     endpoint::webhook_replay},
    {api, "GET", "/v1/me/mcp-config", endpoint::me_mcp_config},
    {api, "GET", "/v1/me/rate-limits", endpoint::me_rate_limits},
    {api, "GET", "/v1/me/budget", endpoint::me_budget},
    {api, "GET", "/v1/models", endpoint::models_list},
    {api, "POST", "/v1/responses", endpoint::responses_create},
    {api, "GET", "/v1/responses/{response_id}", endpoint::responses_get},
    {api, "DELETE", "/v1/responses/{response_id}", endpoint::responses_delete},
    {api, "GET", "/v1/responses/{response_id}/input_items", endpoint::responses_input_items},
    {api, "POST", "/v1/chat/completions", endpoint::chat_completions},
    {edge_side::mcp, "GET", "/healthz", endpoint::healthz},
    {edge_side::mcp, "GET", "/apps", endpoint::apps_list},
    {edge_side::mcp, "GET", "/connections", endpoint::connections_list},
    {edge_side::mcp, "DELETE", "/connections/{app}", endpoint::connection_delete},
    {edge_side::mcp, "GET", "/oauth/authorize", endpoint::oauth_authorize, no_head},
    {edge_side::mcp, "GET", "/oauth/callback", endpoint::oauth_callback, no_head},
    {edge_side::mcp, "GET", "/mcp", endpoint::mcp_get, no_head},
    {edge_side::mcp, "POST", "/mcp", endpoint::mcp_post},
    {edge_side::mcp, "DELETE", "/mcp", endpoint::mcp_delete},
    {edge_side::mcp, "OPTIONS", "/mcp", endpoint::mcp_options},
    {edge_side::mcp, "GET", "/oauth/client-metadata.json", endpoint::oauth_client_document},
    {edge_side::mcp, "GET", "/mcp/{app}", endpoint::mcp_get, no_head},
    {edge_side::mcp, "POST", "/mcp/{app}", endpoint::mcp_post},
    {edge_side::mcp, "DELETE", "/mcp/{app}", endpoint::mcp_delete},
    {edge_side::mcp, "OPTIONS", "/mcp/{app}", endpoint::mcp_options},
    {ops, "GET", "/metrics", endpoint::metrics},
    {ops, "GET", "/alive", endpoint::alive},
    {ops, "GET", "/ready", endpoint::readyz},
    {ops, "GET", "/inspect/{kind}", endpoint::inspect_get},
    {ops, "GET", "/inspect/{kind}/{id}", endpoint::inspect_get},
    {ops, "POST", "/inspect/{kind}/{id}", endpoint::inspect_post},
  };
  return routes;
}

route_match find_route(edge_side side, std::string_view method, std::string_view path) {
  if (path.empty() || path.front() != '/')
    return {};
  auto parts = split(path);
  std::vector<std::string> segments;
  segments.reserve(parts.size());
  for (auto raw : parts) {
    auto segment = percent_decode(raw);
    if (!segment || !is_plain_text(*segment))
      return {route_outcome::bad_path, nullptr, {}, {}};
    segments.push_back(std::move(*segment));
  }
  route_match result;
  auto& routes = parsed_routes(side);
  auto found = std::find_if(routes.begin(), routes.end(), [&](const parsed_route& x) {
    return has_method(*x.line, method) && matches(x, segments);
  });
  if (found == routes.end() || method == "OPTIONS")
    result.allow = methods_of(side, segments);
  if (found == routes.end()) {
    if (!result.allow.empty())
      result.outcome = route_outcome::wrong_method;
    return result;
  }
  result.outcome = route_outcome::found;
  result.line = found->line;
  for (std::size_t i = 0; i < segments.size(); ++i)
    if (is_parameter(found->segments[i]))
      result.fields.emplace_back(parameter_name(found->segments[i]), std::move(segments[i]));
  return result;
}

} // namespace callboard
