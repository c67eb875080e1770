#include "core/connectors/oauth.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "core/base/digest.hpp"
#include "core/connectors/request_renderer.hpp"
#include "core/connectors/utf8.hpp"

namespace callboard::connectors {
namespace {

/// Bytes of randomness in a code verifier; their base64url has RFC 7636's least length of 43.
constexpr std::size_t verifier_bytes = 32;
/// A provider's words in a landing URL.
constexpr std::size_t description_bytes_max = 200;
/// Longer-lived tokens are taken for a mistake and cut to that.
constexpr std::int64_t lifetime_seconds_max = 10LL * 365 * 86'400;
/// Tokens are kept sealed and sent in a header.
constexpr std::size_t token_bytes_max = 4096;

constexpr std::string_view form_type = "application/x-www-form-urlencoded";

result<std::string> endpoint_url(const app& owner, endpoint_kind kind, const oauth_client& client,
                                 const connection_fields& fields) {
  if (client.id.empty() || client.secret.empty())
    return make_problem(errc::missing_oauth_credentials,
                        owner.title + " has no OAuth client id and secret.");
  return owner.endpoint(kind)->render(
    [&](std::string_view name) { return url_value(fields, client.id, name); });
}

/// Basic authentication of a client at a token endpoint (RFC 6749 2.3.1).
http_header basic_header(std::string_view id, std::string_view secret) {
  return {"Authorization", "Basic " + to_base64(std::string{id} + ':' + std::string{secret})};
}

/// A POST of `fields` to the token endpoint with the client's proof.
result<http_request> token_post(const app& owner, const oauth_client& client,
                                const connection_fields& connection,
                                std::vector<name_value> fields) {
  auto url = endpoint_url(owner, endpoint_kind::token_url, client, connection);
  if (!url)
    return url.error();
  http_request x{"POST", std::move(*url), {}, {}};
  x.headers = {{"Content-Type", std::string{form_type}}, {"Accept", "application/json"}};
  for (auto& header : owner.oauth.token_headers)
    x.headers.push_back(header);
  if (owner.oauth.authentication == client_authentication::basic) {
    x.headers.push_back(basic_header(percent_encode(client.id), percent_encode(client.secret)));
  } else {
    fields.emplace_back("client_id", client.id);
    fields.emplace_back("client_secret", client.secret);
  }
  x.body = encode_form(fields);
  return x;
}

/// The members of a token answer, from JSON or from a form; nothing when it is neither.
std::optional<json::value> read_members(const http_response& answer) {
  if (auto value = parse_json(answer.body); value && value->is_object())
    return std::move(*value);
  auto type = to_lower(find_header(answer.headers, "Content-Type").value_or(""));
  if (!type.starts_with(form_type) || !is_text(answer.body))
    return std::nullopt;
  auto fields = parse_form(answer.body);
  if (!fields)
    return std::nullopt;
  json::object members;
  for (auto& [name, value] : *fields)
    if (is_text(value) && is_text(name))
      members[name] = value;
  return json::value(std::move(members));
}

std::string text_at(const json::value& members, const json_pointer& place) {
  auto* x = place.empty() ? nullptr : place.find_in(members);
  return x && !x->is_null() && !x->is_structured() ? to_text(*x) : std::string{};
}

/// A whole number, also when it comes as a text.
std::optional<std::chrono::seconds> seconds_at(const json::value& members,
                                               const json_pointer& place) {
  auto text = text_at(members, place);
  std::int64_t x = 0;
  auto [rest, ec] = std::from_chars(text.data(), text.data() + text.size(), x);
  if (text.empty() || ec != std::errc{} || x <= 0)
    return std::nullopt;
  return std::chrono::seconds{std::min(x, lifetime_seconds_max)};
}

/// Visible ASCII that fits a header.
bool is_token(std::string_view x) {
  return !x.empty() && x.size() <= token_bytes_max
         && std::all_of(x.begin(), x.end(), [](char c) { return c > ' ' && c < 0x7F; });
}

/// A provider's words without control characters.
std::string clean(std::string text) {
  std::replace_if(
    text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
  return std::string{cut_text(text, description_bytes_max)};
}

std::string describe(const std::string& code, const std::string& words) {
  if (words.empty())
    return clean(code);
  return clean(code.empty() ? words : code + ": " + words);
}

/// Codes that any OAuth server may use for "later" (RFC 6749 4.1.2.1).
bool is_temporary(const app& owner, const std::string& code) {
  auto& known = owner.oauth.answer.temporary_errors;
  return code == "temporarily_unavailable" || code == "server_error"
         || std::find(known.begin(), known.end(), code) != known.end();
}

/// Replaces a placeholder of revoke_shape.
std::string revoke_value(const std::string& x, const oauth_client& client,
                         const token_set& tokens) {
  if (x == "{access_token}")
    return tokens.access_token;
  if (x == "{refresh_token}")
    return tokens.refresh_token;
  if (x == "{client_id}")
    return client.id;
  return x == "{client_secret}" ? client.secret : x;
}

} // namespace

std::string_view to_string(connect_error x) {
  switch (x) {
  case connect_error::access_denied:
    return "access_denied";
  case connect_error::token_exchange_failed:
    return "token_exchange_failed";
  case connect_error::no_access_token:
    return "no_access_token";
  case connect_error::missing_oauth_credentials:
    return "missing_oauth_credentials";
  case connect_error::unknown_app:
    return "unknown_app";
  case connect_error::internal_error:
    return "internal_error";
  }
  return {};
}

std::string make_code_verifier() { return to_base64url(random_bytes(verifier_bytes)); }

std::string code_challenge(std::string_view verifier) { return to_base64url(sha256(verifier)); }

result<std::string> authorize_url(const app& owner, const oauth_client& client,
                                  const authorize_input& input) {
  auto url = endpoint_url(owner, endpoint_kind::authorize_url, client, input.fields);
  if (!url)
    return url.error();
  std::string scopes;
  for (auto& scope : input.scopes.empty() ? owner.oauth.default_scopes : input.scopes)
    scopes += (scopes.empty() ? "" : owner.oauth.scope_separator) + scope;
  std::vector<name_value> query{{"response_type", "code"},
                                {"client_id", client.id},
                                {"redirect_uri", input.redirect_uri},
                                {owner.oauth.scope_parameter, scopes},
                                {"state", input.state}};
  if (owner.oauth.pkce && !input.code_verifier.empty()) {
    query.emplace_back("code_challenge", code_challenge(input.code_verifier));
    query.emplace_back("code_challenge_method", "S256");
  }
  for (auto& extra : owner.oauth.authorize_parameters)
    query.push_back(extra);
  return *url + '?' + encode_form(query);
}

result<http_request> exchange_request(const app& owner, const oauth_client& client,
                                      const exchange_input& input) {
  std::vector<name_value> fields{{"grant_type", "authorization_code"},
                                 {"code", input.code},
                                 {"redirect_uri", input.redirect_uri}};
  if (owner.oauth.pkce && !input.code_verifier.empty())
    fields.emplace_back("code_verifier", input.code_verifier);
  return token_post(owner, client, input.fields, std::move(fields));
}

result<http_request> refresh_request(const app& owner, const oauth_client& client,
                                     std::string_view refresh_token,
                                     const connection_fields& fields) {
  return token_post(
    owner, client, fields,
    {{"grant_type", "refresh_token"}, {"refresh_token", std::string{refresh_token}}});
}

result<std::optional<http_request>> revoke_request(const app& owner, const oauth_client& client,
                                                   const token_set& tokens,
                                                   const connection_fields& fields) {
  if (!owner.oauth.revoke)
    return std::optional<http_request>{};
  auto& shape = *owner.oauth.revoke;
  auto url = endpoint_url(owner, endpoint_kind::revoke_url, client, fields);
  if (!url)
    return url.error();
  http_request x{shape.method, std::move(*url), {}, {}};
  for (auto& header : render_headers(owner, tokens.access_token)) {
    bool proof = iequals(header.name, "Authorization");
    if (!proof || shape.authentication == revoke_shape::authentication_kind::bearer)
      x.headers.push_back(header);
  }
  if (shape.authentication == revoke_shape::authentication_kind::basic)
    x.headers.push_back(basic_header(client.id, client.secret));
  if (shape.body == revoke_shape::body_kind::json) {
    json::object body;
    for (auto& [name, value] : shape.fields)
      body[name] = revoke_value(value, client, tokens);
    x.headers.push_back({"Content-Type", "application/json"});
    x.body = json::serialize(body);
  } else if (shape.body == revoke_shape::body_kind::form) {
    std::vector<name_value> body;
    for (auto& [name, value] : shape.fields)
      body.emplace_back(name, revoke_value(value, client, tokens));
    x.headers.push_back({"Content-Type", std::string{form_type}});
    x.body = encode_form(body);
  }
  return std::optional<http_request>{std::move(x)};
}

token_answer parse_token_answer(const app& owner, const http_response& answer) {
  constexpr int ok = 200;
  constexpr int ok_end = 300;
  constexpr int too_many_requests = 429;
  constexpr int server_begin = 500;
  auto& shape = owner.oauth.answer;
  auto members = read_members(answer);
  auto status = " (status " + std::to_string(answer.status) + ").";
  if (!members)
    return token_failure{connect_error::token_exchange_failed,
                         owner.title + " gave an unreadable answer" + status, false};
  auto code = text_at(*members, shape.error);
  bool later = answer.status == too_many_requests || answer.status >= server_begin;
  if (!code.empty())
    return token_failure{connect_error::token_exchange_failed,
                         describe(code, text_at(*members, shape.error_description)),
                         !later && !is_temporary(owner, code), code};
  if (answer.status < ok || answer.status >= ok_end)
    return token_failure{connect_error::token_exchange_failed,
                         owner.title + " refused the request" + status, false};
  token_set x;
  x.access_token = text_at(*members, shape.access_token);
  if (!is_token(x.access_token))
    return token_failure{connect_error::no_access_token,
                         owner.title + " answered without an access token.", false};
  x.refresh_token = text_at(*members, shape.refresh_token);
  if (!is_token(x.refresh_token))
    x.refresh_token.clear();
  x.expires_in = seconds_at(*members, shape.expires_in);
  x.scope = text_at(*members, shape.scope);
  for (auto& [name, place] : shape.keep)
    if (auto value = text_at(*members, place); !value.empty())
      x.extra[name] = std::move(value);
  return x;
}

app plain_oauth_app(std::string title) {
  auto place = [](const char* text) { return *json_pointer::parse(text); };
  app x;
  x.title = std::move(title);
  auto& shape = x.oauth.answer;
  shape.access_token = place("/access_token");
  shape.refresh_token = place("/refresh_token");
  shape.expires_in = place("/expires_in");
  shape.scope = place("/scope");
  shape.error = place("/error");
  shape.error_description = place("/error_description");
  return x;
}

std::optional<token_failure> callback_failure(const std::vector<name_value>& query) {
  auto error = find_field(query, "error").value_or("");
  auto words = find_field(query, "error_description").value_or("");
  if (!is_text(words))
    words.clear();
  if (error == "access_denied")
    return token_failure{connect_error::access_denied,
                         words.empty() ? "The user refused the connection." : clean(words), true};
  if (!error.empty())
    return token_failure{connect_error::internal_error,
                         describe(is_text(error) ? error : std::string{}, words), true, error};
  if (find_field(query, "code").value_or("").empty())
    return token_failure{connect_error::internal_error, "The provider sent no code.", true};
  return std::nullopt;
}

} // namespace callboard::connectors
