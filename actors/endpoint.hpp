#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

/// Part of actors/interfaces.hpp.
namespace callboard {

/// What the edge recognised; one value per route of http/edge/routes.cpp. The handler is in
/// actors/calls.
enum class endpoint : std::uint8_t {
  healthz,
  readyz,
  alive,
  metrics,
  openapi,
  inspect_get,
  inspect_post,
  platform_get,
  platform_patch,
  platform_delete,
  end_user_create,
  end_user_list,
  end_user_get,
  end_user_patch,
  end_user_delete,
  rate_limits_get,
  rate_limits_put,
  rate_limits_delete,
  key_create,
  key_list,
  key_revoke,
  app_activate,
  app_list,
  app_patch,
  app_deactivate,
  server_create,
  server_list,
  server_get,
  server_patch,
  server_delete,
  server_approve,
  wallet_get,
  wallet_topup,
  wallet_transactions,
  usage_get,
  logs_list,
  budget_create,
  budget_get,
  budget_patch,
  budget_topup,
  budget_debit,
  budget_transactions,
  webhook_create,
  webhook_list,
  webhook_get,
  webhook_patch,
  webhook_delete,
  webhook_test,
  webhook_deliveries,
  webhook_replay,
  webhook_replay_since,
  me_mcp_config,
  me_rate_limits,
  me_budget,
  models_list,
  responses_create,
  responses_get,
  responses_delete,
  responses_input_items,
  chat_completions,
  apps_list,
  connections_list,
  connection_delete,
  oauth_authorize,
  oauth_callback,
  oauth_client_document,
  mcp_post,
  mcp_get,
  mcp_delete,
  mcp_options,
  well_known,
};

/// The number of enumerators.
inline constexpr std::size_t endpoint_count = static_cast<std::size_t>(endpoint::well_known) + 1;

/// The enumerator's name, as metrics show it.
std::string_view to_string(endpoint x);

} // namespace callboard
