#include "actors/session.hpp"

#include <algorithm>

#include "actors/address_book.hpp"
#include "actors/answer_headers.hpp"
#include "actors/metrics.hpp"
#include "actors/promise_book.hpp"
#include "actors/store_query.hpp"
#include "actors/tool_call.hpp"
#include "actors/tool_lists.hpp"
#include "core/base/idempotency.hpp"
#include "core/base/limits.hpp"
#include "core/connectors/catalogue.hpp"
#include "core/mcp/http_rules.hpp"
#include "core/mcp/stateless.hpp"
#include "core/mcp/tool_filter.hpp"

namespace callboard {
namespace {

/// The row learns of use at most that often (facts reliability.md 4.2).
constexpr auto store_touch_interval = std::chrono::seconds{60};

/// How long an expired session waits for its last calls before it looks again.
constexpr auto calls_grace = std::chrono::seconds{1};

} // namespace

caf::error session_over() {
  return make_problem(errc::session_expired, "Session not found. It was ended; initialize again.");
}

/// Answers a request that the session cannot take.
void refuse_call(const http_call& call, const caf::error& why) {
  auto status = status_of(code_of(why));
  http_headers headers{{"Content-Type", "application/json"}};
  if (status == 503)
    headers.push_back({"Retry-After", "1"});
  call.sink->finish({status, std::move(headers), mcp::encode_error(std::nullopt, why)});
}

http_headers json_headers() { return {{"Content-Type", "application/json"}}; }

session_record read_session(const platform_id& platform, const store_row& row) {
  return {row.text("id_hash"),
          platform,
          {row.text("end_user_id")},
          {row.text("key_id")},
          row.text("app_slug"),
          mcp::parse_session_version(row.text("protocol")).value_or(mcp::session_version_assumed),
          row.text("capabilities")};
}

// -- life ---------------------------------------------------------------------

void session_state::touch() {
  auto now = self->clock().now();
  expires_at = now + args.parts.settings->session_ttl;
  // A short TTL is renewed in time: the row must not run out before the actor does.
  auto interval =
    std::min<std::chrono::milliseconds>(store_touch_interval, args.parts.settings->session_ttl / 2);
  if (stored_at && now - *stored_at < interval)
    return;
  stored_at = now;
  query(
    self, args.parts.store, args.record.platform, "session/touch",
    {store_value::text(args.record.id_hash),
     store_value::integer(
       std::chrono::duration_cast<std::chrono::milliseconds>(args.parts.settings->session_ttl)
         .count())},
    [this](store_rows& rows) {
      if (rows.empty()) // ended or pushed out elsewhere
        doubtful = true;
    },
    [this](const caf::error& x) { args.parts.metrics->log_problem({}, x); });
}

void session_state::tick() {
  auto now = self->clock().now();
  if (gone || (now >= expires_at && calls.empty() && self->mailbox().empty())) {
    close_stream();
    return leave();
  }
  // Touched meanwhile, or calls under way that end first: a timer cannot be moved.
  self->scheduled_send(self, now >= expires_at ? now + calls_grace : expires_at, atom::tick_v);
}

void session_state::leave() {
  args.parts.addresses->erase_session(args.record.id_hash, self->id());
  self->quit();
}

void session_state::retire() {
  gone = true;
  stop_calls(make_problem(errc::session_expired, "The session was ended."));
  close_stream();
  self->delayed_send(self, calls_grace, atom::tick_v);
}

void session_state::end(std::function<void(bool)> done) {
  stop_calls(make_problem(errc::session_expired, "The session was ended."));
  close_stream();
  query(
    self, args.parts.store, args.record.platform, "session/end",
    {store_value::text(args.record.id_hash)},
    [this, done](store_rows&) {
      retire();
      done(true);
    },
    [this, done](const caf::error&) {
      done(false);
      leave();
    });
}

void session_state::revalidate(std::function<void(caf::error)> next) {
  query(
    self, args.parts.store, args.record.platform, "session/find",
    {store_value::text(args.record.id_hash)},
    [this, next](store_rows& rows) {
      if (!rows.empty()) {
        doubtful = false;
        return next({});
      }
      next(session_over());
      if (!gone)
        retire();
    },
    [next](const caf::error& x) { next(x); });
}

void session_state::stop_calls(const caf::error& why) {
  if (listener)
    self->send(std::exchange(listener, {}), atom::cancel_v);
  questions.clear();
  for (auto& [key, call] : std::exchange(calls, {})) {
    if (call.actor)
      self->send(call.actor, atom::cancel_v);
    if (call.errand)
      self->send(call.errand, atom::cancel_v);
    answer(call.origin, mcp::encode_error(call.id, why),
           status_of(code_of(why)) == 503 ? 503 : 200);
  }
}

// -- messages -----------------------------------------------------------------

void session_state::take(const mcp_post_ptr& post) {
  if (gone)
    return refuse_call(*post->call, session_over());
  touch();
  if (auto changes = args.parts.addresses->changes(); changes != changes_seen) {
    changes_seen = changes;
    doubtful = true;
  }
  if (!doubtful)
    return process(post);
  revalidate([this, post](const caf::error& problem) {
    if (!problem)
      return process(post);
    refuse_call(*post->call, problem);
  });
}

void session_state::process(const mcp_post_ptr& post) {
  auto x = std::make_shared<exchange>();
  x->post = post;
  x->version = post->version.value_or(args.record.version);
  x->call = post->call;
  if (post->body.batch && !mcp::allows_batch(args.record.version))
    // One error for all of it: who does not know batches does not know a list of answers either.
    return post->call->sink->finish(
      {400, json_headers(),
       mcp::encode_error(std::nullopt, mcp::code_invalid_request,
                         "Batches exist only in protocol version 2025-03-26.")});
  if (!post->body.needs_answer()) {
    for (auto& message : post->body.messages)
      handle(x, message);
    return post->call->sink->finish({202, json_headers(), {}});
  }
  for (auto& message : post->body.messages)
    if (std::holds_alternative<mcp::rpc_request>(message)
        || std::holds_alternative<mcp::rpc_fault>(message))
      ++x->missing;
  for (auto& message : post->body.messages)
    handle(x, message);
}

void session_state::handle(const exchange_ptr& x, const mcp::rpc_message& message) {
  if (auto* request = std::get_if<mcp::rpc_request>(&message))
    handle_request(x, *request);
  else if (auto* notification = std::get_if<mcp::rpc_notification>(&message))
    handle_notification(*notification);
  else if (auto* fault = std::get_if<mcp::rpc_fault>(&message))
    answer(x, mcp::encode_error(*fault), mcp::http_status_of(fault->code));
  else if (auto* response = std::get_if<mcp::rpc_response>(&message))
    handle_response(*response);
}

bool session_state::is_catalogue() const {
  return args.parts.catalogue->find_app(args.record.app) != nullptr;
}

void session_state::handle_request(const exchange_ptr& x, const mcp::rpc_request& request) {
  auto& method = request.method;
  auto refuse = [&](const caf::error& why) { answer(x, mcp::encode_error(request.id, why)); };
  if (method == mcp::method::tools_call && is_catalogue())
    return call_tool(x, request);
  if (method == mcp::method::tools_list && is_catalogue()
      && mcp::tool_filter::read(x->post->who.tools).open()) {
    if (auto good = mcp::check_cursor(request.params); !good)
      return refuse(good.error());
    return answer(
      x, mcp::encode_result_text(request.id, args.parts.listings->of(args.record.app, x->version)));
  }
  if (method == mcp::method::ping)
    return answer(x, mcp::encode_result(request.id, json::object{}));
  if (method == mcp::method::set_level)
    return set_level(x, request);
  if (method == mcp::method::initialize)
    return answer(x,
                  mcp::encode_error(request.id, mcp::code_invalid_request,
                                    "The session is initialized already."),
                  400);
  // Methods of the other era are not passed on: a server would take them for its own client's.
  bool foreign = method == mcp::method::discover || method == mcp::method::listen;
  if (foreign || (is_catalogue() && method != mcp::method::tools_list))
    return refuse(make_problem(errc::unknown_method, "Unknown method: " + method));
  if (method == mcp::method::resources_subscribe)
    return subscribe(x, request, true);
  if (method == mcp::method::resources_unsubscribe)
    return subscribe(x, request, false);
  send_errand(x, request);
}

void session_state::set_level(const exchange_ptr& x, const mcp::rpc_request& request) {
  auto wanted = mcp::parse_set_level(request.params);
  if (!wanted)
    return answer(x, mcp::encode_error(request.id, wanted.error()));
  level = *wanted;
  answer(x, mcp::encode_result(request.id, json::object{}));
}

void session_state::handle_notification(const mcp::rpc_notification& notification) {
  if (notification.method != mcp::method::cancelled)
    return;
  auto id = mcp::cancelled_request(notification.params);
  if (!id)
    return;
  auto node = calls.extract(id->key());
  if (node.empty())
    return; // unknown or finished: ignored (L13)
  auto& call = node.mapped();
  if (call.actor)
    self->send(call.actor, atom::cancel_v);
  if (call.errand)
    self->send(call.errand, atom::cancel_v);
  answer(call.origin, {});
}

/// Whether the request cannot begin because of its id or of how many run; it is answered then.
bool session_state::refuse_id(const exchange_ptr& x, const mcp::rpc_request& request) {
  if (calls.count(request.id.key()) != 0) {
    answer(x, mcp::encode_error(request.id, mcp::code_invalid_request,
                                "A request with this id is running."));
    return true;
  }
  if (calls.size() < limits::session_requests_max)
    return false;
  answer(x, mcp::encode_error(
              request.id,
              make_problem(errc::over_limit, "Too many requests are running in this session.")));
  return true;
}

void session_state::call_tool(const exchange_ptr& x, const mcp::rpc_request& request) {
  auto call = mcp::parse_tool_call(request.params);
  if (!call)
    return answer(x, mcp::encode_error(request.id, call.error()));
  if (answer_again(x, request) || refuse_id(x, request))
    return;
  auto repeat_key = idempotency::key_of(call->meta, x->post->call->headers);
  if (!repeat_key)
    return answer(x, mcp::encode_error(request.id, repeat_key.error()));
  auto actor = self->spawn(tool_call, tool_call_args{args.parts});
  calls.emplace(request.id.key(), running{actor, x, request.id, {}, 0});
  watch(x);
  tool_job job{x->post->who, args.record.app,  call->name, std::move(call->arguments),
               {},           x->post->call->id};
  if (*repeat_key) {
    // Sent again, the message has another id (facts reliability.md 4.1): the key tells.
    job.hold = idempotency::hold_of_call(job.who, job.app, **repeat_key);
    job.keyed = true;
  }
  job.is_request = true;
  self->request(actor, limits::tool_call_timeout, atom::run_v, std::move(job))
    .then([this, x, id = request.id](const tool_result& result) { tool_answered(x, id, result); },
          [this, id = request.id](caf::error& why) { request_failed(id, why); });
}

/// Adds what a tool call came to to the header fields of its answer.
void session_state::tell_bill(const exchange_ptr& x, const relay_bill& bill) {
  if (!x->post->body.batch) // one cannot speak for the others
    add_bill(x->headers, bill, x->post->call->received_at, self->clock().now());
}

void session_state::tool_answered(const exchange_ptr& x, const mcp::rpc_id& id,
                                  const tool_result& result) {
  auto node = calls.extract(id.key());
  if (node.empty())
    return; // cancelled
  mcp::tool_result content{result.text, result.is_error, result.structured};
  auto& origin = node.mapped().origin;
  tell_bill(origin, bill_of(result));
  answer(origin, mcp::encode_result_text(id, mcp::call_tool_result(content, x->version)));
}

void session_state::request_failed(const mcp::rpc_id& id, const caf::error& why) {
  auto node = calls.extract(id.key());
  if (node.empty())
    return; // cancelled
  auto& x = node.mapped().origin;
  auto code = code_of(why);
  if (code == errc::app_not_connected) {
    // The user can mend this and the model can say so: a result, not a protocol error (I49).
    mcp::tool_result content{message_of(why), true, {}};
    return answer(x, mcp::encode_result_text(id, mcp::call_tool_result(content, x->version)));
  }
  if (code == errc::timeout && node.mapped().actor)
    self->send(node.mapped().actor, atom::cancel_v);
  args.parts.metrics->log_problem(x->post->call->id, why);
  if (!x->post->body.batch)
    add_limit_headers(x->headers, why);
  answer(x, mcp::encode_error(id, mcp::for_client(why)), status_of(code) == 503 ? 503 : 200);
}

session_actor::behavior_type session(session_actor::stateful_pointer<session_state> self,
                                     session_args args) {
  auto& state = self->state;
  state.args = std::move(args);
  // Later activations of the same session begin higher: its ids stay unique.
  constexpr int activation_bits = 24;
  state.numbers = static_cast<std::uint64_t>(state.args.parts.unix_time()) << activation_bits;
  state.changes_seen = state.args.parts.addresses->changes();
  state.seen = {"session", state.args.record.id_hash, self->clock().now()};
  self->set_exit_handler([self](const caf::exit_msg& msg) {
    self->state.stop_calls(ending());
    self->state.close_stream();
    self->quit(msg.reason);
  });
  state.touch();
  self->scheduled_send(self, state.expires_at, atom::tick_v);
  return {
    [self](atom::post, const mcp_post_ptr& post) {
      self->state.seen.note("post");
      self->state.take(post);
    },
    [self](atom::open, const http_call_ptr& call, const principal& who) {
      self->state.seen.note("open");
      self->state.open(call, who);
    },
    [self](atom::relay_note, std::uint64_t number, const std::string& method,
           const std::string& params) { self->state.on_note(number, method, params); },
    [self](atom::relay_ask, std::uint64_t number, const std::string& ask, const std::string& method,
           const std::string& params) { self->state.on_ask(number, ask, method, params); },
    [self](atom::relay_done, std::uint64_t number, const std::string& result,
           const relay_bill& bill) { self->state.on_done(number, result, bill); },
    [self](atom::relay_fail, std::uint64_t number, const relay_failure& why) {
      self->state.on_fail(number, why);
    },
    [self](atom::closed, std::uint64_t number) { self->state.client_left(number); },
    [self](atom::stream, std::uint64_t number) { self->state.keep_stream_alive(number); },
    [self](atom::stop) -> caf::result<bool> {
      self->state.seen.note("stop");
      if (self->state.gone)
        return session_over();
      auto promise = self->make_response_promise<bool>();
      self->state.end([promise](bool done) mutable { promise.deliver(done); });
      return promise;
    },
    [self](atom::drop) {
      self->state.doubtful = true;
      self->state.check_stream_key();
    },
    [self](atom::drain) { self->state.close_stream(); },
    [self](atom::tick) { self->state.tick(); },
    [self](atom::status) {
      auto& st = self->state;
      auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(st.expires_at - self->clock().now());
      return st.seen.report(self, {{"platform", st.args.record.platform.value},
                                   {"end_user", st.args.record.end_user.value},
                                   {"app", st.args.record.app},
                                   {"protocol", mcp::to_string(st.args.record.version)},
                                   {"ttl_left_ms", left.count()},
                                   {"calls_running", st.calls.size()},
                                   {"events_kept", st.ring ? st.ring->size() : 0},
                                   {"stream_open", st.stream && st.stream->call}});
    },
  };
}

} // namespace callboard
