#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include <caf/meta/type_name.hpp>

#include "actors/rate_messages.hpp"
#include "core/base/ids.hpp"
#include "core/base/limits.hpp"
#include "core/base/money.hpp"

/// What actors say to each other about money; part of actors/interfaces.hpp.
namespace callboard {

/// What a hold is for.
enum class hold_kind : std::uint8_t { llm, mcp };

/// Asks for a hold before a model turn or a tool call (I18).
struct admission {
  hold_id id;
  /// SHA-256 of what is paid for; the same id with another hash is refused.
  std::string request_hash;
  hold_kind kind = hold_kind::llm;
  end_user_id end_user;
  /// Upper estimate of a model turn, or the price of a tool.
  micro_usd amount;
  /// Model slug or tool name, for the ledger and the log.
  std::string subject;
  /// The tool's app, whose price may apply; empty for turns.
  std::string app;
  request_id request;
  /// The loop and its turn (from 1), for turns; empty and 0 for direct tool calls.
  loop_id loop;
  std::int64_t turn = 0;
  std::int64_t turns_max = 0;
  /// A turn's prices as a JSON object {input, cached, output, markup_ppm}, kept on the hold; empty
  /// for tools, whose price the tenant knows.
  std::string prices;
  std::chrono::milliseconds ttl{limits::turn_hold_ttl};
  /// The hold must be in PostgreSQL before the work begins, so that a retry after a crash finds it:
  /// keyed requests. Turns always are; other tool calls may be admitted in memory.
  bool durable = false;
  /// Asked for with a key of the platform, which may see what its wallet holds.
  bool by_platform = false;
  /// What it uses of the end user's rate limits (I35): a client's request counts once, with its
  /// first step; later steps are counted by their tokens and never refused.
  std::int64_t counted_requests = 0;
  /// A turn's tokens, as estimated.
  std::int64_t counted_tokens = 0;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, admission& x) {
  return f(caf::meta::type_name("callboard::admission"), x.id, x.request_hash, x.kind, x.end_user,
           x.amount, x.subject, x.app, x.request, x.loop, x.turn, x.turns_max, x.prices, x.ttl,
           x.durable, x.by_platform, x.counted_requests, x.counted_tokens);
}

/// A placed hold.
struct hold_ticket {
  hold_id id;
  bool free = false;
  micro_usd amount;
  /// The hold existed already with this status ('P', 'S', 'V', 'E'), or 0 when it was placed now.
  char existed = 0;
  /// What was counted of the rate limits, for the settlement; all 0 for a user without limits.
  billing::counted_use counted{};
  /// Where the user stands after it.
  billing::limits_standing limits{};
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, hold_ticket& x) {
  return f(caf::meta::type_name("callboard::hold_ticket"), x.id, x.free, x.amount, x.existed,
           x.counted, x.limits);
}

/// Ends a hold exactly once: settles the real amount, or gives everything back.
struct settlement {
  hold_id id;
  /// True: charge `actual`. False: void the hold (the work did not happen; I20, I25).
  bool charge = true;
  micro_usd actual;
  std::int64_t input_tokens = 0;
  std::int64_t cached_tokens = 0;
  std::int64_t output_tokens = 0;
  /// Tokens were estimated because the upstream reported none.
  bool estimated = false;
  std::int64_t latency_ms = 0;
  /// "success" or an error code, for the log row.
  std::string status = "success";
  std::string error_message;
  /// "response", "chat.completion" or "mcp_tool", for the log row.
  std::string request_type;
  /// What keyed work gave, kept with its hold for a repetition; empty otherwise.
  std::string result;
  /// Who did the work, for the log row: the host of the model server, or the tool's app.
  std::string provider;
  /// The model's name there; empty for tools.
  std::string provider_model;
  /// How often the provider was asked again for the same.
  std::int64_t resends = 0;
  /// Whose rate limits counted what, so that the real tokens take the place of the estimate; empty
  /// when nothing was counted.
  end_user_id counted_for;
  billing::counted_use counted{};
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, settlement& x) {
  return f(caf::meta::type_name("callboard::settlement"), x.id, x.charge, x.actual, x.input_tokens,
           x.cached_tokens, x.output_tokens, x.estimated, x.latency_ms, x.status, x.error_message,
           x.request_type, x.result, x.provider, x.provider_model, x.resends, x.counted_for,
           x.counted);
}

/// What the end of a hold came to.
struct receipt {
  micro_usd charged;
  /// What the wallet has left, when PostgreSQL said so.
  micro_usd balance;
  bool balance_known = false;
};

template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, receipt& x) {
  return f(caf::meta::type_name("callboard::receipt"), x.charged, x.balance, x.balance_known);
}

} // namespace callboard
