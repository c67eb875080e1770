#include "actors/upstream.hpp"

#include <algorithm>

#include "actors/metrics.hpp"
#include "actors/store_query.hpp"
#include "actors/upstream_limits.hpp"
#include "core/base/json_text.hpp"

namespace callboard {

void upstream_state::at(std::chrono::milliseconds delay, std::function<void()> action) {
  alarms.emplace(self->clock().now() + delay, std::move(action));
  self->delayed_send(self, delay, atom::tick_v);
}

void upstream_state::tick() {
  auto now = self->clock().now();
  while (!alarms.empty() && alarms.begin()->first <= now) {
    auto action = std::move(alarms.begin()->second);
    alarms.erase(alarms.begin());
    action();
  }
}

/// Looks after what nobody uses any more, again and again.
void upstream_state::beat() {
  end_idle_peers();
  bool idle = calls.empty() && subscriptions.empty() && lists_asked.size() == 0;
  if (idle && self->clock().now() - used_at >= upstream_limits::idle_time
      && self->mailbox().empty())
    return end(ending());
  at(upstream_limits::beat_interval, [this] { beat(); });
}

void upstream_state::watch(const relay_listener_actor& listener) {
  if (listener && ++listeners[listener.address()] == 1)
    self->monitor(listener);
}

void upstream_state::unwatch(const relay_listener_actor& listener) {
  if (!listener)
    return;
  auto found = listeners.find(listener.address());
  if (found == listeners.end() || --found->second > 0)
    return;
  listeners.erase(found);
  self->demonitor(listener.address());
}

void upstream_state::listener_down(const caf::actor_addr& address) {
  listeners.erase(address);
  std::vector<std::uint64_t> numbers;
  for (auto& [key, id] : call_of)
    if (key.first == address)
      numbers.push_back(key.second);
  for (auto number : numbers)
    abandon(call_of[{address, number}]);
  numbers.clear();
  for (auto& [key, x] : subscriptions)
    if (key.first == address)
      numbers.push_back(key.second);
  for (auto number : numbers)
    unsubscribe(number, address);
}

void upstream_state::reload() {
  query(
    self, args.parts.store, args.platform, "mcp_server/find", {store_value::text(args.server.slug)},
    [this](store_rows& rows) {
      if (rows.empty())
        return end(make_problem(errc::unknown_app, "The server is not registered any more."));
      use(read_remote_server(store_row{rows, 0}));
    },
    [this](const caf::error& x) { args.parts.metrics->log_problem({"upstream"}, x); });
}

/// Goes on with the row as it is now. What belonged to another address or other credentials is
/// forgotten.
void upstream_state::use(remote_server fresh) {
  bool moved = args.server.url != fresh.url;
  bool anew = moved || args.server.auth != fresh.auth || args.server.secret != fresh.secret
              || args.server.header_name != fresh.header_name;
  if (anew) // sessions and tokens are the old address's business
    for (auto& [key, x] : peers)
      take_leave(x);
  auto old = std::exchange(args.server, std::move(fresh));
  auto& now = args.server;
  if (anew) {
    failures = 0;
    down_until = {};
    std::vector<offer_waiters> waiters;
    for (auto& [key, x] : offers) {
      waiters.push_back(stop_loading(x));
      x.stale = true;
      x.known = x.known && !moved;
    }
    connect_anew();
    for (auto& x : waiters)
      wait_again(std::move(x));
  }
  if (old.policy.withheld != now.policy.withheld || old.policy.allowed != now.policy.allowed
      || old.policy.prefix != now.policy.prefix || moved)
    for (auto& [key, x] : subscriptions)
      tell(x, std::string{upstream_words::tools_changed}, {});
}

/// Nothing that was asked of the server before counts any more. Calls that wait for a session or
/// for the era wait for new ones.
void upstream_state::connect_anew() {
  era.reset();
  probing = false;
  probed_again = false;
  ++connections;
  end_peers([](const peer&) { return true; }, std::exchange(waiting_for_era, {}));
}

/// Ends sessions. Those who wait for one, and `again`, begin anew.
void upstream_state::end_peers(const std::function<bool(const peer&)>& wanted,
                               std::vector<call_id> again) {
  std::vector<std::string> keys;
  for (auto& [key, x] : peers) {
    if (!wanted(x))
      continue;
    keys.push_back(key);
    for (auto id : std::exchange(x.waiting, {}))
      again.push_back(id);
  }
  for (auto id : again)
    if (auto* x = find(id))
      leave_peer(*x);
  for (auto& key : keys)
    end_peer(key);
  for (auto id : again)
    if (find(id))
      authorize(id);
}

void upstream_state::connection_changed(const end_user_id& user) {
  offer_waiters waiters;
  if (auto found = offers.find(user.value); found != offers.end()) {
    waiters = stop_loading(found->second);
    offers.erase(found);
  }
  tokens.erase(user.value);
  end_peers([&user](const peer& x) { return x.user == user; }, {});
  wait_again(std::move(waiters));
}

void upstream_state::end(const caf::error& why) {
  lists_asked.refuse_all(why);
  // What comes of a settlement reaches nobody any more, so everybody is told first.
  for (auto& [id, x] : calls) {
    if (x.listener)
      self->send(x.listener, atom::relay_fail_v, x.request.number, relay_failure{0, {}, {}, why});
    if (!x.over)
      cancel_at_server(x);
    if (!x.over && x.hold)
      give_back(x.tenant, *x.hold);
  }
  calls.clear();
  for (auto& [key, x] : std::exchange(subscriptions, {}))
    if (x.listener)
      self->send(x.listener, atom::relay_fail_v, x.request.number, relay_failure{0, {}, {}, why});
  std::vector<std::string> keys;
  for (auto& [key, x] : peers)
    keys.push_back(key);
  for (auto& key : keys)
    end_peer(key);
  for (auto& [id, x] : streams)
    self->send(args.parts.http, atom::cancel_v, id);
  self->quit();
}

json::object upstream_state::report() const {
  json::object state{{"platform", args.platform.value},
                     {"slug", args.server.slug},
                     {"down", is_down()},
                     {"calls", calls.size()},
                     {"busy", busy_calls},
                     {"queued", ready.size()},
                     {"calls_total", calls_total},
                     {"sessions", peers.size()},
                     {"subscriptions", subscriptions.size()}};
  state["version"] = era ? json::value(profile.version) : json::value(nullptr);
  return state;
}

namespace {

upstream_actor::behavior_type make_behavior(upstream_actor::stateful_pointer<upstream_state> self) {
  return {
    [self](atom::relay, relay_request& request, const relay_listener_actor& listener) {
      self->state.seen.note("relay");
      self->state.begin(std::move(request), listener);
    },
    [self](atom::relay, const relay_answer& answer, const relay_listener_actor& listener) {
      self->state.seen.note("answer");
      self->state.answered(answer, listener);
    },
    [self](atom::relay_stop, std::uint64_t number, const relay_listener_actor& listener) {
      self->state.seen.note("relay_stop");
      self->state.stop(number, listener);
    },
    [self](atom::relay_list, const principal& who,
           const std::string& kind) -> caf::result<std::string> {
      self->state.seen.note("relay_list");
      return self->state.list(who, kind);
    },
    [self](atom::drop) { self->state.reload(); },
    [self](atom::drop, const end_user_id& user) { self->state.connection_changed(user); },
    [self](atom::head, fetch_id id, const http_response& head) { self->state.take_head(id, head); },
    [self](atom::chunk, fetch_id id, const std::string& piece) {
      self->state.take_chunk(id, piece);
    },
    [self](atom::done, fetch_id id, const caf::error& problem) {
      self->state.take_end(id, problem);
    },
    [self](atom::tick) { self->state.tick(); },
    [self](atom::status) { return self->state.seen.report(self, self->state.report()); },
  };
}

} // namespace

upstream_actor::behavior_type upstream(upstream_actor::stateful_pointer<upstream_state> self,
                                       upstream_args args) {
  auto& state = self->state;
  state.args = std::move(args);
  state.used_at = self->clock().now();
  state.seen = {"upstream", state.args.platform.value + '/' + state.args.server.slug,
                state.used_at};
  state.restore_lists();
  self->set_exit_handler([self](const caf::exit_msg&) { self->state.end(ending()); });
  self->set_down_handler(
    [self](const caf::down_msg& msg) { self->state.listener_down(msg.source); });
  state.at(upstream_limits::beat_interval, [self] { self->state.beat(); });
  return make_behavior(self);
}

} // namespace callboard
