#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "actors/activity.hpp"
#include "actors/interfaces.hpp"
#include "actors/node.hpp"
#include "actors/promise_book.hpp"

namespace callboard {

struct tenant_args {
  node_parts parts;
  platform_id platform;
};

struct tenant_state {
  explicit tenant_state(tenant_actor::pointer selfptr) : self(selfptr) {}
  static inline const char* name = "tenant";

  /// A hold that is being placed.
  struct pending {
    admission what;
    promise_book<hold_ticket>::number promise = 0;
    /// The version of the tool's price that applies; empty for turns.
    std::string price_id;
    /// Whether a fenced answer may still be followed by one more try.
    bool may_retry = true;
    /// The epoch that the latest try named.
    std::int64_t epoch = 0;
  };
  using pending_ptr = std::shared_ptr<pending>;

  /// A price with the moment until which it may be used without asking again.
  struct cached_price {
    micro_usd amount;
    std::string id;
    caf::actor_clock::time_point fresh_until{};
  };
  struct cached_model {
    model_info info;
    caf::actor_clock::time_point fresh_until{};
  };

  caf::result<hold_ticket> admit(const admission& what);
  void acquire_then(std::function<void(caf::error)> next);
  void acquired(const caf::error& problem);
  void price_then_reserve(const pending_ptr& hold);
  void priced(const pending_ptr& hold, const cached_price& price);
  void reserve(const pending_ptr& hold);
  void reserved(const pending_ptr& hold, const store_row& row);
  void refuse(const pending_ptr& hold, caf::error why);
  caf::result<micro_usd> settle(const settlement& what);
  caf::result<model_info> find_model(const std::string& slug);
  void find_default_model(std::int64_t markup_ppm, promise_book<model_info>::number promise);
  void load_model(const std::string& asked, const std::string& slug, std::int64_t markup_ppm,
                  promise_book<model_info>::number promise);
  void refuse_all(const caf::error& why);

  tenant_actor::pointer self;
  tenant_args args;
  activity seen;
  /// Fencing: what wallet/acquire gave us; 0 before.
  std::int64_t epoch = 0;
  std::string token;
  /// Those who wait for wallet/acquire.
  std::vector<std::function<void(caf::error)>> waiting_for_epoch;
  promise_book<hold_ticket> admissions;
  promise_book<micro_usd> settlements;
  promise_book<model_info> model_questions;
  std::unordered_map<std::string, cached_price> tool_prices;
  std::unordered_map<std::string, cached_model> models;
  /// Holds placed through this actor and not yet resolved through it, with their amounts; for
  /// operators.
  std::unordered_map<hold_id, micro_usd> open_holds;
  std::int64_t admitted_total = 0;
  std::int64_t refused_total = 0;
};

/// See tenant_actor. All decisions are PostgreSQL's; this actor gives them an order, an epoch and
/// current prices.
tenant_actor::behavior_type tenant(tenant_actor::stateful_pointer<tenant_state> self,
                                   tenant_args args);

} // namespace callboard
