#include "actors/chat_loop.hpp"

#include "actors/look_up.hpp"
#include "actors/metrics.hpp"
#include "actors/store_query.hpp"
#include "core/base/digest.hpp"
#include "core/base/error_body.hpp"
#include "core/base/limits.hpp"
#include "core/mcp/sse.hpp"
#include "core/responses/chat_stream.hpp"

namespace callboard {

void chat_loop_state::find_model() {
  with_model(
    self, parts, who.platform, request.model, [this](const model_info& model) { begin(model); },
    [this](const caf::error& x) { refuse(x); });
}

void chat_loop_state::begin(const model_info& model) {
  if (left)
    return self->quit();
  turn->use(model);
  responses::chat_options options;
  options.model = model.provider_model;
  options.output_tokens_max = model.output_tokens_max;
  body = responses::upstream_chat_body(request, options);
  relay.emplace(responses::chat_relay_args{"chatcmpl-" + to_hex(random_bytes(16)),
                                           parts.unix_time(), model.slug, request.stream,
                                           request.include_usage});
  model_turn::order order{1,
                          1,
                          body,
                          responses::estimate_input_tokens(body),
                          responses::output_tokens_bound(body),
                          keyed(),
                          keyed() ? sha256(call->body) : std::string{}};
  model_turn::callbacks then;
  then.admitted = [this](const caf::error& problem) {
    if (left)
      return turn->held() ? client_left() : self->quit();
    admitted = !problem;
    if (problem)
      refuse(problem);
  };
  then.repeated = [this](const std::string& completion) {
    if (left)
      return;
    deliver(relay->feed(completion));
    answer(relay->finish(body));
  };
  then.refused = [this](int status, const std::string& text) {
    auto problem = responses::upstream_status_error(status, text);
    turn->settle({false, {}, to_string(code_of(problem)), message_of(problem)},
                 [this, problem](const caf::error&) { refuse(problem); });
  };
  then.bytes = [this](const std::string& bytes) {
    deliver(relay->feed(bytes));
    if (relay->failed() && turn->held()) {
      turn->cancel();
      ended({});
    }
  };
  then.usage_so_far = [this] {
    auto x = relay->partial();
    responses::complete_usage(x, body);
    return x.usage;
  };
  then.ended = [this](const caf::error& transport) { ended(transport); };
  turn->begin(std::move(order), std::move(then));
}

void chat_loop_state::deliver(std::vector<std::string> frames) {
  for (auto& frame : frames) {
    if (!std::exchange(streaming, true)) {
      http_headers headers{{"Content-Type", "text/event-stream; charset=utf-8"},
                           {"Cache-Control", "no-cache, no-transform"},
                           {"X-Accel-Buffering", "no"}};
      // What it costs is known when the head is long sent.
      auto known = facts();
      add_headers(headers, {std::nullopt, std::nullopt, known.overhead, known.limits});
      call->sink->start_stream(200, std::move(headers));
      self->delayed_send(self, limits::stream_keepalive_interval, atom::tick_v);
    }
    call->sink->send(std::move(frame));
  }
}

void chat_loop_state::ended(const caf::error& transport) {
  auto end = std::make_shared<responses::chat_relay::ending>(relay->finish(body, transport));
  auto& problem = end->turn.error;
  model_turn::result_of_turn outcome;
  outcome.charge = !problem;
  outcome.usage = end->turn.usage;
  if (problem) {
    outcome.status = to_string(code_of(problem));
    outcome.error_message = message_of(problem);
  } else if (keyed()) {
    outcome.result = json::serialize(responses::completion_json(end->turn, {}));
  }
  turn->settle(outcome, [this, end](const caf::error& unsettled) {
    if (left)
      return self->quit();
    if (unsettled && !streaming)
      return refuse(unsettled);
    answer(std::move(*end));
  });
}

void chat_loop_state::answer(responses::chat_relay::ending end) {
  if (end.turn.error && !streaming)
    return refuse(end.turn.error);
  if (std::exchange(over, true))
    return;
  parts.metrics->count_answer(call->target, 200);
  if (request.stream) {
    call->sink->set_final(!end.turn.error);
    deliver(std::move(end.frames));
    call->sink->end_stream(true);
  } else {
    http_headers headers{{"Content-Type", "application/json"}};
    add_headers(headers, facts());
    call->sink->finish({200, std::move(headers), json::serialize(end.completion)});
  }
  self->quit();
}

void chat_loop_state::refuse(const caf::error& problem) {
  if (std::exchange(over, true))
    return;
  parts.metrics->log_problem(call->id, problem);
  auto status = status_of(code_of(problem));
  parts.metrics->count_answer(call->target, status);
  http_headers headers{{"Content-Type", "application/json"}};
  if (status == 503)
    headers.push_back({"Retry-After", "1"});
  add_retry_headers(headers, problem);
  if (admitted)
    add_headers(headers, facts());
  call->sink->finish({status, std::move(headers), error_body(problem, call->id)});
  if (!turn->held() && !turn->admitting())
    self->quit();
}

answer_facts chat_loop_state::facts() const {
  return {turn->charged(), who.kind == key_kind::platform ? turn->balance() : std::nullopt,
          overhead_since(call->received_at, self->clock().now(), turn->waited()), turn->limits()};
}

void chat_loop_state::client_left() { stop_work("client_disconnected", true); }

void chat_loop_state::stop_work(const char* status, bool charge) {
  left = true;
  if (turn->admitting())
    return; // goes on in `admitted`
  if (!turn->held())
    return self->quit();
  turn->cancel();
  auto x = relay->partial();
  bool used = !x.text.empty() || !x.calls.empty() || !x.refusal.empty() || !x.reasoning.empty();
  responses::complete_usage(x, body);
  turn->settle({used && charge, x.usage, status, {}}, [this](const caf::error&) { self->quit(); });
}

void chat_loop_state::shut_down() {
  if (!left && !over && relay && !turn->held() && !turn->admitting())
    return; // the answer is complete and being paid for
  auto problem = make_problem(errc::shutting_down, "The service is restarting. Try again.");
  if (!left && !over && streaming) {
    over = true;
    call->sink->set_final(false);
    deliver(relay->finish(body, problem).frames);
    call->sink->end_stream(true);
  }
  refuse(problem);
  // What we break off ourselves costs nothing; its hold must not wait for the sweeper.
  stop_work("shutting_down", false);
}

loop_actor::behavior_type chat_loop(loop_actor::stateful_pointer<chat_loop_state> self,
                                    chat_loop_args args) {
  auto& state = self->state;
  state.parts = std::move(args.parts);
  state.who = std::move(args.who);
  state.call = std::move(args.call);
  state.request = std::move(args.request);
  state.id = state.keyed() ? state.call->keyed_loop : loop_id{uuid4()};
  state.seen = {"loop", state.id.value, self->clock().now()};
  state.turn.emplace(self, state.parts, state.who, state.call->id, state.id, "chat.completion");
  state.call->sink->on_closed(
    [handle = loop_actor{self}] { caf::anon_send(handle, atom::closed_v); });
  self->send(state.parts.directory, atom::enlist_v, std::string{"loop"}, state.id.value,
             status_actor{self});
  self->set_exit_handler([self](const caf::exit_msg&) { self->state.shut_down(); });
  state.find_model();
  return {
    [self](atom::head, fetch_id id, const http_response& head) {
      self->state.turn->on_head(id, head);
    },
    [self](atom::chunk, fetch_id id, const std::string& bytes) {
      self->state.seen.note("chunk");
      self->state.turn->on_chunk(id, bytes);
    },
    [self](atom::done, fetch_id id, const caf::error& problem) {
      self->state.seen.note("done");
      self->state.turn->on_done(id, problem);
    },
    [self](atom::closed) {
      if (!self->state.over)
        self->state.client_left();
    },
    [self](atom::tick) {
      self->delayed_send(self, limits::stream_keepalive_interval, atom::tick_v);
      self->state.call->sink->send(sse_comment("keepalive"));
    },
    [self](atom::status) {
      auto& st = self->state;
      return st.seen.report(self, {{"request_id", st.call->id.value},
                                   {"platform", st.who.platform.value},
                                   {"model", st.turn->model().slug},
                                   {"charged_usd", format_usd(st.turn->charged())},
                                   {"client_left", st.left}});
    },
  };
}

} // namespace callboard
