#include "actors/wallet_rows.hpp"

#include <fmt/format.h>

#include "core/base/digest.hpp"
#include "core/base/idempotency.hpp"
#include "core/base/limits.hpp"

namespace callboard {
namespace {

std::string_view to_string(hold_kind kind) { return kind == hold_kind::llm ? "llm" : "mcp"; }

store_value unless_empty(const std::string& x) {
  return x.empty() ? store_value::null() : store_value::text(x);
}

json::value text_or_null(const std::string& x) {
  return x.empty() ? json::value(nullptr) : json::value(x);
}

/// What a refusal for want of money tells beside its text (C27). End users see what is left of
/// their budget, but not what their platform's wallet holds.
std::string figures(const admission& what, const store_row& row, bool of_wallet) {
  json::object out{{"required_usd", format_usd(what.amount)}};
  if (row.maybe_text("remaining") && (!of_wallet || what.by_platform))
    out["remaining_usd"] = format_usd({row.integer("remaining")});
  if (auto at = row.maybe_text("resets_at"))
    out["resets_at"] = *at;
  return json::serialize(out);
}

/// The log object of wallet/resolve.
json::object log_of(const settlement& x) {
  json::object out{{"input_tokens", x.input_tokens},
                   {"cached_tokens", x.cached_tokens},
                   {"output_tokens", x.output_tokens},
                   {"estimated", x.estimated},
                   {"latency_ms", x.latency_ms},
                   {"status", x.status},
                   {"error_message", without_zero(x.error_message)},
                   {"request_type", x.request_type},
                   {"provider_id", text_or_null(x.provider)},
                   {"provider_model_id", text_or_null(x.provider_model)}};
  if (x.resends > 0)
    out["resends"] = x.resends;
  return out;
}

} // namespace

caf::error refusal(const admission& what, const store_row& row) {
  auto code = row.text("code");
  auto money = [&](errc x, const char* text) {
    return with_details(make_problem(x, text), figures(what, row, x == errc::wallet_insufficient));
  };
  // In strict mode what a call may cost at most has to be there.
  bool too_little = row.maybe_text("remaining") && row.integer("remaining") > 0;
  if (code == "insufficient" && too_little)
    return money(errc::wallet_insufficient,
                 "The platform's wallet has less left than this call may cost. Top it up, or ask "
                 "for less.");
  if (code == "over_budget" && too_little)
    return money(errc::budget_exhausted,
                 "The end user's budget has less left than this call may cost. Ask for less.");
  if (code == "insufficient")
    return money(errc::wallet_insufficient,
                 "The platform's wallet has nothing left. Top it up and try again.");
  if (code == "inactive")
    return money(errc::wallet_insufficient,
                 "The platform's wallet is switched off. Ask the operator to switch it on.");
  if (code == "over_budget")
    return money(errc::budget_exhausted,
                 row.maybe_text("resets_at")
                   ? "The end user's budget is used up. Wait for its reset, or ask the platform to "
                     "raise it."
                   : "The end user's budget is used up. Ask the platform to raise it.");
  if (code == "suspended")
    return make_problem(errc::budget_suspended,
                        "The end user's budget is suspended. Ask the platform to resume it.");
  if (code == "mismatch")
    return idempotency::another_request();
  if (code == "max_iterations")
    return make_problem(errc::max_iterations_exceeded,
                        "The loop has used all its model invocations.");
  if (code == "fenced")
    return make_problem(errc::fenced, "Another node has taken over. Try again.");
  if (code == "no_wallet")
    return make_problem(errc::not_found, "The platform has no wallet.");
  return make_problem(errc::internal, fmt::format("wallet/reserve answered '{}'", code));
}

bool is_about_content(const caf::error& why) {
  auto code = code_of(why);
  return code == errc::internal || code == errc::invalid_field || code == errc::conflict;
}

std::vector<store_value> reserve_values(const admission& what, const std::string& price_id,
                                        std::int64_t epoch, const std::string& token) {
  bool in_loop = !what.loop.empty();
  return {store_value::integer(epoch),
          store_value::text(token),
          store_value::text(what.id.value),
          store_value::bytes(what.request_hash),
          store_value::text(std::string{to_string(what.kind)}),
          store_value::integer(what.amount.value),
          store_value::integer(what.ttl.count()),
          unless_empty(what.end_user.value),
          store_value::text(what.subject),
          store_value::text(what.request.value),
          unless_empty(what.loop.value),
          in_loop ? store_value::integer(what.turn) : store_value::null(),
          in_loop ? store_value::integer(what.turns_max) : store_value::null(),
          unless_empty(price_id),
          store_value::integer(limits::free_calls_per_month),
          unless_empty(what.prices)};
}

json::object reserve_item(const admission& what, const std::string& price_id) {
  json::object x{{"id", what.id.value},
                 {"hash", to_hex(what.request_hash)},
                 {"kind", std::string{to_string(what.kind)}},
                 {"amount", what.amount.value},
                 {"ttl_ms", what.ttl.count()},
                 {"end_user", text_or_null(what.end_user.value)},
                 {"subject", what.subject},
                 {"request_id", what.request.value},
                 {"price_id", text_or_null(price_id)}};
  if (!what.loop.empty()) {
    x["loop"] = what.loop.value;
    x["turn"] = what.turn;
    x["turns_max"] = what.turns_max;
  }
  if (auto prices = parse_json_object(what.prices))
    x["prices"] = std::move(*prices);
  return x;
}

std::vector<store_value> ending_values(const settlement& end) {
  return {store_value::text(end.id.value), store_value::text(end.charge ? "S" : "V"),
          store_value::integer(end.charge ? end.actual.value : 0),
          store_value::text(json::serialize(log_of(end))), unless_empty(end.result)};
}

json::object ending_item(const settlement& end) {
  return {{"id", end.id.value},
          {"how", end.charge ? "S" : "V"},
          {"actual", end.charge ? end.actual.value : 0},
          {"log", log_of(end)},
          {"result", text_or_null(end.result)}};
}

} // namespace callboard
