#include "core/billing/explanation.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "core/base/limits.hpp"

namespace callboard::billing {
namespace {

/// Where a hold of a loop belongs.
struct place {
  std::size_t request = 0;
  std::int64_t turn = 0;
  std::size_t call = 0;
};

bool tokens_make_sense(const token_usage& x) {
  return x.input >= 0 && x.cached >= 0 && x.output >= 0 && x.cached <= x.input;
}

/// The real cost of a settled step, as far as the rows tell it.
std::optional<micro_usd> cost_of_step(const explained_step& x) {
  const auto& booked = x.booked;
  if (booked.free)
    return micro_usd{};
  if (x.swept())
    return booked.checkpoint;
  if (!booked.is_turn)
    return booked.price ? std::optional{booked.price->price} : std::nullopt;
  if (!booked.prices || !booked.log || !tokens_make_sense(booked.log->tokens))
    return std::nullopt;
  return cost_of(booked.log->tokens, booked.prices->price, booked.prices->surcharge);
}

/// What the rules charge for a real cost (I18): all of it, or in strict mode at most the hold.
micro_usd charge_for(const explained_step& x, micro_usd cost) {
  const auto& booked = x.booked;
  if (!booked.strict)
    return cost;
  // Of a block that has ended nothing is held; then the wallet's balance decided, which no row
  // keeps: all of the price or nothing.
  if (!booked.block.empty() && booked.held < cost)
    return booked.settled == micro_usd{} ? micro_usd{} : cost;
  return std::min(cost, booked.held);
}

/// The same for the rest of a cost whose hold had been ended before. In strict mode the wallet's
/// balance decided as well, which no row keeps: any part of it.
micro_usd charge_for_rest(const booking& booked, micro_usd rest) {
  const auto& before = *booked.rest_of;
  if (before.strict && !before.free)
    rest = std::min(rest, std::max(before.held - before.settled, micro_usd{}));
  return booked.strict ? std::min(rest, booked.settled) : rest;
}

void check_amount(explained_step& x) {
  const auto& booked = x.booked;
  if (booked.status != 'S') {
    x.expected = micro_usd{};
    return;
  }
  if (booked.is_turn && booked.log && !tokens_make_sense(booked.log->tokens))
    x.alarms.push_back("The log row counts tokens that cannot be.");
  x.cost = cost_of_step(x);
  if (!x.cost)
    return;
  const auto rest = booked.rest_of ? *x.cost - booked.rest_of->settled : *x.cost;
  x.expected = booked.rest_of ? charge_for_rest(booked, rest) : charge_for(x, rest);
  if (*x.expected != booked.settled)
    x.alarms.push_back(fmt::format("It should have been charged {}, but {} was charged.",
                                   format_usd(*x.expected), format_usd(booked.settled)));
  const auto above = std::max(rest - booked.held, micro_usd{});
  if (!booked.free && above != booked.overage)
    x.alarms.push_back(fmt::format("Its cost was {} above the hold, but the hold says {}.",
                                   format_usd(above), format_usd(booked.overage)));
}

void check_rows(explained_step& x) {
  const auto& booked = x.booked;
  const bool owes_row = booked.status == 'S' && !booked.free;
  if (owes_row && !booked.ledger)
    x.alarms.push_back("It has no ledger row, though it was charged.");
  if (!owes_row && booked.ledger)
    x.alarms.push_back(fmt::format("Ledger row {} takes {}, though nothing was to be charged.",
                                   booked.ledger->id,
                                   format_usd(micro_usd{} - booked.ledger->amount)));
  if (owes_row && booked.ledger && booked.ledger->amount != micro_usd{} - booked.settled)
    x.alarms.push_back(
      fmt::format("Ledger row {} takes {}, but the hold was settled at {}.", booked.ledger->id,
                  format_usd(micro_usd{} - booked.ledger->amount), format_usd(booked.settled)));
  if (booked.log && booked.log->cost != x.charged())
    x.alarms.push_back(fmt::format("The log row says {}, but {} was charged.",
                                   format_usd(booked.log->cost), format_usd(x.charged())));
}

/// A name within a platform.
using own_name = std::pair<std::string, std::string>;

/// Gives every loop with a turn under the request id a request, and knows the hold ids that its
/// tool calls would have.
class loop_map {
public:
  loop_map(const std::vector<booking>& bookings, const std::string& request_id) {
    std::set<own_name> own;
    for (const auto& x : bookings)
      if (x.is_turn && x.request.value == request_id)
        own.insert({x.platform.value, x.loop.value});
    for (const auto& x : bookings) {
      if (!x.is_turn || x.loop.empty() || !own.contains({x.platform.value, x.loop.value}))
        continue;
      const auto request =
        requests_.try_emplace({x.platform.value, x.loop.value}, requests_.size()).first->second;
      for (std::size_t i = 0; i < limits::turn_tool_calls_max; ++i)
        calls_[{x.platform.value, tool_hold(x.loop, x.turn, i).value}] = {request, x.turn, i + 1};
    }
  }

  std::size_t size() const noexcept { return requests_.size(); }

  std::optional<place> find(const booking& x) {
    if (x.is_turn) {
      auto i = requests_.find({x.platform.value, x.loop.value});
      return i == requests_.end() ? std::nullopt : std::optional{place{i->second, x.turn, 0}};
    }
    auto i = calls_.find({x.platform.value, x.id.value});
    if (i == calls_.end()) {
      add_later_tries();
      i = calls_.find({x.platform.value, x.id.value});
    }
    return i == calls_.end() ? std::nullopt : std::optional{i->second};
  }

private:
  /// A keyed call that came to nothing is made again under another id. Most loops have none, and
  /// beyond so many loops under one id it is told as a call by itself.
  void add_later_tries() {
    constexpr std::size_t calls_max = 50 * limits::turn_tool_calls_max;
    if (std::exchange(knows_tries_, true) || calls_.size() > calls_max)
      return;
    auto firsts = calls_;
    for (auto& [name, where] : firsts)
      for (int number = 1; number < limits::keyed_tries_max; ++number)
        calls_[{name.first, try_hold({name.second}, number).value}] = where;
  }

  std::map<own_name, std::size_t> requests_;
  std::map<own_name, place> calls_;
  bool knows_tries_ = false;
};

/// Turns before the calls that they asked for. Not by time: calls admitted in memory are booked
/// later than they were made.
bool comes_before(const explained_step& a, const explained_step& b) {
  return std::tie(a.booked.turn, a.call) < std::tie(b.booked.turn, b.call);
}

} // namespace

bool explained_step::swept() const {
  return booked.status == 'S' && booked.checkpoint && booked.log
         && (booked.log->status == "expired" || booked.log->status == "interrupted");
}

micro_usd explained_request::charged() const {
  micro_usd sum;
  for (const auto& x : steps)
    sum = sum + x.charged();
  return sum;
}

std::size_t explained_request::turns() const {
  return static_cast<std::size_t>(
    std::count_if(steps.begin(), steps.end(), [](const auto& x) { return x.booked.is_turn; }));
}

bool explained_request::any_open() const {
  return std::any_of(steps.begin(), steps.end(),
                     [](const auto& x) { return x.booked.status == 'P'; });
}

std::vector<const explained_step*> explained_request::ledger() const {
  std::vector<const explained_step*> rows;
  for (const auto& x : steps)
    if (x.booked.ledger)
      rows.push_back(&x);
  std::sort(rows.begin(), rows.end(), [](const auto* a, const auto* b) {
    const auto& left = a->booked.ledger->id;
    const auto& right = b->booked.ledger->id;
    return std::make_pair(left.size(), left) < std::make_pair(right.size(), right);
  });
  return rows;
}

std::size_t explanation::alarms() const {
  std::size_t count = 0;
  for (const auto& request : requests)
    for (const auto& step : request.steps)
      count += step.alarms.size();
  return count;
}

explanation explain(std::string request_id, std::vector<booking> bookings,
                    std::int64_t holds_total) {
  explanation x;
  x.request_id = std::move(request_id);
  x.holds_total = holds_total;
  loop_map map{bookings, x.request_id};
  std::vector<explained_request> made(map.size());
  std::vector<std::size_t> order;
  for (auto& booked : bookings) {
    const auto found = map.find(booked);
    const bool own = booked.request.value == x.request_id;
    if (!found && !own) { // of another request with an id of the same loop
      --x.holds_total;
      continue;
    }
    const auto request = found ? found->request : made.size();
    if (!found)
      made.emplace_back();
    if (std::find(order.begin(), order.end(), request) == order.end())
      order.push_back(request);
    explained_step step;
    if (!own)
      step.under = booked.request.value;
    step.booked = std::move(booked);
    if (found) {
      step.booked.turn = found->turn;
      step.call = found->call;
    }
    check_amount(step);
    check_rows(step);
    made[request].steps.push_back(std::move(step));
  }
  for (auto i : order) {
    std::stable_sort(made[i].steps.begin(), made[i].steps.end(), comes_before);
    x.requests.push_back(std::move(made[i]));
  }
  return x;
}

result<explanation> explain_rows(const std::string& request_id, const store_rows& rows) {
  if (rows.empty())
    return make_problem(errc::not_found,
                        "Nothing is booked under the request id " + request_id
                          + ". Either it was never used, or all that it asked for was refused "
                            "before anything was held, or it was answered from an earlier request "
                            "with the same idempotency key, or its calls were admitted in memory "
                            "and have not been charged (yet).");
  std::vector<booking> bookings;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    auto body = parse_json_object(store_row{rows, i}.text("body"));
    if (!body)
      return body.error();
    auto booked = read_booking(*body);
    if (!booked)
      return booked.error();
    bookings.push_back(std::move(*booked));
  }
  return explain(request_id, std::move(bookings), store_row{rows, 0}.integer("total"));
}

} // namespace callboard::billing
