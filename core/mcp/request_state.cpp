#include "core/mcp/request_state.hpp"

#include "core/base/digest.hpp"

namespace callboard::mcp {
namespace {

/// Undoes to_base64url.
std::optional<std::string> from_base64url(std::string_view text) {
  std::string plain{text};
  for (auto& c : plain)
    c = c == '-' ? '+' : c == '_' ? '/' : c;
  return from_base64(plain);
}

/// What is signed: the payload and everything that it must be presented with. Lengths keep the
/// parts apart.
std::string signature(std::string_view payload, const state_scope& scope, std::string_view key) {
  std::string text;
  for (std::string_view part : {payload, std::string_view{scope.platform},
                                std::string_view{scope.end_user}, std::string_view{scope.app},
                                std::string_view{scope.method}, std::string_view{scope.digest}}) {
    text += std::to_string(part.size());
    text += ':';
    text += part;
  }
  return hmac_sha256(key, text);
}

caf::error refused() {
  return make_problem(errc::invalid_params,
                      "requestState is invalid: it was changed, is too old, or belongs to another "
                      "request.",
                      "requestState");
}

} // namespace

std::string request_digest(const json::object& params) {
  auto copy = params;
  for (auto name : {"_meta", "inputResponses", "requestState"})
    copy.erase(name);
  return to_hex(sha256(json::serialize(copy)));
}

std::string seal_state(const request_state& x, const state_scope& scope, std::int64_t now,
                       std::string_view key) {
  auto payload = json::serialize(json::object{{"until", now + request_state_seconds},
                                              {"exchange", x.exchange},
                                              {"node", x.node},
                                              {"upstream", x.upstream},
                                              {"round", x.round}});
  return to_base64url(payload) + '.' + to_base64url(signature(payload, scope, key));
}

result<request_state> open_state(std::string_view text, const state_scope& scope, std::int64_t now,
                                 std::string_view key) {
  auto dot = text.find('.');
  if (dot == std::string_view::npos || text.size() > request_state_bytes_max)
    return refused();
  auto payload = from_base64url(text.substr(0, dot));
  auto given = from_base64url(text.substr(dot + 1));
  if (!payload || !given || !equal_in_constant_time(*given, signature(*payload, scope, key)))
    return refused();
  auto object = parse_json_object(*payload);
  if (!object || find_integer(*object, "until").value_or(0) < now)
    return refused();
  request_state x;
  x.exchange = static_cast<std::uint64_t>(find_integer(*object, "exchange").value_or(0));
  x.node = find_string(*object, "node").value_or("");
  x.upstream = find_string(*object, "upstream").value_or("");
  x.round = static_cast<std::uint64_t>(find_integer(*object, "round").value_or(0));
  return x;
}

} // namespace callboard::mcp
