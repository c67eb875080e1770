// The upstream actor's subscriptions: what the server says without being asked.

#include <algorithm>

#include "actors/upstream.hpp"
#include "actors/upstream_limits.hpp"
#include "core/base/json_text.hpp"
#include "core/mcp/messages.hpp"

namespace callboard {
namespace {

bool wants(std::string_view filter, std::string_view kind) {
  return member_text(filter, kind) == std::string_view{"true"};
}

std::set<std::string> uris_of(std::string_view filter) {
  std::set<std::string> uris;
  for (auto text : elements_of(member_text(filter, "resourceSubscriptions").value_or("[]")))
    if (auto uri = string_from(text))
      uris.insert(std::move(*uri));
  return uris;
}

/// The filter that a subscription honours, as params of 2026-07-28.
std::string filter_text(const upstream_state::subscription& x) {
  object_writer filter;
  if (x.tools)
    filter.add("toolsListChanged", "true");
  if (x.prompts)
    filter.add("promptsListChanged", "true");
  if (x.resources)
    filter.add("resourcesListChanged", "true");
  std::vector<std::string> uris;
  for (auto& uri : x.uris)
    uris.push_back(quoted_text(uri));
  if (!uris.empty())
    filter.add("resourceSubscriptions", array_of(uris));
  object_writer params;
  params.add("notifications", std::move(filter).finish());
  return std::move(params).finish();
}

/// Params without the name of the server's own subscription.
std::string without_subscription(const std::string& params) {
  auto own = params.empty() ? std::nullopt : member_text(params, "_meta");
  if (!own || !member_text(*own, mcp::meta::subscription))
    return params;
  auto rest = without_member(*own, mcp::meta::subscription);
  return rest == "{}" ? without_member(params, "_meta") : with_member(params, "_meta", rest);
}

bool is_list_change(const std::string& method) {
  return method == upstream_words::tools_changed || method == upstream_words::prompts_changed
         || method == upstream_words::resources_changed;
}

std::chrono::milliseconds grown(std::chrono::milliseconds retry) {
  auto next =
    retry.count() == 0 ? std::chrono::milliseconds{upstream_limits::retry_default} : retry * 3 / 2;
  return std::min(next, upstream_limits::retry_max);
}

} // namespace

// -- subscriptions of listeners -----------------------------------------------

void upstream_state::subscribe(relay_request request, relay_listener_actor listener) {
  auto refuse = [&](caf::error why) {
    self->send(listener, atom::relay_fail_v, request.number,
               relay_failure{0, {}, {}, std::move(why)});
  };
  if (!args.server.active)
    return refuse(make_problem(errc::app_not_active,
                               "The platform has switched '" + args.server.slug + "' off."));
  if (subscriptions.size() >= upstream_limits::subscriptions_max)
    return refuse(make_problem(errc::over_limit, "Too many subscriptions to this server."));
  auto filter = member_text(request.params, "notifications");
  auto wanted = filter.value_or("{}");
  subscription x;
  x.tools = wants(wanted, "toolsListChanged");
  x.prompts = wants(wanted, "promptsListChanged");
  x.resources = wants(wanted, "resourcesListChanged");
  x.uris = uris_of(wanted);
  x.peer = peer_key(request.who.end_user, request.capabilities);
  owner_key key{listener.address(), request.number};
  auto who = request.who;
  x.request = std::move(request);
  x.listener = listener;
  if (!subscriptions.emplace(key, std::move(x)).second)
    return;
  watch(listener);
  with_offer(who, false, [this, key](const caf::error& problem) {
    // A server that is down is asked again later; until then everything is promised.
    if (!problem)
      acknowledge(key);
    connect_subscription(key);
  });
}

/// Tells the listener what it will hear of.
void upstream_state::acknowledge(const owner_key& key) {
  auto found = subscriptions.find(key);
  if (found == subscriptions.end())
    return;
  auto& x = found->second;
  auto& offered = offers.at(offer_key(x.request.who)).profile;
  x.tools = x.tools && mcp::offers(offered, "tools");
  x.prompts = x.prompts && mcp::offers(offered, "prompts");
  x.resources = x.resources && mcp::offers(offered, "resources");
  if (!mcp::offers(offered, "resources", "subscribe"))
    x.uris.clear();
  self->send(x.listener, atom::relay_note_v, x.request.number,
             std::string{upstream_words::acknowledged}, filter_text(x));
}

/// Opens the way by which the server can tell us.
void upstream_state::connect_subscription(const owner_key& key) {
  auto found = subscriptions.find(key);
  if (found == subscriptions.end())
    return;
  auto opening = found->second.request;
  opening.method.clear();
  opening.params.clear();
  ask_server(std::move(opening), [this, key](const outcome& out) {
    auto again = subscriptions.find(key);
    if (again == subscriptions.end())
      return;
    if (!std::holds_alternative<std::string>(out))
      return listen_again(key);
    if (*era == mcp::server_era::stateless)
      return listen(key);
    open_events(again->second.peer);
    renew_resource_subscriptions(again->second.peer);
  });
}

void upstream_state::listen_again(const owner_key& key) {
  auto found = subscriptions.find(key);
  if (found == subscriptions.end())
    return;
  found->second.retry = grown(found->second.retry);
  at(found->second.retry, [this, key] { connect_subscription(key); });
}

/// Subscribes at a server of 2026-07-28.
void upstream_state::listen(const owner_key& key) {
  auto& x = subscriptions.at(key);
  if (x.fetch != 0)
    return;
  mcp::outgoing_request out;
  out.method = upstream_words::listen;
  out.params = filter_text(x);
  out.capabilities = x.request.capabilities;
  out.client = introduced(x.request.client);
  auto params = mcp::encode_params(out, mcp::server_era::stateless, profile.version);
  auto body = mcp::encode_request_text(mcp::rpc_id{++last_rpc}, out.method, params);
  auto over = std::make_shared<bool>(false);
  x.fetch = open_stream(
    post(std::move(body), mcp::stateless_headers(out.method, params, profile.version),
         tokens[x.request.who.end_user.value]),
    [this, key, over](mcp::server_message& message) {
      if (auto* error = std::get_if<mcp::server_error>(&message))
        *over = *over || error->code == mcp::code_unknown_method;
      auto* note = std::get_if<mcp::server_notification>(&message);
      auto found = subscriptions.find(key);
      if (!note || found == subscriptions.end())
        return;
      found->second.retry = {};
      if (is_list_change(note->method))
        list_changed(note->method);
      else if (note->method != upstream_words::acknowledged)
        tell(found->second, note->method, note->params);
    },
    [this, key, over](const caf::error&, const mcp::answer_reader&) {
      if (auto found = subscriptions.find(key); found != subscriptions.end())
        found->second.fetch = 0;
      if (!*over) // a server without subscriptions is not asked for them again
        listen_again(key);
    });
}

bool upstream_state::unsubscribe(std::uint64_t number, const caf::actor_addr& owner) {
  auto node = subscriptions.extract({owner, number});
  if (node.empty())
    return false;
  auto& x = node.mapped();
  close_stream(x.fetch);
  unwatch(x.listener);
  renew_resource_subscriptions(x.peer);
  bool last = std::none_of(subscriptions.begin(), subscriptions.end(),
                           [&](auto& other) { return other.second.peer == x.peer; });
  if (auto its = peers.find(x.peer); last && its != peers.end())
    close_stream(its->second.events);
  return true;
}

// -- the session era's stream -------------------------------------------------

void upstream_state::open_events(const std::string& key) {
  auto found = peers.find(key);
  bool wanted = std::any_of(subscriptions.begin(), subscriptions.end(),
                            [&](auto& x) { return x.second.peer == key; });
  if (found == peers.end() || !wanted)
    return;
  auto& x = found->second;
  if (x.at != peer::phase::open || x.events != 0 || x.has_no_events)
    return;
  http_request message{"GET", args.server.url, {{"Accept", "text/event-stream"}}, {}};
  for (auto& header : mcp::session_headers(x.session, x.version))
    message.headers.push_back(header);
  for (auto& header : credentials_for(x.access_token))
    message.headers.push_back(header);
  if (!x.last_event.empty())
    message.headers.push_back({"Last-Event-ID", x.last_event});
  x.events = open_stream(
    std::move(message),
    [this, key](mcp::server_message& y) {
      if (auto* note = std::get_if<mcp::server_notification>(&y))
        take_event(key, *note);
      else if (auto* request = std::get_if<mcp::server_request>(&y))
        answer_peer(key, *request);
    },
    [this, key](const caf::error&, const mcp::answer_reader& answer) {
      events_ended(key, answer);
    });
}

void upstream_state::events_ended(const std::string& key, const mcp::answer_reader& answer) {
  auto found = peers.find(key);
  if (found == peers.end())
    return;
  auto& x = found->second;
  x.events = 0;
  auto status = answer.status();
  if (status == 405 || status == 406 || status == 501) {
    x.has_no_events = true;
    return;
  }
  if (answer.ok()) {
    if (!answer.last_event_id().empty())
      x.last_event = answer.last_event_id();
    x.retry = {};
  }
  if (status == 404 && !x.session.empty()) { // the session is over
    x.at = peer::phase::closed;
    x.session.clear();
  }
  x.retry = grown(x.retry);
  auto wait = answer.retry() ? std::clamp(std::chrono::milliseconds{*answer.retry()},
                                          std::chrono::milliseconds{0}, upstream_limits::retry_max)
                             : x.retry;
  at(wait, [this, key] {
    auto again = peers.find(key);
    if (again == peers.end())
      return;
    if (again->second.at == peer::phase::open)
      return open_events(key);
    open_peer(key);
  });
}

/// A request of the server that belongs to no answer of its: one of the session's requests must be
/// meant.
void upstream_state::answer_peer(const std::string& key, const mcp::server_request& request) {
  call_id newest = 0;
  for (auto& [id, x] : calls)
    if (x.peer == key && !x.over && x.listener)
      newest = std::max(newest, id);
  if (newest != 0)
    return take_question(newest, request);
  if (request.method == mcp::method::ping)
    return tell_peer(key, mcp::encode_result_text(request.id, "{}"));
  tell_peer(key, mcp::encode_error(request.id, mcp::code_unknown_method,
                                   "Nobody is there who could answer."));
}

/// Subscribes to the resources that somebody of this session wants to hear of.
void upstream_state::renew_resource_subscriptions(const std::string& key) {
  auto found = peers.find(key);
  if (found == peers.end() || found->second.at != peer::phase::open)
    return;
  std::set<std::string> wanted;
  const relay_request* somebody = nullptr;
  for (auto& [owner, x] : subscriptions)
    if (x.peer == key) {
      wanted.insert(x.uris.begin(), x.uris.end());
      somebody = &x.request;
    }
  auto& had = found->second.subscribed;
  auto send = [&](const char* method, const std::string& uri) {
    object_writer params;
    params.add_string("uri", uri);
    relay_request request;
    if (somebody)
      request = *somebody;
    request.who.end_user = found->second.user;
    request.capabilities = found->second.capabilities;
    request.method = method;
    request.params = std::move(params).finish();
    ask_server(std::move(request), [](const outcome&) {});
  };
  auto before = std::exchange(had, wanted);
  for (auto& uri : wanted)
    if (before.count(uri) == 0)
      send("resources/subscribe", uri);
  for (auto& uri : before)
    if (wanted.count(uri) == 0)
      send("resources/unsubscribe", uri);
}

// -- notifications ------------------------------------------------------------

void upstream_state::take_event(const std::string& key, const mcp::server_notification& note) {
  if (is_list_change(note.method))
    return list_changed(note.method);
  for (auto& [owner, x] : subscriptions)
    if (x.peer == key)
      tell(x, note.method, note.params);
}

/// Who hears of a change will ask for the list: it is loaded first.
void upstream_state::list_changed(const std::string& method) {
  bool somebody = false;
  for (auto& [key, x] : offers)
    if (x.known) {
      somebody = true;
      x.stale = true;
      x.changes.insert(method);
    }
  if (!somebody) {
    for (auto& [owner, x] : subscriptions)
      tell(x, method, {});
    return;
  }
  std::vector<std::string> keys;
  for (auto& [key, x] : offers)
    keys.push_back(key);
  for (auto& key : keys)
    load(key);
}

/// Passes a notification on to a subscription that wants it.
void upstream_state::tell(const subscription& x, const std::string& method,
                          const std::string& params) {
  bool wanted = (method == upstream_words::tools_changed && x.tools)
                || (method == upstream_words::prompts_changed && x.prompts)
                || (method == upstream_words::resources_changed && x.resources)
                || (method == mcp::method::log && !x.request.log_level.empty());
  if (method == upstream_words::resource_updated)
    wanted =
      x.uris.count(string_from(member_text(params, "uri").value_or("null")).value_or("")) != 0;
  if (wanted)
    self->send(x.listener, atom::relay_note_v, x.request.number, method,
               without_subscription(params));
}

} // namespace callboard
