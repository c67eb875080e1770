#include "core/responses/wire.hpp"

#include <fmt/format.h>

#include "core/base/digest.hpp"
#include "core/base/error_body.hpp"
#include "core/mcp/sse.hpp"

namespace callboard::responses {
namespace {

json::string_view view(std::string_view x) { return {x.data(), x.size()}; }

json::value or_null(std::string_view x) { return x.empty() ? json::value{} : json::value(view(x)); }

template <class T>
json::value or_null(const std::optional<T>& x) {
  return x ? json::value(*x) : json::value{};
}

std::string_view prefix_of(id_kind kind) {
  switch (kind) {
  case id_kind::list_tools:
    return "mcpl_";
  case id_kind::mcp_call:
    return "mcp_";
  case id_kind::message:
    return "msg_";
  case id_kind::function_call:
    return "fc_";
  case id_kind::call:
    return "call_";
  }
  return "item_";
}

/// `error` of a Response: AI SDK reads `type`, OpenAI's SDK `code` and `message`.
json::value failure_json(const response_state& state) {
  if (state.status != "failed" || !state.error)
    return nullptr;
  return error_object(state.error);
}

json::value incomplete_json(const response_state& state) {
  if (state.status != "incomplete")
    return nullptr;
  return {{"reason", state.incomplete_reason}};
}

} // namespace

id_source::id_source(std::string_view response_id) {
  auto separator = response_id.find('_');
  stem_ = response_id.substr(separator == std::string_view::npos ? 0 : separator + 1);
}

std::string id_source::next(id_kind kind) {
  return fmt::format("{}{}{:04x}", prefix_of(kind), stem_, count_++);
}

std::string make_response_id(std::string_view random_bytes) {
  return "resp_" + to_hex(random_bytes);
}

json::object list_tools_json(std::string_view id, std::string_view label,
                             const std::vector<mcp_tool>& tools) {
  json::array list;
  for (auto& tool : tools) {
    json::object annotations = tool.annotations;
    if (!annotations.contains("read_only"))
      annotations["read_only"] = find_bool(annotations, "readOnlyHint").value_or(false);
    list.push_back({{"name", tool.name},
                    {"description", tool.description},
                    {"input_schema", tool.input_schema},
                    {"annotations", std::move(annotations)}});
  }
  return {{"id", view(id)},
          {"type", "mcp_list_tools"},
          {"server_label", view(label)},
          {"tools", std::move(list)}};
}

json::object mcp_call_json(std::string_view id, std::string_view label, std::string_view name,
                           std::string_view arguments, std::string_view status) {
  return {{"id", view(id)},
          {"type", "mcp_call"},
          {"status", view(status)},
          {"approval_request_id", nullptr},
          {"arguments", view(arguments)},
          {"error", nullptr},
          {"name", view(name)},
          {"output", nullptr},
          {"server_label", view(label)}};
}

json::object message_json(std::string_view id, json::array content, std::string_view status) {
  return {{"id", view(id)},
          {"type", "message"},
          {"status", view(status)},
          {"role", "assistant"},
          {"content", std::move(content)}};
}

json::object function_call_json(std::string_view id, std::string_view call_id,
                                std::string_view name, std::string_view arguments,
                                std::string_view status) {
  return {{"id", view(id)},     {"type", "function_call"},      {"status", view(status)},
          {"name", view(name)}, {"arguments", view(arguments)}, {"call_id", view(call_id)}};
}

json::object output_text_json(std::string_view text) {
  return {{"type", "output_text"},
          {"text", view(text)},
          {"annotations", json::array{}},
          {"logprobs", json::array{}}};
}

json::object refusal_json(std::string_view text) {
  return {{"type", "refusal"}, {"refusal", view(text)}};
}

json::object response_json(const request& x, const response_state& state) {
  bool ended =
    state.status == "completed" || state.status == "incomplete" || state.status == "failed";
  return {{"id", state.id},
          {"object", "response"},
          {"created_at", state.created_at},
          {"completed_at", ended ? json::value(state.completed_at) : json::value{}},
          {"status", state.status},
          {"background", false},
          {"error", failure_json(state)},
          {"incomplete_details", incomplete_json(state)},
          {"instructions", or_null(x.instructions)},
          {"max_output_tokens", or_null(x.max_output_tokens)},
          {"max_tool_calls", or_null(x.max_tool_calls)},
          {"metadata", x.metadata},
          {"model", state.model},
          {"output", state.output},
          {"parallel_tool_calls", x.parallel_tool_calls},
          {"presence_penalty", x.presence_penalty.value_or(0)},
          {"frequency_penalty", x.frequency_penalty.value_or(0)},
          {"previous_response_id", or_null(x.previous_response_id)},
          {"prompt_cache_key", or_null(x.prompt_cache_key)},
          {"reasoning",
           {{"effort", or_null(x.reasoning_effort)}, {"summary", or_null(x.reasoning_summary)}}},
          {"safety_identifier", or_null(x.safety_identifier)},
          {"service_tier", "default"},
          {"store", x.store},
          {"temperature", x.temperature.value_or(1)},
          {"text",
           {{"format", x.text_format},
            {"verbosity", x.verbosity.empty() ? std::string{"medium"} : x.verbosity}}},
          {"tool_choice", x.choice.echo},
          {"tools", echoed_tools(x)},
          {"top_logprobs", x.top_logprobs.value_or(0)},
          {"top_p", x.top_p.value_or(1)},
          {"truncation", x.truncation},
          {"usage", state.with_usage ? json::value(usage_json(state.usage)) : json::value{}},
          {"user", or_null(x.user)}};
}

std::string event_writer::frame(std::string_view type, const json::object& fields) {
  json::object event;
  event.reserve(fields.size() + 2);
  event["type"] = view(type);
  event["sequence_number"] = next_++;
  for (auto& field : fields)
    event.insert(field);
  return sse_frame(type, json::serialize(event));
}

std::string event_writer::error_frame(const caf::error& problem) {
  auto error = error_object(problem);
  json::object fields{{"code", error["code"]},
                      {"message", error["message"]},
                      {"param", error["param"]},
                      {"error", error}};
  return frame("error", fields);
}

std::string done_frame() { return sse_frame("", "[DONE]"); }

} // namespace callboard::responses
