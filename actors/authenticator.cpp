#include "actors/authenticator.hpp"

#include "actors/store_query.hpp"
#include "core/base/digest.hpp"
#include "core/base/limits.hpp"

namespace callboard {
namespace {

/// Revocation shall work everywhere within a second (I6): half of it for the poll, half for the
/// rest.
constexpr auto version_poll_interval = std::chrono::milliseconds{500};

/// How long a node that cannot reach the store goes on believing its cache.
constexpr auto contact_lost_after = std::chrono::seconds{60};

caf::error unknown_key() {
  return make_problem(
    errc::invalid_api_key,
    "The API key is missing, malformed, unknown, expired or revoked. Send a valid key as "
    "'Authorization: Bearer <key>'.");
}

result<principal_cache::entry> read_entry(const store_rows& rows, std::int64_t now) {
  if (rows.empty())
    return unknown_key();
  store_row row{rows, 0};
  auto kind = key_kind_from(row.text("kind"));
  if (!kind || !row.boolean("matches") || !row.boolean("is_active"))
    return unknown_key();
  auto expires_in = row.maybe_text("expires_in_ms");
  auto expires_at = expires_in ? now + std::stoll(*expires_in) / 1000 : 0;
  return principal_cache::entry{{*kind,
                                 {row.text("key_id")},
                                 {row.text("platform_id")},
                                 {row.text("end_user_id")},
                                 row.text("tools")},
                                expires_at};
}

} // namespace

authenticator_state::authenticator_state(authenticator_actor::pointer selfptr) : self(selfptr) {}

caf::result<principal> authenticator_state::authenticate(const std::string& text) {
  auto key = parse_api_key(text);
  if (!key)
    return unknown_key();
  auto digest = sha256(text);
  if (auto known = args.cache->find(digest)) {
    if (known->has_expired(args.unix_time()))
      return unknown_key();
    return known->who;
  }
  auto promise = self->make_response_promise<principal>();
  if (auto i = shared.find(digest); i != shared.end()) {
    look_ups.at(i->second).waiting.push_back(promise);
    return promise;
  }
  if (look_ups.size() >= limits::lane_queue_max)
    return make_problem(errc::over_limit, "Too many keys are being looked up.");
  auto number = ++look_ups_total;
  shared.emplace(digest, number);
  look_ups.emplace(number, look_up_entry{std::move(digest), args.cache->epoch(), {promise}});
  look_up(*key, number);
  return promise;
}

void authenticator_state::look_up(const api_key& key, std::uint64_t number) {
  query(
    self, args.store, {}, "key/find",
    {store_value::text(key.id.value), store_value::key_secret(key.secret)},
    [this, number](store_rows& rows) {
      settle_look_up(number, read_entry(rows, args.unix_time()));
    },
    [this, number](caf::error x) { settle_look_up(number, std::move(x)); });
}

void authenticator_state::settle_look_up(std::uint64_t number,
                                         result<principal_cache::entry> found) {
  auto node = look_ups.extract(number);
  if (node.empty())
    return;
  auto& x = node.mapped();
  if (auto i = shared.find(x.digest); i != shared.end() && i->second == number)
    shared.erase(i);
  if (found && found->has_expired(args.unix_time()))
    found = unknown_key();
  if (found)
    args.cache->insert(x.digest, *found, x.epoch);
  for (auto& promise : x.waiting) {
    if (found)
      promise.deliver(found->who);
    else
      promise.deliver(found.error());
  }
}

void authenticator_state::refuse_all(const caf::error& why) {
  for (auto& [number, x] : std::exchange(look_ups, {}))
    for (auto& promise : x.waiting)
      promise.deliver(why);
}

void authenticator_state::compare_version() {
  query(
    self, args.store, {}, "auth/version", {},
    [this](store_rows& rows) {
      contact_at = self->clock().now();
      contact_lost = false;
      auto now = rows.empty() ? 0 : store_row{rows, 0}.integer("version");
      if (version != now && version != -1)
        forget();
      version = now;
    },
    [this](const caf::error&) {
      bool lost = self->clock().now() - contact_at > contact_lost_after;
      if (lost && !std::exchange(contact_lost, true))
        forget();
    });
}

void authenticator_state::forget() {
  args.cache->clear();
  shared.clear(); // who asks from now on must not get what was read before

  self->send(args.directory, atom::drop_v);
}

authenticator_actor::behavior_type
authenticator(authenticator_actor::stateful_pointer<authenticator_state> self,
              authenticator_args args) {
  auto& state = self->state;
  state.args = std::move(args);
  state.contact_at = self->clock().now();
  state.seen = {"authenticator", "node", state.contact_at};
  self->set_exit_handler([self](const caf::exit_msg& msg) {
    self->state.refuse_all(ending());
    self->quit(msg.reason);
  });
  self->send(self, atom::tick_v);
  return {
    [self](atom::auth, const std::string& text) {
      self->state.seen.note("auth");
      return self->state.authenticate(text);
    },
    [self](atom::drop) {
      self->state.seen.note("drop");
      self->state.forget();
    },
    [self](atom::tick) {
      self->delayed_send(self, version_poll_interval, atom::tick_v);
      self->state.compare_version();
    },
    [self](atom::status) {
      auto& st = self->state;
      return st.seen.report(self, {{"cached_keys", st.args.cache->size()},
                                   {"look_ups", st.look_ups.size()},
                                   {"version", st.version}});
    },
  };
}

} // namespace callboard
