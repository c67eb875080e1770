#include "actors/calls/table.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "actors/look_up.hpp"
#include "core/base/digest.hpp"
#include "core/base/idempotency.hpp"
#include "core/mcp/tool_filter.hpp"

namespace callboard {
namespace {

using enum key_rule;

constexpr std::array rules{
  call_rule{endpoint::healthz, none, calls::healthz},
  call_rule{endpoint::readyz, none, calls::readyz},
  call_rule{endpoint::alive, none, calls::healthz},
  call_rule{endpoint::metrics, none, calls::metrics},
  call_rule{endpoint::openapi, none, calls::openapi},
  call_rule{endpoint::inspect_get, operator_key, calls::inspect_get},
  call_rule{endpoint::inspect_post, operator_key, calls::inspect_post},
  call_rule{endpoint::platform_get, platform, calls::platform_get},
  call_rule{endpoint::platform_patch, platform, calls::platform_patch},
  call_rule{endpoint::platform_delete, platform, calls::platform_delete},
  call_rule{endpoint::wallet_get, platform, calls::wallet_get},
  call_rule{endpoint::wallet_topup, platform, calls::wallet_topup},
  call_rule{endpoint::wallet_transactions, platform, calls::wallet_transactions},
  call_rule{endpoint::usage_get, platform, calls::usage_get},
  call_rule{endpoint::logs_list, platform, calls::logs_list},
  call_rule{endpoint::budget_create, platform, calls::budget_create},
  call_rule{endpoint::budget_get, platform, calls::budget_get},
  call_rule{endpoint::budget_patch, platform, calls::budget_patch},
  call_rule{endpoint::budget_topup, platform, calls::budget_topup},
  call_rule{endpoint::budget_debit, platform, calls::budget_debit},
  call_rule{endpoint::budget_transactions, platform, calls::budget_transactions},
  call_rule{endpoint::webhook_create, platform, calls::webhook_create},
  call_rule{endpoint::webhook_list, platform, calls::webhook_list},
  call_rule{endpoint::webhook_get, platform, calls::webhook_get},
  call_rule{endpoint::webhook_patch, platform, calls::webhook_patch},
  call_rule{endpoint::webhook_delete, platform, calls::webhook_delete},
  call_rule{endpoint::webhook_test, platform, calls::webhook_test},
  call_rule{endpoint::webhook_deliveries, platform, calls::webhook_deliveries},
  call_rule{endpoint::webhook_replay, platform, calls::webhook_replay},
  call_rule{endpoint::webhook_replay_since, platform, calls::webhook_replay_since},
  call_rule{endpoint::end_user_create, platform, calls::end_user_create},
  call_rule{endpoint::end_user_list, platform, calls::end_user_list},
  call_rule{endpoint::end_user_get, platform, calls::end_user_get},
  call_rule{endpoint::end_user_patch, platform, calls::end_user_patch},
  call_rule{endpoint::end_user_delete, platform, calls::end_user_delete},
  call_rule{endpoint::rate_limits_get, platform, calls::rate_limits_get},
  call_rule{endpoint::rate_limits_put, platform, calls::rate_limits_put},
  call_rule{endpoint::rate_limits_delete, platform, calls::rate_limits_delete},
  call_rule{endpoint::key_create, platform, calls::key_create},
  call_rule{endpoint::key_list, platform, calls::key_list},
  call_rule{endpoint::key_revoke, platform, calls::key_revoke},
  call_rule{endpoint::app_activate, platform, calls::app_activate},
  call_rule{endpoint::app_list, platform, calls::app_list},
  call_rule{endpoint::app_patch, platform, calls::app_patch},
  call_rule{endpoint::app_deactivate, platform, calls::app_deactivate},
  call_rule{endpoint::server_create, platform, calls::server_create},
  call_rule{endpoint::server_list, platform, calls::server_list},
  call_rule{endpoint::server_get, platform, calls::server_get},
  call_rule{endpoint::server_patch, platform, calls::server_patch},
  call_rule{endpoint::server_delete, platform, calls::server_delete},
  call_rule{endpoint::server_approve, platform, calls::server_approve},
  call_rule{endpoint::me_mcp_config, end_user, calls::me_mcp_config},
  call_rule{endpoint::me_rate_limits, end_user, calls::me_rate_limits},
  call_rule{endpoint::me_budget, end_user, calls::me_budget},
  call_rule{endpoint::models_list, either, calls::models_list},
  call_rule{endpoint::responses_create, either, calls::responses_create},
  call_rule{endpoint::responses_get, either, calls::responses_get},
  call_rule{endpoint::responses_delete, either, calls::responses_delete},
  call_rule{endpoint::responses_input_items, either, calls::responses_input_items},
  call_rule{endpoint::chat_completions, either, calls::chat_completions},
  call_rule{endpoint::apps_list, end_user, calls::apps_list},
  call_rule{endpoint::connections_list, end_user, calls::connections_list},
  call_rule{endpoint::connection_delete, end_user, calls::connection_delete, false, true},
  call_rule{endpoint::oauth_authorize, end_user, calls::oauth_authorize},
  call_rule{endpoint::oauth_callback, none, calls::oauth_callback, false, true},
  call_rule{endpoint::oauth_client_document, none, calls::oauth_client_document},
  call_rule{endpoint::mcp_post, end_user, calls::mcp_post, true},
  call_rule{endpoint::mcp_get, end_user, calls::mcp_get, true},
  call_rule{endpoint::mcp_delete, end_user, calls::mcp_delete, true},
};

} // namespace

const call_rule& find_rule(endpoint target) {
  auto i = std::find_if(rules.begin(), rules.end(), [&](auto& x) { return x.target == target; });
  if (i == rules.end())
    std::abort(); // a route without a rule; tests/actors/calls_test.cpp walks through all of them
  return *i;
}

namespace calls {

void allow_tools(call_self self, const json::object& body, std::string statement,
                 std::vector<store_value> values, std::function<void()> then) {
  auto& state = self->state;
  auto tools = mcp::read_allowed_tools(body);
  if (!tools)
    return state.fail(tools.error());
  if (!*tools)
    return then();
  values.push_back((*tools)->is_null() ? store_value::null()
                                       : store_value::text(json::serialize(**tools)));
  values.push_back(store_value::text(state.who.key.value));
  state.run(std::move(statement), std::move(values), [self, then](store_rows& rows) {
    if (rows.empty())
      return self->state.fail(make_problem(errc::not_found, "There is no such thing."));
    forget_keys(self, self->state.parts); // cached keys hold the old lists
    then();
  });
}

store_value operation_of(const call_state& state) {
  auto& operation = state.call->idempotency;
  return operation.empty() ? store_value::null() : store_value::text(operation);
}

void add_operation(std::vector<store_value>& values, const call_state& state) {
  bool keyed = !state.call->idempotency.empty();
  values.push_back(operation_of(state));
  values.push_back(keyed ? store_value::text(to_hex(sha256(state.call->body)))
                         : store_value::null());
}

std::optional<store_row> made(call_self self, const store_rows& rows, caf::error refusal) {
  if (rows.empty()) {
    self->state.fail(refusal);
    return std::nullopt;
  }
  store_row row{rows, 0};
  if (row.text("code") != "mismatch")
    return row;
  self->state.fail(idempotency::another_request());
  return std::nullopt;
}

} // namespace calls
} // namespace callboard
