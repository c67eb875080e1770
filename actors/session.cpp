#include "actors/session.hpp"

#include <algorithm>

#include "actors/answer_headers.hpp"
#include "actors/metrics.hpp"
#include "actors/promise_book.hpp"
#include "actors/store_query.hpp"
#include "actors/tool_call.hpp"
#include "actors/tool_lists.hpp"
#include "core/base/digest.hpp"
#include "core/base/idempotency.hpp"
#include "core/base/limits.hpp"
#include "core/mcp/http_rules.hpp"
#include "core/mcp/sse.hpp"

namespace callboard {
namespace {

/// The row learns of use at most that often (facts reliability.md 4.2).
constexpr auto store_touch_interval = std::chrono::seconds{60};

/// How long an expired session waits for its last calls before it looks again.
constexpr auto calls_grace = std::chrono::seconds{1};

/// Money errors say `payment_required` to MCP clients, with the specific code beside it (I26).
caf::error for_rpc(const caf::error& why) {
  auto code = code_of(why);
  if (status_of(code) == 402)
    return make_problem(errc::payment_required, message_of(why), to_string(code));
  return why;
}

caf::error session_over() {
  return make_problem(errc::session_expired, "Session not found. It was ended; initialize again.");
}

/// Answers a request that the session cannot take.
void refuse(const http_call& call, const caf::error& why) {
  auto status = status_of(code_of(why));
  http_headers headers{{"Content-Type", "application/json"}};
  if (status == 503)
    headers.push_back({"Retry-After", "1"});
  call.sink->finish({status, std::move(headers), mcp::encode_error(std::nullopt, why)});
}

} // namespace

session_record read_session(const platform_id& platform, const store_row& row) {
  return {row.text("id_hash"),
          platform,
          {row.text("end_user_id")},
          {row.text("key_id")},
          row.text("app_slug"),
          mcp::parse_session_version(row.text("protocol")).value_or(mcp::session_version_assumed)};
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
    return self->quit();
  }
  // Touched meanwhile, or calls under way that end first: a timer cannot be moved.
  self->scheduled_send(self, now >= expires_at ? now + calls_grace : expires_at, atom::tick_v);
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
      self->quit();
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
  for (auto& [key, call] : std::exchange(calls, {})) {
    self->send(call.actor, atom::cancel_v);
    answer(call.origin, mcp::encode_error(call.id, why),
           status_of(code_of(why)) == 503 ? 503 : 200);
  }
}

// -- messages -----------------------------------------------------------------

void session_state::take(const mcp_post_ptr& post) {
  if (gone)
    return refuse(*post->call, session_over());
  touch();
  if (!doubtful)
    return process(post);
  revalidate([this, post](const caf::error& problem) {
    if (!problem)
      return process(post);
    refuse(*post->call, problem);
  });
}

void session_state::process(const mcp_post_ptr& post) {
  auto named = mcp::version_of(post->call->headers);
  auto x = std::make_shared<exchange>();
  x->post = post;
  x->version = named && *named ? **named : args.record.version;
  if (post->body.batch && !mcp::allows_batch(args.record.version))
    // One error for all of it: who does not know batches does not know a list of answers either.
    return post->call->sink->finish(
      {400, answer_headers(),
       mcp::encode_error(std::nullopt, mcp::code_invalid_request,
                         "Batches exist only in protocol version 2025-03-26.")});
  if (!post->body.needs_answer()) {
    for (auto& message : post->body.messages)
      handle(x, message);
    return post->call->sink->finish({202, answer_headers(), {}});
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
  // Responses of the client belong to requests of ours, and none is open.
}

void session_state::handle_request(const exchange_ptr& x, const mcp::rpc_request& request) {
  auto refuse = [&](const caf::error& why) { answer(x, mcp::encode_error(request.id, why)); };
  if (request.method == mcp::method::tools_call)
    return call_tool(x, request);
  if (request.method == mcp::method::tools_list) {
    if (auto good = mcp::check_cursor(request.params); !good)
      return refuse(good.error());
    return answer(
      x, mcp::encode_result_text(request.id, args.parts.listings->of(args.record.app, x->version)));
  }
  if (request.method == mcp::method::ping)
    return answer(x, mcp::encode_result(request.id, json::object{}));
  if (request.method == mcp::method::set_level) {
    if (auto level = mcp::parse_set_level(request.params); !level)
      return refuse(level.error());
    return answer(x, mcp::encode_result(request.id, json::object{}));
  }
  if (request.method == mcp::method::initialize)
    return answer(x,
                  mcp::encode_error(request.id, mcp::code_invalid_request,
                                    "The session is initialized already."),
                  400);
  refuse(make_problem(errc::unknown_method, "Unknown method: " + request.method));
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
  self->send(node.mapped().actor, atom::cancel_v);
  answer(node.mapped().origin, {});
}

void session_state::call_tool(const exchange_ptr& x, const mcp::rpc_request& request) {
  auto call = mcp::parse_tool_call(request.params);
  if (!call)
    return answer(x, mcp::encode_error(request.id, call.error()));
  auto key = request.id.key();
  if (calls.count(key) != 0)
    return answer(x, mcp::encode_error(request.id, mcp::code_invalid_request,
                                       "A request with this id is running."));
  if (calls.size() >= limits::session_requests_max)
    return answer(x, mcp::encode_error(
                       request.id, make_problem(errc::over_limit,
                                                "Too many requests are running in this session.")));
  auto repeat_key = idempotency::key_of(call->meta, x->post->call->headers);
  if (!repeat_key)
    return answer(x, mcp::encode_error(request.id, repeat_key.error()));
  auto actor = self->spawn(tool_call, tool_call_args{args.parts});
  calls.emplace(key, running{actor, x, request.id});
  tool_job job{x->post->who, args.record.app,  call->name, json::serialize(call->arguments),
               {uuid4()},    x->post->call->id};
  if (*repeat_key) {
    // Sent again, the message has another id (facts reliability.md 4.1): the key tells.
    job.hold = {idempotency::operation_of(
      {job.who.platform, job.who.end_user, "tools/call " + job.app}, **repeat_key)};
    job.keyed = true;
  }
  job.is_request = true;
  self->request(actor, limits::tool_call_timeout, atom::run_v, job)
    .then([this, x, id = request.id](const tool_result& result) { tool_answered(x, id, result); },
          [this, x, id = request.id](caf::error& why) { tool_failed(x, id, why); });
}

void session_state::tool_answered(const exchange_ptr& x, const mcp::rpc_id& id,
                                  const tool_result& result) {
  if (calls.erase(id.key()) == 0)
    return; // cancelled
  mcp::tool_result content{result.text, result.is_error, std::nullopt};
  if (!result.structured.empty())
    if (auto object = parse_json_object(result.structured))
      content.structured = std::move(*object);
  if (!x->post->body.batch) // one cannot speak for the others
    add_headers(x->headers,
                {result.paid.charged, std::nullopt,
                 overhead_since(x->post->call->received_at, self->clock().now(), result.waited),
                 result.limits});
  answer(x, mcp::encode_result(id, mcp::call_tool_result(content, x->version)));
}

void session_state::tool_failed(const exchange_ptr& x, const mcp::rpc_id& id,
                                const caf::error& why) {
  auto node = calls.extract(id.key());
  if (node.empty())
    return; // cancelled
  auto code = code_of(why);
  if (code == errc::app_not_connected) {
    // The user can mend this and the model can say so: a result, not a protocol error (I49).
    mcp::tool_result content{message_of(why), true, std::nullopt};
    return answer(x, mcp::encode_result(id, mcp::call_tool_result(content, x->version)));
  }
  if (code == errc::timeout)
    self->send(node.mapped().actor, atom::cancel_v);
  args.parts.metrics->log_problem(x->post->call->id, why);
  if (!x->post->body.batch)
    add_limit_headers(x->headers, why);
  answer(x, mcp::encode_error(id, for_rpc(why)), status_of(code) == 503 ? 503 : 200);
}

http_headers session_state::answer_headers() const {
  return {{"Content-Type", "application/json"}};
}

void session_state::answer(const exchange_ptr& x, std::string message, int status) {
  if (!message.empty())
    x->answers.push_back(std::move(message));
  x->status = std::max(x->status, status);
  if (--x->missing > 0)
    return;
  auto headers = answer_headers();
  headers.insert(headers.end(), x->headers.begin(), x->headers.end());
  if (x->status == 503)
    headers.push_back({"Retry-After", "1"});
  if (x->answers.empty()) // all was cancelled: a stream that ends without an answer (L13)
    return x->post->call->sink->finish({200, {{"Content-Type", "text/event-stream"}}, {}});
  auto body = x->post->body.batch ? mcp::encode_batch(x->answers) : std::move(x->answers.front());
  args.parts.metrics->count_answer(x->post->call->target, x->status);
  x->post->call->sink->finish({x->status, std::move(headers), std::move(body)});
}

// -- the client's stream ------------------------------------------------------

void session_state::open(const http_call_ptr& call) {
  if (gone)
    return refuse(*call, session_over());
  touch();
  if (!doubtful)
    return open_stream(call);
  revalidate([this, call](const caf::error& problem) {
    if (problem)
      refuse(*call, problem);
    else
      open_stream(call);
  });
}

void session_state::open_stream(const http_call_ptr& call) {
  close_stream(); // a client that reconnects must not be refused (L7)
  stream = event_stream{++streams_total, call};
  call->sink->start_stream(200, {{"Content-Type", "text/event-stream"},
                                 {"Cache-Control", "no-cache, no-transform"},
                                 {"X-Accel-Buffering", "no"}});
  call->sink->send(sse_comment("open"));
  call->sink->on_closed([handle = session_actor{self}, number = stream->number] {
    caf::anon_send(handle, atom::closed_v, number);
  });
  self->delayed_send(self, limits::stream_keepalive_interval, atom::stream_v, stream->number);
}

void session_state::keep_stream_alive(std::uint64_t number) {
  if (!stream || stream->number != number)
    return; // replaced or gone, and its timer with it
  stream->call->sink->send(sse_comment("keepalive"));
  self->delayed_send(self, limits::stream_keepalive_interval, atom::stream_v, number);
}

void session_state::close_stream() {
  if (!stream)
    return;
  stream->call->sink->end_stream(true);
  stream.reset();
}

void session_state::check_stream_key() {
  if (!stream)
    return;
  auto field = find_header(stream->call->headers, "Authorization").value_or("");
  auto key = std::string{
    trim(field.substr(field.find(' ') == std::string_view::npos ? 0 : field.find(' ')))};
  self->request(args.parts.authenticator, limits::store_timeout, atom::auth_v, key)
    .then([](const principal&) {},
          [this](const caf::error& x) {
            if (code_of(x) == errc::invalid_api_key)
              close_stream();
          });
  revalidate([](const caf::error&) {});
}

session_actor::behavior_type session(session_actor::stateful_pointer<session_state> self,
                                     session_args args) {
  auto& state = self->state;
  state.args = std::move(args);
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
    [self](atom::open, const http_call_ptr& call, const principal&) {
      self->state.seen.note("open");
      self->state.open(call);
    },
    [self](atom::closed, std::uint64_t number) {
      if (self->state.stream && self->state.stream->number == number)
        self->state.stream.reset();
    },
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
                                   {"stream_open", st.stream.has_value()}});
    },
  };
}

} // namespace callboard
