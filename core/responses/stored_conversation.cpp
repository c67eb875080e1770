#include "core/responses/stored_conversation.hpp"

#include <fmt/format.h>

namespace callboard::responses {
namespace {

std::string_view prefix_of(std::string_view type) {
  if (type == "function_call")
    return "fc_";
  if (type == "function_call_output")
    return "fco_";
  return type == "mcp_call" ? "mcp_" : "msg_";
}

/// Whether an output item says something to a model. A call that was never answered must not come
/// back (C24): model servers refuse a conversation with one.
bool is_history(const json::object& x) {
  auto type = find_string(x, "type").value_or(std::string{});
  if (type != "mcp_call")
    return type == "message" || type == "function_call";
  auto status = find_string(x, "status");
  return status == "completed" || status == "failed";
}

} // namespace

json::array stored_input(const json::array& history, const request& x,
                         std::string_view response_id) {
  json::array out = history;
  auto separator = response_id.find('_');
  auto stem = response_id.substr(separator == std::string_view::npos ? 0 : separator + 1);
  std::size_t count = 0;
  for (auto& stored : x.input.stored) {
    auto entry = stored.as_object();
    // The "i" keeps these ids apart from those of the output.
    if (!entry.contains("id"))
      entry["id"] =
        fmt::format("{}{}i{:04x}", prefix_of(find_string(entry, "type").value_or("")), stem, count);
    ++count;
    out.push_back(std::move(entry));
  }
  return out;
}

json::array history_of(const json::array& stored_input, const json::array& output) {
  json::array out = stored_input;
  for (auto& x : output)
    if (auto* object = x.if_object(); object && is_history(*object))
      out.push_back(x);
  return out;
}

result<conversation> load_history(const json::array& history) {
  auto parsed = parse_items(history, "input");
  if (!parsed)
    return make_problem(errc::internal,
                        "A stored conversation is damaged: " + param_of(parsed.error()) + ": "
                          + message_of(parsed.error()));
  return std::move(parsed->items);
}

} // namespace callboard::responses
