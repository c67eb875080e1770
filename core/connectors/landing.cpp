#include "core/connectors/landing.hpp"

#include "core/base/http_message.hpp"
#include "core/connectors/absolute_url.hpp"

namespace callboard::connectors {
namespace {

/// Browsers and proxies cut longer ones.
constexpr std::size_t url_bytes_max = 2048;

caf::error bad(const char* what) {
  return make_problem(errc::invalid_field, std::string{"redirect_url "} + what + ".",
                      "redirect_url");
}

std::string build(std::string_view base, std::vector<name_value> fields) {
  auto text = base.substr(0, base.find('#'));
  auto question = text.find('?');
  auto path = text.substr(0, question);
  while (path.ends_with('/'))
    path.remove_suffix(1);
  auto query = question == std::string_view::npos ? std::string_view{} : text.substr(question + 1);
  auto url = std::string{path} + "/mcp/oauth-callback?";
  if (!query.empty())
    url += std::string{query} + '&';
  return url + encode_form(fields);
}

} // namespace

result<void> validate_redirect_url(std::string_view url, bool any_http) {
  if (url.empty() || url.size() > url_bytes_max)
    return bad("must be an absolute URL of at most 2048 bytes");
  auto parsed = parse_absolute_url(url);
  if (!parsed || (parsed->scheme != "https" && parsed->scheme != "http"))
    return bad("must be an absolute http or https URL");
  if (parsed->has_user)
    return bad("must not hold a user name");
  if (parsed->has_fragment)
    return bad("must not hold a fragment");
  if (!parsed->port_number())
    return bad("must have a port from 1 to 65535");
  if (parsed->scheme == "http" && !any_http && !parsed->is_loopback())
    return bad("must use https unless its host is localhost");
  return {};
}

std::string landing_url(std::string_view base, std::string_view app_slug) {
  return build(base, {{"app", std::string{app_slug}}, {"status", "connected"}});
}

std::string landing_url(std::string_view base, std::string_view app_slug, connect_error error,
                        std::string_view description) {
  return build(base, {{"app", std::string{app_slug}},
                      {"status", "error"},
                      {"error", std::string{to_string(error)}},
                      {"error_description", std::string{description}}});
}

std::string connect_url(std::string_view mcp_url, std::string_view app_slug) {
  return std::string{mcp_url} + "/oauth/authorize?app=" + std::string{app_slug};
}

} // namespace callboard::connectors
