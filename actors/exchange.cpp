#include "actors/exchange.hpp"

#include <functional>
#include <utility>

#include "actors/answer_headers.hpp"
#include "actors/errand.hpp"
#include "actors/menu.hpp"
#include "actors/metrics.hpp"
#include "actors/promise_book.hpp"
#include "actors/store_query.hpp"
#include "actors/tool_call.hpp"
#include "actors/tool_lists.hpp"
#include "core/base/idempotency.hpp"
#include "core/base/limits.hpp"
#include "core/connectors/catalogue.hpp"
#include "core/mcp/sse.hpp"

namespace callboard {
namespace {

/// An exchange has one errand at a time.
constexpr std::uint64_t errand_number = 1;

/// Questions that may be open at once; a server that asks more is answered with an error.
constexpr std::size_t questions_max = 16;

http_headers stream_headers() {
  return {{"Content-Type", "text/event-stream"},
          {"Cache-Control", "no-cache, no-transform"},
          {"X-Accel-Buffering", "no"}};
}

/// Codes of the session era that this one must not use (N21).
int stateless_code(std::int64_t code) {
  constexpr int old_not_found = -32002;
  constexpr int old_url_elicitation = -32042;
  if (code == old_not_found)
    return mcp::code_invalid_params;
  return code == old_url_elicitation ? mcp::code_internal : static_cast<int>(code);
}

json::value parse_or_null(const std::string& text) {
  auto x = parse_json(text);
  return x ? std::move(*x) : json::value{};
}

json::object object_or_empty(const std::string& text) {
  auto x = parse_json_object(text.empty() ? "{}" : text);
  return x ? std::move(*x) : json::object{};
}

relay_answer refusal_of(const std::string& ask, std::string message) {
  relay_answer answer;
  answer.number = errand_number;
  answer.ask = ask;
  answer.error = {mcp::code_unknown_method, std::move(message), {}, {}};
  return answer;
}

} // namespace

// -- beginning ----------------------------------------------------------------

bool exchange_state::is_catalogue() const {
  return parts.catalogue->find_app(post->app) != nullptr;
}

void exchange_state::start() {
  auto& method = request().method;
  bool tools = method == mcp::method::tools_list || method == mcp::method::tools_call;
  bool passed_on = !mcp::kind_of_list(method).empty() || mcp::may_require_input(method)
                   || method == mcp::method::complete;
  digest = mcp::request_digest(request().params);
  if (method == mcp::method::discover)
    return discover();
  if (method == mcp::method::listen)
    return listen();
  if (!tools && (!passed_on || is_catalogue())) {
    auto unknown = mcp::unknown_stateless_method(request().id, method);
    return finish(unknown.status, mcp::encode_error(unknown));
  }
  bool open_filter = mcp::tool_filter::read(post->who.tools).open();
  if (is_catalogue() && method == mcp::method::tools_call)
    return call_catalogue();
  if (is_catalogue() && open_filter)
    return list_catalogue();
  if (mcp::may_require_input(method))
    return with_input();
  send_errand(request().params);
}

void exchange_state::discover() {
  if (is_catalogue()) {
    mcp::stateless_offer offer{mcp::tools_capability(), {}};
    offer.server.version = parts.settings->version;
    return finish_result(json::serialize(mcp::discover_result(offer)));
  }
  self
    ->request(self->spawn(menu, menu_args{parts}), menu_timeout, atom::run_v, post->who, post->app,
              std::string{"server"})
    .then(
      [this](const std::string& text) {
        finish_result(json::serialize(mcp::discover_result(read_offer(text, *parts.settings))));
      },
      [this](caf::error& x) { fail(store_error(std::move(x))); });
}

void exchange_state::list_catalogue() {
  if (auto good = mcp::check_cursor(request().params); !good)
    return fail(good.error());
  finish_result(parts.listings->stateless(post->app));
}

void exchange_state::call_catalogue() {
  auto call = mcp::parse_tool_call(request().params);
  if (!call)
    return fail(call.error());
  auto repeat_key = idempotency::key_of(call->meta, post->call->headers);
  if (!repeat_key)
    return fail(repeat_key.error());
  tool = self->spawn(tool_call, tool_call_args{parts});
  tool_job job{post->who, post->app, call->name, std::move(call->arguments), {}, post->call->id};
  if (*repeat_key) {
    job.hold = idempotency::hold_of_call(job.who, job.app, **repeat_key);
    job.keyed = true;
  }
  job.is_request = true;
  self->request(tool, limits::tool_call_timeout, atom::run_v, std::move(job))
    .then(
      [this](const tool_result& result) {
        tool = tool_call_actor{};
        tell_bill(bill_of(result));
        mcp::server_info server;
        server.version = parts.settings->version;
        finish_result(
          json::serialize(mcp::complete_result(catalogue_result(result), server, false)));
      },
      [this](const caf::error& why) { tool_failed(why); });
}

/// Adds what a tool call came to to the header fields of its answer.
void exchange_state::tell_bill(const relay_bill& bill) {
  add_bill(facts, bill, post->call->received_at, self->clock().now());
}

void exchange_state::tool_failed(const caf::error& why) {
  auto stopped = std::exchange(tool, {});
  auto code = code_of(why);
  if (code == errc::timeout)
    self->send(stopped, atom::cancel_v);
  // The user can mend this and the model can say so: a result, not a protocol error (I49).
  if (code == errc::app_not_connected)
    return finish_result(json::serialize(catalogue_result(problem_result(why))));
  fail(why);
}

void exchange_state::with_input() {
  auto params = request().params;
  auto input = mcp::take_input(params);
  if (!input)
    return fail(input.error());
  if (input->state) {
    auto state =
      mcp::open_state(*input->state, scope(), parts.unix_time(), parts.settings->state_key);
    if (!state)
      return fail(state.error());
    if (state->exchange != 0) {
      if (state->node == parts.settings->node_name)
        return resume_other(state->exchange);
      return fail(make_problem(errc::invalid_params,
                               "The request that wanted this input is over. Send it anew.",
                               "requestState"));
    }
    params["requestState"] = state->upstream;
  }
  if (!input->responses.empty())
    params["inputResponses"] = std::move(input->responses);
  send_errand(std::move(params));
}

void exchange_state::resume_other(std::uint64_t exchange) {
  self->request(parts.directory, limits::actor_timeout, atom::post_v, exchange)
    .then(
      [this](const exchange_actor& waiting) {
        self->send(waiting, atom::post_v, post);
        open = false; // it answers through the call's sink
        self->quit();
      },
      [this](const caf::error&) {
        fail(make_problem(errc::invalid_params,
                          "The request that wanted this input is over. Send it anew.",
                          "requestState"));
      });
}

void exchange_state::send_errand(json::object params) {
  relay_request what;
  what.number = errand_number;
  what.who = post->who;
  what.app = post->app;
  what.method = request().method;
  what.params = json::serialize(params);
  what.takes_input_required = true;
  what.capabilities = json::serialize(request().client.capabilities);
  if (!request().client.info.empty())
    what.client = json::serialize(request().client.info);
  if (request().client.level)
    what.log_level = std::string{mcp::to_string(*request().client.level)};
  for (auto& field : post->call->headers)
    if (to_lower(field.name).starts_with("mcp-param-"))
      what.mirrored.push_back(field);
  what.request = post->call->id;
  if (what.method == mcp::method::tools_call)
    if (auto problem = name_keyed_call(what, params, post->call->headers))
      return fail(problem);
  worker = self->spawn(errand, errand_args{parts, std::move(what), relay_listener_actor{self}});
}

// -- what comes back ----------------------------------------------------------

void exchange_state::on_note(const std::string& method, const std::string& text) {
  if (!open || !post->forms.event_stream)
    return;
  auto params = object_or_empty(text);
  if (listening) {
    if (mcp::admits(filter, method, params))
      send(mcp::encode_subscribed(request().id, method, std::move(params)));
    return;
  }
  auto& level = request().client.level;
  bool wanted = method == mcp::method::progress && request().progress;
  if (method == mcp::method::log && level) {
    auto its_level = mcp::parse_set_level(params);
    wanted = its_level && *its_level >= *level;
  }
  if (wanted)
    send(mcp::encode_notification(method, params));
}

void exchange_state::on_ask(const std::string& ask, const std::string& method,
                            const std::string& params) {
  auto capability = mcp::capability_of(method);
  bool declared = mcp::declares(request().client.capabilities, capability);
  if (!capability.empty() && !declared && open)
    return lacks(capability);
  bool may = !capability.empty() && declared && mcp::may_require_input(request().method)
             && questions.size() < questions_max;
  if (!may) {
    self->send(worker, atom::relay_v, refusal_of(ask, "The client does not support " + method));
    return;
  }
  questions[ask] = {method, object_or_empty(params)};
  if (open)
    ask_client();
}

/// The server needs something that the client cannot give: the request is refused (N8).
void exchange_state::lacks(std::string_view capability) {
  json::object required;
  required[json::string_view{capability.data(), capability.size()}] = json::object{};
  questions.clear();
  finish(
    mcp::stateless_status_of(mcp::code_missing_capability),
    mcp::encode_error(request().id, mcp::code_missing_capability,
                      "The request needs the client capability " + std::string{capability} + ".",
                      json::object{{"requiredCapabilities", std::move(required)}}));
}

void exchange_state::on_done(const std::string& text, const relay_bill& bill) {
  worker = errand_actor{};
  questions.clear(); // the server went on without the answers
  if (!open) {
    late = [this, text, bill] { on_done(text, bill); };
    return;
  }
  tell_bill(bill);
  // Text is passed on as it is unless something has to be added or sealed.
  bool asks = text.find("\"input_required\"") != std::string::npos;
  if (!asks && !mcp::is_cacheable(request().method))
    return finish_result(text);
  auto result = object_or_empty(text);
  mcp::server_info server;
  server.version = parts.settings->version;
  if (find_string(result, "resultType") == "input_required")
    seal(result);
  finish_result(json::serialize(
    mcp::complete_result(std::move(result), server, mcp::is_cacheable(request().method))));
}

void exchange_state::on_fail(const relay_failure& why) {
  worker = errand_actor{};
  if (listening) // the others of the subscription go on, and so does ours
    return;
  questions.clear();
  if (!open) {
    late = [this, why] { on_fail(why); };
    return;
  }
  if (why.code == 0)
    return fail(why.problem);
  auto code = stateless_code(why.code);
  auto data = why.data.empty() ? json::value{} : parse_or_null(why.data);
  if (data.is_null() && request().method == mcp::method::resources_read
      && code == mcp::code_invalid_params)
    data = json::object{{"uri", find_string(request().params, "uri").value_or("")}};
  finish(mcp::stateless_status_of(code), mcp::encode_error(request().id, code, why.message, data));
}

// -- questions ----------------------------------------------------------------

mcp::state_scope exchange_state::scope() const {
  return {post->who.platform.value, post->who.end_user.value, post->app, request().method, digest};
}

void exchange_state::seal(json::object& result) const {
  auto state = find_string(result, "requestState");
  if (state)
    result["requestState"] =
      mcp::seal_state({0, {}, *state, 0}, scope(), parts.unix_time(), parts.settings->state_key);
}

void exchange_state::ask_client() {
  std::vector<mcp::input_question> wanted;
  for (auto& [key, x] : questions)
    wanted.push_back({key, x.method, x.params});
  auto state = mcp::seal_state({self->id(), parts.settings->node_name, {}, posts}, scope(),
                               parts.unix_time(), parts.settings->state_key);
  mcp::server_info server;
  server.version = parts.settings->version;
  auto result = mcp::complete_result(mcp::input_required_result(wanted, state), server, false);
  wait_until = self->clock().now() + std::chrono::seconds{mcp::request_state_seconds};
  self->send(parts.directory, atom::enlist_v, exchange_actor{self});
  self->scheduled_send(self, wait_until, atom::tick_v);
  finish_result(json::serialize(result)); // the errand waits for the answers
}

void exchange_state::take_answers(const stateless_post_ptr& next) {
  auto params = next->request.params;
  auto input = mcp::take_input(params);
  attend(next);
  if (late)
    return std::exchange(late, nullptr)();
  if (!input)
    return fail(input.error());
  for (auto i = questions.begin(); i != questions.end();) {
    auto* response = find(input->responses, i->first);
    if (!response) {
      ++i;
      continue;
    }
    relay_answer answer;
    answer.number = errand_number;
    answer.ask = i->first;
    answer.result = json::serialize(*response);
    self->send(worker, atom::relay_v, std::move(answer));
    i = questions.erase(i);
  }
  if (!questions.empty()) // what is missing is asked for again
    ask_client();
}

// -- answering ----------------------------------------------------------------

void exchange_state::attend(const stateless_post_ptr& next) {
  post = next;
  open = true;
  streaming = false;
  ++posts;
  post->call->sink->on_closed([handle = exchange_actor{self}, number = posts] {
    caf::anon_send(handle, atom::closed_v, number);
  });
  self->delayed_send(self, limits::stream_keepalive_interval, atom::tick_v);
}

void exchange_state::start_stream() {
  if (std::exchange(streaming, true))
    return;
  parts.metrics->count_answer(post->call->target, 200);
  post->call->sink->start_stream(200, stream_headers());
}

void exchange_state::send(const std::string& message) {
  if (!open)
    return;
  start_stream();
  post->call->sink->send(sse_frame("message", message));
}

void exchange_state::finish(int status, std::string message, http_headers headers) {
  if (!open)
    return;
  if (status == 200 && !post->forms.json)
    start_stream();
  if (streaming) {
    send(message);
    post->call->sink->end_stream(true);
  } else {
    headers.push_back({"Content-Type", "application/json"});
    headers.insert(headers.end(), facts.begin(), facts.end());
    if (status == 503)
      headers.push_back({"Retry-After", "1"});
    parts.metrics->count_answer(post->call->target, status);
    post->call->sink->finish({status, std::move(headers), std::move(message)});
  }
  open = false;
  if (!questions.empty()) {
    // The client comes back with its input. Until then nothing is owed to anybody: a node that
    // shuts down does not wait for this call.
    auto rest = std::make_shared<stateless_post>(*post);
    rest->call = nullptr;
    post = std::move(rest);
    return;
  }
  stop_work();
  self->quit();
}

void exchange_state::finish_result(std::string_view result) {
  finish(200, mcp::encode_result_text(request().id, result));
}

void exchange_state::fail(const caf::error& why) {
  if (!open)
    return;
  parts.metrics->log_problem(post->call->id, why);
  add_limit_headers(facts, why);
  auto problem = mcp::for_client(why);
  auto code = code_of(problem);
  auto status = status_of(code);
  // An own status only where a client or a proxy acts on it; the rest is said in the body (N9).
  bool outside = status == 503 || status == 404 || status == 406;
  if (code == errc::session_expired || code == errc::not_found)
    outside = false;
  finish(outside ? status : mcp::stateless_status_of(rpc_code_of(code)),
         mcp::encode_error(request().id, problem));
}

void exchange_state::client_left(std::uint64_t number) {
  if (number != posts || !open)
    return;
  open = false;
  stop_work();
  self->quit();
}

void exchange_state::stop_work() {
  if (tool)
    self->send(std::exchange(tool, {}), atom::cancel_v);
  if (worker)
    self->send(std::exchange(worker, {}), atom::cancel_v);
}

void exchange_state::tick() {
  if (open) {
    // A quiet answer that takes long goes on as a stream, so that nothing between us cuts it off.
    if (post->forms.event_stream) {
      start_stream();
      post->call->sink->send(sse_comment("keepalive"));
    }
    self->delayed_send(self, limits::stream_keepalive_interval, atom::tick_v);
    return;
  }
  if (self->clock().now() < wait_until)
    return;
  stop_work();
  self->quit();
}

exchange_actor::behavior_type exchange(exchange_actor::stateful_pointer<exchange_state> self,
                                       exchange_args args) {
  auto& state = self->state;
  state.parts = std::move(args.parts);
  state.seen = {"exchange", std::to_string(self->id()), self->clock().now()};
  state.attend(args.post);
  self->set_exit_handler([self](const caf::exit_msg& msg) {
    auto& st = self->state;
    st.end_listening();
    st.questions.clear();
    st.fail(msg.reason == errc::over_limit ? msg.reason : ending());
    st.stop_work();
    self->quit(msg.reason);
  });
  state.start();
  return {
    [self](atom::relay_note, std::uint64_t, const std::string& method, const std::string& params) {
      self->state.on_note(method, params);
    },
    [self](atom::relay_ask, std::uint64_t, const std::string& ask, const std::string& method,
           const std::string& params) { self->state.on_ask(ask, method, params); },
    [self](atom::relay_done, std::uint64_t, const std::string& result, const relay_bill& bill) {
      self->state.seen.note("done");
      self->state.on_done(result, bill);
    },
    [self](atom::relay_fail, std::uint64_t, const relay_failure& why) {
      self->state.seen.note("fail");
      self->state.on_fail(why);
    },
    [self](atom::post, const stateless_post_ptr& next) {
      self->state.seen.note("post");
      self->state.take_answers(next);
    },
    [self](atom::closed, std::uint64_t number) { self->state.client_left(number); },
    [self](atom::drop) {
      self->state.check_key([self] {
        if (self->state.listening && self->state.filter.tools)
          self->state.look_for_news();
      });
    },
    [self](atom::drain) { self->state.end_listening(); },
    [self](atom::tick) { self->state.tick(); },
    [self](atom::status) {
      auto& st = self->state;
      return st.seen.report(self, {{"platform", st.post->who.platform.value},
                                   {"end_user", st.post->who.end_user.value},
                                   {"app", st.post->app},
                                   {"method", st.request().method},
                                   {"streaming", st.streaming},
                                   {"listening", st.listening},
                                   {"questions", st.questions.size()}});
    },
  };
}

} // namespace callboard
