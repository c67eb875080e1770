// The upstream actor's requests, from the end of an attempt to the outcome.

#include <algorithm>

#include "actors/metrics.hpp"
#include "actors/store_query.hpp"
#include "actors/upstream.hpp"
#include "actors/upstream_limits.hpp"
#include "core/base/json_text.hpp"
#include "core/base/limits.hpp"
#include "core/mcp/authorization.hpp"
#include "core/mcp/http_rules.hpp"
#include "core/mcp/input_request.hpp"
#include "core/mcp/messages.hpp"

namespace callboard {
namespace {

/// What a tool call that cannot be made says to the model, or nothing for errors that are the
/// caller's.
std::optional<std::string> told_in_band(const caf::error& why, const std::string& name) {
  switch (code_of(why)) {
  case errc::upstream_unavailable:
  case errc::upstream_timeout:
  case errc::upstream_failed:
  case errc::response_too_large:
  case errc::address_refused:
  case errc::over_limit:
  case errc::timeout:
    return mcp::tool_error_text("The server '" + name + "' could not do this: " + message_of(why));
  case errc::app_not_connected:
    return mcp::tool_error_text(message_of(why));
  default:
    return std::nullopt;
  }
}

/// Of 2026-07-28: the client lacks a capability.
constexpr std::int64_t code_missing_capability = -32021;

caf::error bad_status(int status) {
  return make_problem(status >= 500 ? errc::upstream_unavailable : errc::upstream_failed,
                      "The server answered with status " + std::to_string(status) + ".");
}

} // namespace

// -- the end of an attempt ----------------------------------------------------

/// The answer is over without a result.
void upstream_state::answer_ended(call_id id, const caf::error& problem,
                                  const mcp::answer_reader& answer) {
  auto* x = find(id);
  if (!x)
    return;
  x->fetch = 0;
  if (problem && answer.status() == 0) {
    note_failure();
    return fail(id, problem);
  }
  if (!answer.ok())
    return refused(id, answer);
  if (resume(id, answer))
    return;
  note_failure();
  fail(id, problem ? problem
                   : make_problem(errc::upstream_failed, "The server closed its answer early."));
}

/// Takes a stream of the session era up again where it broke; false when that is not possible.
bool upstream_state::resume(call_id id, const mcp::answer_reader& broken) {
  auto* x = find(id);
  if (x->peer.empty() || broken.last_event_id().empty()
      || x->resumptions >= upstream_limits::resumptions_max)
    return false;
  ++x->resumptions;
  auto wait =
    std::chrono::milliseconds{broken.retry().value_or(upstream_limits::retry_default.count())};
  wait = std::clamp(wait, std::chrono::milliseconds{0}, upstream_limits::retry_max);
  x->deadline = std::max(x->deadline, self->clock().now() + wait + upstream_limits::silence_max);
  at(wait, [this, id, event = broken.last_event_id()] { take_up_again(id, event); });
  return true;
}

void upstream_state::take_up_again(call_id id, const std::string& last_event) {
  auto* x = find(id);
  auto its = x ? peers.find(x->peer) : peers.end();
  if (!x)
    return;
  if (its == peers.end())
    return fail(id, make_problem(errc::upstream_failed, "The session with the server was ended."));
  http_request message{"GET", args.server.url, {{"Accept", "text/event-stream"}}, {}};
  for (auto& header : mcp::session_headers(its->second.session, its->second.version))
    message.headers.push_back(header);
  message.headers.push_back({std::string{mcp::header::last_event}, last_event});
  for (auto& header : credentials_for(x->access_token))
    message.headers.push_back(header);
  x->fetch = open_stream(
    std::move(message), [this, id](mcp::server_message& y) { receive(id, y); },
    [this, id](const caf::error& problem, const mcp::answer_reader& answer) {
      answer_ended(id, problem, answer);
    });
}

/// A bad status: what the server meant decides whether another attempt makes sense.
void upstream_state::refused(call_id id, const mcp::answer_reader& answer) {
  auto* x = find(id);
  auto status = answer.status();
  bool first = x->resumptions == 0; // what was begun once must not be begun again
  if (token_refused(id, status, answer.headers()))
    return;
  bool session = !x->peer.empty();
  auto its = peers.find(x->peer);
  bool lost = status == 404 || (status == 400 && x->refusal && x->refusal->code == -32000);
  if (session && lost && first && !x->new_session && its != peers.end()
      && !its->second.session.empty()) {
    x->new_session = true;
    set_busy(*x, false);
    if (its->second.at == peer::phase::open) {
      its->second.at = peer::phase::closed;
      its->second.session.clear();
    }
    return enter(id);
  }
  bool about_us = x->refusal && x->refusal->id && x->rpc && *x->refusal->id == *x->rpc;
  bool other_era = status < 500 && status != 403 && status != 429 && !about_us
                   && !(x->refusal && mcp::is_modern_error(*x->refusal));
  if (!session && other_era && !x->new_era) {
    x->new_era = true;
    set_busy(*x, false);
    era.reset();
    return reach(id);
  }
  if (status >= 500)
    note_failure();
  if (x->refusal && status < 500)
    return finish(id, relay_failure{x->refusal->code, x->refusal->message, x->refusal->data, {}});
  fail(id, status == 403 ? make_problem(errc::upstream_failed, "The server refused access.")
                         : bad_status(status));
}

// -- questions ----------------------------------------------------------------

/// A server of the session era wants something of the client.
void upstream_state::take_question(call_id id, const mcp::server_request& request) {
  auto* x = find(id);
  if (request.method == mcp::method::ping)
    return tell_peer(x->peer, mcp::encode_result_text(request.id, "{}"));
  if (!x->listener || !mcp::may_ask(x->request.capabilities, request.method))
    return decline(id, request);
  auto ask = request.id.key();
  x->questions.insert_or_assign(ask, request.id);
  x->deadline = self->clock().now() + upstream_limits::question_time;
  set_busy(*x, false);
  self->send(x->listener, atom::relay_ask_v, x->request.number, ask, request.method,
             mcp::without_progress_token(request.params));
}

/// Tells the server that its client cannot do that; and clients of 2026-07-28 that they would have
/// to, which is how their era says it (N8).
void upstream_state::decline(call_id id, const mcp::server_request& request) {
  auto* x = find(id);
  tell_peer(x->peer,
            mcp::encode_error(request.id, mcp::code_unknown_method, "The client cannot do that."));
  auto capability = mcp::capability_for(request.method);
  if (!x->listener || !x->request.takes_input_required || capability.empty())
    return;
  cancel_at_server(*x);
  json::object data{{"requiredCapabilities", json::object{{capability, json::object{}}}}};
  finish(id, relay_failure{code_missing_capability,
                           "The server needs a capability that the client does not declare.",
                           json::serialize(data),
                           {}});
}

/// A server of 2026-07-28 wants something, and the client is one that must be asked.
void upstream_state::ask_round(call_id id, const std::string& result) {
  auto* x = find(id);
  close_stream(x->fetch);
  auto wanted = mcp::input_requests_of(result);
  if (++x->rounds > upstream_limits::rounds_max)
    return fail(id, make_problem(errc::upstream_failed, "The server asks without end."));
  for (auto& item : wanted)
    if (!mcp::may_ask(x->request.capabilities, item.method))
      return fail(
        id, make_problem(errc::upstream_failed,
                         "The server asks for what the client cannot do: " + item.method + '.'));
  x->asked_by = result;
  x->answers.clear();
  x->questions.clear();
  set_busy(*x, false);
  for (auto& item : wanted)
    x->questions.emplace(item.key, std::nullopt);
  if (wanted.empty())
    return continue_round(id);
  x->deadline = self->clock().now() + upstream_limits::question_time;
  for (auto& item : wanted)
    self->send(x->listener, atom::relay_ask_v, x->request.number, item.key, item.method,
               item.params);
}

void upstream_state::answered(const relay_answer& answer, const relay_listener_actor& listener) {
  auto known = call_of.find({listener.address(), answer.number});
  auto* x = known == call_of.end() ? nullptr : find(known->second);
  auto question = x ? x->questions.extract(answer.ask) : decltype(x->questions)::node_type{};
  if (question.empty())
    return;
  auto& error = answer.error;
  auto code = error.code != 0 ? error.code : mcp::code_internal;
  auto message = error.problem ? message_of(error.problem) : error.message;
  if (auto& its_id = question.mapped()) {
    tell_peer(x->peer, answer.result.empty()
                         ? mcp::encode_error_text(*its_id, code, message, error.data)
                         : mcp::encode_result_text(*its_id, answer.result));
    if (x->questions.empty()) {
      set_busy(*x, true);
      x->deadline = self->clock().now() + upstream_limits::silence_max;
    }
    return;
  }
  if (answer.result.empty()) // input that cannot be given ends the request
    return finish(known->second, relay_failure{code, message, error.data, {}});
  x->answers.emplace_back(answer.ask, answer.result);
  if (x->questions.empty())
    continue_round(known->second);
}

void upstream_state::continue_round(call_id id) {
  auto* x = find(id);
  x->params = mcp::answered_params(x->params, x->asked_by, x->answers);
  x->answers.clear();
  x->asked_by.clear();
  x->sent = false;
  enqueue(id);
}

// -- the end ------------------------------------------------------------------

/// Ends what takes too long.
void upstream_state::sweep() {
  auto now = self->clock().now();
  std::vector<call_id> late;
  for (auto& [id, x] : calls)
    if (!x.over && (x.deadline <= now || now - x.begun >= upstream_limits::call_time_max))
      late.push_back(id);
  for (auto id : late) {
    if (auto* x = find(id)) {
      cancel_at_server(*x);
      if (x->fetch != 0 && x->questions.empty())
        note_failure();
      fail(id, make_problem(errc::upstream_timeout, "The server did not answer in time."));
    }
  }
  sweeping = !calls.empty();
  if (sweeping)
    at(upstream_limits::sweep_interval, [this] { sweep(); });
}

void upstream_state::stop(std::uint64_t number, const relay_listener_actor& listener) {
  if (unsubscribe(number, listener.address()))
    return;
  if (auto known = call_of.find({listener.address(), number}); known != call_of.end())
    abandon(known->second);
}

/// Nobody waits for the request any more.
void upstream_state::abandon(call_id id) {
  auto found = calls.find(id);
  if (found == calls.end())
    return;
  auto& x = found->second;
  if (x.listener) {
    call_of.erase({x.listener.address(), x.request.number});
    unwatch(x.listener);
    x.listener = relay_listener_actor{};
  }
  if (std::exchange(x.over, true))
    return; // only its payment is on the way
  cancel_at_server(x);
  release(x);
  if (x.hold)
    return settle(id, false, "The call was cancelled.", {}, [this, id] { forget(id); });
  forget(id);
}

void upstream_state::cancel_at_server(const call& x) {
  // In the stateless era the end of the stream says it.
  if (x.fetch == 0 || !x.rpc || x.peer.empty())
    return;
  object_writer params;
  params.add("requestId", x.rpc->key());
  tell_peer(x.peer,
            mcp::encode_notification_text(mcp::method::cancelled, std::move(params).finish()));
}

void upstream_state::finish(call_id id, outcome out) {
  auto* x = find(id);
  if (!x)
    return;
  x->over = true;
  release(*x);
  if (x->own) {
    auto own = std::move(x->own);
    forget(id);
    return own(std::move(out));
  }
  bool is_tool = x->request.method == mcp::method::tools_call;
  std::string error_text;
  bool charge = false;
  if (auto* text = std::get_if<std::string>(&out)) {
    // A question is no answer: the request that goes on is paid for.
    charge = mcp::result_type_of(*text) == mcp::type_complete;
    if (is_tool)
      if (auto told = mcp::read_tool_text(*text); told.is_error)
        error_text = told.text;
  } else if (auto& failure = std::get<relay_failure>(out); is_tool) {
    error_text = failure.code != 0 ? failure.message : message_of(failure.problem);
    if (auto told =
          failure.code == 0 ? told_in_band(failure.problem, args.server.slug) : std::nullopt)
      out = std::move(*told);
  }
  if (!x->tool.empty())
    args.parts.metrics->count_tool_call("remote", !error_text.empty());
  if (!x->hold)
    return deliver(id, std::move(out));
  auto kept = charge && x->request.keyed ? std::get<std::string>(out) : std::string{};
  settle(id, charge, error_text, std::move(kept),
         [this, id, out = std::move(out)]() mutable { deliver(id, std::move(out)); });
}

void upstream_state::fail(call_id id, const caf::error& why) {
  finish(id, relay_failure{0, {}, {}, why});
}

void upstream_state::deliver(call_id id, outcome out) {
  auto found = calls.find(id);
  if (found == calls.end())
    return;
  auto& x = found->second;
  if (x.listener) {
    if (auto* text = std::get_if<std::string>(&out))
      self->send(x.listener, atom::relay_done_v, x.request.number, std::move(*text), bill_of(x));
    else
      self->send(x.listener, atom::relay_fail_v, x.request.number,
                 std::move(std::get<relay_failure>(out)));
  }
  forget(id);
}

relay_bill upstream_state::bill_of(const call& x) const {
  if (x.request.method != mcp::method::tools_call)
    return {};
  return {true, x.charged, std::chrono::duration_cast<std::chrono::microseconds>(x.waited),
          x.hold ? x.hold->limits : billing::limits_standing{}, x.repeated};
}

void upstream_state::begin_wait(call& x) const {
  if (!x.waits_since)
    x.waits_since = self->clock().now();
}

void upstream_state::end_wait(call& x) const {
  if (auto since = std::exchange(x.waits_since, std::nullopt))
    x.waited += self->clock().now() - *since;
}

void upstream_state::release(call& x) {
  end_wait(x);
  close_stream(x.fetch);
  set_busy(x, false);
}

void upstream_state::set_busy(call& x, bool busy) {
  if (x.busy == busy)
    return;
  x.busy = busy;
  busy ? ++busy_calls : --busy_calls;
  if (!busy && !ready.empty()) // Later: whoever gives a place back is in the middle of something.
    at(std::chrono::milliseconds{0}, [this] { fill_places(); });
}

/// Gives free places to those who wait for one. Some of them may be over by now.
void upstream_state::fill_places() {
  while (busy_calls < upstream_limits::busy_max && !ready.empty()) {
    auto next = ready.front();
    ready.pop_front();
    send(next);
  }
}

void upstream_state::forget(call_id id) {
  auto node = calls.extract(id);
  if (node.empty())
    return;
  auto& x = node.mapped();
  if (x.listener) {
    call_of.erase({x.listener.address(), x.request.number});
    unwatch(x.listener);
  }
  leave_peer(x);
}

void upstream_state::leave_peer(call& x) {
  if (auto its = peers.find(x.peer); its != peers.end() && its->second.calls > 0)
    --its->second.calls;
  x.peer.clear();
}

} // namespace callboard
