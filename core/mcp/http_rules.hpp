#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/http_message.hpp"
#include "core/base/ids.hpp"

namespace callboard::mcp {

/// Names of header fields of MCP over HTTP.
namespace header {
inline constexpr std::string_view session = "Mcp-Session-Id";
inline constexpr std::string_view version = "MCP-Protocol-Version";
inline constexpr std::string_view last_event = "Last-Event-ID";
} // namespace header

/// The verbs of an endpoint with sessions, for 405 answers.
inline constexpr std::string_view allowed_methods = "GET, POST, DELETE";
/// Where no stream can be had (I62).
inline constexpr std::string_view allowed_methods_without_stream = "POST, DELETE";

/// A session id of a client is not longer; ours have 43 characters.
inline constexpr std::size_t session_id_bytes_max = 256;

/// The forms of an answer that a client takes.
struct answer_forms {
  bool json = true;
  bool event_stream = true;
};

/// What Accept allows for a POST. Lenient (C4): absent, empty and `*/*` mean both. A client that
/// takes neither gets errc::not_acceptable (406).
result<answer_forms> accepted_forms(const http_headers& headers);

/// For a GET that opens the stream: Accept must be there and allow text/event-stream, else
/// errc::not_acceptable (L7).
result<void> check_stream_accepted(const http_headers& headers);

/// The body of a POST must be application/json, parameters allowed; else
/// errc::unsupported_media_type (415, C5). A charset other than UTF-8 is refused as well.
result<void> check_content_type(const http_headers& headers);

/// Guards against DNS rebinding (C1, I70). An absent Origin is fine. Otherwise it must be a http(s)
/// origin of a loopback host or of one of `allowed_hosts` ("mcp.example.com" for its default port
/// or any, "mcp.example.com:8443" for that port only); else errc::origin_refused (403).
result<void> check_origin(const http_headers& headers,
                          const std::vector<std::string>& allowed_hosts);

/// Likewise for Host, for listeners on loopback (C2): exactly one Host header, a loopback name or
/// one of `allowed_hosts`.
result<void> check_host(const http_headers& headers, const std::vector<std::string>& allowed_hosts);

/// The session of a request, or nothing when the header is absent or empty. An id that cannot be
/// one (characters outside 0x21-0x7E, too long) is errc::session_expired, like any unknown one.
result<std::optional<session_id>> session_of(const http_headers& headers);

/// Like session_of, but the header must be there: errc::bad_request (400, -32000; L3).
result<session_id> require_session(const http_headers& headers);

/// Headers that let a browser page of an allowed origin read an answer (C10). `origin` is the
/// request's Origin after check_origin; no headers when it is empty.
http_headers cors_headers(std::string_view origin);

/// Likewise for the answer (204) to an OPTIONS request.
http_headers preflight_headers(std::string_view origin);

} // namespace callboard::mcp
