#pragma once

#include <optional>
#include <string>
#include <vector>

#include "actors/activity.hpp"
#include "actors/interfaces.hpp"
#include "actors/node.hpp"
#include "actors/promise_book.hpp"
#include "core/connectors/oauth.hpp"

namespace callboard {

struct connection_args {
  node_parts parts;
  platform_id platform;
  end_user_id end_user;
  std::string app;
};

struct connection_state {
  explicit connection_state(connection_actor::pointer selfptr) : self(selfptr) {}
  static inline const char* name = "connection";

  /// A stored connection, opened.
  struct record {
    credentials opened;
    std::string refresh_token;
    /// Of a client that belongs to the connection (remote MCP servers); else empty.
    std::string client_secret;
    /// As stored; an update with an older one is refused, so that one renewal wins over all nodes.
    std::string version;
    connectors::connection_fields fields;
    /// Seconds since 1970; 0 when the token does not expire by itself.
    std::int64_t expires_at = 0;
  };

  /// Somebody who waits, and the access token that the provider has refused them; empty for none.
  struct waiter {
    caf::typed_response_promise<credentials> promise;
    std::string stale;
  };

  caf::result<credentials> token();
  caf::result<credentials> refresh(const std::string& stale);
  caf::result<credentials> wait(const std::string& stale);
  bool must_renew() const;
  void load();
  void loaded(const store_rows& rows);
  void claim();
  void renew();
  void renew_with(const connectors::oauth_client& client);
  void renew_at_server();
  void send_renewal(http_request request);
  void renewed(const http_response& answer);
  void forget_registration();
  void store_tokens(const connectors::token_set& tokens);
  void give_up(const std::string& why);
  void answer(const result<credentials>& outcome);
  void lay_out();
  void forget();

  connection_actor::pointer self;
  connection_args args;
  activity seen;
  std::optional<record> current;
  /// How many changes the address book had when it was read.
  std::uint64_t changes_seen = 0;
  /// How often the address book had withdrawn it then.
  std::uint64_t withdrawals = 0;
  /// Those who wait for the load or the refresh under way.
  std::vector<waiter> waiting;
  /// The stored connection changed while work was under way.
  bool outdated = false;
  /// Until when the right to renew the version `claimed_version` is ours.
  caf::actor_clock::time_point claimed_until{};
  std::string claimed_version;
  std::uint64_t fetches = 0;
  std::int64_t refreshes_total = 0;
};

/// See connection_actor.
connection_actor::behavior_type
connection(connection_actor::stateful_pointer<connection_state> self, connection_args args);

} // namespace callboard
