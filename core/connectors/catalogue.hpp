#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/http_message.hpp"
#include "core/base/json.hpp"
#include "core/connectors/argument_schema.hpp"
#include "core/connectors/json_path.hpp"
#include "core/connectors/text_pattern.hpp"
#include "core/connectors/text_template.hpp"
#include "core/connectors/transform.hpp"
#include "core/connectors/url_template.hpp"

/// The declarative catalogue of apps: schema/apps/<slug>.json read into values. Nothing here does
/// I/O; a catalogue is immutable and shared between threads as shared_ptr<const catalogue>.
namespace callboard::connectors {

/// The URLs of an app that a deployment may override (`--app-base <slug>.<endpoint>=URL`).
enum class endpoint_kind : std::uint8_t { api_base, authorize_url, token_url, revoke_url };
inline constexpr std::size_t endpoint_kinds = 4;

/// "api_base", "authorize_url", "token_url" or "revoke_url".
std::string_view to_string(endpoint_kind x);

/// Values that belong to a connection and are no secrets, such as Zendesk's subdomain. Names are
/// those of app::connection.
using connection_fields = std::map<std::string, std::string, std::less<>>;

/// One declared connection field. A field that becomes part of a host name must have `pattern` or
/// `allowed`, so that no user can send a token to a host of his choice (facts connectors.md 2.4).
struct connection_field {
  std::string name;
  std::string description;
  /// The whole value must match; empty for none.
  text_pattern pattern;
  /// The closed list of values; empty for none.
  std::vector<std::string> allowed;
  /// Used when nobody gave a value.
  std::optional<std::string> value_default;
  /// Without a value nothing can be authorized or called.
  bool required = false;
  /// Query parameter of the OAuth callback that carries the value, after `callback_prefix`; empty
  /// for none (Zoho's accounts-server).
  std::string callback_parameter;
  std::string callback_prefix;
};

/// How a client proves itself at the token endpoint.
enum class client_authentication : std::uint8_t { body, basic };

/// Where the token answer keeps what (facts connectors.md 4).
struct token_answer_shape {
  json_pointer access_token;
  json_pointer refresh_token;
  json_pointer expires_in;
  json_pointer scope;
  json_pointer error;
  json_pointer error_description;
  /// Further values to keep with the connection: name and place.
  std::vector<std::pair<std::string, json_pointer>> keep;
  /// Error codes that say "later", not "never".
  std::vector<std::string> temporary_errors;
};

/// How to tell the provider that a token is not wanted any more.
struct revoke_shape {
  std::string method;
  /// none: the token is in the body or query. bearer: the app's own header. basic: client id and
  /// secret.
  enum class authentication_kind : std::uint8_t { none, bearer, basic } authentication;
  enum class body_kind : std::uint8_t { none, json, form } body = body_kind::none;
  /// Name and one of "{access_token}", "{refresh_token}", "{client_id}", "{client_secret}" or fixed
  /// text.
  std::vector<name_value> fields;
  /// Statuses that mean "gone".
  std::vector<int> statuses;
};

/// How users give us access to the app (facts connectors.md 4).
struct oauth_shape {
  std::vector<std::string> default_scopes;
  /// Between scopes in the authorize URL.
  std::string scope_separator;
  /// "scope", or "user_scope" for Slack's user tokens.
  std::string scope_parameter;
  /// Send an S256 challenge (I45).
  bool pkce = false;
  std::vector<name_value> authorize_parameters;
  client_authentication authentication = client_authentication::body;
  http_headers token_headers;
  token_answer_shape answer;
  /// Access tokens may come with a refresh token.
  bool refresh = false;
  std::optional<revoke_shape> revoke;
};

/// A header whose value holds "{token}" at most once.
struct header_template {
  std::string name;
  std::string value;
};

/// A place in a JSON answer and the value that it must have.
struct json_condition {
  json_pointer pointer;
  json::value equals;
};

/// How to tell a rate limit from a refusal (I51).
struct rate_limit_shape {
  /// Statuses that can mean a rate limit; 429 means it always.
  std::vector<int> statuses;
  std::vector<std::string> codes;
  std::string retry_after_header;
  std::string remaining_header;
  /// Epoch seconds.
  std::string reset_header;
};

/// How to tell that a token does not work any more (I48).
struct dead_token_shape {
  std::vector<int> statuses;
  std::vector<std::string> codes;
};

/// How to tell that a token lacks a scope, and which (I50).
struct missing_scope_shape {
  std::vector<int> statuses;
  std::vector<std::string> codes;
  std::string needed_header;
  std::string granted_header;
  json_pointer needed;
};

/// How to read any answer of the provider (facts connectors.md 3).
struct answer_shape {
  /// Besides a 2xx status; Slack's `ok`.
  std::optional<json_condition> success;
  /// A machine-readable code, compared with `codes` and soft errors.
  json_pointer error_code;
  /// The first of these that is a text becomes the error text.
  std::vector<json_pointer> error_texts;
  /// Further detail: a string, an object, or an array of either.
  std::vector<json_pointer> error_details;
  rate_limit_shape rate_limit;
  dead_token_shape dead_token;
  missing_scope_shape missing_scope;
};

// -- requests -----------------------------------------------------------------

/// The value of an argument of the call.
struct from_argument {
  std::string name;
};
/// Always the same value.
struct from_constant {
  json::value value;
};
/// A value out of the answer of an earlier request of the same call.
struct from_step {
  std::size_t step = 0;
  json_pointer pointer;
  /// No error when the value is absent; the binding is skipped.
  bool optional = false;
};
/// An object of several arguments: member name and argument name.
struct from_group {
  std::vector<std::pair<std::string, std::string>> members;
};
/// A field of the connection.
struct from_connection {
  std::string name;
};

using binding_source =
  std::variant<from_argument, from_constant, from_step, from_group, from_connection>;

/// Where a value goes: `path.x`, `query.x`, `header.x`, `form.x` or `body.a.b`.
struct binding_target {
  enum class part : std::uint8_t { path, query, header, form, body } where;
  /// One name, or the members from the outside in for a body.
  std::vector<std::string> names;
};

/// The argument decides whether a binding takes part.
struct binding_condition {
  enum class kind : std::uint8_t { present, absent, is_true, is_not_true } what;
  std::string argument;
};

/// One value of a request: where it comes from, how it changes, where it goes.
struct binding {
  binding_source source;
  /// Several only for the transform `split`.
  std::vector<binding_target> targets;
  std::optional<transform> as;
  /// Connection field that stands in for an absent argument; empty for none.
  std::string default_connection_field;
  std::vector<binding_condition> conditions;
};

/// How the body of a request is written.
enum class body_format : std::uint8_t { none, json, form };

/// One request of a tool.
struct request_template {
  std::string method;
  path_template path;
  body_format body = body_format::none;
  std::vector<binding> bindings;
};

/// A request made before the tool's own, whose answer feeds later ones.
struct pre_request {
  std::string id;
  request_template request;
  /// Statuses with which the call goes on.
  std::vector<int> accept;
};

// -- tools --------------------------------------------------------------------

/// A rule over several arguments that plain schemas cannot say. Defaults do not count as given.
struct argument_rule {
  enum class kind : std::uint8_t { exactly_one_of, min_one_of, not_together } what;
  std::vector<std::string> arguments;
};

/// MCP's hints about a tool.
struct tool_annotations {
  bool read_only = false;
  bool destructive = false;
  bool idempotent = false;
  bool open_world = true;
};

/// Undoes base64 in an answer, guided by a member that names the encoding.
struct decode_shape {
  json_pointer content;
  json_pointer encoding;
  /// What to say for an encoding other than base64, by its name.
  std::vector<name_value> notes;
};

/// How a successful answer becomes a result.
struct tool_answer_shape {
  std::vector<int> statuses;
  /// What of a JSON answer is returned; `*` stands for each element.
  json_selection fields;
  /// The sentence for an object, an array, an empty body and a body that is no JSON. The last two
  /// only where the provider may answer so; `text_raw` also admits non-JSON bodies at all.
  text_template text;
  std::optional<text_template> text_array;
  std::optional<text_template> text_empty;
  std::optional<text_template> text_raw;
  /// Media types (beginnings) whose body is passed on as text even if it could be read as JSON.
  std::vector<std::string> raw_types;
  std::optional<decode_shape> decode;
  /// Provider error codes that count as success, with the sentence to give.
  std::vector<name_value> soft_errors;
};

/// One tool: what it takes, what it sends and what it gives.
struct tool {
  std::string name;
  std::string title;
  std::string description;
  /// JSON Schema 2020-12, an object schema without further properties.
  json::object input_schema;
  tool_annotations annotations;
  std::vector<std::string> scopes;
  std::vector<argument_rule> rules;
  std::vector<pre_request> before;
  request_template request;
  tool_answer_shape answer;
  /// input_schema, compiled.
  std::shared_ptr<const argument_schema> arguments;

  /// The call may be repeated when nobody knows whether it took effect (I52).
  bool repeatable() const { return annotations.read_only || annotations.idempotent; }
};

/// One app with its tools.
struct app {
  std::string slug;
  std::string title;
  std::array<std::optional<url_template>, endpoint_kinds> endpoints;
  std::vector<connection_field> connection;
  oauth_shape oauth;
  std::vector<header_template> headers;
  answer_shape answer;
  std::vector<tool> tools;

  /// The URL template of that kind, or null when the app has none (only revoke_url may be absent).
  const url_template* endpoint(endpoint_kind kind) const;
};

/// Reads one file of schema/apps. All mistakes are reported at once, one a line, each as "<file>
/// <JSON pointer>: <what is wrong>; <what is allowed>", in an errc::invalid_field whose param is
/// the first pointer.
result<app> load_app(std::string_view json_text, std::string_view file_name);

/// A value of `--app-base`: "github.api_base=http://127.0.0.1:9000".
struct endpoint_override {
  std::string slug;
  endpoint_kind endpoint = endpoint_kind::api_base;
  std::string url;
};

/// Reads one `--app-base` value; errc::invalid_field says what is wrong. http is allowed here.
result<endpoint_override> parse_endpoint_override(std::string_view setting);

/// An app together with one of its tools.
struct tool_ref {
  std::shared_ptr<const app> owner;
  const tool* item = nullptr;
};

/// All apps of a node.
class catalogue {
public:
  /// errc::invalid_field when a slug or a tool name is there twice, or an override names an app
  /// that is not there.
  static result<std::shared_ptr<const catalogue>>
  make(std::vector<app> apps, const std::vector<endpoint_override>& overrides = {});

  /// In the order given to make().
  const std::vector<std::shared_ptr<const app>>& apps() const { return apps_; }

  /// The app with that slug, or null.
  std::shared_ptr<const app> find_app(std::string_view slug) const;

  /// The tool with that name in any app, or nothing.
  std::optional<tool_ref> find_tool(std::string_view name) const;

private:
  catalogue() = default;

  std::vector<std::shared_ptr<const app>> apps_;
  std::map<std::string, tool_ref, std::less<>> tools_;
};

/// The tool of that app with that name, or null.
const tool* find_tool(const app& owner, std::string_view name);

/// The MCP listing of a tool: name, title, description, inputSchema, annotations.
json::object listing_of(const tool& x);

/// Fills in defaults and takes what the OAuth callback's query carries; errc::invalid_field names a
/// field that is missing, unknown or has a value that is not allowed (C13).
result<connection_fields> complete_fields(const app& owner, connection_fields given,
                                          const std::vector<name_value>& callback_query = {});

} // namespace callboard::connectors
