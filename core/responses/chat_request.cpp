#include "core/responses/chat_request.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace callboard::responses {
namespace {

using choice_mode = tool_choice::mode;
using speaker = message::speaker;

/// The index in `tools` of the mcp item with that label; the check is only asked about its own.
std::size_t index_of_server(const request& x, std::string_view label) {
  for (auto& server : x.servers)
    if (server.label == label)
      return server.index;
  return 0;
}

/// The least that a turn may write: a bound of zero is refused by model servers.
constexpr std::int64_t output_tokens_min = 1;

/// Writes the conversation as chat messages.
class message_writer {
public:
  explicit message_writer(const conversation& items) : items_(items) {
    for (auto& x : items)
      if (auto* output = std::get_if<tool_output>(&x))
        outputs_[output->call_id] = output;
  }

  json::array write(const std::optional<std::string>& instructions) {
    if (instructions)
      out_.push_back({{"role", "system"}, {"content", *instructions}});
    for (std::size_t i = 0; i < items_.size();) {
      if (auto* x = std::get_if<message>(&items_[i])) {
        bool calls_follow = i + 1 < items_.size()
                            && std::holds_alternative<tool_call>(items_[i + 1])
                            && x->role == speaker::assistant;
        ++i;
        if (calls_follow)
          i = write_calls(i, json::value_from(text_of(*x)));
        else
          write_message(*x);
      } else if (std::holds_alternative<tool_call>(items_[i])) {
        i = write_calls(i, nullptr);
      } else {
        ++i; // an output was written behind its call
      }
    }
    return std::move(out_);
  }

private:
  /// One assistant message for all calls that stand together, then their outputs.
  std::size_t write_calls(std::size_t i, json::value content) {
    json::array calls;
    std::vector<std::string> ids;
    for (; i < items_.size(); ++i) {
      auto* call = std::get_if<tool_call>(&items_[i]);
      if (!call)
        break;
      ids.push_back(call->id);
      calls.push_back(
        {{"id", call->id},
         {"type", "function"},
         {"function", {{"name", call->name}, {"arguments", valid_arguments(call->arguments)}}}});
    }
    out_.push_back(
      {{"role", "assistant"}, {"content", std::move(content)}, {"tool_calls", std::move(calls)}});
    for (auto& id : ids)
      if (auto output = outputs_.find(id); output != outputs_.end())
        out_.push_back({{"role", "tool"}, {"tool_call_id", id}, {"content", output->second->text}});
    return i;
  }

  /// Model servers parse the arguments of earlier calls and refuse what is no object.
  static std::string valid_arguments(const std::string& text) {
    return parse_json_object(text) ? text : "{}";
  }

  static std::string text_of(const message& x) {
    std::string text;
    for (auto& part : x.parts)
      if (part.as != content_part::kind::image)
        text += part.text;
    return text;
  }

  void write_message(const message& x) {
    auto role = x.role == speaker::user        ? "user"
                : x.role == speaker::assistant ? "assistant"
                                               : "system"; // "developer" is known to few servers
    bool plain = std::none_of(x.parts.begin(), x.parts.end(),
                              [](auto& part) { return part.as == content_part::kind::image; });
    if (plain && (x.parts.size() <= 1 || x.role != speaker::user)) {
      out_.push_back({{"role", role}, {"content", text_of(x)}});
      return;
    }
    json::array parts;
    for (auto& part : x.parts) {
      if (part.as != content_part::kind::image) {
        parts.push_back({{"type", "text"}, {"text", part.text}});
        continue;
      }
      json::object image{{"url", part.text}};
      if (!part.detail.empty())
        image["detail"] = part.detail;
      parts.push_back({{"type", "image_url"}, {"image_url", std::move(image)}});
    }
    out_.push_back({{"role", role}, {"content", std::move(parts)}});
  }

  const conversation& items_;
  std::map<std::string, const tool_output*> outputs_;
  json::array out_;
};

bool is_function_name(std::string_view x) {
  constexpr std::size_t name_bytes_max = 64;
  return !x.empty() && x.size() <= name_bytes_max && std::all_of(x.begin(), x.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'
           || c == '-';
  });
}

bool is_allowed(const tool_choice& choice, std::string_view label, std::string_view name) {
  if (!choice.allowed)
    return true;
  return std::any_of(choice.allowed->begin(), choice.allowed->end(), [&](auto& x) {
    return x.label == label && (x.name == name || (!label.empty() && x.name.empty()));
  });
}

json::object tool_json(std::string_view name, std::string_view description,
                       const json::value& parameters) {
  json::object function{{"name", json::string_view{name.data(), name.size()}}};
  if (!description.empty())
    function["description"] = json::string_view{description.data(), description.size()};
  if (!parameters.is_null())
    function["parameters"] = parameters;
  return function;
}

json::array tools_json(const request& x, const std::vector<mcp_tool>& tools, bool first) {
  json::array out;
  // Choosing a server without a tool means "any tool of it": only its tools are offered then.
  bool one_server = first && x.choice.as == choice_mode::mcp && x.choice.name.empty();
  for (auto& function : x.functions) {
    if (one_server || !is_allowed(x.choice, "", function.name))
      continue;
    auto json = tool_json(function.name, function.description,
                          function.parameters ? json::value(*function.parameters) : json::value{});
    if (function.strict)
      json["strict"] = *function.strict;
    out.push_back({{"type", "function"}, {"function", std::move(json)}});
  }
  for (auto& tool : tools) {
    if ((one_server && tool.server_label != x.choice.label)
        || !is_allowed(x.choice, tool.server_label, tool.name))
      continue;
    out.push_back({{"type", "function"},
                   {"function", tool_json(tool.name, tool.description, tool.input_schema)}});
  }
  return out;
}

json::value choice_json(const request& x, const chat_round& round) {
  if (round.no_more_tools || x.choice.as == choice_mode::none)
    return "none";
  if (!round.first)
    return "auto";
  switch (x.choice.as) {
  case choice_mode::automatic:
  case choice_mode::none:
    break;
  case choice_mode::required:
    return "required";
  case choice_mode::mcp:
    if (x.choice.name.empty())
      return "required";
    [[fallthrough]];
  case choice_mode::function:
    return {{"type", "function"}, {"function", {{"name", x.choice.name}}}};
  }
  return "auto";
}

json::value format_json(const json::object& format) {
  auto type = find_string(format, "type").value_or("text");
  if (type == "text")
    return nullptr;
  if (type == "json_object")
    return {{"type", "json_object"}};
  json::object schema;
  for (auto& member : format)
    if (member.key() != "type")
      schema.insert(member);
  return {{"type", "json_schema"}, {"json_schema", std::move(schema)}};
}

void add_sampling(const request& x, json::object& body) {
  if (x.temperature)
    body["temperature"] = *x.temperature;
  if (x.top_p)
    body["top_p"] = *x.top_p;
  if (x.presence_penalty)
    body["presence_penalty"] = *x.presence_penalty;
  if (x.frequency_penalty)
    body["frequency_penalty"] = *x.frequency_penalty;
  if (!x.reasoning_effort.empty())
    body["reasoning_effort"] = x.reasoning_effort;
  if (!x.verbosity.empty())
    body["verbosity"] = x.verbosity;
  if (auto format = format_json(x.text_format); !format.is_null())
    body["response_format"] = std::move(format);
}

} // namespace

std::vector<mcp_tool> remote_tools_from(const std::string& label, std::string_view tools) {
  std::vector<mcp_tool> out;
  auto list = parse_json(tools);
  if (!list || !list->is_array())
    return out;
  for (auto& listed : list->get_array()) {
    auto* tool = listed.if_object();
    auto name = tool ? find_string(*tool, "name").value_or("") : std::string{};
    auto* schema = tool ? find_object(*tool, "inputSchema") : nullptr;
    if (!schema || !is_function_name(name))
      continue;
    auto* annotations = find_object(*tool, "annotations");
    out.push_back({label, std::move(name), find_string(*tool, "description").value_or(""), *schema,
                   annotations ? *annotations : json::object{}});
  }
  return out;
}

std::vector<mcp_tool> allowed_tools(const mcp_server& server, const std::vector<mcp_tool>& listed) {
  std::vector<mcp_tool> out;
  for (auto& tool : listed) {
    auto& names = server.allowed_tools;
    if (names && std::find(names->begin(), names->end(), tool.name) == names->end())
      continue;
    if (server.read_only && !find_bool(tool.annotations, "readOnlyHint").value_or(false))
      continue;
    out.push_back(tool);
    out.back().server_label = server.label;
  }
  return out;
}

caf::error check_tools(const request& x, const std::vector<mcp_tool>& tools) {
  std::map<std::string_view, std::size_t> seen; // name -> index in `tools` of the request
  for (auto& function : x.functions)
    seen.emplace(function.name, function.index);
  for (auto& tool : tools) {
    auto index = index_of_server(x, tool.server_label);
    auto [other, added] = seen.emplace(tool.name, index);
    if (!added)
      return make_problem(errc::invalid_field, "Two tools have the name " + tool.name + '.',
                          "tools[" + std::to_string(std::max(index, other->second)) + ']');
  }
  auto exists = [&](std::string_view label, std::string_view name) {
    return std::any_of(tools.begin(), tools.end(), [&](auto& tool) {
      return tool.server_label == label && (name.empty() || tool.name == name);
    });
  };
  bool missing = x.choice.as == choice_mode::mcp && !exists(x.choice.label, x.choice.name);
  for (auto& reference : x.choice.allowed.value_or(std::vector<tool_choice::reference>{}))
    missing = missing || (!reference.label.empty() && !exists(reference.label, reference.name));
  if (missing)
    return make_problem(errc::invalid_field, "The MCP server has no such tool.", "tool_choice");
  return {};
}

bool may_call(const tool_choice& choice, std::string_view label, std::string_view name) {
  return choice.as != choice_mode::none && is_allowed(choice, label, name);
}

json::object chat_body(const request& x, const conversation& items,
                       const std::vector<mcp_tool>& tools, const chat_options& options,
                       const chat_round& round) {
  auto bound = options.output_tokens_max;
  if (x.max_output_tokens)
    bound = std::min(bound, *x.max_output_tokens - round.output_tokens_used);
  json::object body{{"model", options.model},
                    {"messages", message_writer{items}.write(x.instructions)},
                    {"stream", true},
                    {"stream_options", {{"include_usage", true}}}};
  body[options.use_max_completion_tokens ? "max_completion_tokens" : "max_tokens"] =
    std::max(bound, output_tokens_min);
  add_sampling(x, body);
  auto offered = tools_json(x, tools, round.first);
  if (!offered.empty()) {
    body["tools"] = std::move(offered);
    body["tool_choice"] = choice_json(x, round);
    if (!x.parallel_tool_calls)
      body["parallel_tool_calls"] = false;
  }
  return body;
}

std::int64_t output_tokens_bound(const json::object& chat_body) {
  auto bound = find_integer(chat_body, "max_completion_tokens");
  return bound ? *bound : find_integer(chat_body, "max_tokens").value_or(0);
}

} // namespace callboard::responses
