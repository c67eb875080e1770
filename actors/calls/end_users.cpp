#include "actors/calls/table.hpp"
#include "actors/look_up.hpp"
#include "core/base/digest.hpp"
#include "core/base/limits.hpp"
#include "core/mcp/tool_filter.hpp"

namespace callboard::calls {
namespace {

constexpr std::size_t name_bytes_max = 100;
constexpr std::size_t external_id_bytes_max = 255;
/// Metadata is the platform's own; it is stored and given back, so it is kept small.
constexpr std::size_t metadata_bytes_max = 16u * 1024;
constexpr auto kinds_text = "'type' must be platform, end_user, lifecycle_live or lifecycle_test.";
/// The prefix of a key that lists may show: kind and the first digits of its id.
constexpr std::size_t shown_digits = 4;

std::string shown_prefix(const api_key& key) {
  return std::string{prefix_of(key.kind)} + key.id.value.substr(0, shown_digits);
}

/// The metadata as JSON text, or nothing when absent.
std::optional<std::string> read_metadata(field_reader& fields) {
  auto* object = fields.object("metadata");
  if (!object)
    return std::nullopt;
  auto text = json::serialize(*object);
  if (text.size() > metadata_bytes_max)
    fields.refuse("metadata", "'metadata' may have at most 16 KiB as JSON.");
  return text;
}

/// Adds the raw key to the body of a key that the store made; the only time that it is shown.
std::string with_raw_key(const std::string& body, const std::string& raw) {
  auto object = json::parse(body).as_object();
  object["raw_key"] = raw;
  return json::serialize(object);
}

/// Likewise for an end user, whose body says nothing of keys.
std::string with_api_key(const std::string& body, const api_key& key) {
  auto object = json::parse(body).as_object();
  object["api_key"] = json::object{
    {"id", key.id.value}, {"key_prefix", shown_prefix(key)}, {"raw_key", format_api_key(key)}};
  return json::serialize(object);
}

/// The last values of a statement that makes a key once, see add_operation(); the raw key itself is
/// sealed beside them, so that a repetition shows the same.
void add_keyed_secret(std::vector<store_value>& values, const call_state& state,
                      const api_key& key) {
  add_operation(values, state);
  auto& operation = state.call->idempotency;
  values.push_back(operation.empty() ? store_value::null()
                                     : store_value::secret(format_api_key(key), operation));
}

/// The key that such a statement made: `fresh`, or that of an earlier request.
api_key key_of(const store_row& row, const api_key& fresh) {
  return parse_api_key(row.text("secret")).value_or(fresh);
}

} // namespace

void end_user_create(call_self self) {
  auto& state = self->state;
  auto body = state.body();
  if (!body)
    return;
  field_reader fields{*body};
  auto external_id = fields.required_text("external_id", 1, external_id_bytes_max);
  auto display_name = fields.text("display_name", 1, name_bytes_max);
  auto metadata = read_metadata(fields);
  if (fields.problem())
    return state.fail(fields.problem());
  auto key = make_api_key(key_kind::end_user);
  std::vector<store_value> values{
    store_value::text(uuid4()),           store_value::text(external_id),
    store_value::text(display_name),      store_value::text(metadata),
    store_value::text(key.id.value),      store_value::key_secret(key.secret),
    store_value::text(shown_prefix(key)), store_value::text(state.who.key.value)};
  add_keyed_secret(values, state, key);
  state.run("end_user/upsert", std::move(values), [self, key](store_rows& rows) {
    if (auto row = made(self, rows, make_problem(errc::internal, "No end user was made.")))
      self->state.finish(row->boolean("created") ? 201 : 200,
                         with_api_key(row->text("body"), key_of(*row, key)));
  });
}

void end_user_list(call_self self) {
  self->state.answer_page("end_user/list",
                          {store_value::text(self->state.query_field("external_id"))});
}

void end_user_get(call_self self) {
  self->state.answer_with("end_user/find",
                          {store_value::text(self->state.path_field("end_user_id"))});
}

void end_user_patch(call_self self) {
  auto& state = self->state;
  auto body = state.body();
  if (!body)
    return;
  field_reader fields{*body};
  auto display_name = fields.text("display_name", 1, name_bytes_max);
  auto metadata = read_metadata(fields);
  auto active = fields.boolean("is_active");
  if (fields.problem())
    return state.fail(fields.problem());
  auto user = store_value::text(state.path_field("end_user_id"));
  std::vector<store_value> values{user, store_value::text(display_name),
                                  store_value::text(metadata),
                                  active ? store_value::boolean(*active) : store_value::null(),
                                  store_value::text(state.who.key.value)};
  allow_tools(self, *body, "end_user/allow", {user}, [self, values] {
    self->state.run("end_user/update", values, [self](store_rows& rows) {
      if (rows.empty())
        return self->state.fail(make_problem(errc::not_found, "There is no such end user."));
      forget_keys(self, self->state.parts);
      self->state.finish(200, store_row{rows, 0}.text("body"));
    });
  });
}

void end_user_delete(call_self self) {
  auto& state = self->state;
  state.run(
    "end_user/delete",
    {store_value::text(state.path_field("end_user_id")), store_value::text(state.who.key.value)},
    [self](store_rows& rows) {
      if (rows.empty())
        return self->state.fail(make_problem(errc::not_found, "There is no such end user."));
      forget_keys(self, self->state.parts);
      self->state.finish(204, std::string{});
    });
}

void key_create(call_self self) {
  auto& state = self->state;
  auto body = state.body();
  if (!body)
    return;
  field_reader fields{*body};
  auto name = fields.text("name", 1, name_bytes_max);
  auto scopes = fields.text_list("scopes", 20, 64);
  auto expires_at = fields.time("expires_at");
  auto user = fields.text("end_user_id", 1, 64);
  auto type = fields.text("type", 1, 32).value_or(user ? "end_user" : "platform");
  auto kind = key_kind_from(type);
  if (!kind)
    fields.refuse("type", kinds_text);
  else if ((*kind == key_kind::end_user) != user.has_value())
    fields.refuse("end_user_id",
                  "'end_user_id' is required for, and only for, keys of type end_user.");
  if (fields.problem())
    return state.fail(fields.problem());
  auto tools = mcp::read_allowed_tools(*body);
  if (!tools)
    return state.fail(tools.error());
  auto key = make_api_key(*kind);
  json::array scope_list;
  for (auto& scope : scopes.value_or(std::vector<std::string>{"inference"}))
    scope_list.emplace_back(scope);
  bool lists_tools = *tools && !(*tools)->is_null();
  std::vector<store_value> values{store_value::text(key.id.value),
                                  store_value::text(std::string{to_string(*kind)}),
                                  store_value::text(user),
                                  store_value::key_secret(key.secret),
                                  store_value::text(shown_prefix(key)),
                                  store_value::text(name),
                                  store_value::text(json::serialize(scope_list)),
                                  store_value::text(expires_at),
                                  store_value::text(state.who.key.value),
                                  lists_tools ? store_value::text(json::serialize(**tools))
                                              : store_value::null()};
  add_keyed_secret(values, state, key);
  state.run("key/insert", std::move(values), [self, key](store_rows& rows) {
    auto refusal = make_problem(errc::not_found, "There is no such end user.", "end_user_id");
    if (auto row = made(self, rows, refusal))
      self->state.finish(201, with_raw_key(row->text("body"), format_api_key(key_of(*row, key))));
  });
}

void key_list(call_self self) {
  auto& state = self->state;
  auto type = state.query_field("type");
  if (type && !key_kind_from(*type))
    return state.fail(make_problem(errc::invalid_field, kinds_text, "type"));
  state.answer_page("key/list",
                    {store_value::text(type), store_value::text(state.query_field("end_user_id"))});
}

void key_revoke(call_self self) {
  auto& state = self->state;
  state.run("key/revoke",
            {store_value::text(state.path_field("key_id")), store_value::text(state.who.key.value)},
            [self](store_rows& rows) {
              if (rows.empty())
                return self->state.fail(make_problem(errc::not_found, "There is no such key."));
              forget_keys(self, self->state.parts);
              self->state.finish(204, std::string{});
            });
}

} // namespace callboard::calls
