#include <fmt/format.h>

#include "core/billing/explanation.hpp"
#include "core/billing/telling.hpp"

namespace callboard::billing {
namespace {

json::value text_or_null(const std::string& x) {
  return x.empty() ? json::value(nullptr) : json::value(x);
}

json::value usd_or_null(const std::optional<micro_usd>& x) {
  return x ? json::value(format_usd(*x)) : json::value(nullptr);
}

json::array lines_of(const std::vector<std::string>& lines) {
  json::array out;
  for (const auto& line : lines)
    out.emplace_back(line);
  return out;
}

std::string status_text(char status) {
  return status == 'S' ? "settled" : status == 'V' ? "void" : status == 'E' ? "expired" : "open";
}

json::value prices_json(const std::optional<turn_prices>& x) {
  if (!x)
    return nullptr;
  return json::object{{"input", format_usd(x->price.input_per_million)},
                      {"cached", format_usd(x->price.cached_per_million)},
                      {"output", format_usd(x->price.output_per_million)},
                      {"markup_ppm", x->surcharge.ppm}};
}

json::value price_json(const std::optional<tool_price_version>& x) {
  if (!x)
    return nullptr;
  return json::object{{"scope", x->scope},
                      {"name", x->name},
                      {"version", x->version},
                      {"price", format_usd(x->price)}};
}

json::value free_call_json(const std::optional<free_call>& x) {
  if (!x)
    return nullptr;
  return json::object{{"month", x->month}, {"number", x->number}, {"limit", x->limit}};
}

json::value budget_json(const std::optional<budget_use>& x) {
  if (!x)
    return nullptr;
  return json::object{{"window", x->window},
                      {"limit", format_usd(x->limit)},
                      {"spent", format_usd(x->spent)},
                      {"reserved", format_usd(x->reserved)}};
}

json::value log_json(const std::optional<log_entry>& x) {
  if (!x)
    return nullptr;
  return json::object{{"request_type", x->request_type},
                      {"input_tokens", x->tokens.input},
                      {"cached_tokens", x->tokens.cached},
                      {"output_tokens", x->tokens.output},
                      {"tokens_estimated", x->estimated},
                      {"cost", format_usd(x->cost)},
                      {"latency_ms", x->latency_ms},
                      {"status", x->status},
                      {"error_message", text_or_null(x->error_message)}};
}

json::object ledger_json(const explained_step& x) {
  const auto& row = *x.booked.ledger;
  return {{"id", row.id},
          {"hold_id", x.booked.id.value},
          {"type", row.type},
          {"amount", format_usd(row.amount)},
          {"balance_after", format_usd(row.balance_after)},
          {"description", row.description},
          {"created_at", row.at}};
}

json::object step_json(const explained_step& x) {
  const auto& booked = x.booked;
  json::object out{{"hold_id", booked.id.value},
                   {"request_id", booked.request.value},
                   {"kind", booked.is_turn ? "model_turn" : "tool_call"},
                   {"subject", booked.subject},
                   {"turn", booked.turn > 0 ? json::value(booked.turn) : json::value(nullptr)},
                   {"call", x.call > 0 ? json::value(x.call) : json::value(nullptr)},
                   {"status", status_text(booked.status)},
                   {"swept", x.swept()},
                   {"free", booked.free},
                   {"strict", booked.strict},
                   {"held", format_usd(booked.held)},
                   {"charged", format_usd(x.charged())},
                   {"overage", format_usd(booked.overage)},
                   {"cost", usd_or_null(x.cost)},
                   {"expected", usd_or_null(x.expected)},
                   {"checkpoint", usd_or_null(booked.checkpoint)}};
  out["block_id"] = text_or_null(booked.block);
  out["prices"] = prices_json(booked.prices);
  out["price"] = price_json(booked.price);
  out["free_call"] = free_call_json(booked.free_slot);
  out["budget"] = budget_json(booked.budget);
  out["log"] = log_json(booked.log);
  out["provider_ref"] = text_or_null(booked.provider_ref);
  out["resends"] = booked.resends;
  out["created_at"] = booked.created_at;
  out["expires_at"] = booked.expires_at;
  out["resolved_at"] = text_or_null(booked.resolved_at);
  out["alarms"] = lines_of(x.alarms);
  out["story"] = lines_of(tell_step(x));
  return out;
}

json::object request_json(const explained_request& x) {
  const auto& first = x.steps.front().booked;
  json::array steps;
  json::array ledger;
  for (const auto& step : x.steps)
    steps.emplace_back(step_json(step));
  const auto rows = x.ledger();
  for (const auto* row : rows)
    ledger.emplace_back(ledger_json(*row));
  json::object out{{"platform_id", first.platform.value},
                   {"platform", first.platform_name},
                   {"end_user_id", text_or_null(first.end_user.value)},
                   {"end_user", text_or_null(first.external_id)},
                   {"loop_id", text_or_null(first.loop.value)},
                   {"turns", x.turns()},
                   {"tool_calls", x.calls()},
                   {"open", x.any_open()},
                   {"charged", format_usd(x.charged())},
                   {"balance_before", nullptr},
                   {"balance_after", nullptr}};
  if (!rows.empty()) {
    const auto& begin = *rows.front()->booked.ledger;
    out["balance_before"] = format_usd(begin.balance_after - begin.amount);
    out["balance_after"] = format_usd(rows.back()->booked.ledger->balance_after);
  }
  out["steps"] = std::move(steps);
  out["ledger"] = std::move(ledger);
  return out;
}

} // namespace

json::object to_json(const explanation& x) {
  json::array requests;
  for (const auto& request : x.requests)
    requests.emplace_back(request_json(request));
  return {{"request_id", x.request_id},
          {"requests", std::move(requests)},
          {"holds_total", x.holds_total},
          {"alarms", x.alarms()},
          {"story", lines_of(tell(x))}};
}

} // namespace callboard::billing
