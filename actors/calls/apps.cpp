#include "actors/calls/table.hpp"
#include "actors/look_up.hpp"
#include "core/base/digest.hpp"
#include "core/connectors/catalogue.hpp"
#include "core/connectors/landing.hpp"

namespace callboard::calls {
namespace {

constexpr std::size_t name_bytes_max = 100;
constexpr std::size_t credential_bytes_max = 1024;
constexpr std::size_t url_bytes_max = 2048;
constexpr std::size_t scopes_max = 100;
constexpr std::size_t scope_bytes_max = 200;

/// What POST and PATCH may say of an app (R56, R57, R64, C13).
struct app_fields {
  std::optional<std::string> display_name;
  std::optional<std::string> client_id;
  std::optional<std::string> client_secret;
  std::optional<std::string> redirect_url;
  std::optional<std::string> scopes;
  std::optional<std::string> provider_config;
};

void read_provider_config(field_reader& fields, const connectors::app& app, app_fields& out) {
  auto* object = fields.object("provider_config");
  if (!object)
    return;
  connectors::connection_fields given;
  for (auto& member : *object) {
    if (!member.value().is_string())
      return fields.refuse("provider_config." + std::string{member.key()},
                           "A provider setting must be a string.");
    given.emplace(member.key(), to_std(member.value().get_string()));
  }
  if (auto complete = connectors::complete_fields(app, std::move(given)); !complete)
    return fields.refuse("provider_config", message_of(complete.error()));
  out.provider_config = json::serialize(*object);
}

app_fields read_app(field_reader& fields, const connectors::app& app,
                    const node_settings& settings) {
  app_fields x;
  x.display_name = fields.text("display_name", 1, name_bytes_max);
  x.client_id = fields.text("oauth_client_id", 1, credential_bytes_max);
  x.client_secret = fields.text("oauth_client_secret", 1, credential_bytes_max);
  x.redirect_url = fields.text("redirect_url", 1, url_bytes_max);
  if (x.redirect_url) {
    auto good =
      connectors::validate_redirect_url(*x.redirect_url, settings.allow_private_upstreams);
    if (!good)
      fields.refuse("redirect_url", message_of(good.error()));
  }
  if (auto scopes = fields.text_list("scopes", scopes_max, scope_bytes_max)) {
    json::array list;
    for (auto& scope : *scopes)
      list.emplace_back(scope);
    x.scopes = json::serialize(list);
  }
  read_provider_config(fields, app, x);
  return x;
}

/// An app changed: its sessions and connections have to look again.
void app_changed(call_self self) { forget_keys(self, self->state.parts); }

/// An app that is switched off takes its open sessions with it (I53).
template <class Then>
void end_sessions(call_self self, const std::string& slug, Then then) {
  self->state.run("session/end_app", {store_value::text(slug)}, [self, then](store_rows&) {
    app_changed(self);
    then();
  });
}

void deactivate(call_self self, const std::string& slug) {
  auto& state = self->state;
  state.run("app/deactivate", {store_value::text(slug), store_value::text(state.who.key.value)},
            [self](store_rows& rows) {
              if (rows.empty())
                return self->state.fail(
                  make_problem(errc::not_found, "The app is not active on this platform."));
              end_sessions(self, store_row{rows, 0}.text("app_slug"),
                           [self] { self->state.finish(204, std::string{}); });
            });
}

} // namespace

void app_activate(call_self self) {
  auto& state = self->state;
  auto body = state.body();
  if (!body)
    return;
  field_reader fields{*body};
  auto slug = fields.required_text("app_slug", 1, name_bytes_max);
  auto app = state.parts.catalogue->find_app(slug);
  if (!fields.problem() && !app)
    fields.refuse("app_slug", "There is no app '" + slug + "'.");
  fields.required_text("oauth_client_id", 1, credential_bytes_max);
  fields.required_text("oauth_client_secret", 1, credential_bytes_max);
  fields.required_text("redirect_url", 1, url_bytes_max);
  if (fields.problem())
    return state.fail(fields.problem());
  auto x = read_app(fields, *app, *state.parts.settings);
  if (fields.problem())
    return state.fail(fields.problem());
  std::vector<store_value> values{store_value::text(uuid4()),
                                  store_value::text(slug),
                                  store_value::text(x.display_name),
                                  store_value::text(x.client_id),
                                  store_value::secret(*x.client_secret, slug),
                                  store_value::text(x.redirect_url),
                                  store_value::text(x.scopes),
                                  store_value::text(x.provider_config),
                                  store_value::text(state.who.key.value)};
  add_operation(values, state);
  state.run("app/activate", std::move(values), [self](store_rows& rows) {
    auto row = made(self, rows,
                    make_problem(errc::app_already_active,
                                 "The app is active already. Change it with PATCH.", "app_slug"));
    if (!row)
      return;
    app_changed(self);
    self->state.finish(201, row->text("body"));
  });
}

void app_list(call_self self) { self->state.answer_data("app/list", {}); }

void app_patch(call_self self) {
  auto& state = self->state;
  auto body = state.body();
  if (!body)
    return;
  auto slug = state.path_field("app_slug");
  auto app = state.parts.catalogue->find_app(slug);
  if (!app)
    return state.fail(make_problem(errc::not_found, "There is no app '" + slug + "'."));
  field_reader fields{*body};
  auto x = read_app(fields, *app, *state.parts.settings);
  auto active = fields.boolean("is_active");
  if (fields.problem())
    return state.fail(fields.problem());
  state.run(
    "app/update",
    {store_value::text(slug), store_value::text(x.display_name), store_value::text(x.client_id),
     x.client_secret ? store_value::secret(*x.client_secret, slug) : store_value::null(),
     store_value::text(x.redirect_url), store_value::text(x.scopes),
     store_value::text(x.provider_config),
     active ? store_value::boolean(*active) : store_value::null(),
     store_value::text(state.who.key.value)},
    [self, slug](store_rows& rows) {
      if (rows.empty())
        return self->state.fail(make_problem(errc::not_found, "The app was never activated here."));
      store_row row{rows, 0};
      if (!row.boolean("is_active"))
        return end_sessions(self, slug,
                            [self, body = row.text("body")] { self->state.finish(200, body); });
      app_changed(self);
      self->state.finish(200, row.text("body"));
    });
}

void app_deactivate(call_self self) {
  auto& state = self->state;
  auto slug = find_field(state.call->path_fields, "app_slug");
  if (!slug)
    slug = state.query_field("app_slug");
  if (!slug || slug->empty())
    return state.fail(make_problem(errc::invalid_field, "'app_slug' is required.", "app_slug"));
  deactivate(self, *slug);
}

void apps_list(call_self self) { self->state.answer_data("app/active_list", {}); }

} // namespace callboard::calls
