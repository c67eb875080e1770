#include "tests/support/mcp_server_script.hpp"

#include "core/base/json_text.hpp"

namespace callboard {

std::string tool_text(const std::string& name, const std::string& description) {
  return R"({"name":")" + name + R"(","description":")" + description
         + R"(","inputSchema":{"type":"object","properties":{"region":{"type":"string",)"
           R"("x-mcp-header":"Region"}}}})";
}

std::shared_ptr<mcp_server_script>
mcp_server_script::install(const std::shared_ptr<http_script>& web, era speaks) {
  auto server = std::make_shared<mcp_server_script>();
  server->speaks = speaks;
  server->tools = {tool_text("echo")};
  web->on_request = [server](const fetch_request& request) { return server->answer(request); };
  return server;
}

std::string mcp_server_script::result(const std::string& id, const std::string& text) {
  return R"({"jsonrpc":"2.0","id":)" + id + R"(,"result":)" + text + '}';
}

std::string mcp_server_script::error(const std::string& id, int code, const std::string& message) {
  return R"({"jsonrpc":"2.0","id":)" + id + R"(,"error":{"code":)" + std::to_string(code)
         + R"(,"message":")" + message + R"("}})";
}

scripted_answer mcp_server_script::events(const std::vector<std::string>& messages, bool ends) {
  scripted_answer x{200, {{"Content-Type", "text/event-stream"}}, {}, {}, ends, true};
  for (auto& message : messages)
    x.pieces.push_back("event: message\ndata: " + message + "\n\n");
  return x;
}

std::vector<mcp_server_script::seen_request>
mcp_server_script::of(const std::string& method) const {
  std::vector<seen_request> found;
  for (auto& x : requests)
    if (x.method == method || (x.method.empty() && x.http_method == method))
      found.push_back(x);
  return found;
}

std::optional<scripted_answer> mcp_server_script::answer(const fetch_request& request) {
  if (request.message.url.rfind(url, 0) != 0)
    return std::nullopt;
  seen_request x{request.message.method, {}, {}, request.message.headers, request.id};
  if (auto body = parse_json_object(request.message.body.empty() ? "{}" : request.message.body)) {
    x.method = find_string(*body, "method").value_or("");
    x.body = std::move(*body);
  }
  requests.push_back(x);
  if (down)
    return answer_nothing(errc::upstream_unavailable);
  auto* id_value = find(x.body, "id");
  auto id = id_value ? json::serialize(*id_value) : std::string{"null"};
  if (auto found = handlers.find(x.method.empty() ? x.http_method : x.method);
      found != handlers.end())
    return found->second(id, x);
  if (x.http_method == "GET")
    return scripted_answer{405, {}, {}, {}, true, true};
  if (!id_value || x.method.empty())
    return scripted_answer{202, {}, {}, {}, true, true};
  bool modern = speaks == era::stateless;
  if (x.method == "server/discover" && modern)
    return answer_json(200, result(id, R"({"resultType":"complete","supportedVersions":)"
                                       R"(["2026-07-28"],"capabilities":)"
                                         + capabilities + '}'));
  if (x.method == "initialize" && !modern)
    return answer_json(200,
                       result(id, R"({"protocolVersion":"2025-11-25","capabilities":)"
                                    + capabilities + R"(,"serverInfo":{"name":"old"}})"),
                       {{"Mcp-Session-Id", session}});
  if (x.method == "server/discover" || x.method == "initialize")
    return answer_json(400, error("null", -32000, "Bad Request"));
  if (x.method == "tools/list")
    return answer_json(200, result(id, R"({"tools":)" + array_of(tools) + '}'));
  if (x.method == "tools/call")
    return answer_json(200, result(id, R"({"content":[{"type":"text","text":"hi"}]})"));
  return answer_json(200, result(id, "{}"));
}

} // namespace callboard
