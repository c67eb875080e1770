#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "actors/activity.hpp"
#include "actors/interfaces.hpp"
#include "actors/node.hpp"
#include "actors/promise_book.hpp"
#include "actors/request_limiter.hpp"
#include "actors/wallet_writer.hpp"

namespace callboard {

struct tenant_args {
  node_parts parts;
  platform_id platform;
};

struct tenant_state {
  explicit tenant_state(tenant_actor::pointer selfptr) : self(selfptr) {}
  static inline const char* name = "tenant";

  /// What was counted of a user's rate limits for somebody whose hold is not placed yet.
  struct count {
    end_user_id user;
    hold_ticket noted;
  };
  /// Null when nothing was counted.
  using count_ptr = std::shared_ptr<count>;

  /// An admission under way.
  struct candidate {
    admission what;
    promise_book<hold_ticket>::number promise = 0;
    caf::actor_clock::time_point at{};
    count_ptr counted;
  };
  using candidate_ptr = std::shared_ptr<candidate>;

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

  caf::result<hold_ticket> admit(admission what);
  void count_then_admit(const candidate_ptr& x);
  void price_then_admit(const candidate_ptr& x);
  void admit_at(const candidate_ptr& x, const cached_price& price);
  void place(const candidate_ptr& x, const std::string& price_id);
  void answer(const candidate_ptr& x, result<hold_ticket> ticket);
  caf::result<receipt> settle(const settlement& what);
  caf::result<bool> free_up(const end_user_id& user);
  caf::result<model_info> find_model(const std::string& slug);
  void find_default_model(std::int64_t markup_ppm, promise_book<model_info>::number promise);
  void load_model(const std::string& asked, const std::string& slug, std::int64_t markup_ppm,
                  promise_book<model_info>::number promise);
  void refuse_all(const caf::error& why);

  tenant_actor::pointer self;
  tenant_args args;
  activity seen;
  std::unique_ptr<wallet_writer> money;
  std::unique_ptr<request_limiter> rates;
  promise_book<hold_ticket> admissions;
  promise_book<receipt> settlements;
  promise_book<bool> returns;
  promise_book<model_info> model_questions;
  /// By "<tool>\n<app>".
  std::unordered_map<std::string, cached_price> tool_prices;
  std::unordered_map<std::string, cached_model> models;
};

/// See tenant_actor. It finds prices and models; actors/wallet_writer.hpp moves the money,
/// actors/request_limiter.hpp counts requests.
tenant_actor::behavior_type tenant(tenant_actor::stateful_pointer<tenant_state> self,
                                   tenant_args args);

} // namespace callboard
