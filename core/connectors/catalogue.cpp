#include "core/connectors/catalogue.hpp"

#include <algorithm>
#include <utility>

namespace callboard::connectors {
namespace {

caf::error bad(std::string message, std::string param) {
  return make_problem(errc::invalid_field, std::move(message), std::move(param));
}

std::optional<endpoint_kind> parse_endpoint(std::string_view name) {
  for (std::size_t i = 0; i < endpoint_kinds; ++i)
    if (auto kind = static_cast<endpoint_kind>(i); to_string(kind) == name)
      return kind;
  return std::nullopt;
}

const connection_field* find_connection_field(const app& owner, std::string_view name) {
  for (auto& x : owner.connection)
    if (x.name == name)
      return &x;
  return nullptr;
}

bool keeps(const app& owner, std::string_view name) {
  auto& kept = owner.oauth.answer.keep;
  return std::any_of(kept.begin(), kept.end(), [&](const auto& x) { return x.first == name; });
}

/// The value in the callback's query, without the prefix.
std::optional<std::string> callback_value(const connection_field& field,
                                          const std::vector<name_value>& query) {
  if (field.callback_parameter.empty())
    return std::nullopt;
  auto value = find_field(query, field.callback_parameter);
  if (!value || !value->starts_with(field.callback_prefix))
    return std::nullopt;
  return value->substr(field.callback_prefix.size());
}

result<void> check_field(const connection_field& field, const std::string& value) {
  auto& allowed = field.allowed;
  if (!allowed.empty() && std::find(allowed.begin(), allowed.end(), value) == allowed.end()) {
    std::string known;
    for (auto& x : allowed)
      known += (known.empty() ? "" : ", ") + x;
    return bad(field.name + " must be one of " + known + ".", field.name);
  }
  if (!field.pattern.matches(value))
    return bad(field.name + " must match " + field.pattern.source() + ".", field.name);
  return {};
}

} // namespace

std::string_view to_string(endpoint_kind x) {
  switch (x) {
  case endpoint_kind::api_base:
    return "api_base";
  case endpoint_kind::authorize_url:
    return "authorize_url";
  case endpoint_kind::token_url:
    return "token_url";
  case endpoint_kind::revoke_url:
    return "revoke_url";
  }
  return {};
}

const url_template* app::endpoint(endpoint_kind kind) const {
  auto& x = endpoints[static_cast<std::size_t>(kind)];
  return x ? &*x : nullptr;
}

result<endpoint_override> parse_endpoint_override(std::string_view setting) {
  auto equals = setting.find('=');
  auto name = setting.substr(0, equals);
  auto dot = name.find('.');
  auto kind = dot == std::string_view::npos ? std::nullopt : parse_endpoint(name.substr(dot + 1));
  if (equals == std::string_view::npos || dot == 0 || !kind)
    return bad("\"" + std::string{setting}
                 + "\" is no override; it must be <slug>.<endpoint>=<URL> with the endpoint "
                   "api_base, authorize_url, token_url or revoke_url",
               "app-base");
  endpoint_override x{std::string{name.substr(0, dot)}, *kind,
                      std::string{setting.substr(equals + 1)}};
  if (auto url = url_template::parse(x.url, true); !url)
    return bad("\"" + std::string{setting} + "\": the URL " + message_of(url.error()), "app-base");
  return x;
}

result<std::shared_ptr<const catalogue>>
catalogue::make(std::vector<app> apps, const std::vector<endpoint_override>& overrides) {
  for (auto& x : overrides) {
    auto owner =
      std::find_if(apps.begin(), apps.end(), [&](const app& y) { return y.slug == x.slug; });
    if (owner == apps.end())
      return bad("There is no app \"" + x.slug + "\" to override.", "app-base");
    auto url = url_template::parse(x.url, true);
    if (!url)
      return bad("The URL " + x.url + " " + message_of(url.error()), "app-base");
    for (auto& field : url->fields())
      if (!find_connection_field(*owner, field))
        return bad("The app \"" + x.slug + "\" has no connection field \"" + field + "\".",
                   "app-base");
    owner->endpoints[static_cast<std::size_t>(x.endpoint)] = std::move(*url);
  }
  std::shared_ptr<catalogue> made{new catalogue};
  for (auto& x : apps) {
    if (made->find_app(x.slug))
      return bad("The app \"" + x.slug + "\" is there twice.", "slug");
    auto owner = std::make_shared<const app>(std::move(x));
    for (auto& item : owner->tools)
      if (!made->tools_.try_emplace(item.name, tool_ref{owner, &item}).second)
        return bad("The tool \"" + item.name + "\" is there twice.", "name");
    made->apps_.push_back(std::move(owner));
  }
  return std::shared_ptr<const catalogue>{std::move(made)};
}

std::shared_ptr<const app> catalogue::find_app(std::string_view slug) const {
  for (auto& x : apps_)
    if (x->slug == slug)
      return x;
  return nullptr;
}

std::optional<tool_ref> catalogue::find_tool(std::string_view name) const {
  auto found = tools_.find(name);
  if (found == tools_.end())
    return std::nullopt;
  return found->second;
}

const tool* find_tool(const app& owner, std::string_view name) {
  for (auto& x : owner.tools)
    if (x.name == name)
      return &x;
  return nullptr;
}

json::object listing_of(const tool& x) {
  return {{"name", x.name},
          {"title", x.title},
          {"description", x.description},
          {"inputSchema", x.input_schema},
          {"annotations",
           {{"title", x.title},
            {"readOnlyHint", x.annotations.read_only},
            {"destructiveHint", x.annotations.destructive},
            {"idempotentHint", x.annotations.idempotent},
            {"openWorldHint", x.annotations.open_world}}}};
}

result<connection_fields> complete_fields(const app& owner, connection_fields given,
                                          const std::vector<name_value>& callback_query) {
  for (auto& [name, value] : given)
    if (!find_connection_field(owner, name) && !keeps(owner, name))
      return bad(owner.title + " has no connection field " + name + ".", name);
  for (auto& field : owner.connection) {
    if (auto value = callback_value(field, callback_query))
      given[field.name] = std::move(*value);
    auto found = given.find(field.name);
    if (found == given.end() && field.value_default)
      found = given.emplace(field.name, *field.value_default).first;
    if (found == given.end() && field.required)
      return bad(field.name + " is required: " + field.description, field.name);
    if (found == given.end())
      continue;
    if (auto checked = check_field(field, found->second); !checked)
      return checked.error();
  }
  return given;
}

} // namespace callboard::connectors
