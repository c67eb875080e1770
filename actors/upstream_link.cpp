// The upstream actor's connection: streams, era, sessions.

#include "actors/metrics.hpp"
#include "actors/upstream.hpp"
#include "actors/upstream_limits.hpp"
#include "core/base/json_text.hpp"
#include "core/base/limits.hpp"
#include "core/mcp/http_rules.hpp"
#include "core/mcp/messages.hpp"

namespace callboard {
namespace {

void append(http_headers& to, const http_headers& from) {
  to.insert(to.end(), from.begin(), from.end());
}

caf::error credentials_refused() {
  return make_problem(errc::upstream_failed, "The server refused the credentials it was given.");
}

} // namespace

// -- streams ------------------------------------------------------------------

http_headers upstream_state::credentials_for(const std::string& access_token) const {
  auto& server = args.server;
  if (server.auth == server_auth::header)
    return {{server.header_name, server.secret}};
  if (server.auth == server_auth::oauth && !access_token.empty())
    return {{"Authorization", "Bearer " + access_token}};
  return {};
}

http_request upstream_state::post(std::string body, http_headers headers,
                                  const std::string& access_token) const {
  http_request message{"POST", args.server.url, mcp::post_headers(), std::move(body)};
  append(message.headers, headers);
  append(message.headers, credentials_for(access_token));
  return message;
}

fetch_id upstream_state::open_stream(
  http_request message, std::function<void(mcp::server_message&)> on_message,
  std::function<void(const caf::error&, const mcp::answer_reader&)> on_end) {
  bool events = message.method == "GET";
  fetch_request fetch;
  fetch.id = make_fetch_id(self->id(), ++fetches);
  fetch.message = std::move(message);
  fetch.timeout = events ? std::chrono::milliseconds{upstream_limits::events_time_max}
                         : std::chrono::milliseconds{upstream_limits::call_time_max};
  fetch.body_bytes_max =
    events ? upstream_limits::events_bytes_max : limits::provider_response_bytes_max;
  streams.emplace(fetch.id, std::make_shared<stream>(
                              stream{mcp::answer_reader{limits::provider_response_bytes_max},
                                     std::move(on_message), std::move(on_end)}));
  self->send(args.parts.http, atom::stream_v, fetch, fetch_listener_actor{self});
  return fetch.id;
}

void upstream_state::close_stream(fetch_id& id) {
  if (auto found = streams.find(id); id != 0 && found != streams.end()) {
    if (!found->second->ended)
      self->send(args.parts.http, atom::cancel_v, id);
    streams.erase(found);
  }
  id = 0;
}

void upstream_state::take_head(fetch_id id, const http_response& head) {
  if (auto found = streams.find(id); found != streams.end())
    found->second->reader.begin(head);
}

void upstream_state::take_chunk(fetch_id id, const std::string& piece) {
  auto found = streams.find(id);
  if (found == streams.end())
    return;
  auto x = found->second; // what a message leads to may close the stream
  auto messages = x->reader.feed(piece);
  if (!messages) {
    auto closing = id;
    close_stream(closing);
    return x->on_end(messages.error(), x->reader);
  }
  for (auto& message : *messages)
    if (streams.count(id) != 0)
      x->on_message(message);
}

void upstream_state::take_end(fetch_id id, const caf::error& problem) {
  auto found = streams.find(id);
  if (found == streams.end())
    return;
  auto x = found->second;
  x->ended = true;
  auto messages = x->reader.finish();
  if (messages)
    for (auto& message : *messages)
      if (streams.count(id) != 0)
        x->on_message(message);
  if (streams.erase(id) == 0)
    return;
  // A page that is no MCP explains a bad status no further.
  auto unreadable = !messages && x->reader.ok() ? messages.error() : caf::error{};
  x->on_end(problem ? problem : unreadable, x->reader);
}

/// Sends something that is over with its first answer, or with its end.
void upstream_state::exchange(http_request message, std::function<void(exchanged)> then) {
  auto state = std::make_shared<exchanged>();
  auto id = std::make_shared<fetch_id>(0);
  auto done = [this, state, id, then](const caf::error& problem) {
    state->problem = problem;
    if (auto found = streams.find(*id); found != streams.end()) {
      state->status = found->second->reader.status();
      state->headers = found->second->reader.headers();
    }
    close_stream(*id);
    then(*state);
  };
  *id = open_stream(
    std::move(message),
    [state, done](mcp::server_message& x) {
      bool answer = std::holds_alternative<mcp::server_result>(x)
                    || std::holds_alternative<mcp::server_error>(x);
      state->messages.push_back(std::move(x));
      if (answer)
        done({});
    },
    [state, then](const caf::error& problem, const mcp::answer_reader& answer) {
      state->problem = problem;
      state->status = answer.status();
      state->headers = answer.headers();
      then(*state);
    });
  at(upstream_limits::exchange_timeout, [this, id, done] {
    if (*id != 0 && streams.count(*id) != 0)
      done(make_problem(errc::upstream_timeout, "The server did not answer in time."));
  });
}

// -- whether it is there ------------------------------------------------------

void upstream_state::note_failure() {
  if (++failures >= upstream_limits::failures_max)
    down_until = self->clock().now() + upstream_limits::down_time;
}

void upstream_state::note_success() {
  failures = 0;
  down_until = {};
}

bool upstream_state::is_down() const { return self->clock().now() < down_until; }

// -- era ----------------------------------------------------------------------

std::string upstream_state::introduced(const std::string& client) const {
  if (!client.empty())
    return client;
  object_writer out;
  out.add_string("name", "callboard").add_string("title", "Callboard");
  out.add_string("version", args.parts.settings->version);
  return std::move(out).finish();
}

void upstream_state::probe(const std::string& access_token) {
  if (std::exchange(probing, true))
    return;
  mcp::outgoing_request x;
  x.method = upstream_words::discover;
  x.client = introduced({});
  auto params = mcp::encode_params(x, mcp::server_era::stateless);
  auto id = mcp::rpc_id{++last_rpc};
  exchange(post(mcp::encode_request_text(id, x.method, params),
                mcp::stateless_headers(x.method, params), access_token),
           [this, access_token, asked = connections](const exchanged& answer) {
             if (asked == connections)
               probed(answer, access_token);
           });
}

void upstream_state::probed(const exchanged& answer, const std::string& access_token) {
  probing = false;
  if (answer.status == 0) {
    note_failure();
    return release_waiting(answer.problem);
  }
  using enum mcp::probe_verdict;
  switch (mcp::classify_probe(answer.status, answer.messages)) {
  case stateless:
    for (auto& message : answer.messages)
      if (auto* good = std::get_if<mcp::server_result>(&message)) {
        auto read = mcp::read_discover(good->result);
        if (!read)
          return release_waiting(read.error());
        profile = std::move(*read);
        era = mcp::server_era::stateless;
      }
    note_success();
    break;
  case again:
    if (!std::exchange(probed_again, true))
      return probe(access_token);
    [[fallthrough]];
  case session:
    era = mcp::server_era::session;
    break;
  case refused:
    return release_refused(answer, access_token);
  case failed:
    note_failure();
    return release_waiting(
      make_problem(errc::upstream_unavailable,
                   "The server answered with status " + std::to_string(answer.status) + "."));
  }
  release_waiting({});
}

/// Lets those go on who wait for the era, or fails them.
void upstream_state::release_waiting(const caf::error& problem) {
  for (auto id : std::exchange(waiting_for_era, {})) {
    if (!problem)
      enter(id);
    else
      fail(id, problem);
  }
}

/// The server did not answer the token of one user. Others who wait for the era ask with their own.
void upstream_state::release_refused(const exchanged& answer, const std::string& access_token) {
  for (auto id : std::exchange(waiting_for_era, {})) {
    auto* x = find(id);
    if (x && x->access_token != access_token)
      reach(id);
    else if (x && !token_refused(id, answer.status, answer.headers))
      fail(id, credentials_refused());
  }
}

// -- sessions -----------------------------------------------------------------

std::string upstream_state::peer_key(const end_user_id& user,
                                     const std::string& capabilities) const {
  return user.value + '\n' + capabilities;
}

/// Ends the session that was idle for the longest.
void upstream_state::make_room() {
  const std::string* oldest = nullptr;
  for (auto& [key, x] : peers)
    if (x.calls == 0 && x.events == 0 && x.waiting.empty()
        && (!oldest || x.used_at < peers.at(*oldest).used_at))
      oldest = &key;
  if (oldest)
    end_peer(std::string{*oldest});
}

/// The session of a user and their client's capabilities, or null when there are too many.
upstream_state::peer* upstream_state::peer_of(const end_user_id& user,
                                              const std::string& capabilities,
                                              const std::string& client) {
  auto key = peer_key(user, capabilities);
  auto found = peers.find(key);
  if (found == peers.end()) {
    if (peers.size() >= upstream_limits::peers_max)
      make_room();
    if (peers.size() >= upstream_limits::peers_max)
      return nullptr;
    found = peers.emplace(key, peer{}).first;
    found->second.number = ++last_peer;
    found->second.user = user;
    found->second.capabilities = capabilities;
    found->second.client = introduced(client);
  }
  found->second.used_at = self->clock().now();
  return &found->second;
}

void upstream_state::open_peer(const std::string& key) {
  auto& x = peers.at(key);
  if (x.at != peer::phase::closed)
    return;
  x.at = peer::phase::opening;
  auto id = mcp::rpc_id{++last_rpc};
  auto params = mcp::initialize_params_text(mcp::session_version_newest, x.capabilities, x.client);
  exchange(post(mcp::encode_request_text(id, mcp::method::initialize, params), {}, x.access_token),
           [this, key, number = x.number](const exchanged& answer) {
             if (auto found = peers.find(key);
                 found != peers.end() && found->second.number == number)
               peer_opened(key, answer);
           });
}

void upstream_state::peer_opened(const std::string& key, const exchanged& answer) {
  auto found = peers.find(key);
  if (found == peers.end())
    return;
  const mcp::server_result* good = nullptr;
  for (auto& message : answer.messages)
    if (auto* x = std::get_if<mcp::server_result>(&message))
      good = x;
  if (!good)
    return peer_failed(key, answer);
  auto read = mcp::read_initialize(good->result);
  if (!read)
    return peer_failed(key, answer);
  note_success();
  profile = *read;
  auto& x = found->second;
  x.session = std::string{find_header(answer.headers, mcp::header::session).value_or("")};
  x.version = read->version;
  x.log_level.clear();
  x.subscribed.clear();
  x.last_event.clear();
  exchange(post(mcp::encode_notification_text(mcp::method::initialized, {}),
                mcp::session_headers(x.session, x.version), x.access_token),
           [this, key, number = x.number](const exchanged&) {
             auto again = peers.find(key);
             if (again == peers.end() || again->second.number != number)
               return;
             again->second.at = peer::phase::open;
             for (auto id : std::exchange(again->second.waiting, {}))
               enqueue(id);
             open_events(key);
             renew_resource_subscriptions(key);
           });
}

void upstream_state::peer_failed(const std::string& key, const exchanged& answer) {
  auto waiting = std::exchange(peers.at(key).waiting, {});
  end_peer(key);
  auto why = answer.problem;
  if (answer.status == 0)
    note_failure();
  else if (answer.status == 401 || answer.status == 403)
    why = credentials_refused();
  else
    era.reset(); // whatever it is, the next request asks anew
  for (auto& message : answer.messages)
    if (auto* error = std::get_if<mcp::server_error>(&message))
      why =
        make_problem(errc::upstream_failed, "The server refused the session: " + error->message);
  if (!why)
    why = make_problem(errc::upstream_failed, "The server speaks none of our protocol versions.");
  for (auto id : waiting)
    if (!token_refused(id, answer.status, answer.headers))
      fail(id, why);
}

/// Ends a session here and at the server. Who waits for it fails.
void upstream_state::end_peer(const std::string& key) {
  auto node = peers.extract(key);
  if (node.empty())
    return;
  auto& x = node.mapped();
  close_stream(x.events);
  take_leave(x);
  for (auto id : x.waiting)
    fail(id, make_problem(errc::upstream_failed, "The session with the server was ended."));
}

/// Ends a session at the server; nobody waits for what comes of it.
void upstream_state::take_leave(peer& x) {
  auto session = std::exchange(x.session, {});
  if (session.empty())
    return;
  fetch_request fetch;
  fetch.id = make_fetch_id(self->id(), ++fetches);
  fetch.message = {"DELETE", args.server.url, mcp::session_headers(session, x.version), {}};
  append(fetch.message.headers, credentials_for(x.access_token));
  fetch.timeout = upstream_limits::exchange_timeout;
  caf::anon_send(args.parts.http, atom::fetch_v, fetch);
}

void upstream_state::end_idle_peers() {
  auto before = self->clock().now() - upstream_limits::peer_idle_time;
  std::vector<std::string> idle;
  for (auto& [key, x] : peers)
    if (x.calls == 0 && x.waiting.empty() && x.events == 0 && x.used_at < before)
      idle.push_back(key);
  for (auto& key : idle)
    end_peer(key);
  // Lists of single users go with their sessions.
  std::erase_if(offers, [&](auto& x) {
    return !x.first.empty() && !x.second.loading && x.second.loaded_at < before;
  });
  if (peers.empty() && calls.empty() && subscriptions.empty())
    tokens.clear();
}

/// Sends a notification or a response within a session; nobody waits for what comes of it.
void upstream_state::tell_peer(const std::string& key, std::string body) {
  auto found = peers.find(key);
  if (found == peers.end() || found->second.at != peer::phase::open)
    return;
  auto& x = found->second;
  exchange(post(std::move(body), mcp::session_headers(x.session, x.version), x.access_token),
           [](const exchanged&) {});
}

} // namespace callboard
