#pragma once

#include <memory>
#include <string>

#include "actors/call.hpp"
#include "core/connectors/catalogue.hpp"
#include "core/connectors/oauth.hpp"

/// What connecting a catalogue app and connecting a remote MCP server have in common.
namespace callboard::calls {

/// An attempt to connect: what the state stands for, and the platform's app as it is now.
struct connect_attempt {
  std::string id;
  platform_id platform;
  end_user_id end_user;
  std::string app;
  std::string code_verifier;
  std::string redirect_url;
  connectors::connection_fields fields;
  connectors::oauth_client client;
  /// The client belongs to the connection and its secret is kept with the tokens.
  bool own_client = false;
};

using connect_attempt_ptr = std::shared_ptr<connect_attempt>;

/// Where providers send browsers back to.
std::string callback_uri(const node_settings& settings);

/// The member texts of a JSON object; an empty text has none.
connectors::connection_fields fields_from(const std::string& text);

/// The texts of a JSON array; an empty text has none.
std::vector<std::string> texts_from(const std::string& text);

/// Keeps the attempt under a fresh state and sends the browser to `url_of(state)`.
void begin_attempt(call_self self, const connect_attempt& x, const std::string& kept_secret,
                   const std::function<std::string(const std::string&)>& url_of);

/// Sends the browser back to the platform with the reason.
void land_failed(call_self self, const connect_attempt& x, connectors::connect_error code,
                 const std::string& why);

/// Sends the request to the token endpoint, reads the answer as `reader` says, stores the
/// connection, and sends the browser back.
void exchange_code(call_self self, const connect_attempt_ptr& x, http_request request,
                   std::shared_ptr<const connectors::app> reader);

/// The consent page of a remote MCP server.
void server_authorize(call_self self, const std::string& slug);

/// The authorization server of a remote MCP server does not know the client of the attempt: if the
/// gateway had registered it, the next attempt registers another.
void forget_registration(call_self self, const connect_attempt& x);

/// The callback of an attempt at a remote MCP server.
void server_callback(call_self self, const connect_attempt_ptr& x);

} // namespace callboard::calls
