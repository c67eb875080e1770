#include <fmt/format.h>
#include <fmt/ranges.h>

#include "actors/calls/table.hpp"
#include "core/base/digest.hpp"
#include "core/base/limits.hpp"
#include "core/connectors/absolute_url.hpp"
#include "core/webhooks/events.hpp"
#include "core/webhooks/signature.hpp"

namespace callboard::calls {
namespace {

constexpr std::size_t url_bytes_max = 2048;
constexpr std::size_t description_bytes_max = 500;
/// Each event is sent to all that want it.
constexpr std::int64_t endpoints_max = 20;
/// Events of one replay: what PostgreSQL writes well within its time limit for a statement.
constexpr std::int64_t replay_max = 10'000;

/// A URL to which events may be posted, or nothing when absent.
std::optional<std::string> read_url(field_reader& fields, const node_settings& settings) {
  auto text = fields.text("url", 1, url_bytes_max);
  if (!text)
    return text;
  auto url = connectors::parse_absolute_url(*text);
  bool secure = url && url->scheme == "https";
  bool plain = url && url->scheme == "http" && settings.allow_private_upstreams;
  if ((!secure && !plain) || url->has_user || url->has_fragment)
    fields.refuse("url", "'url' must be an https URL without user name and fragment.");
  else if (!url->port_number())
    fields.refuse("url", "'url' must have a port from 1 to 65535.");
  return text;
}

/// The subscribed event types as a JSON array, or nothing when absent.
std::optional<std::string> read_events(field_reader& fields) {
  auto& known = webhooks::event_types();
  auto list = fields.text_list("subscribed_events", known.size(), 64);
  if (!list)
    return std::nullopt;
  json::array events;
  bool good = !list->empty();
  for (auto& x : *list) {
    good &= webhooks::is_event_type(x);
    events.emplace_back(x);
  }
  if (!good)
    fields.refuse(
      "subscribed_events",
      fmt::format("'subscribed_events' must be a list of these: {}.", fmt::join(known, ", ")));
  return json::serialize(events);
}

std::string default_events() {
  json::array events;
  for (auto x : webhooks::default_event_types())
    events.emplace_back(x);
  return json::serialize(events);
}

caf::error unknown_endpoint() {
  return make_problem(errc::not_found, "There is no such webhook endpoint.");
}

store_value endpoint_of(const call_state& state) {
  return store_value::text(state.path_field("webhook_id"));
}

} // namespace

void webhook_create(call_self self) {
  auto& state = self->state;
  auto body = state.body();
  if (!body)
    return;
  field_reader fields{*body};
  auto url = read_url(fields, *state.parts.settings);
  auto description = fields.text("description", 0, description_bytes_max);
  auto events = read_events(fields);
  if (!url)
    fields.refuse("url", "'url' is required.");
  if (fields.problem())
    return state.fail(fields.problem());
  auto id = uuid4();
  std::vector<store_value> values{store_value::text(id),
                                  store_value::text(url),
                                  store_value::text(description),
                                  store_value::text(events.value_or(default_events())),
                                  store_value::secret(webhooks::make_secret(), id),
                                  store_value::integer(endpoints_max),
                                  store_value::text(state.who.key.value)};
  add_operation(values, state);
  state.run("webhook/insert", std::move(values), [self](store_rows& rows) {
    auto row = made(
      self, rows,
      make_problem(errc::conflict, "The platform has as many webhook endpoints as it may have."));
    if (!row)
      return;
    auto object = json::parse(row->text("body")).as_object();
    object["secret"] = row->text("secret"); // shown only this once
    self->state.finish(201, json::serialize(object));
  });
}

void webhook_list(call_self self) { self->state.answer_page("webhook/list", {}); }

void webhook_get(call_self self) {
  self->state.answer_with("webhook/find", {endpoint_of(self->state)});
}

void webhook_patch(call_self self) {
  auto& state = self->state;
  auto body = state.body();
  if (!body)
    return;
  field_reader fields{*body};
  auto url = read_url(fields, *state.parts.settings);
  auto description = fields.text("description", 0, description_bytes_max);
  auto events = read_events(fields);
  auto active = fields.boolean("active");
  if (fields.problem())
    return state.fail(fields.problem());
  state.answer_with("webhook/update", {endpoint_of(state), store_value::text(url),
                                       store_value::text(description), store_value::text(events),
                                       active ? store_value::boolean(*active) : store_value::null(),
                                       store_value::text(state.who.key.value)});
}

void webhook_delete(call_self self) {
  auto& state = self->state;
  state.run("webhook/delete", {endpoint_of(state), store_value::text(state.who.key.value)},
            [self](store_rows& rows) {
              if (rows.empty())
                return self->state.fail(unknown_endpoint());
              self->state.finish(204, std::string{});
            });
}

void webhook_test(call_self self) {
  self->state.run("webhook/test", {endpoint_of(self->state)}, [self](store_rows& rows) {
    store_row row{rows, 0};
    auto code = rows.empty() ? std::string{} : row.text("code");
    if (code == "ok")
      return self->state.finish(202, row.text("body"));
    if (code == "inactive")
      return self->state.fail(make_problem(errc::conflict, "The webhook endpoint is not active."));
    self->state.fail(unknown_endpoint());
  });
}

void webhook_deliveries(call_self self) {
  auto& state = self->state;
  auto status = state.query_field("status");
  if (status && *status != "pending" && *status != "delivered" && *status != "failed")
    return state.fail(make_problem(errc::invalid_field,
                                   "'status' must be pending, delivered or failed.", "status"));
  state.answer_page("webhook/delivery_list", {endpoint_of(state), store_value::text(status)});
}

void webhook_replay(call_self self) {
  auto& state = self->state;
  state.answer_with("webhook/replay",
                    {endpoint_of(state), store_value::text(state.path_field("delivery_id")),
                     store_value::text(state.who.key.value)},
                    202);
}

void webhook_replay_since(call_self self) {
  auto& state = self->state;
  auto body = state.body();
  if (!body)
    return;
  field_reader fields{*body};
  auto since = fields.time("since");
  if (!since)
    fields.refuse("since", "'since' is required: a time such as 2026-04-12T10:30:00Z.");
  if (fields.problem())
    return state.fail(fields.problem());
  state.run(
    "webhook/replay_since",
    {endpoint_of(state), store_value::text(since), store_value::integer(replay_max),
     store_value::text(state.who.key.value)},
    [self](store_rows& rows) {
      if (rows.empty())
        return self->state.fail(unknown_endpoint());
      self->state.finish(202, json::object{{"replayed", store_row{rows, 0}.integer("replayed")}});
    });
}

} // namespace callboard::calls
