// The upstream actor's requests, from a client's wish to the outcome.

#include <algorithm>

#include "actors/metrics.hpp"
#include "actors/store_query.hpp"
#include "actors/upstream.hpp"
#include "actors/upstream_limits.hpp"
#include "core/base/json_text.hpp"
#include "core/base/limits.hpp"
#include "core/mcp/http_rules.hpp"
#include "core/mcp/input_request.hpp"
#include "core/mcp/messages.hpp"

namespace callboard {
namespace {

relay_failure failure_of(const mcp::server_error& x) { return {x.code, x.message, x.data, {}}; }

/// Whether a log message of that level is wanted by somebody who wants `wanted` or worse.
bool is_wanted(const std::string& wanted, std::string_view params) {
  if (wanted.empty())
    return false;
  auto level_of = [](const std::string& name) {
    return mcp::parse_set_level(json::object{{"level", name}});
  };
  auto level = level_of(string_from(member_text(params, "level").value_or("null")).value_or(""));
  auto least = level_of(wanted);
  return !level || !least || *level >= *least;
}

/// A notification that belongs to no request in particular.
bool is_change(const std::string& method) {
  return method.ends_with("/list_changed") || method == upstream_words::resource_updated;
}

} // namespace

// -- the beginning ------------------------------------------------------------

void upstream_state::begin(relay_request request, relay_listener_actor listener) {
  used_at = self->clock().now();
  ++calls_total;
  if (request.method == upstream_words::listen)
    return subscribe(std::move(request), std::move(listener));
  call x;
  x.request = std::move(request);
  x.listener = std::move(listener);
  x.progress_token = mcp::progress_token_of(x.request.params);
  x.params = x.request.params;
  add(std::move(x));
}

void upstream_state::ask_server(relay_request wanted, std::function<void(outcome)> then) {
  call x;
  x.request.who = wanted.who;
  x.request.method = std::move(wanted.method);
  x.request.capabilities = std::move(wanted.capabilities);
  x.request.client = std::move(wanted.client);
  x.params = std::move(wanted.params);
  x.own = std::move(then);
  add(std::move(x));
}

void upstream_state::add(call x) {
  auto now = self->clock().now();
  x.id = ++last_call;
  x.begun = now;
  x.deadline = now + upstream_limits::silence_max;
  auto id = x.id;
  if (x.listener) {
    call_of[{x.listener.address(), x.request.number}] = id;
    watch(x.listener);
  }
  bool full = calls.size() >= upstream_limits::calls_max;
  bool is_tool = !x.own && x.request.method == mcp::method::tools_call;
  calls.emplace(id, std::move(x));
  if (!std::exchange(sweeping, true))
    at(upstream_limits::sweep_interval, [this] { sweep(); });
  if (full)
    return fail(id, make_problem(errc::over_limit, "Too many requests wait for this server."));
  if (!args.server.active)
    return fail(id, make_problem(errc::app_not_active,
                                 "The platform has switched '" + args.server.slug + "' off."));
  if (is_tool)
    return check_tool(id);
  use_server_names(calls.at(id));
  authorize(id);
}

upstream_state::call* upstream_state::find(call_id id) {
  auto found = calls.find(id);
  return found == calls.end() || found->second.over ? nullptr : &found->second;
}

/// A tool must be known, offered and as it was when it was approved (X1).
void upstream_state::check_tool(call_id id) {
  begin_wait(calls.at(id));
  with_offer(calls.at(id).request.who, false, [this, id](const caf::error& problem) {
    auto* x = find(id);
    if (!x)
      return;
    end_wait(*x);
    if (problem)
      return fail(id, problem);
    auto wanted = string_from(member_text(x->params, "name").value_or("null"));
    auto plain = wanted ? args.server.policy.unprefixed(*wanted) : std::nullopt;
    auto& known = offers.at(offer_key(x->request.who)).tools;
    auto tool = std::find_if(known.begin(), known.end(),
                             [&](auto& item) { return plain && item.name == *plain; });
    if (tool == known.end() || !args.server.policy.offers(tool->name))
      return fail(id, mcp::unknown_tool(wanted.value_or("")));
    x->tool = tool->name;
    x->mirrored = tool->mirrored;
    if (!args.server.policy.prefix.empty())
      x->params = with_member(x->params, "name", quoted_text(tool->name));
    admit(id);
  });
}

/// Takes our prefix off the names of prompts.
void upstream_state::use_server_names(call& x) {
  auto& prefix = args.server.policy.prefix;
  if (prefix.empty() || x.params.empty() || x.own)
    return;
  auto plain = [&](std::string_view text) -> std::optional<std::string> {
    auto shown = string_from(member_text(text, "name").value_or("null"));
    return shown ? args.server.policy.unprefixed(*shown) : std::nullopt;
  };
  if (x.request.method == upstream_words::prompts_get) {
    if (auto its = plain(x.params))
      x.params = with_member(x.params, "name", quoted_text(*its));
  } else if (x.request.method == upstream_words::complete) {
    auto ref = member_text(x.params, "ref").value_or("{}");
    if (auto its = plain(ref))
      x.params = with_member(x.params, "ref", with_member(ref, "name", quoted_text(*its)));
  }
}

void upstream_state::reach(call_id id) {
  auto* x = find(id);
  if (!x)
    return;
  if (is_down())
    return fail(id, make_problem(errc::upstream_unavailable, "The server is down at the moment."));
  if (era)
    return enter(id);
  begin_wait(*x);
  waiting_for_era.push_back(id);
  probe(x->access_token);
}

void upstream_state::enter(call_id id) {
  auto* x = find(id);
  if (!x)
    return;
  if (!era)
    return reach(id);
  if (*era == mcp::server_era::stateless)
    return enqueue(id);
  auto* found = peer_of(x->request.who.end_user, x->request.capabilities, x->request.client);
  if (!found)
    return fail(id, make_problem(errc::over_limit, "Too many sessions with this server."));
  auto& its = *found;
  its.access_token = x->access_token;
  if (x->peer.empty())
    ++its.calls;
  x->peer = peer_key(x->request.who.end_user, x->request.capabilities);
  if (its.at == peer::phase::open)
    return enqueue(id);
  begin_wait(*x);
  its.waiting.push_back(id);
  open_peer(x->peer);
}

void upstream_state::enqueue(call_id id) {
  auto* x = find(id);
  if (!x)
    return;
  end_wait(*x);
  if (x->request.method.empty()) // only the connection was wanted
    return finish(id, std::string{"{}"});
  if (busy_calls < upstream_limits::busy_max && ready.empty())
    send(id);
  else
    ready.push_back(id);
}

// -- an attempt ---------------------------------------------------------------

void upstream_state::send(call_id id) {
  auto* x = find(id);
  if (!x)
    return;
  if (!era)
    return reach(id);
  if (*era == mcp::server_era::stateless)
    leave_peer(*x);
  else if (auto its = peers.find(x->peer);
           its == peers.end() || its->second.at != peer::phase::open)
    return enter(id);
  set_busy(*x, true);
  begin_wait(*x);
  if (*era == mcp::server_era::session && set_log_level(id))
    return;
  mcp::outgoing_request out{x->request.method,
                            x->params,
                            std::nullopt,
                            x->request.capabilities,
                            introduced(x->request.client),
                            x->request.log_level};
  if (!x->progress_token.empty())
    out.progress_token = static_cast<std::int64_t>(id);
  x->rpc = mcp::rpc_id{++last_rpc};
  x->refusal.reset();
  x->deadline = self->clock().now() + upstream_limits::silence_max;
  auto params = mcp::encode_params(out, *era, profile.version);
  http_headers headers;
  if (*era == mcp::server_era::stateless) {
    headers = mcp::stateless_headers(out.method, params, profile.version);
    if (!x->mirrored.empty())
      if (auto parsed = parse_json_object(x->params))
        if (auto* given = callboard::find_object(*parsed, "arguments"))
          for (auto& header : mcp::mirror_arguments(x->mirrored, *given))
            headers.push_back(header);
    for (auto& header : x->request.mirrored)
      if (!find_header(headers, header.name))
        headers.push_back(header);
  } else {
    auto& its = peers.at(x->peer);
    headers = mcp::session_headers(its.session, its.version);
  }
  if (std::exchange(x->sent, true))
    ++x->resends;
  x->fetch = open_stream(
    post(mcp::encode_request_text(*x->rpc, out.method, params), headers, x->access_token),
    [this, id](mcp::server_message& message) { receive(id, message); },
    [this, id](const caf::error& problem, const mcp::answer_reader& answer) {
      answer_ended(id, problem, answer);
    });
}

/// In the session era the level belongs to the session. True when it is being set: the request
/// follows.
bool upstream_state::set_log_level(call_id id) {
  auto* x = find(id);
  auto& its = peers.at(x->peer);
  auto& wanted = x->request.log_level;
  if (wanted.empty() || its.log_level == wanted || !mcp::offers(profile, "logging"))
    return false;
  its.log_level = wanted;
  exchange(post(mcp::encode_request(mcp::rpc_id{++last_rpc}, mcp::method::set_level,
                                    json::object{{"level", wanted}}),
                mcp::session_headers(its.session, its.version), x->access_token),
           [this, id](const exchanged&) { send(id); });
  return true;
}

void upstream_state::receive(call_id id, mcp::server_message& message) {
  auto* x = find(id);
  if (!x)
    return;
  x->deadline = std::max(x->deadline, self->clock().now() + upstream_limits::silence_max);
  if (auto* good = std::get_if<mcp::server_result>(&message)) {
    if (x->rpc && good->id == *x->rpc)
      take_result(id, good->result);
  } else if (auto* bad = std::get_if<mcp::server_error>(&message)) {
    auto answer = streams.find(x->fetch);
    if (answer != streams.end() && !answer->second->reader.ok()) {
      x->refusal = std::move(*bad); // judged with the status, at the end of the answer
    } else if (!bad->id || (x->rpc && *bad->id == *x->rpc)) {
      note_success();
      finish(id, failure_of(*bad));
    }
  } else if (auto* question = std::get_if<mcp::server_request>(&message)) {
    take_question(id, *question);
  } else if (auto* note = std::get_if<mcp::server_notification>(&message)) {
    take_note(id, *note);
  }
}

void upstream_state::take_result(call_id id, const std::string& text) {
  note_success();
  auto* x = find(id);
  auto full = mcp::with_result_type(text);
  bool asks = mcp::result_type_of(full) == mcp::type_input_required;
  if (asks && !x->request.takes_input_required && x->listener)
    return ask_round(id, full);
  finish(id, std::move(full));
}

void upstream_state::take_note(call_id id, const mcp::server_notification& note) {
  auto* x = find(id);
  if (note.method == mcp::method::progress) {
    auto token = member_text(note.params, "progressToken");
    if (x->listener && !x->progress_token.empty() && token == std::to_string(id))
      self->send(x->listener, atom::relay_note_v, x->request.number, note.method,
                 with_member(note.params, "progressToken", x->progress_token));
  } else if (note.method == mcp::method::log) {
    if (x->listener && is_wanted(x->request.log_level, note.params))
      self->send(x->listener, atom::relay_note_v, x->request.number, note.method, note.params);
  } else if (is_change(note.method)) {
    take_event(x->peer, note);
  } else if (x->listener) {
    self->send(x->listener, atom::relay_note_v, x->request.number, note.method, note.params);
  }
}

} // namespace callboard
