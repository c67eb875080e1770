#include "core/billing/booking.hpp"

#include "core/base/limits.hpp"

namespace callboard::billing {
namespace {

std::string text_of(const json::object& x, std::string_view key) {
  return find_string(x, key).value_or(std::string{});
}

std::int64_t number_of(const json::object& x, std::string_view key) {
  return find_integer(x, key).value_or(0);
}

micro_usd money_of(const json::object& x, std::string_view key) { return {number_of(x, key)}; }

bool flag_of(const json::object& x, std::string_view key) {
  return find_bool(x, key).value_or(false);
}

std::optional<turn_prices> read_prices(const json::object& row) {
  const auto* x = find_object(row, "prices");
  if (!x)
    return std::nullopt;
  return turn_prices{{money_of(*x, "input"), money_of(*x, "cached"), money_of(*x, "output")},
                     {number_of(*x, "markup_ppm")}};
}

std::optional<tool_price_version> read_price(const json::object& row) {
  const auto* x = find_object(row, "price");
  if (!x)
    return std::nullopt;
  return tool_price_version{text_of(*x, "scope"), text_of(*x, "name"), number_of(*x, "version"),
                            money_of(*x, "price")};
}

std::optional<free_call> read_free_call(const json::object& row) {
  const auto* x = find_object(row, "free_call");
  if (!x)
    return std::nullopt;
  return free_call{text_of(*x, "month"), number_of(*x, "number"), number_of(*x, "limit")};
}

std::optional<budget_use> read_budget(const json::object& row) {
  const auto* x = find_object(row, "budget");
  if (!x)
    return std::nullopt;
  return budget_use{text_of(*x, "window"), money_of(*x, "limit"), money_of(*x, "reserved"),
                    money_of(*x, "spent")};
}

std::optional<ledger_entry> read_ledger(const json::object& row) {
  const auto* x = find_object(row, "ledger");
  if (!x)
    return std::nullopt;
  return ledger_entry{text_of(*x, "id"),          text_of(*x, "type"),
                      money_of(*x, "amount"),     money_of(*x, "balance_after"),
                      text_of(*x, "description"), text_of(*x, "at")};
}

std::optional<log_entry> read_log(const json::object& row) {
  const auto* x = find_object(row, "log");
  if (!x)
    return std::nullopt;
  log_entry log;
  log.request_type = text_of(*x, "request_type");
  log.tokens = {number_of(*x, "input_tokens"), number_of(*x, "cached_tokens"),
                number_of(*x, "output_tokens")};
  log.estimated = flag_of(*x, "estimated");
  log.cost = money_of(*x, "cost");
  log.latency_ms = number_of(*x, "latency_ms");
  log.status = text_of(*x, "status");
  log.error_message = text_of(*x, "error_message");
  return log;
}

std::optional<ended_hold> read_rest_of(const json::object& row) {
  const auto* x = find_object(row, "rest_of");
  if (!x)
    return std::nullopt;
  return ended_hold{money_of(*x, "held"), money_of(*x, "settled"), flag_of(*x, "free"),
                    flag_of(*x, "strict")};
}

/// The turns that a loop may have, out of the cap of its row: with an idempotency key that counts
/// every try.
std::int64_t turns_max_of(std::int64_t cap) {
  static_assert(limits::keyed_tries_max > limits::loop_iterations_max);
  return cap > limits::loop_iterations_max ? cap / limits::keyed_tries_max : cap;
}

} // namespace

result<booking> read_booking(const json::object& row) {
  const auto id = find_string(row, "id");
  const auto platform = find_string(row, "platform_id");
  const auto kind = find_string(row, "kind");
  const auto status = find_string(row, "status");
  if (!id || !platform || !kind || !status || status->size() != 1)
    return make_problem(errc::internal, "a row of request/explain is incomplete");
  booking x;
  x.id = {*id};
  x.platform = {*platform};
  x.platform_name = text_of(row, "platform");
  x.end_user = {text_of(row, "end_user_id")};
  x.external_id = text_of(row, "end_user");
  x.request = {text_of(row, "request_id")};
  x.is_turn = *kind == "llm";
  x.subject = text_of(row, "subject");
  x.loop = {text_of(row, "loop_id")};
  x.turn = number_of(row, "turn");
  x.turns_max = turns_max_of(number_of(row, "turns_max"));
  x.free = flag_of(row, "free");
  x.strict = flag_of(row, "strict");
  x.held = money_of(row, "amount");
  x.status = status->front();
  x.settled = money_of(row, "settled");
  x.overage = money_of(row, "overage");
  if (auto used = find_integer(row, "checkpoint"))
    x.checkpoint = micro_usd{*used};
  x.provider_ref = text_of(row, "provider_ref");
  x.resends = number_of(row, "resends");
  x.created_at = text_of(row, "created_at");
  x.expires_at = text_of(row, "expires_at");
  x.resolved_at = text_of(row, "resolved_at");
  x.late = flag_of(row, "late");
  x.rest_of = read_rest_of(row);
  x.prices = read_prices(row);
  x.price = read_price(row);
  x.block = text_of(row, "block_id");
  x.free_slot = read_free_call(row);
  x.budget = read_budget(row);
  x.ledger = read_ledger(row);
  x.log = read_log(row);
  return x;
}

} // namespace callboard::billing
