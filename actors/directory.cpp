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

std::string activation_key(const std::string& what, const platform_id& platform) {
  return platform.value + '/' + what;
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
  auto now = self->clock().now();
  auto x = book().tenant(platform, now);
  if (!x) {
    x = self->spawn<caf::monitored>(tenant, tenant_args{parts, platform});
    book().add(platform, x, now);
  }
  return x;
}

connection_actor directory_state::find_connection(const platform_id& platform,
                                                  const end_user_id& user, const std::string& app) {
  auto now = self->clock().now();
  auto x = book().connection(user, app, now);
  if (!x) {
    x = self->spawn<caf::monitored>(connection, connection_args{parts, platform, user, app});
    book().add(user, app, x, now);
  }
  return x;
}

caf::result<session_actor> directory_state::find_session(const session_id& id, const principal& who,
                                                         const std::string& app) {
  auto digest = to_hex(sha256(id.value));
  if (auto x = book().session(digest, who, app))
    return x;
  if (book().has_session(digest)) // somebody else's
    return no_such_session();
  if (book().sessions() >= limits::sessions_max)
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
      address_book::session_entry found{{}, record.key, record.end_user, record.app};
      found.actor = self->spawn<caf::monitored>(session, session_args{parts, std::move(record)});
      book().add(digest, found);
      session_of_actor.emplace(found.actor.id(), digest);
      deliver_session(digest, platform, found);
    },
    [this, digest, platform](caf::error x) { deliver_session(digest, platform, std::move(x)); });
}

void directory_state::deliver_session(const std::string& digest, const platform_id& platform,
                                      const result<address_book::session_entry>& found) {
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
  if (auto x = book().upstream(platform, slug))
    return x;
  auto promise = self->make_response_promise<upstream_actor>();
  auto& waiting = activating_upstreams[activation_key(slug, platform)];
  waiting.push_back(promise);
  if (waiting.size() == 1)
    activate_upstream(platform, slug);
  return promise;
}

void directory_state::activate_upstream(const platform_id& platform, const std::string& slug) {
  query(
    self, parts.store, platform, "mcp_server/find", {store_value::text(slug)},
    [this, platform, slug](store_rows& rows) {
      if (rows.empty())
        return deliver_upstream(platform, slug,
                                make_problem(errc::unknown_app, "There is no app '" + slug + "'."));
      auto server = read_remote_server(store_row{rows, 0});
      if (!server.active)
        return deliver_upstream(
          platform, slug,
          make_problem(errc::app_not_active, "The platform has switched '" + slug + "' off."));
      auto actor =
        self->spawn<caf::monitored>(upstream, upstream_args{parts, platform, std::move(server)});
      book().add(platform, slug, actor);
      deliver_upstream(platform, slug, actor);
    },
    [this, platform, slug](caf::error x) { deliver_upstream(platform, slug, std::move(x)); });
}

void directory_state::deliver_upstream(const platform_id& platform, const std::string& slug,
                                       const result<upstream_actor>& found) {
  auto node = activating_upstreams.extract(activation_key(slug, platform));
  if (node.empty())
    return;
  for (auto& promise : node.mapped()) {
    if (found)
      promise.deliver(*found);
    else
      promise.deliver(found.error());
  }
}

void directory_state::collect_idle() {
  for (auto& idle : book().take_idle(self->clock().now() - collect_after)) {
    self->demonitor(idle.address()); // its end needs no search through the maps
    self->send_exit(idle, caf::exit_reason::user_shutdown);
  }
}

void directory_state::erase(const caf::actor_addr& gone) {
  if (auto i = session_of_actor.find(gone.id()); i != session_of_actor.end()) {
    book().erase_session(i->second, gone.id());
    session_of_actor.erase(i);
  } else if (exchanges.erase(gone.id()) != 0) {
    return;
  } else if (auto j = other_of_actor.find(gone.id()); j != other_of_actor.end()) {
    others.erase(j->second);
    other_of_actor.erase(j);
  } else {
    book().erase(gone);
  }
}

template <class Handle>
void directory_state::end_all(const caf::error& reason) {
  for (auto& x : book().all<Handle>())
    self->send_exit(x, reason);
}

void directory_state::end(const caf::error& reason) {
  for (auto& [key, claims] : std::exchange(activating, {}))
    for (auto& claim : claims)
      claim.promise.deliver(ending());
  for (auto& [key, waiting] : std::exchange(activating_upstreams, {}))
    for (auto& promise : waiting)
      promise.deliver(ending());
  // Sessions first: they answer their clients, and what they run needs the others.
  end_all<session_actor>(reason);
  for (auto& [id, x] : exchanges)
    self->send_exit(x, reason);
  end_all<upstream_actor>(reason);
  end_all<connection_actor>(reason);
  end_all<tenant_actor>(reason);
  end_reason = reason;
  quit_when_alone();
}

void directory_state::quit_when_alone() {
  if (end_reason && book().tenants() == 0)
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
  for (auto& [id, x] : exchanges)
    self->send(x, atom::drop_v);
  for (auto& x : book().all<session_actor>())
    self->send(x, atom::drop_v);
  for (auto& x : book().all<connection_actor>())
    self->send(x, atom::drop_v);
  for (auto& x : book().all<upstream_actor>())
    self->send(x, atom::drop_v);
}

std::vector<status_actor> directory_state::members(const std::string& kind,
                                                   const std::string& id) const {
  std::vector<status_actor> found;
  auto add = [&](const char* its_kind, const std::string& its_id, const status_actor& actor) {
    if ((kind.empty() || kind == its_kind) && (id.empty() || id == its_id)
        && found.size() < report_rows_max)
      found.push_back(actor);
  };
  book().for_each([&](const char* its_kind, const std::string& key, const auto& actor) {
    add(its_kind, key, actor);
  });
  for (auto& [number, x] : exchanges)
    add("exchange", std::to_string(number), x);
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
    authenticator,
    authenticator_args{state.parts.store, self, state.parts.principals, state.parts.unix_time});
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
    [self](atom::drain) {
      for (auto& x : self->state.book().all<session_actor>())
        self->send(x, atom::drain_v);
      for (auto& [id, x] : self->state.exchanges)
        self->send(x, atom::drain_v);
    },
    [self](atom::stop) {
      for (auto& [key, actor] : self->state.others)
        self->send_exit(actor, caf::exit_reason::user_shutdown);
      for (auto& [id, x] : self->state.exchanges)
        self->send_exit(x, caf::exit_reason::user_shutdown);
      // Their calls give holds back, which needs the tenants alive.
      self->state.end_all<session_actor>(caf::exit_reason::user_shutdown);
      self->state.end_all<upstream_actor>(caf::exit_reason::user_shutdown);
    },
    [self](atom::auth) { return self->state.parts.authenticator; },
    [self](atom::tick) {
      self->delayed_send(self, collect_interval, atom::tick_v);
      self->state.collect_idle();
    },
  };
}

} // namespace callboard
