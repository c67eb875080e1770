#pragma once

#include <string>
#include <string_view>

#include "actors/interfaces.hpp"

namespace callboard {

/// One error in the envelope of I30: `{"error":{message,type,param,code,request_id}}`.
struct error_body {
  std::string_view message;
  /// As kind_of: "invalid_request_error", "server_error", ...
  std::string_view type;
  std::string_view code;
  /// The field at fault; JSON null when empty.
  std::string_view param;
  /// Left out when empty.
  std::string_view request_id;
};

/// The JSON text of the envelope.
std::string render_error(const error_body& error);

/// A whole answer with the envelope and its Content-Type. `error.type` may stay empty: it follows
/// from the status then.
reply make_error_reply(int status, error_body error);

/// An error that the edge answers by itself, with the fields that every answer carries:
/// X-Request-Id, X-Content-Type-Options, Cache-Control.
reply make_edge_reply(int status, std::string_view code, std::string_view message,
                      const request_id& id);

/// A new request id: "req_" and 32 random hexadecimal digits (I32).
request_id make_request_id();

/// The client's X-Request-Id when it has 1 to 128 characters of [A-Za-z0-9._-], else a new one.
request_id request_id_of(const http_headers& headers);

} // namespace callboard
