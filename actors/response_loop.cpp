#include "actors/response_loop.hpp"

#include "actors/look_up.hpp"
#include "actors/metrics.hpp"
#include "actors/remote_tool_call.hpp"
#include "actors/store_query.hpp"
#include "actors/tool_call.hpp"
#include "core/base/digest.hpp"
#include "core/base/error_body.hpp"
#include "core/base/limits.hpp"
#include "core/connectors/catalogue.hpp"
#include "core/mcp/sse.hpp"
#include "core/mcp/tool_filter.hpp"
#include "core/responses/chat_completion.hpp"
#include "core/responses/stored_conversation.hpp"
#include "core/responses/wire.hpp"

namespace callboard {
namespace {

/// Repeating a paid loop costs money and repeats its side effects: SDKs that retry 5xx and 429 by
/// default are told not to (I36). With an Idempotency-Key a repetition goes on from what was paid.
http_headers failure_headers(errc code, int status, bool costs_anew) {
  http_headers headers{{"Content-Type", "application/json"}};
  bool final = code == errc::mcp_unreachable || code == errc::max_iterations_exceeded;
  if ((status >= 500 && final) || ((status >= 500 || status == 429) && costs_anew))
    headers.push_back({"x-should-retry", "false"});
  if (status == 503)
    headers.push_back({"Retry-After", "1"});
  return headers;
}

/// Bytes that a response's id is made of.
constexpr std::size_t response_id_bytes = 16;

/// OpenAI's own models want the bound under its newer name; compatible servers know the older one.
bool wants_newer_bound(const model_info& model) {
  return model.base_url.find("://api.openai.com/") != std::string::npos;
}

} // namespace

// -- before the first turn ----------------------------------------------------

void response_loop_state::check_authorizations(std::size_t next) {
  if (next == request.servers.size())
    return check_connections();
  auto index = request.servers[next].index;
  auto refused = [this, index] {
    refuse(
      make_problem(errc::invalid_authorization,
                   "The authorization must be a valid key of the end user who makes this request.",
                   responses::authorization_path(index)));
  };
  self
    ->request(parts.authenticator, limits::store_timeout, atom::auth_v,
              request.servers[next].authorization)
    .then(
      [this, next, refused](const principal& named) {
        if (named.kind == key_kind::end_user && named.end_user == who.end_user)
          check_authorizations(next + 1);
        else
          refused();
      },
      [this, refused](caf::error& x) {
        auto problem = store_error(std::move(x));
        if (code_of(problem) == errc::invalid_api_key)
          refused();
        else
          refuse(problem);
      });
}

void response_loop_state::check_connections() {
  for (auto& server : request.servers)
    server.authorization.clear(); // checked; nothing needs it any more
  if (request.servers.empty())
    return load_history();
  query(
    self, parts.store, who.platform, "connection/list", {store_value::text(who.end_user.value)},
    [this](store_rows& rows) {
      auto connections =
        json::parse(rows.empty() ? std::string{"[]"} : store_row{rows, 0}.text("data"));
      for (auto& server : request.servers) {
        bool connected = false;
        for (auto& item : connections.as_array())
          connected = connected || item.at("appSlug").as_string() == server.label;
        if (!connected) // C28: 422 here, although MCP's own endpoint says 403
          return refuse(
            make_problem(errc::app_not_connected,
                         "The app '" + server.label + "' is not connected for this user.",
                         "tools[" + std::to_string(server.index) + "]"));
      }
      load_history();
    },
    [this](const caf::error& x) { refuse(x); });
}

void response_loop_state::load_history() {
  if (!request.previous_response_id)
    return find_model();
  query(
    self, parts.store, who.platform, "response/find",
    {store_value::text(*request.previous_response_id),
     who.end_user.empty() ? store_value::null() : store_value::text(who.end_user.value)},
    [this](store_rows& rows) {
      if (rows.empty())
        return refuse(make_problem(errc::not_found, "There is no response with this id.",
                                   "previous_response_id"));
      store_row row{rows, 0};
      auto input = json::parse(row.text("input"));
      auto stored = json::parse(row.text("body"));
      history = responses::history_of(input.as_array(), stored.at("output").as_array());
      find_model();
    },
    [this](const caf::error& x) { refuse(x); });
}

void response_loop_state::find_model() {
  with_model(
    self, parts, who.platform, request.model, [this](const model_info& model) { begin(model); },
    [this](const caf::error& x) { refuse(x); });
}

void response_loop_state::begin(const model_info& model) {
  if (left)
    return self->quit();
  auto conversation = responses::load_history(history);
  if (!conversation)
    return refuse(conversation.error());
  turn->use(model);
  responses::loop_args args;
  args.response_id = response_id;
  args.created_at = now();
  args.model = model.slug;
  args.request = request;
  args.history = std::move(*conversation);
  args.chat.model = model.provider_model;
  args.chat.output_tokens_max = model.output_tokens_max;
  args.chat.use_max_completion_tokens = wants_newer_bound(model);
  rules.emplace(std::move(args));
  perform(rules->start(now()));
}

void response_loop_state::refuse(const caf::error& problem) {
  if (std::exchange(over, true))
    return;
  tell_whether_final(problem);
  parts.metrics->log_problem(call->id, problem);
  // C28: a tool item for an app that is not connected is a mistake in the request.
  auto status = code_of(problem) == errc::app_not_connected ? 422 : status_of(code_of(problem));
  parts.metrics->count_answer(call->target, status);
  // A limit that the first turn met has cost nothing; of other failures that is not sure.
  bool has_cost = status == 429 ? turn->charged().value > 0 || tools_total > 0 : admitted;
  auto headers = failure_headers(code_of(problem), status, has_cost && !keyed());
  add_retry_headers(headers, problem);
  if (admitted)
    add_headers(headers, facts());
  call->sink->finish({status, std::move(headers), error_body(problem, call->id)});
  quit_when_settled();
}

/// A loop that did not end has cost money and side effects, and would not end the next time. After
/// any other failure a repetition goes on from what was paid.
void response_loop_state::tell_whether_final(const caf::error& problem) {
  call->sink->set_final(code_of(problem) == errc::max_iterations_exceeded);
}

// -- the loop -----------------------------------------------------------------

void response_loop_state::perform(responses::effects effects) {
  for (auto& x : effects)
    queue.push_back(std::move(x));
  if (std::exchange(performing, true))
    return; // the caller is being performed and goes on with the queue
  while (!queue.empty()) {
    auto x = std::move(queue.front());
    queue.pop_front();
    perform_one(x);
  }
  performing = false;
}

void response_loop_state::perform_one(responses::effect& x) {
  if (auto* frame = std::get_if<responses::emit>(&x))
    deliver_frame(std::move(frame->frame));
  else if (auto* list = std::get_if<responses::list_tools>(&x))
    list_tools(*list);
  else if (auto* order = std::get_if<responses::invoke_model>(&x))
    invoke(*order);
  else if (auto* tool = std::get_if<responses::run_tool>(&x))
    run_tool(*tool);
  else if (auto* good = std::get_if<responses::succeed>(&x))
    succeed(*good);
  else if (auto* bad = std::get_if<responses::fail>(&x))
    fail(*bad);
}

void response_loop_state::list_tools(const responses::list_tools& x) {
  auto app = parts.catalogue->find_app(x.label);
  if (!app)
    return list_remote_tools(x.server, x.label);
  std::vector<responses::mcp_tool> listed;
  auto filter = mcp::tool_filter::read(who.tools);
  for (auto& tool : app->tools) {
    if (!filter.admits(x.label, tool.name))
      continue;
    auto listing = connectors::listing_of(tool);
    auto* annotations = find_object(listing, "annotations");
    listed.push_back({x.label, tool.name, tool.description, tool.input_schema,
                      annotations ? *annotations : json::object{}});
  }
  perform(rules->tools_listed(x.server, std::move(listed), now()));
}

void response_loop_state::list_remote_tools(std::size_t server, const std::string& label) {
  auto failed = [this, server, label](caf::error& why) {
    parts.metrics->log_problem(call->id, why);
    if (left || over)
      return quit_when_settled();
    perform(rules->tools_failed(
      server, make_problem(errc::mcp_unreachable, "The tools of '" + label + "' cannot be listed."),
      now()));
  };
  self->request(parts.directory, limits::actor_timeout, atom::relay_v, who.platform, label)
    .then(
      [this, server, label, failed](const upstream_actor& upstream) {
        self
          ->request(upstream, limits::provider_call_timeout, atom::relay_list_v, who,
                    std::string{"tools"})
          .then(
            [this, server, label](const std::string& listed) {
              if (left || over)
                return quit_when_settled();
              auto offered = responses::remote_tools_from(label, listed);
              auto filter = mcp::tool_filter::read(who.tools);
              std::erase_if(offered, [&](auto& tool) { return !filter.admits(label, tool.name); });
              perform(rules->tools_listed(server, std::move(offered), now()));
            },
            failed);
      },
      failed);
}

void response_loop_state::invoke(responses::invoke_model& x) {
  body = x.body;
  stream.emplace();
  model_turn::order order{x.iteration,
                          limits::loop_iterations_max,
                          std::move(x.body),
                          x.input_tokens_estimate,
                          x.output_tokens_max,
                          keyed(),
                          keyed() ? sha256(call->body) : std::string{}};
  model_turn::callbacks then;
  then.admitted = [this](const caf::error& problem) {
    if (left)
      return turn->held() ? client_left() : self->quit();
    if (problem)
      return perform(rules->failed(problem, now()));
    admitted = true;
    for (auto& frame : std::exchange(held_frames, {}))
      deliver_frame(std::move(frame));
  };
  then.repeated = [this](const std::string& completion) {
    if (left)
      return;
    stream->feed(completion);
    auto again = stream->finish();
    responses::complete_usage(again, body);
    perform(rules->turn_finished(std::move(again), now()));
  };
  then.refused = [this](int status, const std::string& text) { model_refused(status, text); };
  then.bytes = [this](const std::string& bytes) { model_bytes(bytes); };
  then.usage_so_far = [this] {
    auto so_far = stream->partial();
    responses::complete_usage(so_far, body);
    return so_far.usage;
  };
  then.ended = [this](const caf::error& transport) { model_ended(transport); };
  turn->begin(std::move(order), std::move(then));
}

void response_loop_state::model_refused(int status, const std::string& text) {
  responses::turn x;
  x.error = responses::upstream_status_error(status, text);
  turn_over(std::move(x));
}

void response_loop_state::model_bytes(const std::string& bytes) {
  auto progress = stream->feed(bytes);
  for (auto& delta : progress.deltas)
    perform(rules->text(delta));
  if (stream->failed() && turn->held()) {
    turn->cancel();
    turn_over(stream->finish());
  }
}

void response_loop_state::model_ended(const caf::error& transport) {
  turn_over(stream->finish(transport));
}

void response_loop_state::turn_over(responses::turn x) {
  responses::complete_usage(x, body);
  model_turn::result_of_turn outcome;
  outcome.charge = !x.error;
  outcome.usage = x.usage;
  if (x.error) {
    outcome.status = to_string(code_of(x.error));
    outcome.error_message = message_of(x.error);
  } else if (keyed()) {
    outcome.result = json::serialize(responses::completion_json(x, {}));
  }
  auto ended = std::make_shared<responses::turn>(std::move(x));
  // The client learns of the turn's end when it is paid for, durably.
  turn->settle(outcome, [this, ended](const caf::error& problem) {
    if (left)
      return quit_when_settled();
    if (problem)
      return perform(rules->failed(problem, now()));
    perform(rules->turn_finished(std::move(*ended), now()));
  });
}

void response_loop_state::run_tool(const responses::run_tool& x) {
  // The loop runs only what was listed, so a hidden tool never comes here.
  auto actor = parts.catalogue->find_app(x.label)
                 ? self->spawn(tool_call, tool_call_args{parts})
                 : tool_call_actor{self->spawn(remote_tool_call, remote_tool_call_args{parts})};
  tools.emplace(x.call, actor);
  ++tools_total;
  tool_job job{
    who,      x.label, x.name, x.arguments, billing::tool_hold(id, rules->iterations(), x.call),
    call->id, keyed()};
  self->request(actor, limits::tool_call_timeout, atom::run_v, std::move(job))
    .then(
      [this, number = x.call](const tool_result& result) {
        tools.erase(number);
        tools_charged = tools_charged + result.paid.charged;
        note_wait(result.waited);
        if (left || over)
          return quit_when_settled();
        perform(rules->tool_finished(number, {result.is_error, result.text}, now()));
        fail_after_tools();
      },
      [this, number = x.call](const caf::error& why) { tool_failed(number, why); });
}

void response_loop_state::note_wait(std::chrono::microseconds waited) {
  longest_wait = std::max(longest_wait, waited);
  if (tools.empty())
    tools_waited += std::exchange(longest_wait, {});
}

void response_loop_state::tool_failed(std::size_t number, const caf::error& why) {
  auto node = tools.extract(number);
  note_wait({});
  if (left || over)
    return quit_when_settled();
  auto code = code_of(why);
  if (code == errc::timeout && !node.empty())
    self->send(node.mapped(), atom::cancel_v);
  // Money and the store end the loop (R130, I26); anything else is a failed tool that the model
  // hears of (C29).
  if (status_of(code) == 402 || code == errc::store_unavailable || code == errc::shutting_down
      || code == errc::request_in_progress) {
    if (!fatal)
      fatal = why;
    return fail_after_tools();
  }
  perform(rules->tool_finished(number, {true, message_of(why)}, now()));
  fail_after_tools();
}

/// The tools that run beside one that ends the loop end first: they are paid for, and the answer
/// tells what all have cost.
void response_loop_state::fail_after_tools() {
  if (fatal && tools.empty())
    perform(rules->failed(*std::exchange(fatal, std::nullopt), now()));
}

void response_loop_state::deliver_frame(std::string frame) {
  if (!admitted) {
    held_frames.push_back(std::move(frame));
    return;
  }
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

void response_loop_state::succeed(const responses::succeed& x) {
  store_response(x.response, [this, text = json::serialize(x.response)] {
    if (std::exchange(over, true))
      return;
    parts.metrics->count_answer(call->target, 200);
    if (!request.stream) {
      http_headers headers{{"Content-Type", "application/json"}};
      add_headers(headers, facts());
      call->sink->finish({200, std::move(headers), text});
    }
    end_answer();
  });
}

void response_loop_state::fail(const responses::fail& x) {
  if (!streaming)
    return refuse(x.problem);
  if (std::exchange(over, true))
    return;
  tell_whether_final(x.problem);
  parts.metrics->log_problem(call->id, x.problem);
  parts.metrics->count_answer(call->target, status_of(code_of(x.problem)));
  end_answer();
}

void response_loop_state::store_response(const json::object& response, std::function<void()> then) {
  if (!request.store)
    return then();
  query(
    self, parts.store, who.platform, "response/insert",
    {store_value::text(response_id),
     who.end_user.empty() ? store_value::null() : store_value::text(who.end_user.value),
     store_value::text(request.previous_response_id),
     store_value::text(json::serialize(responses::stored_input(history, request, response_id))),
     store_value::text(json::serialize(response)),
     store_value::integer(std::chrono::milliseconds{limits::stored_response_ttl}.count())},
    [then](store_rows&) { then(); },
    [this, then](const caf::error& problem) {
      // The answer itself is paid for and complete; only continuing from it will not work.
      parts.metrics->log_problem(call->id, problem);
      then();
    });
}

void response_loop_state::end_answer() {
  if (streaming)
    call->sink->end_stream(true);
  quit_when_settled();
}

answer_facts response_loop_state::facts() const {
  return {turn->charged() + tools_charged,
          who.kind == key_kind::platform ? turn->balance() : std::nullopt,
          overhead_since(call->received_at, self->clock().now(), turn->waited() + tools_waited),
          turn->limits()};
}

void response_loop_state::client_left() { stop_work("client_disconnected", true); }

void response_loop_state::stop_work(const char* status, bool charge) {
  left = true;
  for (auto& [number, tool] : tools)
    self->send(tool, atom::cancel_v);
  if (turn->admitting())
    return; // goes on in `admitted`
  if (!turn->held())
    return quit_when_settled();
  turn->cancel();
  auto x = stream->partial();
  bool used = !x.text.empty() || !x.calls.empty() || !x.refusal.empty() || !x.reasoning.empty();
  responses::complete_usage(x, body);
  turn->settle({used && charge, x.usage, status, {}},
               [this](const caf::error&) { quit_when_settled(); });
}

void response_loop_state::shut_down() {
  if (!left && !over && rules && rules->ended())
    return; // the answer is paid for and complete, and being stored
  if (!left && !over) {
    auto problem = make_problem(errc::shutting_down, "The service is restarting. Try again.");
    if (rules && !rules->ended())
      perform(rules->failed(problem, now()));
    refuse(problem);
  }
  // What we break off ourselves costs nothing; its hold must not wait for the sweeper.
  stop_work("shutting_down", false);
}

void response_loop_state::quit_when_settled() {
  if (tools.empty() && !turn->held() && !turn->admitting())
    self->quit();
}

loop_actor::behavior_type response_loop(loop_actor::stateful_pointer<response_loop_state> self,
                                        response_loop_args args) {
  auto& state = self->state;
  state.parts = std::move(args.parts);
  state.who = std::move(args.who);
  state.call = std::move(args.call);
  state.request = std::move(args.request);
  // A keyed request that is run again is the same loop, so that it finds its turns.
  state.id = state.keyed() ? state.call->keyed_loop : loop_id{uuid4()};
  state.response_id =
    responses::make_response_id(state.keyed() ? sha256(state.id.value).substr(0, response_id_bytes)
                                              : random_bytes(response_id_bytes));
  state.seen = {"loop", state.id.value, self->clock().now()};
  state.turn.emplace(self, state.parts, state.who, state.call->id, state.id, "response");
  state.call->sink->on_closed(
    [handle = loop_actor{self}] { caf::anon_send(handle, atom::closed_v); });
  self->send(state.parts.directory, atom::enlist_v, std::string{"loop"}, state.id.value,
             status_actor{self});
  self->set_exit_handler([self](const caf::exit_msg&) { self->state.shut_down(); });
  state.check_authorizations(0);
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
                                   {"response_id", st.response_id},
                                   {"platform", st.who.platform.value},
                                   {"model", st.turn->model().slug},
                                   {"iteration", st.rules ? st.rules->iterations() : 0},
                                   {"iterations_max", limits::loop_iterations_max},
                                   {"tools_running", st.tools.size()},
                                   {"tools_total", st.tools_total},
                                   {"charged_usd", format_usd(st.turn->charged())},
                                   {"client_left", st.left}});
    },
  };
}

} // namespace callboard
