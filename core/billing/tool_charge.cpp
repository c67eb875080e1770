#include "core/billing/tool_charge.hpp"

#include "core/base/array_text.hpp"

namespace callboard::billing {

std::vector<store_value> settle_values(const std::vector<tool_charge>& batch,
                                       std::int64_t free_calls_per_month,
                                       std::optional<std::int64_t> plain_rules) {
  array_text ids, blocks, users, tools, providers, requests, prices, amounts, latencies, statuses,
    errors, resends;
  bool any_resent = false;
  for (const auto& x : batch) {
    ids.add(x.id.value);
    blocks.add(x.block.value);
    users.add_unless_empty(x.end_user.value);
    tools.add(x.tool);
    providers.add_unless_empty(x.provider);
    requests.add(x.request.value);
    prices.add_unless_empty(x.price_id);
    amounts.add(x.amount.value);
    latencies.add(x.latency_ms);
    statuses.add(x.status);
    errors.add_unless_empty(without_zero(x.error_message));
    resends.add(x.resends);
    any_resent = any_resent || x.resends > 0;
  }
  return {ids.take(),
          blocks.take(),
          users.take(),
          tools.take(),
          providers.take(),
          requests.take(),
          prices.take(),
          amounts.take(),
          latencies.take(),
          statuses.take(),
          errors.take(),
          store_value::integer(free_calls_per_month),
          any_resent ? resends.take() : store_value::null(),
          plain_rules ? store_value::integer(*plain_rules) : store_value::null()};
}

} // namespace callboard::billing
