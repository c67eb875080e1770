#include "core/mcp/authorization.hpp"

#include <algorithm>
#include <utility>

#include "core/base/digest.hpp"
#include "core/base/json.hpp"

namespace callboard::mcp {
namespace {

constexpr std::string_view method_none = "none";
constexpr std::string_view method_basic = "client_secret_basic";
constexpr std::string_view method_post = "client_secret_post";
constexpr std::string_view offline_access = "offline_access";

caf::error strange(std::string why) { return make_problem(errc::upstream_failed, std::move(why)); }

/// "https://host:port" and the path behind it, without query and fragment.
std::optional<std::pair<std::string, std::string>> split_url(std::string_view url) {
  auto scheme = url.find("://");
  if (scheme == std::string_view::npos || scheme == 0)
    return std::nullopt;
  auto rest = url.substr(0, url.find_first_of("?#"));
  auto slash = rest.find('/', scheme + 3);
  auto origin = to_lower(rest.substr(0, slash));
  auto path = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash);
  return std::pair{std::move(origin), std::string{path}};
}

std::string_view without_slash(std::string_view path) {
  while (!path.empty() && path.back() == '/')
    path.remove_suffix(1);
  return path;
}

std::vector<std::string> texts(const json::object& object, std::string_view key) {
  std::vector<std::string> out;
  if (auto* list = find_array(object, key))
    for (auto& item : *list)
      if (item.is_string())
        out.push_back(to_std(item.get_string()));
  return out;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (auto& word : words)
    text += (text.empty() ? "" : " ") + word;
  return text;
}

bool has(const std::vector<std::string>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

bool has_word(std::string_view text, std::string_view word) {
  while (!text.empty()) {
    auto end = std::min(text.find(' '), text.size());
    if (text.substr(0, end) == word)
      return true;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return false;
}

/// Reads `name=value` and `name="value"` pairs behind a scheme, up to the next scheme.
class parameter_reader {
public:
  explicit parameter_reader(std::string_view text) : text_(text) {}

  std::optional<name_value> next() {
    while (!text_.empty()
           && (text_.front() == ' ' || text_.front() == ',' || text_.front() == '\t'))
      text_.remove_prefix(1);
    auto equals = text_.find_first_of("=, \t");
    if (equals == std::string_view::npos || text_[equals] != '=')
      return std::nullopt; // another scheme, or nothing
    auto key = to_lower(text_.substr(0, equals));
    text_.remove_prefix(equals + 1);
    return name_value{std::move(key), value()};
  }

private:
  std::string value() {
    std::string out;
    if (text_.empty() || text_.front() != '"') {
      auto end = std::min(text_.find_first_of(", \t"), text_.size());
      out = text_.substr(0, end);
      text_.remove_prefix(end);
      return out;
    }
    std::size_t i = 1;
    for (; i < text_.size() && text_[i] != '"'; ++i) {
      if (text_[i] == '\\' && i + 1 < text_.size())
        ++i;
      out += text_[i];
    }
    text_.remove_prefix(std::min(i + 1, text_.size()));
    return out;
  }

  std::string_view text_;
};

} // namespace

std::optional<bearer_challenge> read_challenge(const http_headers& headers) {
  constexpr std::string_view scheme = "bearer";
  for (auto& header : headers) {
    if (!iequals(header.name, "WWW-Authenticate"))
      continue;
    auto at = to_lower(header.value).find(scheme);
    if (at == std::string::npos)
      continue;
    bearer_challenge x;
    parameter_reader reader{std::string_view{header.value}.substr(at + scheme.size())};
    while (auto parameter = reader.next()) {
      auto& [key, value] = *parameter;
      if (key == "resource_metadata")
        x.resource_metadata = value;
      else if (key == "scope")
        x.scope = value;
      else if (key == "error")
        x.error = value;
    }
    return x;
  }
  return std::nullopt;
}

std::vector<std::string> resource_metadata_urls(std::string_view server_url) {
  constexpr std::string_view place = "/.well-known/oauth-protected-resource";
  auto parts = split_url(server_url);
  if (!parts)
    return {};
  std::vector<std::string> urls;
  auto path = without_slash(parts->second);
  if (!path.empty())
    urls.push_back(parts->first + std::string{place} + std::string{path});
  urls.push_back(parts->first + std::string{place});
  return urls;
}

result<resource_metadata> read_resource_metadata(std::string_view text,
                                                 std::string_view server_url) {
  auto object = parse_json_object(text);
  if (!object)
    return strange("The server's resource metadata is unreadable.");
  resource_metadata x;
  x.resource = find_string(*object, "resource").value_or("");
  auto own = split_url(server_url);
  auto named = split_url(x.resource);
  bool about_us = own && named && own->first == named->first;
  if (about_us) {
    auto prefix = std::string{without_slash(named->second)} + '/';
    about_us = (std::string{without_slash(own->second)} + '/').starts_with(prefix);
  }
  if (!about_us)
    return strange("The server's resource metadata is about another resource.");
  auto servers = texts(*object, "authorization_servers");
  if (servers.empty())
    return strange("The server names no authorization server.");
  x.issuer = servers.front();
  x.scopes = texts(*object, "scopes_supported");
  return x;
}

std::vector<std::string> issuer_metadata_urls(std::string_view issuer) {
  constexpr std::string_view oauth = "/.well-known/oauth-authorization-server";
  constexpr std::string_view openid = "/.well-known/openid-configuration";
  auto parts = split_url(issuer);
  if (!parts)
    return {};
  auto& [origin, full_path] = *parts;
  std::string path{without_slash(full_path)};
  if (path.empty())
    return {origin + std::string{oauth}, origin + std::string{openid}};
  return {origin + std::string{oauth} + path, origin + std::string{openid} + path,
          origin + path + std::string{openid}};
}

result<authorization_server> read_authorization_server(std::string_view text,
                                                       std::string_view issuer) {
  auto object = parse_json_object(text);
  if (!object)
    return strange("The authorization server's metadata is unreadable.");
  authorization_server x;
  x.issuer = find_string(*object, "issuer").value_or("");
  // Nothing is brought into a normal form: two spellings are two issuers.
  if (x.issuer != issuer)
    return strange("The authorization server's metadata is of another issuer.");
  x.authorization_endpoint = find_string(*object, "authorization_endpoint").value_or("");
  x.token_endpoint = find_string(*object, "token_endpoint").value_or("");
  if (x.authorization_endpoint.empty() || x.token_endpoint.empty())
    return strange("The authorization server's metadata lacks an endpoint.");
  if (!has(texts(*object, "code_challenge_methods_supported"), "S256"))
    return strange("The authorization server does not offer PKCE with S256.");
  x.registration_endpoint = find_string(*object, "registration_endpoint").value_or("");
  x.revocation_endpoint = find_string(*object, "revocation_endpoint").value_or("");
  x.token_auth_methods = texts(*object, "token_endpoint_auth_methods_supported");
  x.scopes = texts(*object, "scopes_supported");
  x.client_documents = find_bool(*object, "client_id_metadata_document_supported").value_or(false);
  x.sends_issuer =
    find_bool(*object, "authorization_response_iss_parameter_supported").value_or(false);
  return x;
}

authorization_server assumed_authorization_server(std::string_view origin) {
  authorization_server x;
  x.issuer = std::string{origin};
  x.authorization_endpoint = x.issuer + "/authorize";
  x.token_endpoint = x.issuer + "/token";
  x.registration_endpoint = x.issuer + "/register";
  return x;
}

oauth_plan::fields_map oauth_plan::fields() const {
  return {{"issuer", issuer},
          {"token_endpoint", token_endpoint},
          {"client_id", client_id},
          {"auth_method", auth_method},
          {"resource", resource},
          {"scope", scope},
          {"sends_issuer", sends_issuer ? "true" : "false"},
          {"revocation_endpoint", revocation_endpoint},
          {"registration", registration}};
}

oauth_plan oauth_plan::from(const fields_map& fields) {
  auto at = [&](const char* key) {
    auto found = fields.find(key);
    return found == fields.end() ? std::string{} : found->second;
  };
  oauth_plan x;
  x.issuer = at("issuer");
  x.token_endpoint = at("token_endpoint");
  x.client_id = at("client_id");
  x.auth_method = at("auth_method");
  x.resource = at("resource");
  x.scope = at("scope");
  x.sends_issuer = at("sends_issuer") == "true";
  x.revocation_endpoint = at("revocation_endpoint");
  x.registration = at("registration");
  return x;
}

std::vector<std::string> read_scopes(std::string_view text) {
  auto is_scope = [](std::string_view word) {
    return std::all_of(word.begin(), word.end(),
                       [](char c) { return c > ' ' && c <= '~' && c != '"' && c != '\\'; });
  };
  std::vector<std::string> scopes;
  while (!text.empty() && scopes.size() < scopes_max) {
    auto end = std::min(text.find(' '), text.size());
    auto word = text.substr(0, end);
    if (!word.empty() && is_scope(word) && !has(scopes, word))
      scopes.emplace_back(word);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return scopes;
}

bool can_step_up(const std::vector<std::string>& challenged, std::string_view asked) {
  return std::any_of(challenged.begin(), challenged.end(),
                     [&](auto& scope) { return !has_word(asked, scope); });
}

std::string choose_scope(const std::string& challenged, const std::vector<std::string>& configured,
                         const resource_metadata& resource, const authorization_server& server,
                         const std::vector<std::string>& earlier) {
  auto scope = !challenged.empty()   ? challenged
               : !configured.empty() ? joined(configured)
                                     : joined(resource.scopes);
  for (auto& word : earlier)
    if (!has_word(scope, word))
      scope += (scope.empty() ? "" : " ") + word;
  if (has(server.scopes, offline_access) && !has_word(scope, offline_access))
    scope += (scope.empty() ? "" : " ") + std::string{offline_access};
  return scope;
}

std::string choose_auth_method(const authorization_server& server, bool has_secret) {
  auto& taken = server.token_auth_methods;
  if (!has_secret)
    return std::string{method_none};
  if (taken.empty() || has(taken, method_basic)) // RFC 8414: the default
    return std::string{method_basic};
  return std::string{has(taken, method_post) ? method_post : method_none};
}

std::string choose_registered_method(const authorization_server& server) {
  auto& taken = server.token_auth_methods;
  auto ours = std::find_if(taken.begin(), taken.end(), [](auto& method) {
    return method == method_none || method == method_basic || method == method_post;
  });
  return ours == taken.end() ? std::string{method_none} : *ours;
}

std::string consent_url(const authorization_server& server, const oauth_plan& plan,
                        std::string_view redirect_uri, std::string_view state,
                        std::string_view code_verifier) {
  std::vector<name_value> query{{"response_type", "code"},
                                {"client_id", plan.client_id},
                                {"redirect_uri", std::string{redirect_uri}},
                                {"state", std::string{state}},
                                {"code_challenge", to_base64url(sha256(code_verifier))},
                                {"code_challenge_method", "S256"},
                                {"resource", plan.resource}};
  if (!plan.scope.empty())
    query.emplace_back("scope", plan.scope);
  if (has_word(plan.scope, offline_access)) // OpenID Connect gives it only with consent
    query.emplace_back("prompt", "consent");
  auto& base = server.authorization_endpoint;
  return base + (base.find('?') == std::string::npos ? '?' : '&') + encode_form(query);
}

std::string registration_body(std::string_view redirect_uri, std::string_view auth_method) {
  json::object body{{"client_name", "Callboard"}, {"application_type", "web"}};
  body["redirect_uris"] = json::array{std::string{redirect_uri}};
  body["grant_types"] = json::array{"authorization_code", "refresh_token"};
  body["response_types"] = json::array{"code"};
  body["token_endpoint_auth_method"] = std::string{auth_method};
  return json::serialize(body);
}

std::string client_document(std::string_view client_id, std::string_view redirect_uri) {
  json::object body{{"client_id", std::string{client_id}}, {"client_name", "Callboard"}};
  body["redirect_uris"] = json::array{std::string{redirect_uri}};
  body["grant_types"] = json::array{"authorization_code", "refresh_token"};
  body["response_types"] = json::array{"code"};
  body["token_endpoint_auth_method"] = "none";
  return json::serialize(body);
}

result<registered_client> read_registration(const http_response& answer) {
  auto object = parse_json_object(answer.body);
  bool good = answer.status >= 200 && answer.status < 300 && object;
  auto id = good ? find_string(*object, "client_id") : std::nullopt;
  if (!id || id->empty())
    return strange("The authorization server did not register the gateway (status "
                   + std::to_string(answer.status) + ").");
  return registered_client{std::move(*id), find_string(*object, "client_secret").value_or(""),
                           find_string(*object, "token_endpoint_auth_method").value_or(""),
                           find_integer(*object, "client_secret_expires_at").value_or(0)};
}

std::string registration_id(std::string_view issuer, std::string_view redirect_uri) {
  return to_hex(sha256(std::string{issuer} + '\n' + std::string{redirect_uri}));
}

bool is_client_unknown(std::string_view error) {
  return error == "invalid_client" || error == "unauthorized_client";
}

result<void> check_issuer(const oauth_plan& plan, const std::optional<std::string>& issuer) {
  if (issuer && *issuer != plan.issuer)
    return strange("The answer is of another authorization server.");
  if (!issuer && plan.sends_issuer)
    return strange("The authorization server did not name itself in its answer.");
  return {};
}

namespace {

/// A form for an endpoint at which the client proves itself.
http_request client_request(const oauth_plan& plan, const std::string& url,
                            std::string_view client_secret, std::vector<name_value> fields) {
  http_request x{
    "POST",
    url,
    {{"Content-Type", "application/x-www-form-urlencoded"}, {"Accept", "application/json"}},
    {}};
  if (plan.auth_method == method_basic) {
    x.headers.push_back(
      {"Authorization",
       "Basic " + to_base64(percent_encode(plan.client_id) + ':' + percent_encode(client_secret))});
  } else {
    fields.emplace_back("client_id", plan.client_id);
    if (plan.auth_method == method_post)
      fields.emplace_back("client_secret", std::string{client_secret});
  }
  x.body = encode_form(fields);
  return x;
}

} // namespace

http_request token_request(const oauth_plan& plan, std::string_view client_secret,
                           std::vector<name_value> fields) {
  if (!plan.resource.empty())
    fields.emplace_back("resource", plan.resource);
  return client_request(plan, plan.token_endpoint, client_secret, std::move(fields));
}

std::vector<http_request> revocation_requests(const oauth_plan& plan,
                                              std::string_view client_secret,
                                              const std::string& refresh_token,
                                              const std::string& access_token) {
  std::vector<http_request> requests;
  if (plan.revocation_endpoint.empty())
    return requests;
  for (auto& [token, hint] :
       {std::pair{refresh_token, "refresh_token"}, std::pair{access_token, "access_token"}})
    if (!token.empty())
      requests.push_back(client_request(plan, plan.revocation_endpoint, client_secret,
                                        {{"token", token}, {"token_type_hint", hint}}));
  return requests;
}

} // namespace callboard::mcp
