#include "core/mcp/era.hpp"

#include <algorithm>

namespace callboard::mcp {

bool claims_stateless(const json::object& params) {
  auto* meta = find_object(params, "_meta");
  return meta && find(*meta, version_claim);
}

bool claims_stateless(const rpc_body& body) {
  return std::any_of(body.messages.begin(), body.messages.end(), [](const rpc_message& x) {
    if (auto* request = std::get_if<rpc_request>(&x))
      return claims_stateless(request->params);
    auto* notification = std::get_if<rpc_notification>(&x);
    return notification && claims_stateless(notification->params);
  });
}

} // namespace callboard::mcp
