#include "core/mcp/client_request.hpp"

#include "core/base/json_text.hpp"
#include "core/mcp/messages.hpp"
#include "core/mcp/mirror.hpp"

namespace callboard::mcp {
namespace {

bool is_hop_member(std::string_view key) {
  return key == meta::version || key == meta::client || key == meta::capabilities
         || key == meta::log_level || key == meta::progress_token;
}

/// `_meta` for the server, or empty for none.
std::string encode_meta(const outgoing_request& x, std::string_view own, server_era era,
                        std::string_view version) {
  object_writer out;
  for (auto& member : members_of(own))
    if (!is_hop_member(member.key))
      out.add(member.key, member.value);
  if (x.progress_token)
    out.add(meta::progress_token, std::to_string(*x.progress_token));
  if (era == server_era::stateless) {
    out.add_string(meta::version, version);
    out.add(meta::capabilities, x.capabilities.empty() ? "{}" : x.capabilities);
    if (!x.client.empty())
      out.add(meta::client, x.client);
    if (!x.log_level.empty())
      out.add_string(meta::log_level, x.log_level);
  }
  return out.empty() ? std::string{} : std::move(out).finish();
}

/// The member that Mcp-Name repeats, or an empty name.
std::string_view name_member(std::string_view method) {
  if (method == method::tools_call || method == "prompts/get")
    return "name";
  return method == "resources/read" ? "uri" : std::string_view{};
}

} // namespace

std::string progress_token_of(std::string_view params) {
  if (params.empty())
    return {};
  auto own = member_text(params, "_meta").value_or("");
  return std::string{member_text(own, meta::progress_token).value_or("")};
}

std::string encode_params(const outgoing_request& x, server_era era, std::string_view version) {
  auto own = x.params.empty() ? std::string_view{}
                              : member_text(x.params, "_meta").value_or(std::string_view{});
  auto meta_text = encode_meta(x, own, era, version);
  if (meta_text.empty())
    return own.empty() ? x.params : without_member(x.params, "_meta");
  return with_member(x.params.empty() ? "{}" : x.params, "_meta", meta_text);
}

std::string encode_request_text(const rpc_id& id, std::string_view method,
                                std::string_view params) {
  std::string text = R"({"jsonrpc":"2.0","id":)" + id.key() + R"(,"method":)" + quoted_text(method);
  if (!params.empty()) {
    text += R"(,"params":)";
    text += params;
  }
  return text + '}';
}

std::string encode_notification_text(std::string_view method, std::string_view params) {
  std::string text = R"({"jsonrpc":"2.0","method":)" + quoted_text(method);
  if (!params.empty()) {
    text += R"(,"params":)";
    text += params;
  }
  return text + '}';
}

std::string encode_error_text(const rpc_id& id, std::int64_t code, std::string_view message,
                              std::string_view data) {
  auto text = R"({"jsonrpc":"2.0","id":)" + id.key() + R"(,"error":{"code":)" + std::to_string(code)
              + R"(,"message":)" + quoted_text(message);
  if (!data.empty()) {
    text += R"(,"data":)";
    text += data;
  }
  return text + "}}";
}

std::string initialize_params_text(session_version version, std::string_view capabilities,
                                   std::string_view client) {
  object_writer out;
  out.add_string("protocolVersion", to_string(version));
  out.add("capabilities", capabilities.empty() ? "{}" : capabilities);
  out.add("clientInfo", client);
  return std::move(out).finish();
}

http_headers post_headers() {
  return {{"Content-Type", "application/json"}, {"Accept", "application/json, text/event-stream"}};
}

http_headers stateless_headers(std::string_view method, std::string_view params,
                               std::string_view version) {
  http_headers headers{{"MCP-Protocol-Version", std::string{version}},
                       {"Mcp-Method", std::string{method}}};
  auto member = name_member(method);
  if (member.empty() || params.empty())
    return headers;
  if (auto text = member_text(params, member))
    if (auto name = string_from(*text))
      headers.push_back({"Mcp-Name", encode_mirrored(*name)});
  return headers;
}

http_headers session_headers(std::string_view session, std::string_view version) {
  http_headers headers;
  if (!session.empty())
    headers.push_back({"Mcp-Session-Id", std::string{session}});
  headers.push_back({"MCP-Protocol-Version", std::string{version}});
  return headers;
}

} // namespace callboard::mcp
