#include "actors/call.hpp"

#include "actors/answer_headers.hpp"
#include "actors/answer_keeper.hpp"
#include "actors/calls/table.hpp"
#include "actors/look_up.hpp"
#include "actors/metrics.hpp"
#include "core/base/digest.hpp"
#include "core/base/error_body.hpp"
#include "core/base/idempotency.hpp"
#include "core/base/limits.hpp"
#include "core/connectors/utf8.hpp"
#include "core/mcp/json_rpc.hpp"

namespace callboard {
namespace {

caf::error no_key() {
  return make_problem(errc::invalid_api_key,
                      "No API key was given. Send 'Authorization: Bearer <key>'.");
}

/// Whether a key of that kind may use the endpoint (R41, R42, I8).
caf::error refuse_kind(key_rule rule, key_kind kind) {
  bool platform = kind == key_kind::platform;
  bool end_user = kind == key_kind::end_user;
  if (rule == key_rule::platform && !platform)
    return make_problem(errc::forbidden, "This endpoint takes a platform key (sk-plat_...).");
  if (rule == key_rule::end_user && !end_user)
    return make_problem(errc::forbidden, "This endpoint takes an end-user key (sk-eu_...).");
  if (rule == key_rule::either && !platform && !end_user)
    return make_problem(errc::forbidden, "This endpoint takes an end-user or a platform key.");
  return {};
}

/// Checks the operator key against its stored hash, in constant time.
bool is_operator(const call_state& state) {
  auto& hash = state.parts.settings->operator_key_hash;
  return !hash.empty() && equal_in_constant_time(to_hex(sha256(state.presented_key)), hash);
}

/// PostgreSQL would find out as well, but not in which field. A name that is no text is of no field
/// that we know.
caf::error refuse_bytes(const call_state& state) {
  for (auto& [name, value] : state.query_fields)
    if (connectors::is_text(name) && !connectors::is_text(value))
      return make_problem(errc::invalid_field,
                          "'" + name + "' must be text in UTF-8 without zero characters.", name);
  return {};
}

/// For the management API, likewise.
caf::error refuse_ids(const call_state& state) {
  for (auto* field : {"end_user_id", "webhook_id", "delivery_id"}) {
    auto given = find_field(state.call->path_fields, field);
    if (!given)
      given = state.query_field(field);
    if (given && !is_uuid(*given))
      return make_problem(errc::invalid_field, std::string{"'"} + field + "' must be a UUID.",
                          field);
  }
  return {};
}

void authorized(call_self self, const call_rule& rule) {
  auto& state = self->state;
  auto owner = find_field(state.call->path_fields, "platform_id");
  // Another platform's id and one that does not exist look the same (I9, C38).
  if (owner && !iequals(*owner, state.who.platform.value))
    return state.fail(make_problem(errc::forbidden, "This key does not belong to that platform."));
  if (auto problem = rule.speaks_rpc ? caf::error{} : refuse_bytes(state))
    return state.fail(problem);
  if (auto problem = owner ? refuse_ids(state) : caf::error{})
    return state.fail(problem);
  // A tool call is repeated by the key within its message (actors/tool_call.hpp).
  if (state.call->method == "GET" || state.call->method == "HEAD" || rule.speaks_rpc)
    return rule.handle(self);
  auto repeat_key = idempotency::key_of(state.call->headers);
  if (!repeat_key)
    state.fail(repeat_key.error());
  else if (*repeat_key)
    run_once(self, rule, **repeat_key);
  else
    rule.handle(self);
}

void authenticate(call_self self, const call_rule& rule) {
  auto& state = self->state;
  auto key = bearer_key(state.call->headers);
  if (!key)
    return state.fail(no_key());
  state.presented_key = std::move(*key);
  if (rule.key == key_rule::operator_key) {
    if (!is_operator(state))
      return state.fail(make_problem(errc::forbidden, "This endpoint takes the operator key."));
    return rule.handle(self);
  }
  with_principal(
    self, state.parts, state.presented_key,
    [self, &rule](const principal& who) {
      self->state.who = who;
      if (auto problem = refuse_kind(rule.key, who.kind))
        self->state.fail(problem);
      else
        authorized(self, rule);
    },
    [self](const caf::error& x) { self->state.fail(x); });
}

} // namespace

void call_state::finish(int status, std::string body, http_headers headers) {
  if (std::exchange(answered, true))
    return;
  if (!body.empty() && !find_header(headers, "Content-Type"))
    headers.push_back({"Content-Type", "application/json"});
  parts.metrics->count_answer(call->target, status);
  call->sink->finish({status, std::move(headers), std::move(body)});
  self->quit();
}

void call_state::fail(const caf::error& problem) {
  auto code = code_of(problem);
  parts.metrics->log_problem(call->id, problem);
  http_headers headers;
  if (code == errc::invalid_api_key)
    headers.push_back({"WWW-Authenticate", "Bearer"}); // I7
  if (status_of(code) == 503)
    headers.push_back({"Retry-After", "1"});
  else if (auto wait = retry_after_of(problem))
    headers.push_back({"Retry-After", std::to_string(*wait)});
  bool in_doubt = code == errc::timeout || code == errc::internal;
  if (in_doubt && !idempotency::may_repeat(call->method, call->headers))
    headers.push_back({std::string{idempotency::should_retry_header}, "false"});
  if (find_rule(call->target).speaks_rpc)
    return finish(status_of(code), mcp::encode_error(std::nullopt, problem), std::move(headers));
  finish(status_of(code), error_body(problem, call->id), std::move(headers));
}

void call_state::hand_over() {
  answered = true;
  self->quit();
}

std::string call_state::path_field(std::string_view field) const {
  return find_field(call->path_fields, field).value_or(std::string{});
}

std::optional<std::string> call_state::query_field(std::string_view field) const {
  return find_field(query_fields, field);
}

std::optional<json::object> call_state::body() {
  auto object = parse_json_object(call->body);
  if (object)
    return std::move(*object);
  fail(object.error());
  return std::nullopt;
}

std::optional<page_request> call_state::page() {
  auto x = read_page(query_field("page"), query_field("limit"));
  if (x)
    return *x;
  fail(x.error());
  return std::nullopt;
}

void call_state::answer_with(std::string statement, std::vector<store_value> values, int status) {
  run(std::move(statement), std::move(values), [this, status](store_rows& rows) {
    if (rows.empty())
      fail(make_problem(errc::not_found, "There is no such thing on this platform."));
    else
      finish(status, store_row{rows, 0}.text("body"));
  });
}

void call_state::answer_data(std::string statement, std::vector<store_value> values) {
  run(std::move(statement), std::move(values), [this](store_rows& rows) {
    finish(200, "{\"data\":" + (rows.empty() ? std::string{"[]"} : store_row{rows, 0}.text("data"))
                  + "}");
  });
}

void call_state::answer_page(std::string statement, std::vector<store_value> values,
                             caf::error nothing) {
  auto wanted = page();
  if (!wanted)
    return;
  values.insert(values.begin(),
                {store_value::integer(wanted->page), store_value::integer(wanted->limit)});
  run(std::move(statement), std::move(values), [this, wanted, nothing](store_rows& rows) {
    if (rows.empty() && nothing)
      return fail(nothing);
    store_row row{rows, 0};
    auto data = rows.empty() ? std::string{"[]"} : row.text("data");
    auto total = rows.empty() ? 0 : row.integer("total");
    finish(200, "{\"data\":" + data + ",\"total\":" + std::to_string(total)
                  + ",\"page\":" + std::to_string(wanted->page)
                  + ",\"limit\":" + std::to_string(wanted->limit) + "}");
  });
}

call_actor::behavior_type call(call_self self, call_args args) {
  auto& state = self->state;
  state.parts = std::move(args.parts);
  state.call = std::move(args.call);
  state.call->sink->on_closed(
    [handle = call_actor{self}] { caf::anon_send(handle, atom::closed_v); });
  auto& rule = find_rule(state.call->target);
  auto fields = parse_form(state.call->query);
  if (fields)
    state.query_fields = std::move(*fields);
  if (!fields)
    state.fail(fields.error());
  else if (rule.key == key_rule::none)
    rule.handle(self);
  else
    authenticate(self, rule);
  return {
    [self](atom::closed) {
      // Nobody is left to answer. Work that goes on (a loop, a tool call) has actors of its own, or
      // its rule says so; whoever gave an Idempotency-Key comes back for the answer.
      auto& call = *self->state.call;
      if (find_rule(call.target).outlives_client || self->state.claiming)
        return;
      self->state.answered = true;
      self->quit();
    },
  };
}

} // namespace callboard
