#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "actors/interfaces.hpp"

namespace callboard {

/// The live actors that the directory has activated, by whom they serve, for everybody to look up
/// without a message to the directory. Only the directory adds to it; a session that ends takes
/// itself out. Who finds nothing asks the directory, which activates or says why not
/// (actors/look_up.hpp does both).
///
/// Thread-safe: look-ups come from every actor.
class address_book {
public:
  using time_point = caf::actor_clock::time_point;

  /// A live session and whom it belongs to (I65).
  struct session_entry {
    session_actor actor;
    key_id key;
    end_user_id end_user;
    std::string app;

    bool belongs_to(const principal& who, const std::string& its_app) const {
      return key == who.key && end_user == who.end_user && app == its_app;
    }
  };

  /// Credentials that a connection has laid out, so that tool calls need not ask for them.
  struct laid_out {
    credentials opened;
    /// From that time on (seconds since 1970) they are to be asked for, which renews them; 0 for
    /// never.
    std::int64_t until = 0;
    /// changes() when they were read.
    std::uint64_t changes = 0;
  };
  using laid_out_ptr = std::shared_ptr<const laid_out>;

  // -- for everybody: null when it is not known here ------------------------------

  tenant_actor tenant(const platform_id& platform, time_point now);
  connection_actor connection(const end_user_id& user, const std::string& app, time_point now);
  /// What the connection has laid out; null as well when it may not be used any more.
  laid_out_ptr credentials_of(const end_user_id& user, const std::string& app,
                              std::int64_t unix_time) const;
  /// By the SHA-256 of the session id, in hexadecimal; null as well when it is somebody else's.
  session_actor session(const std::string& digest, const principal& who,
                        const std::string& app) const;
  /// By platform and slug of a remote MCP server.
  upstream_actor upstream(const platform_id& platform, const std::string& slug) const;

  // -- changes of what actors remember of the store ---------------------------------

  /// Keys, apps or servers were changed through this node. Who compares changes() with what it saw
  /// learns of it before the message that tells it.
  void note_change() noexcept { ++changes_; }
  std::uint64_t changes() const noexcept { return changes_; }

  /// The stored connection was changed through this node: takes in what is laid out, and whoever
  /// read it before that does not lay it out any more.
  void withdraw(const end_user_id& user, const std::string& app);

  // -- for a connection -----------------------------------------------------------

  /// How often it was withdrawn; to be asked before the stored connection is read.
  std::uint64_t withdrawals(const end_user_id& user, const std::string& app) const;
  /// Unless it was withdrawn since.
  void lay_out(const end_user_id& user, const std::string& app, std::uint64_t withdrawals,
               laid_out x);
  void take_in(const end_user_id& user, const std::string& app);

  // -- for the directory ----------------------------------------------------------

  void add(const platform_id& platform, const tenant_actor& x, time_point now);
  void add(const end_user_id& user, const std::string& app, const connection_actor& x,
           time_point now);
  void add(const std::string& digest, session_entry x);
  void add(const platform_id& platform, const std::string& slug, const upstream_actor& x);

  bool has_session(const std::string& digest) const;
  /// Unless the session is another actor by now.
  void erase_session(const std::string& digest, caf::actor_id gone);
  /// A tenant, connection or upstream that has ended.
  void erase(const caf::actor_addr& gone);
  /// Takes out the tenants and connections that nobody looked up since `before`.
  std::vector<caf::actor> take_idle(time_point before);

  std::size_t sessions() const;
  std::size_t tenants() const;

  /// All handles of a kind. A copy: sending to many takes longer than anybody should wait.
  template <class Handle>
  std::vector<Handle> all() const {
    std::vector<Handle> found;
    std::lock_guard lock{mutex_};
    auto add = [&](auto& map, auto handle_of) {
      found.reserve(map.size());
      for (auto& [key, x] : map)
        found.push_back(handle_of(x));
    };
    if constexpr (std::is_same_v<Handle, tenant_actor>)
      add(tenants_, [](auto& x) { return x.actor; });
    else if constexpr (std::is_same_v<Handle, connection_actor>)
      add(connections_, [](auto& x) { return x.actor; });
    else if constexpr (std::is_same_v<Handle, session_actor>)
      add(sessions_, [](auto& x) { return x.actor; });
    else
      add(upstreams_, [](auto& x) { return x; });
    return found;
  }

  /// `visit(kind, key, handle)` for each actor, tenants first, then "connection", "session" and
  /// "upstream"; the keys are what operators call them. `visit` must not come back to the book.
  template <class Visit>
  void for_each(Visit visit) const {
    std::lock_guard lock{mutex_};
    for (auto& [platform, x] : tenants_)
      visit("tenant", platform.value, x.actor);
    for (auto& [key, x] : connections_)
      visit("connection", key, x.actor);
    for (auto& [digest, x] : sessions_)
      visit("session", digest, x.actor);
    for (auto& [key, x] : upstreams_)
      visit("upstream", key, x);
  }

private:
  /// An activated actor. `used_at` rises with each look-up; an entry that is not looked up is
  /// collected.
  template <class Handle>
  struct entry {
    Handle actor;
    time_point used_at{};
  };

  std::atomic<std::uint64_t> changes_ = 0;
  struct connection_entry : entry<connection_actor> {
    laid_out_ptr opened;
    std::uint64_t withdrawals = 0;
  };

  mutable std::mutex mutex_;
  std::unordered_map<platform_id, entry<tenant_actor>> tenants_;
  /// By "<end user>/<app>".
  std::unordered_map<std::string, connection_entry> connections_;
  /// By digest. They end by themselves.
  std::unordered_map<std::string, session_entry> sessions_;
  /// By "<platform>/<slug>". They end by themselves.
  std::unordered_map<std::string, upstream_actor> upstreams_;
};

} // namespace callboard
