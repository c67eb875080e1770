#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/http_message.hpp"

namespace callboard {

/// How the end of a response body is found.
enum class body_form : std::uint8_t {
  /// Content-Length.
  sized,
  /// Chunked encoding.
  chunked,
};

/// Status line and header fields of an answer, before its body.
struct response_head {
  int status = 200;
  const http_headers& headers;
  body_form form = body_form::sized;
  std::size_t body_bytes = 0;
  bool close = false;
};

/// The status line and header fields of an HTTP/1.1 response, with the empty line behind them.
/// Adds Date, Content-Length or Transfer-Encoding, and Connection: close. Given fields of those
/// names, and fields with line breaks or other control characters, are left out.
std::string render_head(const response_head& head);

/// Whether a response of that status has no body and no Content-Length (RFC 9110 section 8.6).
bool has_no_body(int status);

/// The usual phrase, "Not Found" for 404; empty for unknown ones.
std::string_view reason_phrase(int status);

/// One chunk of the chunked encoding. An empty piece gives nothing, since it would end the body.
void append_chunk(std::string& out, std::string_view piece);

} // namespace callboard
