#include "actors/directory.hpp"

#include "actors/authenticator.hpp"
#include "actors/connection.hpp"
#include "actors/session.hpp"
#include "actors/store_query.hpp"
#include "actors/tenant.hpp"
#include "actors/upstream.hpp"
#include "core/base/digest.hpp"
#include "core/base/limits.hpp"

namespace callboard {
namespace {

/// Tenants and connections that nobody asked for that long are ended; the next call activates them
/// again. Longer than any caller keeps a handle that it was given.
constexpr auto collect_after = std::chrono::minutes{15};
constexpr auto collect_interval = std::chrono::minutes{1};

/// How long the inspector waits for one actor.
constexpr auto report_timeout = std::chrono::milliseconds{500};

/// Rows of one report; operators narrow it down by kind and id.
constexpr std::size_t report_rows_max = 1000;

std::string connection_key(const end_user_id& user, const std::string& app) {
  return user.value + '/' + app;
}

std::string activation_key(const std::string& digest, const platform_id& platform) {
  return platform.value + '/' + digest;
}

caf::error no_such_session() {
  return make_problem(errc::session_expired,
                      "Session not found. It is unknown, expired or ended; initialize again.");
}

/// Gathers status objects until all have answered or failed.
struct status_collector {
  json::array rows;
  std::size_t missing = 0;
  caf::typed_response_promise<std::string> promise;

  void add(json::value row) {
    rows.push_back(std::move(row));
    if (--missing == 0)
      promise.deliver(json::serialize(rows));
  }
};

} // namespace

tenant_actor directory_state::find_tenant(const platform_id& platform) {
  auto& x = tenants[platform];
  if (!x.actor)
    x.actor = self->spawn<caf::monitored>(tenant, tenant_args{parts, platform});
  x.used_at = self->clock().now();
  return x.actor;
}

connection_actor directory_state::find_connection(const platform_id& platform,
                                                  const end_user_id& user, const std::string& app) {
  auto& x = connections[connection_key(user, app)];
  if (!x.actor)
    x.actor = self->spawn<caf::monitored>(connection, connection_args{parts, platform, user, app});
  x.used_at = self->clock().now();
  return x.actor;
}

caf::result<session_actor> directory_state::find_session(const session_id& id, const principal& who,
                                                         const std::string& app) {
  auto digest = to_hex(sha256(id.value));
  if (auto i = sessions.find(digest); i != sessions.end()) {
    if (!i->second.belongs_to(who, app))
      return no_such_session();
    return i->second.actor;
  }
  if (sessions.size() >= limits::sessions_max)
    return make_problem(errc::over_limit, "Too many sessions are open on this node.");
  auto promise = self->make_response_promise<session_actor>();
  auto& claims = activating[activation_key(digest, who.platform)];
  claims.push_back({promise, who, app});
  if (claims.size() == 1)
    activate_session(digest, who.platform);
  return promise;
}

void directory_state::activate_session(const std::string& digest, const platform_id& platform) {
  query(
    self, parts.store, platform, "session/find", {store_value::text(digest)},
    [this, digest, platform](store_rows& rows) {
      if (rows.empty())
        return deliver_session(digest, platform, no_such_session());
      auto record = read_session(platform, store_row{rows, 0});
      session_entry found{{}, record.key, record.end_user, record.app};
      found.actor = self->spawn<caf::monitored>(session, session_args{parts, std::move(record)});
      sessions.emplace(digest, found);
      session_of_actor.emplace(found.actor.id(), digest);
      deliver_session(digest, platform, found);
    },
    [this, digest, platform](caf::error x) { deliver_session(digest, platform, std::move(x)); });
}

void directory_state::deliver_session(const std::string& digest, const platform_id& platform,
                                      const result<session_entry>& found) {
  auto node = activating.extract(activation_key(digest, platform));
  if (node.empty())
    return;
  for (auto& claim : node.mapped()) {
    if (!found)
      claim.promise.deliver(found.error());
    else if (found->belongs_to(claim.who, claim.app))
      claim.promise.deliver(found->actor);
    else
      claim.promise.deliver(no_such_session());
  }
}

caf::result<upstream_actor> directory_state::find_upstream(const platform_id& platform,
                                                           const std::string& slug) {
  auto key = platform.value + '/' + slug;
  if (auto i = upstreams.find(key); i != upstreams.end())
    return i->second;
  auto promise = self->make_response_promise<upstream_actor>();
  auto& waiting = activating_upstreams[key];
  waiting.push_back(promise);
  if (waiting.size() == 1)
    activate_upstream(platform, slug);
  return promise;
}

void directory_state::activate_upstream(const platform_id& platform, const std::string& slug) {
  auto key = platform.value + '/' + slug;
  query(
    self, parts.store, platform, "mcp_server/find", {store_value::text(slug)},
    [this, key, platform, slug](store_rows& rows) {
      if (rows.empty())
        return deliver_upstream(key,
                                make_problem(errc::unknown_app, "There is no app '" + slug + "'."));
      auto server = read_remote_server(store_row{rows, 0});
      if (!server.active)
        return deliver_upstream(
          key, make_problem(errc::app_not_active, "The platform has switched '" + slug + "' off."));
      auto actor =
        self->spawn<caf::monitored>(upstream, upstream_args{parts, platform, std::move(server)});
      upstreams.emplace(key, actor);
      deliver_upstream(key, actor);
    },
    [this, key](caf::error x) { deliver_upstream(key, std::move(x)); });
}

void directory_state::deliver_upstream(const std::string& key,
                                       const result<upstream_actor>& found) {
  auto node = activating_upstreams.extract(key);
  if (node.empty())
    return;
  for (auto& promise : node.mapped()) {
    if (found)
      promise.deliver(*found);
    else
      promise.deliver(found.error());
  }
}

void directory_state::upstreams_changed() {
  for (auto& [key, actor] : upstreams)
    self->send(actor, atom::drop_v);
}

void directory_state::end_upstreams(const caf::error& reason) {
  for (auto& [key, actor] : upstreams)
    self->send_exit(actor, reason);
}

void directory_state::connection_changed(const end_user_id& user, const std::string& app) {
  if (auto i = connections.find(connection_key(user, app)); i != connections.end())
    self->send(i->second.actor, atom::drop_v);
  for (auto& [key, actor] : upstreams)
    if (key.ends_with('/' + app))
      self->send(actor, atom::drop_v, user);
}

void directory_state::collect_idle() {
  memory.note(live());
  auto before = self->clock().now() - collect_after;
  auto collect = [&](auto& map) {
    for (auto i = map.begin(); i != map.end();) {
      if (i->second.used_at >= before) {
        ++i;
        continue;
      }
      self->demonitor(i->second.actor.address()); // its end needs no search through the maps
      self->send_exit(i->second.actor, caf::exit_reason::user_shutdown);
      i = map.erase(i);
    }
  };
  collect(tenants);
  collect(connections);
}

std::size_t directory_state::live() const {
  return tenants.size() + connections.size() + sessions.size() + exchanges.size() + upstreams.size()
         + others.size();
}

void directory_state::erase(const caf::actor_addr& gone) {
  memory.note(live());
  if (auto i = session_of_actor.find(gone.id()); i != session_of_actor.end()) {
    sessions.erase(i->second);
    session_of_actor.erase(i);
  } else if (exchanges.erase(gone.id()) != 0) {
    return;
  } else if (auto j = other_of_actor.find(gone.id()); j != other_of_actor.end()) {
    others.erase(j->second);
    other_of_actor.erase(j);
  } else {
    auto is_gone = [&](auto& x) { return x.second.actor.address() == gone; };
    std::erase_if(tenants, is_gone);
    std::erase_if(connections, is_gone);
    std::erase_if(upstreams, [&](auto& x) { return x.second.address() == gone; });
  }
}

void directory_state::end(const caf::error& reason) {
  for (auto& [key, claims] : std::exchange(activating, {}))
    for (auto& claim : claims)
      claim.promise.deliver(ending());
  for (auto& [key, waiting] : std::exchange(activating_upstreams, {}))
    for (auto& promise : waiting)
      promise.deliver(ending());
  // Sessions first: they answer their clients, and what they run needs the others.
  for (auto& [digest, x] : sessions)
    self->send_exit(x.actor, reason);
  for (auto& [id, x] : exchanges)
    self->send_exit(x, reason);
  end_upstreams(reason);
  for (auto& [key, x] : connections)
    self->send_exit(x.actor, reason);
  for (auto& [platform, x] : tenants)
    self->send_exit(x.actor, reason);
  end_reason = reason;
  quit_when_alone();
}

void directory_state::quit_when_alone() {
  if (end_reason && tenants.empty())
    self->quit(*end_reason);
}

void directory_state::enlist(const std::string& kind, const std::string& id,
                             const status_actor& actor) {
  self->monitor(actor);
  others.insert_or_assign({kind, id}, actor);
  other_of_actor.insert_or_assign(actor.id(), std::pair{kind, id});
}

void directory_state::enlist_exchange(const exchange_actor& x) {
  if (exchanges.count(x.id()) != 0)
    return;
  if (exchanges.size() >= limits::waiting_exchanges_max) {
    self->send_exit(x, make_problem(errc::over_limit, "Too many requests wait on this node."));
    return;
  }
  self->monitor(x);
  exchanges.emplace(x.id(), x);
}

result<exchange_actor> directory_state::find_exchange(std::uint64_t number) const {
  auto i = exchanges.find(number);
  if (i == exchanges.end())
    return make_problem(errc::not_found, "There is no such exchange.");
  return i->second;
}

void directory_state::keys_changed() {
  for (auto& [digest, x] : sessions)
    self->send(x.actor, atom::drop_v);
  for (auto& [id, x] : exchanges)
    self->send(x, atom::drop_v);
  for (auto& [key, x] : connections)
    self->send(x.actor, atom::drop_v);
  upstreams_changed();
}

std::vector<status_actor> directory_state::members(const std::string& kind,
                                                   const std::string& id) const {
  std::vector<status_actor> found;
  auto add = [&](const char* its_kind, const std::string& its_id, const status_actor& actor) {
    if ((kind.empty() || kind == its_kind) && (id.empty() || id == its_id)
        && found.size() < report_rows_max)
      found.push_back(actor);
  };
  for (auto& [platform, x] : tenants)
    add("tenant", platform.value, x.actor);
  for (auto& [key, x] : connections)
    add("connection", key, x.actor);
  for (auto& [digest, x] : sessions)
    add("session", digest, x.actor);
  for (auto& [number, x] : exchanges)
    add("exchange", std::to_string(number), x);
  for (auto& [key, actor] : upstreams)
    add("upstream", key, actor);
  for (auto& [key, actor] : others)
    add(key.first.c_str(), key.second, actor);
  add("authenticator", "node", parts.authenticator);
  return found;
}

caf::result<std::string> directory_state::report(const std::string& kind, const std::string& id) {
  auto actors = members(kind, id);
  if (actors.empty())
    return std::string{"[]"};
  auto collector = std::make_shared<status_collector>();
  collector->missing = actors.size();
  collector->promise = self->make_response_promise<std::string>();
  for (auto& actor : actors)
    self->request(actor, report_timeout, atom::status_v)
      .then([collector](const std::string& row) { collector->add(json::parse(row)); },
            [collector, its_id = actor.id()](const caf::error&) {
              collector->add(json::object{{"actor_id", its_id}, {"no_answer", true}});
            });
  return collector->promise;
}

directory_actor::behavior_type directory(directory_actor::stateful_pointer<directory_state> self,
                                         node_parts parts) {
  auto& state = self->state;
  state.parts = std::move(parts);
  state.parts.directory = self;
  state.parts.authenticator = self->spawn<caf::linked>(
    authenticator, authenticator_args{state.parts.store, self, state.parts.unix_time});
  self->set_exit_handler([self](const caf::exit_msg& msg) { self->state.end(msg.reason); });
  self->set_down_handler([self](const caf::down_msg& msg) {
    self->state.erase(msg.source);
    self->state.quit_when_alone();
  });
  self->delayed_send(self, collect_interval, atom::tick_v);
  return {
    [self](atom::tenant, const platform_id& platform) { return self->state.find_tenant(platform); },
    [self](atom::conn, const platform_id& platform, const end_user_id& user,
           const std::string& app) { return self->state.find_connection(platform, user, app); },
    [self](atom::session, const session_id& id, const principal& who, const std::string& app) {
      return self->state.find_session(id, who, app);
    },
    [self](atom::relay, const platform_id& platform, const std::string& slug) {
      return self->state.find_upstream(platform, slug);
    },
    [self](atom::enlist, const exchange_actor& x) { self->state.enlist_exchange(x); },
    [self](atom::post, std::uint64_t number) { return self->state.find_exchange(number); },
    [self](atom::enlist, const std::string& kind, const std::string& id,
           const status_actor& actor) { self->state.enlist(kind, id, actor); },
    [self](atom::status, const std::string& kind, const std::string& id) {
      return self->state.report(kind, id);
    },
    [self](atom::drop) { self->state.keys_changed(); },
    [self](atom::drop, const end_user_id& user, const std::string& app) {
      self->state.connection_changed(user, app);
    },
    [self](atom::drain) {
      for (auto& [digest, x] : self->state.sessions)
        self->send(x.actor, atom::drain_v);
      for (auto& [id, x] : self->state.exchanges)
        self->send(x, atom::drain_v);
    },
    [self](atom::stop) {
      for (auto& [key, actor] : self->state.others)
        self->send_exit(actor, caf::exit_reason::user_shutdown);
      for (auto& [id, x] : self->state.exchanges)
        self->send_exit(x, caf::exit_reason::user_shutdown);
      // Their calls give holds back, which needs the tenants alive.
      for (auto& [digest, x] : self->state.sessions)
        self->send_exit(x.actor, caf::exit_reason::user_shutdown);
      self->state.end_upstreams(caf::exit_reason::user_shutdown);
    },
    [self](atom::auth) { return self->state.parts.authenticator; },
    [self](atom::tick) {
      self->delayed_send(self, collect_interval, atom::tick_v);
      self->state.collect_idle();
      if (self->state.memory.is_due(self->state.live()))
        return_memory(self->system());
    },
  };
}

} // namespace callboard
