#pragma once

#include <string>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/http_message.hpp"
#include "core/base/json.hpp"
#include "core/connectors/catalogue.hpp"

/// Internal to core/connectors: one request template with values.
namespace callboard::connectors {

/// What a request is made of.
struct render_input {
  const app& owner;
  const json::object& arguments;
  const connection_fields& fields;
  std::string_view access_token;
  /// Answers of earlier requests, or null to render before they are known: values out of them are
  /// then made up.
  const std::vector<json::value>* answers = nullptr;
};

/// Errors as call_plan::request.
result<http_request> render_request(const request_template& what, const render_input& input);

/// The value of "conn.x" or "client_id" for url_template::render.
std::optional<std::string> url_value(const connection_fields& fields, std::string_view client_id,
                                     std::string_view name);

/// The app's headers with the token put in.
http_headers render_headers(const app& owner, std::string_view access_token);

} // namespace callboard::connectors
