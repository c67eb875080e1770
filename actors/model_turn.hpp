#pragma once

#include <functional>
#include <optional>
#include <string>

#include "actors/interfaces.hpp"
#include "actors/node.hpp"
#include "core/base/wait_meter.hpp"
#include "core/responses/token_usage.hpp"

namespace callboard {

/// One model invocation at a time for a loop actor: hold, streamed request, settlement (facts
/// reliability.md 5.1). A part of its actor's state: everything runs on the actor's thread, and
/// callbacks come only while the actor lives.
class model_turn {
public:
  /// What to invoke.
  struct order {
    /// From 1; names the hold together with the loop.
    std::int64_t number = 1;
    std::int64_t numbers_max = 1;
    json::object body;
    std::int64_t input_tokens_estimate = 0;
    std::int64_t output_tokens_max = 0;
    /// The request has an Idempotency-Key: a turn that was made and paid for before is repeated
    /// from what it gave, one that came to nothing is tried again.
    bool keyed = false;
    /// SHA-256 of the client's request when it is keyed. Not of the body: when a repetition comes
    /// to another body, since a tool said something else this time, the paid turn counts all the
    /// same.
    std::string request_hash = {};
  };

  struct callbacks {
    /// The hold is placed and the request is on its way; or why not (nothing is held then).
    std::function<void(const caf::error&)> admitted;
    /// Instead of the following: what the settled turn of an earlier try gave
    /// (result_of_turn::result). Nothing is held and nothing is to be settled.
    std::function<void(const std::string&)> repeated;
    /// The model refused with a status other than 2xx, all of whose body is here.
    std::function<void(int status, const std::string& body)> refused;
    /// Bytes of a 2xx answer.
    std::function<void(const std::string&)> bytes;
    /// What the answer has used so far, for a checkpoint.
    std::function<responses::token_usage()> usage_so_far;
    /// The end of a 2xx answer, or of the transport. Settle now.
    std::function<void(const caf::error&)> ended;
  };

  /// How it went, for the ledger and the log.
  struct result_of_turn {
    /// False: the call failed and costs nothing (I20).
    bool charge = true;
    responses::token_usage usage;
    std::string status = "success";
    std::string error_message;
    /// What a keyed turn gave, for `repeated`.
    std::string result = {};
  };

  model_turn(loop_actor::pointer self, node_parts parts, principal who, request_id request,
             loop_id loop, std::string request_type)
      : self_(self), parts_(std::move(parts)), who_(std::move(who)), request_(std::move(request)),
        loop_(std::move(loop)), request_type_(std::move(request_type)) {}

  /// The model to use from now on.
  void use(model_info model) { model_ = std::move(model); }
  const model_info& model() const noexcept { return model_; }

  /// Begins a turn. @pre no turn is under way
  void begin(order what, callbacks then);

  /// Ends the turn's hold; `done` gets an error when not even the journal took it. @pre a hold is
  /// placed
  void settle(const result_of_turn& outcome, std::function<void(const caf::error&)> done);

  /// Stops the model's answer if one is coming.
  void cancel();

  /// Whether a hold is placed and not settled.
  bool held() const noexcept { return held_; }
  /// Whether a hold is being placed.
  bool admitting() const noexcept { return admitting_; }
  /// What the settled turns have cost.
  micro_usd charged() const noexcept { return charged_; }
  /// What the wallet had left after the latest turn, when known.
  std::optional<micro_usd> balance() const noexcept { return balance_; }
  /// How long the model was waited for.
  std::chrono::microseconds waited() const { return waits_.total(self_->clock().now()); }
  /// Where the user's rate limits stood after the latest admission.
  const billing::limits_standing& limits() const noexcept { return limits_; }

  // -- messages of the http client, passed on by the actor --------------------

  void on_head(fetch_id id, const http_response& head);
  void on_chunk(fetch_id id, const std::string& bytes);
  void on_done(fetch_id id, const caf::error& problem);

private:
  void admit(const tenant_actor& tenant);
  void take_ticket(const hold_ticket& ticket);
  void repeat();
  void refuse(const caf::error& why);
  void note_progress();
  void invoke();

  loop_actor::pointer self_;
  node_parts parts_;
  principal who_;
  request_id request_;
  loop_id loop_;
  std::string request_type_;
  model_info model_;
  order order_;
  callbacks then_;
  tenant_actor tenant_;
  hold_id hold_;
  bool held_ = false;
  bool admitting_ = false;
  /// Tries at this turn whose holds had ended without a charge.
  int tries_ = 0;
  fetch_id fetching_ = 0;
  std::uint64_t fetches_ = 0;
  int status_ = 0;
  std::string refusal_;
  micro_usd charged_;
  std::optional<micro_usd> balance_;
  billing::counted_use counted_;
  billing::limits_standing limits_;
  wait_meter waits_;
  caf::actor_clock::time_point begun_{};
  caf::actor_clock::time_point noted_{};
};

} // namespace callboard
