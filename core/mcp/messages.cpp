#include "core/mcp/messages.hpp"

#include <array>
#include <utility>

namespace callboard::mcp {
namespace {

constexpr std::array all_levels{log_level::debug,   log_level::info,     log_level::notice,
                                log_level::warning, log_level::error,    log_level::critical,
                                log_level::alert,   log_level::emergency};

caf::error invalid(std::string message, std::string param) {
  return make_problem(errc::invalid_params, std::move(message), std::move(param));
}

json::string_view view(std::string_view x) { return {x.data(), x.size()}; }

json::value text_of(std::string_view x) { return json::value(view(x)); }

/// Takes the object member out of `params`: an empty object when absent or null, nothing when it is
/// something else.
std::optional<json::object> take_object(json::object& params, std::string_view name) {
  auto* x = params.if_contains(view(name));
  if (!x || x->is_null())
    return json::object{};
  if (!x->is_object())
    return std::nullopt;
  return std::move(x->get_object());
}

} // namespace

result<initialize_params> parse_initialize(json::object params) {
  initialize_params x;
  auto version = find_string(params, "protocolVersion");
  if (!version)
    return invalid("protocolVersion is missing or no text.", "protocolVersion");
  x.requested_version = std::move(*version);
  x.version = negotiate(x.requested_version);
  auto capabilities = take_object(params, "capabilities");
  if (!capabilities)
    return invalid("capabilities must be an object.", "capabilities");
  x.capabilities = std::move(*capabilities);
  auto client = take_object(params, "clientInfo");
  if (!client)
    return invalid("clientInfo must be an object.", "clientInfo");
  x.client_name = find_string(*client, "name").value_or("");
  x.client_version = find_string(*client, "version").value_or("");
  return x;
}

json::object initialize_result(session_version version, const server_info& server,
                               const server_capabilities& offered) {
  json::object capabilities{{"tools", json::object{{"listChanged", offered.tools_changed}}}};
  if (offered.logging)
    capabilities["logging"] = json::object{};
  return initialize_result_with(version, server, std::move(capabilities));
}

json::object initialize_result_with(session_version version, const server_info& server,
                                    json::object capabilities) {
  json::object info{{"name", server.name}};
  if (knows_structured_content(version))
    info["title"] = server.title;
  info["version"] = server.version;
  json::object result{{"protocolVersion", text_of(to_string(version))},
                      {"capabilities", std::move(capabilities)},
                      {"serverInfo", std::move(info)}};
  if (!server.instructions.empty())
    result["instructions"] = server.instructions;
  return result;
}

json::object tools_list_result(const std::vector<json::object>& tools, session_version version) {
  json::array list;
  list.reserve(tools.size());
  for (auto& tool : tools) {
    auto copy = tool;
    if (!knows_structured_content(version))
      copy.erase("title");
    if (!knows_annotations(version))
      copy.erase("annotations");
    list.push_back(std::move(copy));
  }
  return {{"tools", std::move(list)}};
}

result<void> check_cursor(const json::object& params) {
  auto* cursor = find(params, "cursor");
  if (!cursor || cursor->is_null() || (cursor->is_string() && cursor->get_string().empty()))
    return {};
  return invalid("The cursor is invalid: the list has one page.", "cursor");
}

result<tool_call> parse_tool_call(json::object params) {
  tool_call x;
  auto name = find_string(params, "name");
  if (!name || name->empty())
    return invalid("name is missing or no text.", "name");
  x.name = std::move(*name);
  auto arguments = take_object(params, "arguments");
  if (!arguments)
    return invalid("arguments must be an object.", "arguments");
  x.arguments = std::move(*arguments);
  auto meta = take_object(params, "_meta");
  if (!meta)
    return invalid("_meta must be an object.", "_meta");
  x.meta = std::move(*meta);
  if (auto* token = find(x.meta, "progressToken")) {
    x.progress = rpc_id::from(*token);
    if (!x.progress)
      return invalid("progressToken must be a text or a whole number.", "_meta.progressToken");
  }
  return x;
}

caf::error unknown_tool(std::string_view name) {
  return invalid("Unknown tool: " + std::string{name}, "name");
}

std::string call_tool_result(const tool_result& x, session_version version) {
  auto text = R"({"content":[{"type":"text","text":)" + json::serialize(text_of(x.text)) + "}]";
  if (!x.structured.empty() && knows_structured_content(version))
    text += R"(,"structuredContent":)" + x.structured;
  return text + (x.is_error ? R"(,"isError":true})" : R"(,"isError":false})");
}

std::optional<rpc_id> cancelled_request(const json::object& params) {
  auto* id = find(params, "requestId");
  return id ? rpc_id::from(*id) : std::nullopt;
}

std::string_view to_string(log_level x) {
  switch (x) {
  case log_level::debug:
    return "debug";
  case log_level::info:
    return "info";
  case log_level::notice:
    return "notice";
  case log_level::warning:
    return "warning";
  case log_level::error:
    return "error";
  case log_level::critical:
    return "critical";
  case log_level::alert:
    return "alert";
  case log_level::emergency:
    return "emergency";
  }
  return {};
}

result<log_level> parse_set_level(const json::object& params) {
  auto level = find_string(params, "level");
  std::string known;
  for (auto x : all_levels) {
    if (level && *level == to_string(x))
      return x;
    known += (known.empty() ? "" : ", ") + std::string{to_string(x)};
  }
  return invalid("level must be one of " + known + ".", "level");
}

std::string encode_log(log_level level, std::string_view logger, const json::value& data) {
  json::object params{{"level", text_of(to_string(level))}};
  if (!logger.empty())
    params["logger"] = view(logger);
  params["data"] = data;
  return encode_notification(method::log, params);
}

std::string encode_progress(const progress_token& token, std::int64_t progress, std::int64_t total,
                            std::string_view message, session_version version) {
  json::object params{{"progressToken", token.value()}, {"progress", progress}};
  if (total != 0)
    params["total"] = total;
  if (!message.empty() && knows_annotations(version))
    params["message"] = view(message);
  return encode_notification(method::progress, params);
}

} // namespace callboard::mcp
