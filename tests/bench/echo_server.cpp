#include "tests/bench/echo_server.hpp"

#include <optional>

#include <fmt/format.h>

namespace callboard::bench {
namespace {

constexpr std::string_view stateless_version = "2026-07-28";
constexpr int code_no_session = -32000;
constexpr int code_unknown_method = -32601;
constexpr int code_invalid_params = -32602;
constexpr int code_header_mismatch = -32020;

std::string http(std::string_view status, std::string_view body, std::string_view more = {}) {
  return fmt::format("HTTP/1.1 {}\r\n{}Content-Type: application/json\r\nContent-Length: {}\r\n"
                     "\r\n{}",
                     status, more, body.size(), body);
}

std::string id_of(const json::object& body) {
  auto* id = find(body, "id");
  return id ? json::serialize(*id) : "null";
}

std::string result(const json::object& body, std::string_view text, std::string_view more = {}) {
  return http("200 OK",
              fmt::format(R"({{"jsonrpc":"2.0","id":{},"result":{}}})", id_of(body), text), more);
}

std::string error(const json::object& body, std::string_view status, int code,
                  std::string_view message) {
  return http(status,
              fmt::format(R"({{"jsonrpc":"2.0","id":{},"error":{{"code":{},"message":"{}"}}}})",
                          id_of(body), code, message));
}

std::string tool_text(std::string_view name) {
  return fmt::format(R"({{"name":"{}","description":"Says what it is told.","inputSchema":)"
                     R"({{"type":"object","properties":{{"text":{{"type":"string"}}}},)"
                     R"("required":["text"]}}}})",
                     name);
}

/// What both eras answer to lists and calls; `begin` is what a result begins with.
std::string answer_tools(const std::string& method, const json::object& body,
                         std::string_view begin) {
  if (method == "tools/list")
    return result(body, fmt::format(R"({{{}"tools":[{},{}]}})", begin, tool_text(echo_server::tool),
                                    tool_text(echo_server::free_tool)));
  if (method != "tools/call")
    return error(body, begin.empty() ? "200 OK" : "404 Not Found", code_unknown_method,
                 "Unknown method");
  auto* params = find_object(body, "params");
  auto name = params ? find_string(*params, "name") : std::nullopt;
  auto* arguments = params ? find_object(*params, "arguments") : nullptr;
  auto* text = arguments ? find(*arguments, "text") : nullptr;
  if (!text || !text->is_string() || (name != echo_server::tool && name != echo_server::free_tool))
    return error(body, "200 OK", code_invalid_params, "Unknown tool or no text");
  return result(body,
                fmt::format(R"({{{}"content":[{{"type":"text","text":{}}}],"isError":false}})",
                            begin, json::serialize(*text)));
}

std::string answer_stateless(std::string_view request, const json::object& body,
                             const std::string& method) {
  if (field_of(request, "MCP-Protocol-Version") != stateless_version
      || field_of(request, "Mcp-Method") != method)
    return error(body, "400 Bad Request", code_header_mismatch, "Header mismatch");
  if (method == "server/discover")
    return result(body, R"({"resultType":"complete","supportedVersions":["2026-07-28"],)"
                        R"("capabilities":{"tools":{}},"ttlMs":0,"cacheScope":"public"})");
  return answer_tools(method, body, R"("resultType":"complete",)");
}

} // namespace

echo_server::echo_server()
    : server_([this](std::string_view request) { return answer(request); }) {}

std::string echo_server::answer(std::string_view request) {
  auto session = field_of(request, "Mcp-Session-Id");
  if (request.starts_with("DELETE "))
    return http(session && sessions_.erase(std::string{*session}) != 0 ? "200 OK" : "404 Not Found",
                {});
  if (!request.starts_with("POST "))
    return http("405 Method Not Allowed", {});
  auto body = parse_json_object(request.substr(request.find("\r\n\r\n") + 4));
  if (!body)
    return http("400 Bad Request", {});
  if (!find(*body, "id"))
    return http("202 Accepted", {});
  if (request.starts_with("POST /session "))
    return answer_session(request, *body);
  return answer_stateless(request, *body, find_string(*body, "method").value_or(""));
}

std::string echo_server::answer_session(std::string_view request, const json::object& body) {
  auto method = find_string(body, "method").value_or("");
  if (method == "initialize") {
    auto id = fmt::format("echo-{}", ++sessions_total_);
    sessions_.insert(id);
    return result(body,
                  R"({"protocolVersion":"2025-06-18","capabilities":{"tools":{}},)"
                  R"("serverInfo":{"name":"echo","version":"1"}})",
                  fmt::format("Mcp-Session-Id: {}\r\n", id));
  }
  auto session = field_of(request, "Mcp-Session-Id");
  if (!session)
    return error(body, "400 Bad Request", code_no_session, "No session");
  if (sessions_.find(*session) == sessions_.end())
    return error(body, "404 Not Found", code_no_session, "Session not found");
  return answer_tools(method, body, {});
}

} // namespace callboard::bench
