#pragma once

#include <functional>

#include "actors/call.hpp"

namespace callboard {

/// Which key an endpoint takes.
enum class key_rule : std::uint8_t { none, platform, end_user, either, operator_key };

/// How an endpoint is served.
struct call_rule {
  endpoint target;
  key_rule key;
  void (*handle)(call_self);
  /// Errors are JSON-RPC bodies.
  bool speaks_rpc = false;
  /// What it has begun must be finished although the client has left: tokens that a provider has
  /// given out are stored, tokens that nobody wants any more are revoked.
  bool outlives_client = false;
};

/// The rule of an endpoint. Every endpoint has one (tests/actors/calls_test.cpp).
const call_rule& find_rule(endpoint target);

/// The handlers. Each reads the request, asks, and answers through the call's state; none waits.
namespace calls {

/// Stores the body's "allowed_tools" with a statement that takes `values`, the patterns and the
/// actor, and goes on; goes on at once when the body has none; answers the call itself when they
/// are malformed or nothing has that id.
void allow_tools(call_self self, const json::object& body, std::string statement,
                 std::vector<store_value> values, std::function<void()> then);

/// The operation of a keyed request, or null: a repetition whose first answer was lost with its
/// node finds by it what was done.
store_value operation_of(const call_state& state);

/// The last two values of a statement that makes something once: the operation, and a digest of
/// what is asked for, which is null without a key.
void add_operation(std::vector<store_value>& values, const call_state& state);

/// The row of what such a statement made, now or for an earlier request with the same key. Answers
/// the call itself and gives nothing when the key had made something else (422), and with `refusal`
/// when nothing was made.
std::optional<store_row> made(call_self self, const store_rows& rows, caf::error refusal);

// ops.cpp
void healthz(call_self self);
void readyz(call_self self);
void metrics(call_self self);
void openapi(call_self self);
void inspect_get(call_self self);
void inspect_post(call_self self);

// platforms.cpp
void platform_get(call_self self);
void platform_patch(call_self self);
void platform_delete(call_self self);
void wallet_get(call_self self);
void wallet_topup(call_self self);
void wallet_transactions(call_self self);
void usage_get(call_self self);
void logs_list(call_self self);

// budgets.cpp
void budget_create(call_self self);
void budget_get(call_self self);
void budget_patch(call_self self);
void budget_topup(call_self self);
void budget_debit(call_self self);
void budget_transactions(call_self self);
void me_budget(call_self self);

// webhooks.cpp
void webhook_create(call_self self);
void webhook_list(call_self self);
void webhook_get(call_self self);
void webhook_patch(call_self self);
void webhook_delete(call_self self);
void webhook_test(call_self self);
void webhook_deliveries(call_self self);
void webhook_replay(call_self self);
void webhook_replay_since(call_self self);

// end_users.cpp
void end_user_create(call_self self);
void end_user_list(call_self self);
void end_user_get(call_self self);
void end_user_patch(call_self self);
void end_user_delete(call_self self);
void key_create(call_self self);
void key_list(call_self self);
void key_revoke(call_self self);

// rate_limits.cpp
void rate_limits_get(call_self self);
void rate_limits_put(call_self self);
void rate_limits_delete(call_self self);
void me_rate_limits(call_self self);

// apps.cpp
void app_activate(call_self self);
void app_list(call_self self);
void app_patch(call_self self);
void app_deactivate(call_self self);
void apps_list(call_self self);

// servers.cpp
void server_create(call_self self);
void server_list(call_self self);
void server_get(call_self self);
void server_patch(call_self self);
void server_delete(call_self self);
void server_approve(call_self self);

// connections.cpp
void connections_list(call_self self);
void connection_delete(call_self self);
void me_mcp_config(call_self self);

// oauth.cpp
void oauth_authorize(call_self self);
void oauth_callback(call_self self);

// server_oauth.cpp
void oauth_client_document(call_self self);

// mcp.cpp
void mcp_post(call_self self);
void mcp_get(call_self self);
void mcp_delete(call_self self);

// responses.cpp
void models_list(call_self self);
void responses_create(call_self self);
void responses_get(call_self self);
void responses_delete(call_self self);
void responses_input_items(call_self self);
void chat_completions(call_self self);

} // namespace calls
} // namespace callboard
