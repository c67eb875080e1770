#pragma once

#include <string>
#include <string_view>

#include "core/base/error.hpp"
#include "core/connectors/oauth.hpp"

namespace callboard::connectors {

/// Checks the `redirect_url` of an app activation: absolute http(s) without user info and fragment,
/// with a port from 1 to 65535 if any; http only for localhost and loopback addresses unless
/// `any_http` (I47, R86). errc::invalid_field with param "redirect_url".
result<void> validate_redirect_url(std::string_view url, bool any_http = false);

/// `{base}/mcp/oauth-callback?app=..&status=connected` (R75, C10). The base's path and query are
/// kept; exactly one slash joins them. @pre validate_redirect_url(base)
std::string landing_url(std::string_view base, std::string_view app_slug);

/// Likewise with `status=error&error=..&error_description=..` (R76).
std::string landing_url(std::string_view base, std::string_view app_slug, connect_error error,
                        std::string_view description);

/// Where a user connects an app, as error texts say it.
std::string connect_url(std::string_view mcp_url, std::string_view app_slug);

} // namespace callboard::connectors
