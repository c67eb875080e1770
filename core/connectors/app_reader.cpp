#include <algorithm>
#include <utility>

#include "core/connectors/catalogue.hpp"
#include "core/connectors/description_reader.hpp"
#include "core/connectors/tool_reader.hpp"

namespace callboard::connectors {
namespace {

constexpr std::string_view token_placeholder = "{token}";

std::string quoted(std::string_view x) { return "\"" + std::string{x} + "\""; }

bool is_slug(std::string_view x) {
  constexpr std::size_t bytes_max = 32;
  return !x.empty() && x.size() <= bytes_max && x.front() >= 'a' && x.front() <= 'z'
         && std::all_of(x.begin(), x.end(), [](char c) {
              return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
            });
}

void read_slug(object_reader& reader, std::string_view file_name, app& x) {
  x.slug = reader.text("slug");
  if (x.slug.empty())
    return;
  if (!is_slug(x.slug))
    reader.complain("slug", quoted(x.slug)
                              + " is no slug; allowed are a-z, 0-9 and _, beginning "
                                "with a letter, at most 32 of them");
  auto base_name = file_name.substr(file_name.find_last_of('/') + 1);
  if (base_name != x.slug + ".json")
    reader.complain("slug", "the file must be called " + x.slug + ".json");
}

void read_connection(object_reader& reader, app& x) {
  reader.each("connection", [&](object_reader& element) {
    connection_field field;
    field.name = element.text("name");
    field.description = element.text("description");
    field.allowed = element.texts("allowed");
    auto source = element.optional_text("pattern");
    if (!source.empty()) {
      auto pattern = text_pattern::compile(source);
      if (!source.starts_with('^') || !source.ends_with('$'))
        element.complain("pattern", "must begin with ^ and end with $");
      else if (!pattern)
        element.complain("pattern", message_of(pattern.error()));
      else
        field.pattern = std::move(*pattern);
    }
    if (element.has("default"))
      field.value_default = element.text("default");
    else
      element.value("default");
    field.required = element.flag("required", false);
    field.callback_parameter = element.optional_text("callback_parameter");
    field.callback_prefix = element.optional_text("callback_prefix");
    auto twice = [&](const connection_field& y) { return y.name == field.name; };
    if (std::any_of(x.connection.begin(), x.connection.end(), twice))
      element.complain("name", quoted(field.name) + " is there twice");
    x.connection.push_back(std::move(field));
  });
}

void check_host_fields(object_reader& reader, std::string_view name, const url_template& url,
                       const app& x) {
  for (auto& used : url.fields()) {
    auto field = std::find_if(x.connection.begin(), x.connection.end(),
                              [&](const connection_field& y) { return y.name == used; });
    if (field == x.connection.end())
      reader.complain(name, "the connection has no field " + quoted(used));
    else if (field->pattern.empty() && field->allowed.empty())
      reader.complain(name, "the connection field " + quoted(used)
                              + " needs a pattern or a list of allowed values to be in a URL");
  }
}

void read_endpoints(object_reader reader, app& x) {
  for (std::size_t i = 0; i < endpoint_kinds; ++i) {
    auto kind = static_cast<endpoint_kind>(i);
    auto name = to_string(kind);
    bool needed = kind != endpoint_kind::revoke_url;
    auto text = needed ? reader.text(name) : reader.optional_text(name);
    if (text.empty())
      continue;
    auto url = url_template::parse(text, false);
    if (!url) {
      reader.complain(name, quoted(text) + " " + message_of(url.error()));
      continue;
    }
    check_host_fields(reader, name, *url, x);
    if (url->uses_client_id() && kind != endpoint_kind::revoke_url)
      reader.complain(name, "{client_id} is only for revoke_url");
    x.endpoints[i] = std::move(*url);
  }
  reader.finish();
}

token_answer_shape read_token_answer(object_reader reader) {
  token_answer_shape x;
  x.access_token = reader.place("access_token");
  if (x.access_token.empty())
    reader.complain("access_token", "is missing");
  x.refresh_token = reader.place("refresh_token");
  x.expires_in = reader.place("expires_in");
  x.scope = reader.place("scope");
  x.error = reader.place("error");
  if (x.error.empty())
    reader.complain("error", "is missing");
  x.error_description = reader.place("error_description");
  for (auto& [name, place] : reader.pairs("keep")) {
    auto pointer = json_pointer::parse(place);
    if (pointer)
      x.keep.emplace_back(name, std::move(*pointer));
    else
      reader.complain("keep", message_of(pointer.error()));
  }
  x.temporary_errors = reader.texts("temporary_errors");
  reader.finish();
  return x;
}

std::optional<revoke_shape> read_revoke(object_reader& outer, const app& x) {
  using revoke = revoke_shape;
  bool has_url = x.endpoint(endpoint_kind::revoke_url) != nullptr;
  if (!outer.has("revoke")) {
    outer.value("revoke");
    if (has_url)
      outer.complain("revoke", "is missing although there is a revoke_url");
    return std::nullopt;
  }
  auto reader = outer.object("revoke");
  if (!has_url)
    outer.complain("revoke", "needs the endpoint revoke_url");
  revoke y;
  y.method = reader.choice("method", {"POST", "DELETE", "GET"}, true);
  auto authentication = reader.choice("authentication", {"none", "bearer", "basic"}, true);
  y.authentication = authentication == "none"     ? revoke::authentication_kind::none
                     : authentication == "bearer" ? revoke::authentication_kind::bearer
                                                  : revoke::authentication_kind::basic;
  auto body = reader.choice("body", {"none", "json", "form"}, false);
  y.body = body == "json"   ? revoke::body_kind::json
           : body == "form" ? revoke::body_kind::form
                            : revoke::body_kind::none;
  y.fields = reader.pairs("fields");
  if (y.body == revoke::body_kind::none && !y.fields.empty())
    reader.complain("fields", "need a body");
  for (auto& [name, value] : y.fields)
    if (value.starts_with('{') && value != "{access_token}" && value != "{refresh_token}"
        && value != "{client_id}" && value != "{client_secret}")
      reader.complain("fields", "unknown placeholder " + value
                                  + "; allowed are {access_token}, {refresh_token}, {client_id}, "
                                    "{client_secret}");
  y.statuses = reader.statuses("statuses");
  reader.finish();
  return y;
}

void read_oauth(object_reader reader, app& x) {
  x.oauth.default_scopes = reader.texts("default_scopes");
  if (x.oauth.default_scopes.empty())
    reader.complain("default_scopes", "must name one scope or more");
  x.oauth.scope_separator = reader.choice("scope_separator", {" ", ","}, false);
  auto parameter = reader.optional_text("scope_parameter");
  x.oauth.scope_parameter = parameter.empty() ? "scope" : parameter;
  x.oauth.pkce = reader.flag("pkce", false);
  x.oauth.authorize_parameters = reader.pairs("authorize_parameters");
  x.oauth.authentication =
    reader.choice("client_authentication", {"body", "basic"}, false) == "body"
      ? client_authentication::body
      : client_authentication::basic;
  for (auto& [name, value] : reader.pairs("token_headers"))
    x.oauth.token_headers.push_back({name, value});
  x.oauth.refresh = reader.flag("refresh", false);
  x.oauth.answer = read_token_answer(reader.object("token_answer"));
  if (x.oauth.refresh && x.oauth.answer.refresh_token.empty())
    reader.complain("refresh", "needs token_answer/refresh_token");
  x.oauth.revoke = read_revoke(reader, x);
  reader.finish();
}

bool is_header_name(std::string_view x) {
  return !x.empty() && std::all_of(x.begin(), x.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  });
}

void read_headers(object_reader& reader, app& x) {
  int tokens = 0;
  for (auto& [name, value] : reader.pairs("headers")) {
    auto at = value.find('{');
    bool has_token = value.find(token_placeholder) != std::string::npos;
    tokens += has_token ? 1 : 0;
    auto rest = has_token ? value.find('{', at + 1) : at;
    if (!is_header_name(name))
      reader.complain("headers", quoted(name) + " is no header name");
    if (rest != std::string::npos || (has_token && at != value.find(token_placeholder)))
      reader.complain("headers", quoted(value) + " may hold nothing but one {token} in braces");
    if (value.find_first_of("\r\n") != std::string::npos)
      reader.complain("headers", "a value has a line break");
    x.headers.push_back({name, value});
  }
  if (tokens != 1)
    reader.complain("headers", "exactly one header must hold {token}");
}

void read_answer(object_reader reader, answer_shape& x) {
  if (reader.has("success")) {
    auto success = reader.object("success");
    json_condition condition{success.place("pointer"), nullptr};
    auto* wanted = success.value("equals");
    if (condition.pointer.empty() || !wanted)
      reader.complain("success", "needs pointer and equals");
    else
      condition.equals = *wanted;
    success.finish();
    x.success = std::move(condition);
  } else {
    reader.value("success");
  }
  x.error_code = reader.place("error_code");
  x.error_texts = reader.places("error_texts");
  if (x.error_texts.empty())
    reader.complain("error_texts", "must name one place or more");
  x.error_details = reader.places("error_details");
  auto rate = reader.optional_object("rate_limit");
  x.rate_limit.statuses = rate.statuses("statuses");
  x.rate_limit.codes = rate.texts("codes");
  x.rate_limit.retry_after_header = rate.optional_text("retry_after_header");
  x.rate_limit.remaining_header = rate.optional_text("remaining_header");
  x.rate_limit.reset_header = rate.optional_text("reset_header");
  rate.finish();
  auto dead = reader.object("dead_token");
  x.dead_token.statuses = dead.statuses("statuses");
  x.dead_token.codes = dead.texts("codes");
  if (x.dead_token.statuses.empty() && x.dead_token.codes.empty())
    reader.complain("dead_token", "needs statuses or codes");
  dead.finish();
  auto scope = reader.optional_object("missing_scope");
  x.missing_scope.statuses = scope.statuses("statuses");
  x.missing_scope.codes = scope.texts("codes");
  x.missing_scope.needed_header = scope.optional_text("needed_header");
  x.missing_scope.granted_header = scope.optional_text("granted_header");
  x.missing_scope.needed = scope.place("needed");
  scope.finish();
  bool compares_codes =
    !x.rate_limit.codes.empty() || !x.dead_token.codes.empty() || !x.missing_scope.codes.empty();
  if (compares_codes && x.error_code.empty())
    reader.complain("error_code", "is missing although codes are compared with it");
  reader.finish();
}

} // namespace

result<app> load_app(std::string_view json_text, std::string_view file_name) {
  mistake_list mistakes{file_name};
  auto root = parse_json(json_text);
  if (!root) {
    mistakes.add("", message_of(root.error()));
    return mistakes.to_error();
  }
  app x;
  object_reader reader{&*root, "", mistakes};
  read_slug(reader, file_name, x);
  x.title = reader.text("title");
  read_connection(reader, x);
  read_endpoints(reader.object("endpoints"), x);
  read_oauth(reader.object("oauth"), x);
  read_headers(reader, x);
  read_answer(reader.object("answer"), x.answer);
  reader.each("tools", [&](object_reader& element) { x.tools.push_back(read_tool(element, x)); });
  if (x.tools.empty())
    reader.complain("tools", "must hold one tool or more");
  reader.finish();
  if (!mistakes.empty())
    return mistakes.to_error();
  return x;
}

} // namespace callboard::connectors
