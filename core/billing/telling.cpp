#include "core/billing/telling.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace callboard::billing {
namespace {

__extension__ using wide = __int128;

constexpr wide per_million = 1'000'000;
/// Beyond that a sum is not written out: its figure times a markup must stay below 2^127.
constexpr wide written_max = static_cast<wide>(money_max.value) * per_million;
/// Decimals of tokens times prices per million, and of that with a markup.
constexpr int cost_decimals = 12;
constexpr int marked_up_decimals = 18;

/// `x` over ten to the power of `decimals`, without zeros at the end.
std::string decimal(wide x, int decimals) {
  std::string digits;
  for (; x > 0 || static_cast<int>(digits.size()) <= decimals; x /= 10)
    digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(x % 10)));
  digits.insert(digits.size() - static_cast<std::size_t>(decimals), ".");
  digits.erase(digits.find_last_not_of('0') + 1);
  if (digits.back() == '.')
    digits.pop_back();
  return digits;
}

std::string plural(std::size_t n, std::string_view one) {
  return fmt::format("{} {}{}", n, one, n == 1 ? "" : "s");
}

/// A stored sentence without its full stop.
std::string clause(std::string text) {
  while (!text.empty() && (text.back() == '.' || text.back() == ' '))
    text.pop_back();
  return text;
}

std::string scope_text(const tool_price_version& x) {
  if (x.scope == "tool")
    return fmt::format("the price of the tool, version {}", x.version);
  if (x.scope == "app")
    return fmt::format("the price of the app {}, version {}", x.name, x.version);
  return fmt::format("the global price, version {}", x.version);
}

std::string end_text(const explained_step& x) {
  switch (x.booked.status) {
  case 'S':
    if (x.booked.free)
      return "free";
    return format_usd(x.booked.settled) + " charged";
  case 'V':
    return "nothing charged";
  case 'E':
    return "expired, nothing charged";
  default:
    return "still open";
  }
}

std::string head_of(const explained_step& x) {
  const auto& booked = x.booked;
  std::string what;
  if (booked.is_turn)
    what = booked.turn > 0 ? fmt::format("model turn {} on {}", booked.turn, booked.subject)
                           : "model turn on " + booked.subject;
  else
    what = "tool call " + booked.subject
           + (x.call > 0 ? fmt::format(", call {} of turn {}", x.call, booked.turn) : "");
  return fmt::format("{}  {}: {}", booked.created_at, what, end_text(x));
}

/// Of work whose end was told when others had ended its hold.
void tell_rest(const booking& booked, std::vector<std::string>& lines) {
  const auto& before = *booked.rest_of;
  if (before.free)
    lines.push_back("It was a free call that had been given up when its end was told; others had "
                    "its slot by then, so it is paid.");
  else
    lines.push_back(
      fmt::format("Its hold of {} had been given up at {} when its end was told; this "
                  "is the rest of its cost.",
                  format_usd(before.held), format_usd(before.settled)));
  if (booked.settled < booked.overage)
    lines.push_back(fmt::format("{} of {} were charged; strict mode, so the rest was absorbed.",
                                format_usd(booked.settled), format_usd(booked.overage)));
}

void tell_overage(const explained_step& x, std::vector<std::string>& lines) {
  const auto& booked = x.booked;
  if (booked.rest_of)
    return tell_rest(booked, lines);
  if (booked.overage == micro_usd{} || booked.free || !booked.block.empty())
    return;
  const auto absorbed = booked.held + booked.overage - booked.settled;
  lines.push_back(fmt::format(
    "The cost was {} above the {} held; {}.", format_usd(booked.overage), format_usd(booked.held),
    absorbed > micro_usd{} ? "strict mode, so it was absorbed and not charged"
                           : "no strict mode, so it was charged all the same"));
}

void tell_settled_turn(const explained_step& x, std::vector<std::string>& lines) {
  const auto& booked = x.booked;
  if (booked.log) {
    const auto& tokens = booked.log->tokens;
    lines.push_back(fmt::format(
      "{} input tokens, {} of them cached, and {} output tokens, {}; it took {} ms and ended as "
      "{}.",
      tokens.input, tokens.cached, tokens.output,
      booked.log->estimated ? "estimated, since the model server did not report them"
                            : "as the model server reported",
      booked.log->latency_ms, booked.log->status));
    if (!booked.log->error_message.empty())
      lines.push_back("It said: " + clause(booked.log->error_message) + ".");
  }
  if (!booked.prices)
    lines.push_back(
      "The prices were not kept with this turn, so the amount cannot be computed again.");
  else if (booked.log && x.cost)
    lines.push_back(calculation(booked.log->tokens, *booked.prices));
  tell_overage(x, lines);
  if (booked.settled < booked.held)
    lines.push_back(fmt::format("{} were held before; {} went back.", format_usd(booked.held),
                                format_usd(booked.held - booked.settled)));
}

void tell_free_call(const explained_step& x, std::vector<std::string>& lines) {
  const auto& slot = x.booked.free_slot;
  if (slot)
    lines.push_back(fmt::format("Free call {} of {} in {}: it leaves no ledger row and no log row.",
                                slot->number, slot->limit, slot->month));
}

void tell_block_call(const explained_step& x, std::vector<std::string>& lines) {
  const auto& booked = x.booked;
  lines.push_back(
    fmt::format("It was admitted in memory from block {} and booked with others when it had ended.",
                booked.block));
  if (booked.overage == micro_usd{})
    return;
  lines.push_back(
    booked.settled > micro_usd{}
      ? "The block had ended before that, so the price was taken from the wallet itself."
      : "The block had ended before that and in strict mode the wallet had not enough left, so "
        "the price was absorbed.");
}

void tell_settled_call(const explained_step& x, std::vector<std::string>& lines) {
  const auto& booked = x.booked;
  if (booked.free)
    return tell_free_call(x, lines);
  if (booked.log)
    lines.push_back(
      fmt::format("It took {} ms and ended as {}.", booked.log->latency_ms, booked.log->status));
  if (booked.log && !booked.log->error_message.empty())
    lines.push_back("It said: " + clause(booked.log->error_message) + ".");
  if (booked.price)
    lines.push_back(
      fmt::format("{} is {}.", format_usd(booked.price->price), scope_text(*booked.price)));
  else
    lines.push_back("The row names no price, so the amount cannot be checked.");
  if (!booked.block.empty())
    tell_block_call(x, lines);
  tell_overage(x, lines);
}

void tell_swept(const explained_step& x, std::vector<std::string>& lines) {
  const auto& booked = x.booked;
  lines.push_back(fmt::format("Nobody reported its end by {}; {} had been noted as used so far, "
                              "and that was charged.",
                              booked.expires_at, format_usd(*booked.checkpoint)));
  tell_overage(x, lines);
  if (booked.settled < booked.held)
    lines.push_back(fmt::format("{} were held before; {} went back.", format_usd(booked.held),
                                format_usd(booked.held - booked.settled)));
}

void tell_void(const explained_step& x, std::vector<std::string>& lines) {
  const auto& booked = x.booked;
  if (booked.log)
    lines.push_back(fmt::format(
      "It failed as {}{}.", booked.log->status,
      booked.log->error_message.empty() ? "" : ": " + clause(booked.log->error_message)));
  else if (booked.is_turn)
    lines.push_back("It ended without a result; no row says why.");
  else
    lines.push_back("The provider did not answer it or the caller left, so it does not count; no "
                    "row says which.");
}

void tell_release(const explained_step& x, std::vector<std::string>& lines) {
  const auto& booked = x.booked;
  if (!booked.free)
    lines.push_back(fmt::format("The {} held went back.", format_usd(booked.held)));
  else if (booked.free_slot)
    lines.push_back(fmt::format("Its free call went back to {}.", booked.free_slot->month));
}

void tell_open(const explained_step& x, std::vector<std::string>& lines) {
  const auto& booked = x.booked;
  auto kept = booked.free ? std::string{"A free call"} : format_usd(booked.held) + " US dollars";
  lines.push_back(
    booked.late
      ? fmt::format("{} should have been given up by {}: the sweeper ends it at its "
                    "next round.",
                    kept, booked.expires_at)
      : fmt::format("{} is held until it ends, at the latest until {}.", kept, booked.expires_at));
  if (booked.checkpoint)
    lines.push_back(fmt::format("{} were noted as used so far.", format_usd(*booked.checkpoint)));
}

void tell_budget(const explained_step& x, std::vector<std::string>& lines) {
  const auto& booked = x.booked;
  if (!booked.budget)
    return;
  const auto& use = *booked.budget;
  const auto window =
    use.window == "one_time" ? "the end user's budget" : "the end user's budget of " + use.window;
  std::string effect = booked.status == 'S'   ? format_usd(booked.settled) + " counts in "
                       : booked.status == 'P' ? format_usd(booked.held) + " is reserved in "
                                              : "Nothing is left of it in ";
  lines.push_back(fmt::format("{}{}, where {} of {} are spent and {} reserved now.", effect, window,
                              format_usd(use.spent), format_usd(use.limit),
                              format_usd(use.reserved)));
}

std::string title_of(const explained_request& x) {
  const auto& first = x.steps.front().booked;
  std::string kind = x.turns() > 0 ? "Model loop" : "Tool call by itself";
  for (const auto& step : x.steps)
    if (step.booked.is_turn && step.booked.log)
      kind = step.booked.log->request_type == "response" ? "Response" : "Chat completion";
  const auto user = first.end_user.empty() ? std::string{"the platform itself"}
                    : first.external_id.empty()
                      ? "end user " + first.end_user.value + " (deleted)"
                      : fmt::format("end user {} ({})", first.external_id, first.end_user.value);
  auto text = fmt::format("{} for {} of platform {} ({})", kind, user, first.platform_name,
                          first.platform.value);
  if (x.turns() > 0) {
    text += fmt::format(": {}", plural(x.turns(), "model turn"));
    if (first.turns_max > 0)
      text += fmt::format(" of at most {}", first.turns_max);
    text += fmt::format(", {}", plural(x.calls(), "tool call"));
  }
  return text + ".";
}

/// Balance before, sum and balance after, and what others booked between.
void tell_sum(const explained_request& x, std::vector<std::string>& lines) {
  const auto rows = x.ledger();
  if (rows.empty()) {
    lines.push_back("Sum: nothing charged, no ledger row.");
    return;
  }
  const auto& first = *rows.front()->booked.ledger;
  const auto& last = *rows.back()->booked.ledger;
  const auto before = first.balance_after - first.amount;
  micro_usd own;
  for (const auto* row : rows)
    own = own + row->booked.ledger->amount;
  const auto others = last.balance_after - before - own;
  lines.push_back(fmt::format(
    "Sum: {} charged in {}. The balance was {} before and {} after{}.", format_usd(x.charged()),
    plural(rows.size(), "ledger row"), format_usd(before), format_usd(last.balance_after),
    others == micro_usd{} ? ""
                          : "; other requests and top-ups between make " + format_usd(others)));
}

void tell_request(const explained_request& x, std::vector<std::string>& lines) {
  lines.push_back(title_of(x));
  std::size_t number = 0;
  for (const auto& step : x.steps) {
    auto told = tell_step(step);
    lines.push_back(fmt::format("  {}. {}", ++number, told.front()));
    for (std::size_t i = 1; i < told.size(); ++i)
      lines.push_back("     " + told[i]);
  }
  std::vector<std::string> sum;
  tell_sum(x, sum);
  for (auto& line : sum)
    lines.push_back("  " + line);
  const auto rows = x.ledger();
  if (!rows.empty())
    lines.push_back("  Ledger:");
  for (const auto* row : rows) {
    const auto& entry = *row->booked.ledger;
    lines.push_back(fmt::format("  {:>8}  {}  {:<9}  {:>12}  balance {:>12}  {}", entry.id,
                                entry.at, entry.type, format_usd(entry.amount),
                                format_usd(entry.balance_after), entry.description));
  }
}

} // namespace

std::string calculation(const token_usage& tokens, const turn_prices& prices) {
  struct part {
    std::int64_t tokens;
    micro_usd price;
  };
  const part parts[]{{tokens.input - tokens.cached, prices.price.input_per_million},
                     {tokens.cached, prices.price.cached_per_million},
                     {tokens.output, prices.price.output_per_million}};
  std::string terms;
  wide sum = 0;
  for (const auto& x : parts) {
    sum += static_cast<wide>(x.tokens) * x.price.value;
    if (x.tokens > 0)
      terms += fmt::format("{}{} x {}", terms.empty() ? "" : " + ", x.tokens, format_usd(x.price));
  }
  if (sum > written_max)
    return {};
  auto text =
    fmt::format("({}) / 1000000 = {}", terms.empty() ? "0" : terms, decimal(sum, cost_decimals));
  wide exact = sum * per_million;
  if (prices.surcharge.ppm != 0) {
    exact = sum * (per_million + prices.surcharge.ppm);
    text += fmt::format(", x {} (markup) = {}", decimal(per_million + prices.surcharge.ppm, 6),
                        decimal(exact, marked_up_decimals));
  }
  const auto cost = cost_of(tokens, prices.price, prices.surcharge);
  const bool rounded = exact % (per_million * per_million) != 0;
  return text + fmt::format(", {} {}", rounded ? "rounded up" : "that is", format_usd(cost));
}

std::vector<std::string> tell_step(const explained_step& x) {
  std::vector<std::string> lines{head_of(x)};
  if (!x.under.empty())
    lines.push_back("It was made under the request id " + x.under
                    + ": the same loop, continued by its idempotency key.");
  switch (x.booked.status) {
  case 'S':
    if (x.swept())
      tell_swept(x, lines);
    else if (x.booked.is_turn)
      tell_settled_turn(x, lines);
    else
      tell_settled_call(x, lines);
    break;
  case 'V':
    tell_void(x, lines);
    tell_release(x, lines);
    break;
  case 'E':
    lines.push_back(fmt::format("Nobody reported its end by {} and no use was noted, so the "
                                "sweeper ended it.",
                                x.booked.expires_at));
    tell_release(x, lines);
    break;
  default:
    tell_open(x, lines);
  }
  if (x.booked.resends > 0)
    lines.push_back(fmt::format("The provider was asked again {}.",
                                plural(static_cast<std::size_t>(x.booked.resends), "time")));
  tell_budget(x, lines);
  if (!x.booked.provider_ref.empty())
    lines.push_back("The provider knows it as " + x.booked.provider_ref + ".");
  for (const auto& alarm : x.alarms)
    lines.push_back("ALARM: " + alarm);
  lines.erase(std::remove(lines.begin(), lines.end(), std::string{}), lines.end());
  return lines;
}

std::vector<std::string> tell(const explanation& x) {
  std::vector<std::string> lines;
  if (x.requests.size() > 1)
    lines.push_back(
      fmt::format("The id {} was used by {}.", x.request_id, plural(x.requests.size(), "request")));
  std::size_t shown = 0;
  for (const auto& request : x.requests) {
    if (!lines.empty())
      lines.emplace_back();
    tell_request(request, lines);
    shown += request.steps.size();
  }
  lines.emplace_back();
  if (static_cast<std::int64_t>(shown) < x.holds_total)
    lines.push_back(
      fmt::format("Only the newest {} of {} turns and calls are told here.", shown, x.holds_total));
  lines.push_back(
    "Some things leave no row and are not told here: what was refused before anything "
    "was held, and a call");
  lines.push_back("that was admitted in memory and then did not count.");
  const auto alarms = x.alarms();
  lines.push_back(alarms == 0
                    ? "Every amount that can be computed again is as booked."
                    : fmt::format("{}: the rows contradict each other.", plural(alarms, "ALARM")));
  return lines;
}

} // namespace callboard::billing
