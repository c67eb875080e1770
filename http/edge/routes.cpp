#include "http/edge/routes.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include <caf/send.hpp>

#include "http/edge/decorated_sink.hpp"
#include "http/edge/origin.hpp"

namespace callboard {
namespace {

/// A browser keeps the answer to a preflight that long.
constexpr const char* preflight_seconds = "600";
constexpr std::string_view me_prefix = "/v1/me/";
constexpr std::string_view mcp_path = "/mcp";
/// Request header fields that MCP clients in browsers send (facts mcp.md C10).
constexpr const char* mcp_request_headers =
  "content-type, accept, authorization, mcp-session-id, mcp-protocol-version, last-event-id, "
  "mcp-method, mcp-name";
constexpr std::string_view mcp_parameter_prefix = "mcp-param-";
constexpr const char* mcp_response_headers =
  "Mcp-Session-Id, MCP-Protocol-Version, WWW-Authenticate, X-Request-Id, Retry-After, "
  "X-Callboard-Cost-Usd, X-Callboard-Overhead-Ms, X-RateLimit-Limit-Requests, "
  "X-RateLimit-Remaining-Requests, X-RateLimit-Reset-Requests";

bool is_json(std::string_view content_type) {
  auto media_type = trim(content_type.substr(0, content_type.find(';')));
  if (iequals(media_type, "application/json"))
    return true;
  auto lower = to_lower(media_type);
  return lower.starts_with("application/") && lower.ends_with("+json");
}

bool needs_json(const route& line, const wire_request& request) {
  bool writes = request.method == "POST" || request.method == "PATCH" || request.method == "PUT";
  return writes && !request.body.empty() && !line.has(route_flag::any_body);
}

/// The endpoint of all apps, or of one.
bool is_mcp(std::string_view path) {
  return path.starts_with(mcp_path)
         && (path.size() == mcp_path.size() || path[mcp_path.size()] == '/');
}

/// The fields that let a browser show the answer to a page.
http_headers cors_fields(const route_settings& settings, const wire_request& request,
                         std::string_view path) {
  if (settings.side == edge_side::api && path.starts_with(me_prefix))
    return {{"Access-Control-Allow-Origin", "*"},
            {"Access-Control-Expose-Headers", "X-Request-Id"}};
  auto origin = find_header(request.headers, "Origin");
  if (settings.side != edge_side::mcp || !is_mcp(path) || !origin
      || !origin_allowed(*origin, settings.own_urls))
    return {};
  return {{"Access-Control-Allow-Origin", std::string{*origin}},
          {"Vary", "Origin"},
          {"Access-Control-Expose-Headers", mcp_response_headers}};
}

/// The parameter headers that the page asks for; they cannot be listed beforehand.
std::string allowed_mcp_headers(const wire_request& request) {
  std::string allowed = mcp_request_headers;
  auto asked = find_header(request.headers, "Access-Control-Request-Headers").value_or("");
  while (!asked.empty()) {
    auto comma = asked.find(',');
    auto name = to_lower(trim(asked.substr(0, comma)));
    if (name.starts_with(mcp_parameter_prefix))
      allowed += ", " + name;
    asked.remove_prefix(comma == std::string_view::npos ? asked.size() : comma + 1);
  }
  return allowed;
}

/// Answers to OPTIONS; false when the path has none.
bool answer_preflight(const route_settings& settings, const wire_request& request,
                      std::string_view path, const route_match& match, decorated_sink& sink) {
  if (request.method != "OPTIONS" || match.allow.empty())
    return false;
  if (settings.side == edge_side::api && path.starts_with(me_prefix))
    sink.finish({204,
                 {{"Allow", match.allow},
                  {"Access-Control-Allow-Methods", match.allow},
                  {"Access-Control-Allow-Headers", "authorization, content-type, x-request-id"},
                  {"Access-Control-Max-Age", preflight_seconds}},
                 {}});
  else if (match.line && match.line->target == endpoint::mcp_options)
    sink.finish({204,
                 {{"Allow", match.allow},
                  {"Access-Control-Allow-Methods", match.allow},
                  {"Access-Control-Allow-Headers", allowed_mcp_headers(request)},
                  {"Access-Control-Max-Age", preflight_seconds}},
                 {}});
  else
    return false;
  return true;
}

/// Refuses pages and names that have no business with the mcp listener (I70). True when refused.
bool refuse_foreigner(const route_settings& settings, const wire_request& request,
                      decorated_sink& sink) {
  if (settings.side != edge_side::mcp)
    return false;
  auto origin = find_header(request.headers, "Origin");
  if (origin && !origin_allowed(*origin, settings.own_urls)) {
    sink.refuse(errc::origin_refused, "This Origin may not call the MCP endpoints.");
    return true;
  }
  auto host = find_header(request.headers, "Host").value_or("");
  if (settings.loopback_only && !host_allowed(host, settings.own_urls)) {
    sink.refuse(errc::origin_refused, "Invalid Host.");
    return true;
  }
  return false;
}

/// Answers what has no route. True when answered.
bool refuse_unroutable(const wire_request& request, const route_match& match,
                       decorated_sink& sink) {
  switch (match.outcome) {
  case route_outcome::unknown_path:
    sink.refuse(errc::not_found, "There is nothing at this path.");
    return true;
  case route_outcome::bad_path:
    sink.refuse(errc::bad_request, "The path has a malformed percent escape or is no text.");
    return true;
  case route_outcome::wrong_method:
    sink.refuse(errc::method_not_allowed, "This path does not have that method.",
                {{"Allow", match.allow}});
    return true;
  case route_outcome::found:
    break;
  }
  auto content_type = find_header(request.headers, "Content-Type").value_or("");
  if (needs_json(*match.line, request) && !is_json(content_type)) {
    sink.refuse(errc::unsupported_media_type, "The body must be application/json.");
    return true;
  }
  return false;
}

void serve(const route_settings& settings, const front_actor& front, wire_request&& request,
           reply_sink_ptr inner) {
  std::string_view target{request.target};
  auto question = std::min(target.find('?'), target.size());
  auto path = target.substr(0, question);
  auto query = target.substr(std::min(question + 1, target.size()));
  auto sink = std::make_shared<decorated_sink>(std::move(inner), request.id,
                                               cors_fields(settings, request, path));
  if (refuse_foreigner(settings, request, *sink))
    return;
  auto match = find_route(settings.side, request.method, path);
  if (answer_preflight(settings, request, path, match, *sink)
      || refuse_unroutable(request, match, *sink))
    return;
  auto call = std::make_shared<http_call>();
  call->target = match.line->target;
  call->path = path;
  call->query = query;
  call->path_fields = std::move(match.fields);
  call->method = std::move(request.method);
  call->headers = std::move(request.headers);
  call->body = std::move(request.body);
  call->id = std::move(request.id);
  call->remote_address = std::move(request.remote_address);
  call->received_at = std::chrono::steady_clock::now();
  call->sink = std::move(sink);
  caf::anon_send(front, atom::serve_v, http_call_ptr{std::move(call)});
}

} // namespace

wire_handler make_edge_handler(route_settings settings, front_actor front) {
  return [settings = std::move(settings), front = std::move(front)](wire_request&& request,
                                                                    reply_sink_ptr&& sink) {
    serve(settings, front, std::move(request), std::move(sink));
  };
}

} // namespace callboard
