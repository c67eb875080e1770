#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/http_message.hpp"
#include "core/connectors/catalogue.hpp"

namespace callboard::connectors {

/// Client credentials of a platform at a provider.
struct oauth_client {
  std::string id;
  std::string secret;
};

/// Why a connect attempt failed: the closed set of R77.
enum class connect_error : std::uint8_t {
  access_denied,
  token_exchange_failed,
  no_access_token,
  missing_oauth_credentials,
  unknown_app,
  internal_error,
};

/// The wire name, equal to the enumerator's.
std::string_view to_string(connect_error x);

/// A fresh PKCE code verifier: 43 unreserved characters from the system's random source.
std::string make_code_verifier();

/// The S256 challenge of a verifier (RFC 7636).
std::string code_challenge(std::string_view verifier);

/// What the consent URL carries.
struct authorize_input {
  /// Sent exactly as it is (R74).
  std::string redirect_uri;
  std::string state;
  /// Empty: the app's default scopes (R59).
  std::vector<std::string> scopes;
  /// Used when the app knows PKCE.
  std::string code_verifier;
  connection_fields fields;
};

/// The provider's consent page (R69, R72). errc::missing_oauth_credentials without a client id or
/// secret; errc::invalid_field when a connection field is missing.
result<std::string> authorize_url(const app& owner, const oauth_client& client,
                                  const authorize_input& input);

/// What the callback brought, with what the authorize step kept.
struct exchange_input {
  std::string code;
  std::string redirect_uri;
  std::string code_verifier;
  connection_fields fields;
};

/// Exchanges a code for tokens. Errors as authorize_url.
result<http_request> exchange_request(const app& owner, const oauth_client& client,
                                      const exchange_input& input);

/// Gets a new access token. Errors as authorize_url.
result<http_request> refresh_request(const app& owner, const oauth_client& client,
                                     std::string_view refresh_token,
                                     const connection_fields& fields);

/// Tokens as the provider gave them. Secret.
struct token_set {
  std::string access_token;
  /// Empty when the answer has none; after a refresh the old one then stays valid.
  std::string refresh_token;
  /// Absent: the token does not expire by itself.
  std::optional<std::chrono::seconds> expires_in;
  /// As the provider gave it; separators differ.
  std::string scope;
  /// What the catalogue says to keep, by name.
  connection_fields extra;
};

/// Ends tokens at the provider, or nothing when the app describes no way (I57). Errors as
/// authorize_url.
result<std::optional<http_request>> revoke_request(const app& owner, const oauth_client& client,
                                                   const token_set& tokens,
                                                   const connection_fields& fields);

/// Why there are no tokens.
struct token_failure {
  connect_error code = connect_error::token_exchange_failed;
  /// The provider's words, shortened; safe to show, without secrets.
  std::string description;
  /// For refreshing: the tokens will never work again (I49). False: try later.
  bool permanent = false;
  /// The provider's error code; empty when it gave none.
  std::string error{};
};

using token_answer = std::variant<token_set, token_failure>;

/// Reads the answer to an exchange or refresh: JSON or form, errors also with status 200 (R79). An
/// answer without error and without an access token gives no_access_token (R80).
token_answer parse_token_answer(const app& owner, const http_response& answer);

/// An app that is only good for reading token answers of any OAuth 2.1 server.
app plain_oauth_app(std::string title);

/// The failure that the provider's callback query names, or nothing. A refusal is access_denied
/// (R78), anything else internal_error with the provider's text (C11).
std::optional<token_failure> callback_failure(const std::vector<name_value>& query);

} // namespace callboard::connectors
