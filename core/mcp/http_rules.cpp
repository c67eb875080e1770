#include "core/mcp/http_rules.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

namespace callboard::mcp {
namespace {

/// A media type and the range of all of its kind.
struct media_form {
  std::string_view type;
  std::string_view group;
};

constexpr media_form json_form{"application/json", "application/*"};
constexpr media_form stream_form{"text/event-stream", "text/*"};
/// A day; browsers cap it at two hours or so.
constexpr std::string_view preflight_max_age = "86400";

/// Cuts the part before the separator off.
std::string_view take(std::string_view& rest, char separator) {
  auto end = rest.find(separator);
  auto part = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return trim(part);
}

bool is_zero(std::string_view quality) {
  return !quality.empty() && quality.find_first_not_of("0.") == std::string_view::npos;
}

struct media_range {
  /// A part of the field, in whatever case.
  std::string_view type;
  bool refused = false;
};

std::vector<media_range> media_ranges(const http_headers& headers) {
  std::vector<media_range> ranges;
  for (auto& field : headers) {
    if (!iequals(field.name, "Accept"))
      continue;
    std::string_view rest = field.value;
    while (!rest.empty()) {
      auto element = take(rest, ',');
      media_range range{take(element, ';'), false};
      while (!element.empty()) {
        auto parameter = take(element, ';');
        auto name = take(parameter, '=');
        if (iequals(name, "q"))
          range.refused = is_zero(trim(parameter));
      }
      if (!range.type.empty())
        ranges.push_back(range);
    }
  }
  return ranges;
}

/// Whether the most specific range that matches the form admits it.
bool admits(const std::vector<media_range>& ranges, const media_form& form) {
  for (auto wanted : {form.type, form.group, std::string_view{"*/*"}}) {
    auto found = std::find_if(ranges.begin(), ranges.end(),
                              [&](const media_range& x) { return iequals(x.type, wanted); });
    if (found != ranges.end())
      return !found->refused;
  }
  return false;
}

struct host_port {
  std::string host;
  std::string port;
};

bool is_port(std::string_view x) {
  constexpr std::size_t digits_max = 5;
  return !x.empty() && x.size() <= digits_max
         && x.find_first_not_of("0123456789") == std::string_view::npos;
}

/// Takes "host", "host:port", "[v6]" or "[v6]:port" apart; nothing for anything else.
std::optional<host_port> parse_authority(std::string_view text) {
  auto lower = to_lower(text);
  auto end = lower.starts_with('[') ? lower.find(']') : lower.find(':');
  if (lower.starts_with('[')) {
    if (end == std::string::npos)
      return std::nullopt;
    ++end;
  }
  host_port x{lower.substr(0, end), {}};
  if (end != std::string::npos && end < lower.size()) {
    if (lower[end] != ':')
      return std::nullopt;
    x.port = lower.substr(end + 1);
    if (!is_port(x.port))
      return std::nullopt;
  }
  bool bare = x.host.find_first_of("/?#@\\, \t") == std::string::npos;
  if (x.host.empty() || !bare)
    return std::nullopt;
  return x;
}

bool is_loopback_v4(std::string_view host) {
  constexpr int parts = 4;
  constexpr int part_max = 255;
  if (!host.starts_with("127."))
    return false;
  for (int i = 0; i < parts; ++i) {
    auto part = host.substr(0, host.find('.'));
    bool number = !part.empty() && part.size() <= 3
                  && part.find_first_not_of("0123456789") == std::string_view::npos;
    if (!number || std::stoi(std::string{part}) > part_max)
      return false;
    host.remove_prefix(part.size());
    if (i + 1 < parts) {
      if (!host.starts_with('.'))
        return false;
      host.remove_prefix(1);
    }
  }
  return host.empty();
}

bool is_loopback(std::string_view host) {
  return host == "localhost" || host == "[::1]" || is_loopback_v4(host);
}

bool is_allowed(const host_port& x, const std::vector<std::string>& allowed_hosts) {
  if (is_loopback(x.host))
    return true;
  return std::any_of(allowed_hosts.begin(), allowed_hosts.end(), [&](const std::string& entry) {
    auto allowed = parse_authority(entry);
    return allowed && allowed->host == x.host && (allowed->port.empty() || allowed->port == x.port);
  });
}

caf::error origin_refused(std::string_view name) {
  return make_problem(errc::origin_refused, "The " + std::string{name} + " is not allowed.",
                      std::string{name});
}

std::size_t count_fields(const http_headers& headers, std::string_view name) {
  return static_cast<std::size_t>(std::count_if(
    headers.begin(), headers.end(), [&](const http_header& x) { return iequals(x.name, name); }));
}

} // namespace

result<answer_forms> accepted_forms(const http_headers& headers) {
  auto ranges = media_ranges(headers);
  if (ranges.empty())
    return answer_forms{};
  answer_forms forms{admits(ranges, json_form), admits(ranges, stream_form)};
  if (!forms.json && !forms.event_stream)
    return make_problem(errc::not_acceptable,
                        "Accept must allow application/json or text/event-stream.", "Accept");
  return forms;
}

result<void> check_stream_accepted(const http_headers& headers) {
  if (admits(media_ranges(headers), stream_form))
    return {};
  return make_problem(errc::not_acceptable, "Accept must allow text/event-stream.", "Accept");
}

result<void> check_content_type(const http_headers& headers) {
  auto refused = [] {
    return make_problem(errc::unsupported_media_type, "Content-Type must be application/json.",
                        "Content-Type");
  };
  auto value = find_header(headers, "Content-Type");
  if (!value || count_fields(headers, "Content-Type") != 1)
    return refused();
  auto rest = *value;
  if (!iequals(take(rest, ';'), json_form.type))
    return refused();
  while (!rest.empty()) {
    auto parameter = take(rest, ';');
    auto name = take(parameter, '=');
    auto charset = trim(parameter);
    if (charset.size() >= 2 && charset.front() == '"' && charset.back() == '"')
      charset = charset.substr(1, charset.size() - 2);
    if (iequals(name, "charset") && !iequals(charset, "utf-8") && !iequals(charset, "utf8"))
      return refused();
  }
  return {};
}

result<void> check_origin(const http_headers& headers,
                          const std::vector<std::string>& allowed_hosts) {
  auto value = find_header(headers, "Origin");
  if (!value)
    return {};
  auto origin = to_lower(trim(*value));
  std::string_view rest = origin;
  for (std::string_view scheme : {"https://", "http://"}) {
    if (!rest.starts_with(scheme))
      continue;
    auto authority = parse_authority(rest.substr(scheme.size()));
    if (count_fields(headers, "Origin") == 1 && authority && is_allowed(*authority, allowed_hosts))
      return {};
  }
  return origin_refused("Origin");
}

result<void> check_host(const http_headers& headers,
                        const std::vector<std::string>& allowed_hosts) {
  auto value = find_header(headers, "Host");
  auto authority = value ? parse_authority(trim(*value)) : std::nullopt;
  if (count_fields(headers, "Host") == 1 && authority && is_allowed(*authority, allowed_hosts))
    return {};
  return origin_refused("Host");
}

result<std::optional<session_id>> session_of(const http_headers& headers) {
  auto value = find_header(headers, header::session);
  if (!value || trim(*value).empty())
    return std::optional<session_id>{};
  auto text = trim(*value);
  bool visible = std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7F; });
  if (!visible || text.size() > session_id_bytes_max)
    return make_problem(errc::session_expired, "Session not found.", std::string{header::session});
  return std::optional<session_id>{session_id{std::string{text}}};
}

result<session_id> require_session(const http_headers& headers) {
  auto session = session_of(headers);
  if (!session)
    return session.error();
  if (!*session)
    return make_problem(errc::bad_request, "The Mcp-Session-Id header is required.",
                        std::string{header::session});
  return **session;
}

http_headers cors_headers(std::string_view origin) {
  if (origin.empty())
    return {};
  return {{"Access-Control-Allow-Origin", std::string{origin}},
          {"Vary", "Origin"},
          {"Access-Control-Expose-Headers",
           "Mcp-Session-Id, MCP-Protocol-Version, WWW-Authenticate, X-Request-Id, Retry-After"}};
}

http_headers preflight_headers(std::string_view origin) {
  if (origin.empty())
    return {};
  return {{"Access-Control-Allow-Origin", std::string{origin}},
          {"Vary", "Origin"},
          {"Access-Control-Allow-Methods", std::string{allowed_methods}},
          {"Access-Control-Allow-Headers",
           "content-type, accept, authorization, mcp-session-id, mcp-protocol-version, "
           "last-event-id, mcp-method, mcp-name, x-request-id"},
          {"Access-Control-Max-Age", std::string{preflight_max_age}}};
}

} // namespace callboard::mcp
