#include "actors/calls/table.hpp"
#include "actors/look_up.hpp"
#include "actors/metrics.hpp"
#include "core/connectors/catalogue.hpp"
#include "core/connectors/landing.hpp"
#include "core/connectors/server_address.hpp"

namespace callboard::calls {
namespace {

constexpr std::size_t name_bytes_max = 100;
constexpr std::size_t url_bytes_max = 2048;
constexpr std::size_t credential_bytes_max = 4096;
constexpr std::size_t header_name_bytes_max = 64;
constexpr std::size_t tools_max = 500;
constexpr std::size_t tool_name_bytes_max = 256;
/// Names of tools shall stay below 64 with it.
constexpr std::size_t prefix_bytes_max = 32;
constexpr std::size_t slug_bytes_max = 40;
constexpr std::size_t scopes_max = 100;
constexpr std::size_t scope_bytes_max = 200;
/// Each costs an actor and connections.
constexpr std::int64_t servers_max = 100;
constexpr std::size_t hash_bytes = 64;
/// What "allowed_tools" says to allow all again.
constexpr std::string_view every_tool = "*";

/// What POST and PATCH may say of a server, as statements take it.
struct server_fields {
  std::optional<std::string> name;
  std::optional<std::string> url;
  std::optional<std::string> auth;
  std::optional<std::string> header_name;
  std::optional<std::string> secret;
  std::optional<std::string> oauth;
  std::optional<std::string> allowed_tools;
  std::optional<std::string> tool_prefix;
};

bool is_slug(std::string_view x) {
  return !x.empty() && x[0] >= 'a' && x[0] <= 'z'
         && x.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-") == std::string_view::npos;
}

std::string list_text(const std::vector<std::string>& items) {
  json::array list;
  for (auto& item : items)
    list.emplace_back(item);
  return json::serialize(list);
}

void note(field_reader& fields, const result<void>& checked) {
  if (!checked)
    fields.refuse(param_of(checked.error()), message_of(checked.error()));
}

void read_header_auth(field_reader& fields, field_reader& auth, server_fields& out) {
  out.header_name = auth.text("name", 1, header_name_bytes_max).value_or("Authorization");
  out.secret = auth.text("value", 1, credential_bytes_max);
  if (auth.problem())
    return fields.refuse("auth." + param_of(auth.problem()), message_of(auth.problem()));
  if (!out.secret)
    return fields.refuse("auth.value", "'auth.value' is required.");
  note(fields, connectors::check_credential_header(*out.header_name));
  note(fields, connectors::check_credential_value(*out.secret));
}

void read_oauth(field_reader& fields, field_reader& auth, const node_settings& settings,
                server_fields& out) {
  json::object kept;
  if (auto id = auth.text("client_id", 1, credential_bytes_max))
    kept["client_id"] = *id;
  out.secret = auth.text("client_secret", 1, credential_bytes_max);
  if (auto scopes = auth.text_list("scopes", scopes_max, scope_bytes_max)) {
    json::array list;
    for (auto& scope : *scopes)
      list.emplace_back(scope);
    kept["scopes"] = std::move(list);
  }
  auto landing = auth.text("redirect_url", 1, url_bytes_max);
  if (auth.problem())
    return fields.refuse("auth." + param_of(auth.problem()), message_of(auth.problem()));
  if (!landing)
    return fields.refuse("auth.redirect_url", "'auth.redirect_url' is required.");
  auto good = connectors::validate_redirect_url(*landing, settings.allow_private_upstreams);
  if (!good)
    return fields.refuse("auth.redirect_url", message_of(good.error()));
  if (out.secret && !kept.contains("client_id"))
    return fields.refuse("auth.client_id", "A client secret needs its client id.");
  kept["redirect_url"] = *landing;
  out.oauth = json::serialize(kept);
}

void read_auth(field_reader& fields, const node_settings& settings, server_fields& out) {
  auto* object = fields.object("auth");
  if (!object)
    return;
  field_reader auth{*object};
  auto type = auth.text("type", 1, name_bytes_max).value_or("");
  if (type != "none" && type != "header" && type != "oauth")
    return fields.refuse("auth.type", "'auth.type' must be none, header or oauth.");
  out.auth = type;
  if (type == "header")
    read_header_auth(fields, auth, out);
  else if (type == "oauth")
    read_oauth(fields, auth, settings, out);
}

server_fields read_server(field_reader& fields, const node_settings& settings) {
  server_fields x;
  x.name = fields.text("name", 1, name_bytes_max);
  x.url = fields.text("url", 1, url_bytes_max);
  if (x.url)
    note(fields, connectors::check_server_url(*x.url, settings.allow_private_upstreams));
  read_auth(fields, settings, x);
  if (auto tools = fields.text_list("allowed_tools", tools_max, tool_name_bytes_max))
    x.allowed_tools = *tools == std::vector<std::string>{std::string{every_tool}}
                        ? std::string{"null"}
                        : list_text(*tools);
  x.tool_prefix = fields.text("tool_prefix", 0, prefix_bytes_max);
  if (x.tool_prefix
      && x.tool_prefix->find_first_not_of("abcdefghijklmnopqrstuvwxyz"
                                          "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")
           != std::string::npos)
    fields.refuse("tool_prefix", "'tool_prefix' may hold letters, digits, '_', '-' and '.'.");
  return x;
}

store_value secret_of(const server_fields& x, const std::string& slug) {
  return x.secret ? store_value::secret(*x.secret, slug) : store_value::null();
}

/// A server changed: its actor, sessions and connections have to look again, on every node.
void server_changed(call_self self) { forget_keys(self, self->state.parts); }

/// A server that is switched off or gone takes its open sessions with it, as an app does (I53).
template <class Then>
void end_sessions(call_self self, const std::string& slug, Then then) {
  self->state.run("session/end_app", {store_value::text(slug)}, [self, then](store_rows&) {
    server_changed(self);
    then();
  });
}

caf::error no_such_server(const std::string& slug) {
  return make_problem(errc::not_found, "There is no server '" + slug + "'.");
}

void insert(call_self self, const std::string& slug, const server_fields& x) {
  auto& state = self->state;
  auto allowed = x.allowed_tools && *x.allowed_tools != "null" ? store_value::text(*x.allowed_tools)
                                                               : store_value::null();
  std::vector<store_value> values{store_value::text(slug),
                                  store_value::text(x.name.value_or(slug)),
                                  store_value::text(x.url),
                                  store_value::text(x.auth.value_or("none")),
                                  store_value::text(x.header_name),
                                  secret_of(x, slug),
                                  store_value::text(x.oauth.value_or("{}")),
                                  allowed,
                                  store_value::text(x.tool_prefix.value_or("")),
                                  store_value::text(state.who.key.value),
                                  store_value::integer(servers_max)};
  add_operation(values, state);
  query(
    self, state.parts.store, state.who.platform, "mcp_server/insert", std::move(values),
    [self](store_rows& rows) {
      auto row = made(self, rows,
                      make_problem(errc::conflict, "The platform has as many servers as it may."));
      if (!row)
        return;
      server_changed(self);
      self->state.finish(201, row->text("body"));
    },
    [self, slug](const caf::error& why) {
      if (code_of(why) == errc::conflict)
        return self->state.fail(
          make_problem(errc::conflict, "There is a server '" + slug + "' already.", "slug"));
      self->state.fail(why);
    });
}

} // namespace

void server_create(call_self self) {
  auto& state = self->state;
  auto body = state.body();
  if (!body)
    return;
  field_reader fields{*body};
  auto slug = fields.required_text("slug", 1, slug_bytes_max);
  if (!fields.problem() && !is_slug(slug))
    fields.refuse("slug", "'slug' must begin with a letter and hold a-z, 0-9, '_' and '-'.");
  if (!fields.problem() && (state.parts.catalogue->find_app(slug) || slug == "lifecycle"))
    fields.refuse("slug", "'" + slug + "' is the name of an app of the catalogue.");
  fields.required_text("url", 1, url_bytes_max);
  if (fields.problem())
    return state.fail(fields.problem());
  auto x = read_server(fields, *state.parts.settings);
  if (fields.problem())
    return state.fail(fields.problem());
  insert(self, slug, x);
}

void server_list(call_self self) { self->state.answer_data("mcp_server/list", {}); }

void server_get(call_self self) {
  self->state.answer_with("mcp_server/show",
                          {store_value::text(self->state.path_field("server_slug"))});
}

void server_patch(call_self self) {
  auto& state = self->state;
  auto body = state.body();
  if (!body)
    return;
  auto slug = state.path_field("server_slug");
  field_reader fields{*body};
  auto x = read_server(fields, *state.parts.settings);
  auto active = fields.boolean("is_active");
  if (fields.problem())
    return state.fail(fields.problem());
  state.run(
    "mcp_server/update",
    {store_value::text(slug), store_value::text(x.name), store_value::text(x.url),
     store_value::text(x.auth), store_value::text(x.header_name), secret_of(x, slug),
     store_value::text(x.oauth), store_value::text(x.allowed_tools),
     store_value::text(x.tool_prefix), active ? store_value::boolean(*active) : store_value::null(),
     store_value::text(state.who.key.value)},
    [self, slug](store_rows& rows) {
      if (rows.empty())
        return self->state.fail(no_such_server(slug));
      store_row row{rows, 0};
      if (!row.boolean("is_active"))
        return end_sessions(self, slug,
                            [self, text = row.text("body")] { self->state.finish(200, text); });
      server_changed(self);
      self->state.finish(200, row.text("body"));
    });
}

void server_delete(call_self self) {
  auto& state = self->state;
  auto slug = state.path_field("server_slug");
  state.run("mcp_server/delete", {store_value::text(slug), store_value::text(state.who.key.value)},
            [self, slug](store_rows& rows) {
              if (rows.empty())
                return self->state.fail(no_such_server(slug));
              end_sessions(self, slug, [self] { self->state.finish(204, std::string{}); });
            });
}

void server_approve(call_self self) {
  auto& state = self->state;
  auto body = state.body();
  if (!body)
    return;
  auto slug = state.path_field("server_slug");
  field_reader fields{*body};
  auto tool = fields.text("tool", 1, tool_name_bytes_max);
  auto hash = fields.text("hash", hash_bytes, hash_bytes);
  if (!fields.problem() && hash && !tool)
    fields.refuse("tool", "'hash' needs the tool that it belongs to.");
  if (fields.problem())
    return state.fail(fields.problem());
  state.run("mcp_server/approve",
            {store_value::text(slug), store_value::text(tool), store_value::text(hash),
             store_value::text(state.who.key.value)},
            [self, slug](store_rows& rows) {
              json::array approved;
              for (std::size_t i = 0; i < rows.size(); ++i)
                approved.emplace_back(store_row{rows, i}.text("tool"));
              if (approved.empty())
                return self->state.fail(make_problem(
                  errc::not_found, "No tool of '" + slug + "' waits for this approval."));
              server_changed(self);
              self->state.finish(200, json::object{{"approved", std::move(approved)}});
            });
}

} // namespace callboard::calls
