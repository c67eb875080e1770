#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/http_message.hpp"

/// The rules by which a client gets a token for a remote MCP server (facts mcp.md 3.6): what the
/// server and its authorization server say of themselves, and what is asked of them.
namespace callboard::mcp {

/// A "Bearer" challenge of WWW-Authenticate.
struct bearer_challenge {
  std::string resource_metadata;
  std::string scope;
  /// "invalid_token", "insufficient_scope", ...
  std::string error;
};

/// The challenge of an answer, or nothing when it has none.
std::optional<bearer_challenge> read_challenge(const http_headers& headers);

/// Where a server's protected-resource metadata may be, most specific first. Nothing for a URL that
/// is none.
std::vector<std::string> resource_metadata_urls(std::string_view server_url);

/// RFC 9728.
struct resource_metadata {
  std::string resource;
  /// The first of its authorization servers.
  std::string issuer;
  std::vector<std::string> scopes;
};

/// errc::upstream_failed when it is unreadable, names no authorization server, or is about another
/// resource: tokens for that one must never be sent here.
result<resource_metadata> read_resource_metadata(std::string_view text,
                                                 std::string_view server_url);

/// Where an issuer's metadata may be (RFC 8414, OpenID Connect Discovery), in the order to try.
std::vector<std::string> issuer_metadata_urls(std::string_view issuer);

/// RFC 8414, as far as a client needs it.
struct authorization_server {
  std::string issuer;
  std::string authorization_endpoint;
  std::string token_endpoint;
  /// Empty when clients cannot register themselves.
  std::string registration_endpoint;
  /// Empty when tokens cannot be given back (RFC 7009).
  std::string revocation_endpoint;
  std::vector<std::string> token_auth_methods;
  std::vector<std::string> scopes;
  bool client_documents = false;
  /// Answers name the issuer (RFC 9207).
  bool sends_issuer = false;
};

/// errc::upstream_failed when it is unreadable, of another issuer, without an endpoint, or without
/// PKCE by S256.
result<authorization_server> read_authorization_server(std::string_view text,
                                                       std::string_view issuer);

/// What a server of 2025-03-26 without any metadata has at its origin.
authorization_server assumed_authorization_server(std::string_view origin);

/// Everything that the steps after the consent page need to know; kept as JSON text, without
/// secrets.
struct oauth_plan {
  std::string issuer;
  std::string token_endpoint;
  std::string client_id;
  /// "none", "client_secret_basic" or "client_secret_post".
  std::string auth_method;
  std::string resource;
  std::string scope;
  bool sends_issuer = false;
  /// Empty when the server takes no tokens back.
  std::string revocation_endpoint;
  /// registration_id of the client; empty when the gateway did not register it.
  std::string registration;

  using fields_map = std::map<std::string, std::string, std::less<>>;

  fields_map fields() const;
  static oauth_plan from(const fields_map& fields);
};

/// The scopes of a text, each once and in its order. At most scopes_max; what is no scope by RFC
/// 6749 is left out.
std::vector<std::string> read_scopes(std::string_view text);

/// Scopes in one text; a server that wants more gets no more.
inline constexpr std::size_t scopes_max = 64;

/// Whether another connect would help against a 403 that wants `challenged`: it names a scope that
/// the connection has not asked for.
bool can_step_up(const std::vector<std::string>& challenged, std::string_view asked);

/// The scopes to ask for: what the challenge demands, else what the platform wants, else what the
/// server supports; then those of `earlier`, which were asked for or missed before; with
/// offline_access where the authorization server knows it.
std::string choose_scope(const std::string& challenged, const std::vector<std::string>& configured,
                         const resource_metadata& resource, const authorization_server& server,
                         const std::vector<std::string>& earlier = {});

/// How a client proves itself at the token endpoint, of what the server takes.
std::string choose_auth_method(const authorization_server& server, bool has_secret);

/// How a client is registered to prove itself: the server's first choice among what we can do.
std::string choose_registered_method(const authorization_server& server);

/// The consent page.
std::string consent_url(const authorization_server& server, const oauth_plan& plan,
                        std::string_view redirect_uri, std::string_view state,
                        std::string_view code_verifier);

/// The body of a dynamic registration (RFC 7591).
std::string registration_body(std::string_view redirect_uri, std::string_view auth_method);

/// The client document of the gateway, served where its id says.
std::string client_document(std::string_view client_id, std::string_view redirect_uri);

/// A client that an authorization server knows.
struct registered_client {
  std::string id;
  std::string secret;
  /// As the server decided; empty when it did not say.
  std::string auth_method;
  /// Seconds since 1970 when the secret ends; 0 for never.
  std::int64_t expires_at = 0;
};

/// Under what a registered client is kept: one for each issuer and redirect URI.
std::string registration_id(std::string_view issuer, std::string_view redirect_uri);

/// Whether an OAuth error says that the server does not know the client.
bool is_client_unknown(std::string_view error);

/// Reads the answer to a registration. errc::upstream_failed when there is no client.
result<registered_client> read_registration(const http_response& answer);

/// Whether the callback's `iss` fits (RFC 9207): errors of ours name no word of the response.
result<void> check_issuer(const oauth_plan& plan, const std::optional<std::string>& issuer);

/// A request to the token endpoint; `fields` are those of the grant.
http_request token_request(const oauth_plan& plan, std::string_view client_secret,
                           std::vector<name_value> fields);

/// Requests that give tokens back (RFC 7009), none when the server takes none back. The refresh
/// token comes first: many servers end the others with it.
std::vector<http_request> revocation_requests(const oauth_plan& plan,
                                              std::string_view client_secret,
                                              const std::string& refresh_token,
                                              const std::string& access_token);

} // namespace callboard::mcp
