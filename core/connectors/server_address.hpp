#pragma once

#include <string_view>

#include "core/base/error.hpp"

namespace callboard::connectors {

/// Whether a URL may be registered as the address of a remote MCP server (F1): absolute, https, no
/// user name, no fragment, a port that is no other service's, and not an address of this machine or
/// a private network. `allow_private` (development) lets http and private addresses pass. Names are
/// judged again when they are connected to. errc::invalid_field, param "url".
result<void> check_server_url(std::string_view url, bool allow_private);

/// Whether a header may carry a platform's credentials: a token that is none of the transport's, of
/// MCP's, or ours. errc::invalid_field, param "auth.name".
result<void> check_credential_header(std::string_view name);

/// Whether a credential can be sent as a header's value: visible ASCII and inner blanks.
/// errc::invalid_field, param "auth.value".
result<void> check_credential_value(std::string_view value);

} // namespace callboard::connectors
