// How a session answers: POSTs as JSON or as a stream, the client's own stream, and what is kept
// for a client that lost one of them.

#include <algorithm>

#include "actors/menu.hpp"
#include "actors/metrics.hpp"
#include "actors/session.hpp"
#include "actors/store_query.hpp"
#include "core/base/digest.hpp"
#include "core/base/limits.hpp"
#include "core/mcp/request_state.hpp"
#include "core/mcp/sse.hpp"
#include "core/mcp/stateless.hpp"

namespace callboard {
namespace {

/// How long a client waits before it resumes a stream that broke.
constexpr std::int64_t resume_after_ms = 1000;

/// Answers kept for clients that were away are bounded by bytes too.
constexpr std::size_t kept_bytes_max = 1024u * 1024;

const mcp::rpc_request* only_request(const mcp_post& post) {
  return post.body.batch ? nullptr : std::get_if<mcp::rpc_request>(&post.body.messages.front());
}

} // namespace

std::uint64_t session_state::next_number() { return ++numbers; }

mcp::event_ring& session_state::events() {
  if (!ring)
    ring = std::make_unique<mcp::event_ring>();
  return *ring;
}

// -- answers ------------------------------------------------------------------

/// Learns when the client of a POST leaves. That is no cancellation (L13): the work goes on, and
/// its answer is there when the client comes back.
void session_state::watch(const exchange_ptr& x) {
  if (x->connection != 0 || !x->call)
    return;
  x->connection = next_number();
  posts.emplace(x->connection, x);
  x->call->sink->on_closed([handle = session_actor{self}, number = x->connection] {
    caf::anon_send(handle, atom::closed_v, number);
  });
}

void session_state::begin_answer(const http_call_ptr& call, std::uint64_t connection) {
  call->sink->start_stream(200, {{"Content-Type", "text/event-stream"},
                                 {"Cache-Control", "no-cache, no-transform"},
                                 {"X-Accel-Buffering", "no"}});
  self->delayed_send(self, limits::stream_keepalive_interval, atom::stream_v, connection);
}

/// From now on the POST is answered as a stream.
void session_state::begin_stream(const exchange_ptr& x) {
  if (x->stream != 0)
    return;
  x->stream = next_number();
  watch(x);
  if (x->call) {
    args.parts.metrics->count_answer(x->call->target, 200);
    begin_answer(x->call, x->connection);
  }
  prime(x->stream, x->call, x->version);
  for (auto& message : std::exchange(x->answers, {}))
    emit(x->stream, x->call, message);
}

void session_state::prime(std::uint64_t number, const http_call_ptr& call,
                          mcp::session_version version) {
  if (!mcp::knows_priming_event(version))
    return;
  auto id = events().add(number, {});
  if (call)
    call->sink->send(sse_priming(mcp::to_string(id), resume_after_ms));
}

void session_state::emit(std::uint64_t number, const http_call_ptr& call,
                         const std::string& message) {
  auto id = events().add(number, message);
  if (call)
    call->sink->send(sse_frame("message", message, mcp::to_string(id)));
}

void session_state::answer(const exchange_ptr& x, std::string message, int status) {
  if (!message.empty() && x->stream != 0)
    emit(x->stream, x->call, message);
  else if (!message.empty())
    x->answers.push_back(std::move(message));
  x->status = std::max(x->status, status);
  if (--x->missing > 0)
    return;
  posts.erase(x->connection);
  posts.erase(x->stream);
  finish(x);
}

void session_state::finish(const exchange_ptr& x) {
  if (x->stream == 0 && x->call && !x->post->forms.json && !x->answers.empty())
    begin_stream(x);
  if (x->stream != 0) {
    posts.erase(x->connection); // a stream that was begun just now
    if (x->call)
      x->call->sink->end_stream(true);
    return;
  }
  if (!x->call) {
    if (!x->answers.empty())
      keep(x, x->answers.front());
    return;
  }
  auto headers = json_headers();
  headers.insert(headers.end(), x->headers.begin(), x->headers.end());
  if (x->status == 503)
    headers.push_back({"Retry-After", "1"});
  if (x->answers.empty()) // all was cancelled: a stream that ends without an answer (L13)
    return x->call->sink->finish({200, {{"Content-Type", "text/event-stream"}}, {}});
  auto body = x->post->body.batch ? mcp::encode_batch(x->answers) : std::move(x->answers.front());
  args.parts.metrics->count_answer(x->call->target, x->status);
  x->call->sink->finish({x->status, std::move(headers), std::move(body)});
}

/// Keeps the answer to a call whose client left, so that the same call sent again is not made and
/// paid for twice.
void session_state::keep(const exchange_ptr& x, const std::string& message) {
  auto* request = only_request(*x->post);
  if (!request || request->method != mcp::method::tools_call)
    return;
  kept.push_back({request->id.key(), mcp::request_digest(request->params), message});
  auto bytes = [this] {
    std::size_t sum = 0;
    for (auto& one : kept)
      sum += one.message.size();
    return sum;
  };
  while (kept.size() > limits::session_kept_answers_max
         || (kept.size() > 1 && bytes() > kept_bytes_max))
    kept.erase(kept.begin());
}

/// Whether the request is one that was sent before and whose client then left: it gets the answer
/// of that one, now or when it is there.
bool session_state::answer_again(const exchange_ptr& x, const mcp::rpc_request& request) {
  auto sent_before = calls.find(request.id.key());
  bool abandoned = sent_before != calls.end() && !sent_before->second.origin->call;
  if (x->post->body.batch || (kept.empty() && !abandoned))
    return false;
  auto digest = mcp::request_digest(request.params);
  if (abandoned) {
    auto& origin = sent_before->second.origin;
    auto* before = only_request(*origin->post);
    if (!before || mcp::request_digest(before->params) != digest)
      return false;
    origin = x;
    watch(x);
    return true;
  }
  auto same = [&](const kept_answer& one) {
    return one.id == request.id.key() && one.digest == digest;
  };
  auto found = std::find_if(kept.begin(), kept.end(), same);
  if (found == kept.end())
    return false;
  answer(x, found->message);
  return true;
}

void session_state::client_left(std::uint64_t connection) {
  if (stream && stream->connection == connection) {
    stream->call = nullptr; // its number stays: the client may resume it
    return;
  }
  auto i = posts.find(connection);
  if (i == posts.end())
    return;
  i->second->call = nullptr;
  i->second->connection = 0;
  auto x = i->second;
  posts.erase(i);
  if (x->stream != 0)
    posts.emplace(x->stream, x); // found by its stream when the client resumes it
}

// -- the client's stream ------------------------------------------------------

void session_state::open(const http_call_ptr& call, const principal& who) {
  if (gone)
    return refuse_call(*call, session_over());
  touch();
  if (!doubtful)
    return open_stream(call, who);
  revalidate([this, call, who](const caf::error& problem) {
    if (problem)
      refuse_call(*call, problem);
    else
      open_stream(call, who);
  });
}

void session_state::open_stream(const http_call_ptr& call, const principal& who) {
  auto last = find_header(call->headers, mcp::header::last_event);
  auto event = last ? mcp::parse_event_id(trim(*last)) : std::nullopt;
  if (event && resume(*event, call, who))
    return;
  close_stream(); // a client that reconnects must not be refused (L7)
  stream = event_stream{next_number(), next_number(), call, who, {}};
  begin_answer(call, stream->connection);
  call->sink->send(sse_comment("open"));
  prime(stream->number, call, args.record.version);
  call->sink->on_closed([handle = session_actor{self}, number = stream->connection] {
    caf::anon_send(handle, atom::closed_v, number);
  });
  listen();
  if (args.record.app == all_apps)
    look_for_news();
}

/// Goes on with the stream of an event that the client has seen (L12); false when there is nothing
/// to go on with.
bool session_state::resume(const mcp::event_id& last, const http_call_ptr& call,
                           const principal& who) {
  auto watch_call = [&](std::uint64_t connection) {
    call->sink->on_closed([handle = session_actor{self}, connection] {
      caf::anon_send(handle, atom::closed_v, connection);
    });
  };
  if (stream && stream->number == last.stream) {
    if (stream->call)
      stream->call->sink->end_stream(true);
    stream->connection = next_number();
    stream->call = call;
    stream->who = who;
    begin_answer(call, stream->connection);
    replay(last, call);
    watch_call(stream->connection);
    return true;
  }
  auto of_stream = [&](auto& entry) { return entry.second->stream == last.stream; };
  auto open_post = std::find_if(posts.begin(), posts.end(), of_stream);
  if (open_post != posts.end()) {
    auto x = open_post->second;
    posts.erase(open_post);
    if (x->call)
      x->call->sink->end_stream(true);
    x->call = call;
    x->connection = next_number();
    posts.emplace(x->connection, x);
    begin_answer(call, x->connection);
    replay(last, call);
    watch_call(x->connection);
    return true;
  }
  auto rest = ring ? ring->after(last) : std::nullopt;
  if (!rest || rest->empty())
    return false;
  begin_answer(call, 0);
  replay(last, call);
  call->sink->end_stream(true);
  return true;
}

void session_state::replay(const mcp::event_id& last, const http_call_ptr& call) {
  auto rest = ring ? ring->after(last) : std::nullopt;
  if (!rest)
    return; // forgotten: the stream goes on with what comes
  for (auto& event : *rest)
    if (!event.message.empty())
      call->sink->send(sse_frame("message", event.message, mcp::to_string(event.id)));
}

void session_state::keep_stream_alive(std::uint64_t connection) {
  http_call_ptr call;
  if (stream && stream->connection == connection)
    call = stream->call;
  else if (auto i = posts.find(connection); i != posts.end() && i->second->stream != 0)
    call = i->second->call;
  if (!call)
    return; // replaced or gone, and its timer with it
  call->sink->send(sse_comment("keepalive"));
  self->delayed_send(self, limits::stream_keepalive_interval, atom::stream_v, connection);
}

void session_state::close_stream() {
  if (!stream)
    return;
  if (stream->call)
    stream->call->sink->end_stream(true);
  stream.reset();
}

/// Sends a message that belongs to no request. While the client is away from its stream the message
/// waits there to be resumed; a client that never opened one gets none.
void session_state::notify(const std::string& message) {
  if (stream)
    emit(stream->number, stream->call, message);
}

void session_state::check_stream_key() {
  if (!stream || !stream->call)
    return;
  self
    ->request(args.parts.authenticator, limits::store_timeout, atom::auth_v,
              bearer_key(stream->call->headers).value_or(""))
    .then(
      [this](const principal& who) {
        if (!stream)
          return;
        bool other_tools = stream->who.tools != who.tools;
        stream->who = who;
        if (args.record.app == all_apps)
          look_for_news();
        else if (other_tools)
          notify(mcp::encode_notification(mcp::method::tools_changed, {}));
      },
      [this](const caf::error& x) {
        if (code_of(x) == errc::invalid_api_key)
          close_stream();
      });
  revalidate([](const caf::error&) {});
}

/// Compares what the endpoint of all apps lists now with what it listed before.
void session_state::look_for_news() {
  self
    ->request(self->spawn(menu, menu_args{args.parts}), menu_timeout, atom::run_v, stream->who,
              args.record.app, std::string{mcp::listed::tools})
    .then(
      [this](const std::string& text) {
        if (!stream)
          return;
        auto items = mcp::merge_items(read_shares(text), mcp::listed::tools,
                                      mcp::tool_filter::read(stream->who.tools));
        auto now = sha256(json::serialize(items));
        auto before = std::exchange(stream->tools_digest, now);
        if (!before.empty() && before != now)
          notify(mcp::encode_notification(mcp::method::tools_changed, {}));
      },
      [](const caf::error&) {}); // not known now: the next change is another chance
}

} // namespace callboard
