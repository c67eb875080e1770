#pragma once

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "actors/activity.hpp"
#include "actors/address_book.hpp"
#include "actors/interfaces.hpp"
#include "actors/node.hpp"
#include "actors/promise_book.hpp"

namespace callboard {

struct directory_state {
  explicit directory_state(directory_actor::pointer selfptr) : self(selfptr) {}
  static inline const char* name = "directory";

  /// Somebody who waits for an activation, and what they claimed.
  struct session_claim {
    caf::typed_response_promise<session_actor> promise;
    principal who;
    std::string app;
  };

  tenant_actor find_tenant(const platform_id& platform);
  connection_actor find_connection(const platform_id& platform, const end_user_id& user,
                                   const std::string& app);
  caf::result<session_actor> find_session(const session_id& id, const principal& who,
                                          const std::string& app);
  void activate_session(const std::string& digest, const platform_id& platform);
  void deliver_session(const std::string& digest, const platform_id& platform,
                       const result<address_book::session_entry>& found);
  void enlist_exchange(const exchange_actor& x);
  result<exchange_actor> find_exchange(std::uint64_t number) const;
  void keys_changed();
  caf::result<upstream_actor> find_upstream(const platform_id& platform, const std::string& slug);
  void activate_upstream(const platform_id& platform, const std::string& slug);
  void deliver_upstream(const platform_id& platform, const std::string& slug,
                        const result<upstream_actor>& found);
  template <class Handle>
  void end_all(const caf::error& reason);
  void enlist(const std::string& kind, const std::string& id, const status_actor& actor);
  void collect_idle();
  void erase(const caf::actor_addr& gone);
  /// Ends everybody, and itself when the tenants are gone: they say their last words to the store,
  /// whose lanes are stopped after that.
  void end(const caf::error& reason);
  void quit_when_alone();
  std::vector<status_actor> members(const std::string& kind, const std::string& id) const;
  caf::result<std::string> report(const std::string& kind, const std::string& id);

  /// What others can look up by themselves.
  address_book& book() { return *parts.addresses; }
  const address_book& book() const { return *parts.addresses; }

  directory_actor::pointer self;
  node_parts parts;
  /// Why it ends, once it does.
  std::optional<caf::error> end_reason;
  /// Activations under way, with those who wait; by platform and digest, since only the own
  /// platform can see the row.
  std::unordered_map<std::string, std::vector<session_claim>> activating;
  /// Exchanges of the stateless era that wait for news or for their client, by actor id.
  std::unordered_map<caf::actor_id, exchange_actor> exchanges;
  /// By "<platform>/<slug>".
  std::unordered_map<std::string, std::vector<caf::typed_response_promise<upstream_actor>>>
    activating_upstreams;
  /// Actors of other kinds: kind and id.
  std::map<std::pair<std::string, std::string>, status_actor> others;
  /// Where to erase a session when it is down.
  std::unordered_map<caf::actor_id, std::string> session_of_actor;
  std::unordered_map<caf::actor_id, std::pair<std::string, std::string>> other_of_actor;
};

/// See directory_actor. `parts.directory` is filled in by the actor itself.
directory_actor::behavior_type directory(directory_actor::stateful_pointer<directory_state> self,
                                         node_parts parts);

} // namespace callboard
