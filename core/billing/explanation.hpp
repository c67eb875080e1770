#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/json.hpp"
#include "core/base/store_call.hpp"
#include "core/billing/booking.hpp"

namespace callboard::billing {

/// So many holds of one request id are explained, the newest: a client that puts the same id on
/// every request must not make an operator's question endless.
inline constexpr std::int64_t explained_holds_max = 500;

/// A model turn or tool call, and whether its figures agree with each other.
struct explained_step {
  booking booked;
  /// The request id that it was booked under, when that is another one: an idempotency key
  /// continued the loop.
  std::string under;
  /// Number of the tool call within its turn, from 1; 0 for a turn and for a call without a loop.
  std::size_t call = 0;
  /// What it should have been charged, computed again; nothing where the rows do not tell enough.
  std::optional<micro_usd> expected;
  /// The real cost before the hold's rules, where it is known.
  std::optional<micro_usd> cost;
  /// Sentences about figures that contradict each other. Any of them is a bug or a changed row.
  std::vector<std::string> alarms;

  micro_usd charged() const { return booked.status == 'S' ? booked.settled : micro_usd{}; }
  /// The sweeper ended it, nobody else.
  bool swept() const;
};

/// One request: a model loop with its tool calls, or one tool call by itself.
struct explained_request {
  /// Turns and their calls in the order of the loop.
  std::vector<explained_step> steps;

  micro_usd charged() const;
  std::size_t turns() const;
  std::size_t calls() const { return steps.size() - turns(); }
  bool any_open() const;
  /// Steps with a ledger row, in the ledger's order.
  std::vector<const explained_step*> ledger() const;
};

/// All requests that were made under one request id.
struct explanation {
  std::string request_id;
  std::vector<explained_request> requests;
  /// Holds that there are, of which at most explained_holds_max are here.
  std::int64_t holds_total = 0;

  std::size_t alarms() const;
};

/// Puts the bookings of a request id, in order of admission, together to requests, and computes
/// every amount again. A tool call belongs to the loop whose id its hold was derived from. Bookings
/// under other ids count when they belong to a loop of this one.
explanation explain(std::string request_id, std::vector<booking> bookings,
                    std::int64_t holds_total);

/// The same from the rows of `request/explain`; errc::not_found with a sentence when there is none.
result<explanation> explain_rows(const std::string& request_id, const store_rows& rows);

/// The explanation for programs: fields that stay, amounts with six decimals, and the story as
/// lines in "story".
json::object to_json(const explanation& x);

} // namespace callboard::billing
