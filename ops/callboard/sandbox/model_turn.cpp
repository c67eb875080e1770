#include "ops/callboard/sandbox/model_turn.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "core/base/digest.hpp"
#include "core/base/http_message.hpp"

namespace callboard::sandbox {

namespace {

constexpr std::int64_t bytes_per_token = 4;
/// Small, so that even short texts come in several chunks.
constexpr std::size_t chunk_bytes = 12;
constexpr std::size_t tool_name_bytes_max = 64;

std::string text_of(const json::value* content) {
  if (content == nullptr)
    return {};
  if (content->is_string())
    return to_std(content->get_string());
  std::string all;
  if (content->is_array())
    for (const auto& part : content->get_array())
      if (part.is_object())
        all += find_string(part.get_object(), "text").value_or("");
  return all;
}

caf::error wrong(std::string message, std::string param) {
  return make_problem(errc::invalid_field, std::move(message), std::move(param));
}

bool is_tool_name(const std::string& name) {
  return !name.empty() && name.size() <= tool_name_bytes_max
         && std::all_of(name.begin(), name.end(), [](unsigned char c) {
              return std::isalnum(c) != 0 || c == '_' || c == '-';
            });
}

/// Each tool call is answered once, directly behind the message that makes it.
result<bool> check_order(const json::array& messages) {
  static constexpr std::string_view roles[] = {"system",    "developer", "user",
                                               "assistant", "tool",      "function"};
  std::set<std::string> open;
  for (const auto& value : messages) {
    if (!value.is_object())
      return wrong("A message must be an object.", "messages");
    const auto& message = value.get_object();
    const auto role = find_string(message, "role").value_or("");
    if (std::find(std::begin(roles), std::end(roles), role) == std::end(roles))
      return wrong("Invalid value: '" + role + "' is no role.", "messages.role");
    if (role == "tool") {
      if (open.erase(find_string(message, "tool_call_id").value_or("")) == 0)
        return wrong("Messages with role 'tool' must be a response to a preceding message with "
                     "'tool_calls'.",
                     "messages");
      continue;
    }
    if (!open.empty())
      break;
    if (const auto* calls = find_array(message, "tool_calls"))
      for (const auto& call : *calls)
        if (call.is_object())
          open.insert(find_string(call.get_object(), "id").value_or(""));
  }
  if (!open.empty())
    return wrong("An assistant message with 'tool_calls' must be followed by tool messages "
                 "responding to each 'tool_call_id'. Missing: "
                   + *open.begin(),
                 "messages");
  return true;
}

result<bool> read_tools(const json::object& body, chat_request& out) {
  const auto* tools = find_array(body, "tools");
  if (tools == nullptr)
    return true;
  for (const auto& tool : *tools) {
    const auto* function = tool.is_object() ? find_object(tool.get_object(), "function") : nullptr;
    const auto name = function ? find_string(*function, "name").value_or("") : std::string{};
    if (!is_tool_name(name))
      return wrong("Invalid 'tools[].function.name': '" + name + "'.", "tools");
    if (std::find(out.tools.begin(), out.tools.end(), name) != out.tools.end())
      return wrong("The tool '" + name + "' is given twice.", "tools");
    out.tools.push_back(name);
    if (const auto* parameters = find_object(*function, "parameters"))
      out.parameters[name] = *parameters;
  }
  if (find_string(body, "tool_choice") == "none")
    out.tools.clear();
  return true;
}

} // namespace

bool chat_request::takes(std::string_view tool, std::string_view argument) const {
  const auto* schema = find_object(parameters, tool);
  const auto* properties = schema ? find_object(*schema, "properties") : nullptr;
  return properties != nullptr && properties->contains(argument);
}

std::string chat_request::last_user_text() const {
  for (auto i = messages.rbegin(); i != messages.rend(); ++i)
    if (find_string(i->get_object(), "role") == "user")
      return text_of(find(i->get_object(), "content"));
  return {};
}

std::vector<std::string> chat_request::tool_results() const {
  std::vector<std::string> all;
  for (const auto& message : messages) {
    const auto role = find_string(message.get_object(), "role");
    if (role == "user")
      all.clear();
    if (role == "tool")
      all.push_back(text_of(find(message.get_object(), "content")));
  }
  return all;
}

result<chat_request> parse_chat_request(const json::object& body) {
  chat_request out;
  const auto model = find_string(body, "model");
  if (!model || model->empty())
    return wrong("you must provide a model parameter", "model");
  out.model = *model;
  const auto* messages = find_array(body, "messages");
  if (messages == nullptr || messages->empty())
    return wrong("Missing required parameter: 'messages'.", "messages");
  out.messages = *messages;
  if (auto ok = check_order(out.messages); !ok)
    return ok.error();
  if (auto ok = read_tools(body, out); !ok)
    return ok.error();
  out.stream = find_bool(body, "stream").value_or(false);
  const auto* options = find_object(body, "stream_options");
  if (options != nullptr && !out.stream)
    return wrong("The 'stream_options' parameter is only allowed when 'stream' is enabled.",
                 "stream_options");
  out.include_usage = options != nullptr && find_bool(*options, "include_usage").value_or(false);
  return out;
}

bool set_quirk(wire_quirks& quirks, std::string_view name) {
  static constexpr std::pair<std::string_view, bool wire_quirks::*> known[] = {
    {"usage-in-choice", &wire_quirks::usage_in_choice},
    {"no-index", &wire_quirks::no_index},
    {"same-index", &wire_quirks::same_index},
    {"whole-calls", &wire_quirks::whole_calls},
    {"finish-stop", &wire_quirks::finish_stop},
    {"crlf", &wire_quirks::crlf},
    {"comments", &wire_quirks::comments},
    {"one-byte", &wire_quirks::one_byte},
    {"empty-choices", &wire_quirks::empty_choices},
    {"no-done", &wire_quirks::no_done},
    {"no-finish", &wire_quirks::no_finish},
  };
  for (const auto& [text, member] : known)
    if (text == name)
      return quirks.*member = true;
  return false;
}

model_usage count_usage(const chat_request& x, const model_turn& turn) {
  if (turn.usage)
    return *turn.usage;
  const auto tokens = [](std::size_t bytes) {
    return (static_cast<std::int64_t>(bytes) + bytes_per_token - 1) / bytes_per_token;
  };
  auto said = turn.text.size() + turn.reasoning.size() + turn.refusal.size();
  for (const auto& call : turn.calls)
    said += call.name.size() + call.arguments.size();
  return {tokens(json::serialize(x.messages).size()), tokens(said)};
}

namespace {

json::object describe_usage(const model_usage& x) {
  return {{"prompt_tokens", x.prompt_tokens},
          {"completion_tokens", x.completion_tokens},
          {"total_tokens", x.prompt_tokens + x.completion_tokens},
          {"prompt_tokens_details", {{"cached_tokens", 0}}},
          {"completion_tokens_details", {{"reasoning_tokens", 0}}}};
}

std::string finish_of(const model_turn& turn) {
  if (!turn.finish_reason.empty())
    return turn.finish_reason;
  return turn.calls.empty() || turn.quirks.finish_stop ? "stop" : "tool_calls";
}

/// The same for the same place in the same conversation, and never twice within one.
std::string call_id(const chat_request& x, std::size_t index) {
  const auto place = std::to_string(x.messages.size()) + ':' + std::to_string(index) + ':';
  return "call_" + to_hex(sha256(place + x.last_user_text())).substr(0, 24);
}

/// Cuts between characters.
std::vector<std::string> cut_text(const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at < text.size();) {
    auto end = std::min(text.size(), at + chunk_bytes);
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80)
      ++end;
    parts.push_back(text.substr(at, end - at));
    at = end;
  }
  return parts;
}

/// The deltas of a turn in their order.
std::vector<json::object> make_deltas(const chat_request& x, const model_turn& turn) {
  std::vector<json::object> all{{{"role", "assistant"}, {"content", ""}}};
  for (const auto& part : cut_text(turn.reasoning))
    all.push_back({{"reasoning_content", part}});
  for (const auto& part : cut_text(turn.text))
    all.push_back({{"content", part}});
  for (const auto& part : cut_text(turn.refusal))
    all.push_back({{"refusal", part}});
  for (std::size_t i = 0; i < turn.calls.size(); ++i) {
    const auto& call = turn.calls[i];
    const auto add = [&](json::object delta) {
      if (!turn.quirks.no_index)
        delta["index"] = turn.quirks.same_index ? 0 : i;
      all.push_back({{"tool_calls", json::array{std::move(delta)}}});
    };
    const bool whole = turn.quirks.whole_calls;
    add({{"id", call_id(x, i)},
         {"type", "function"},
         {"function", {{"name", call.name}, {"arguments", whole ? call.arguments : ""}}}});
    if (!whole)
      for (const auto& part : cut_text(call.arguments))
        add({{"function", {{"arguments", part}}}});
  }
  return all;
}

/// Writes events as bytes.
struct event_writer {
  const model_turn& turn;
  std::vector<piece> pieces;

  void event(const std::string& data) {
    const std::string end = turn.quirks.crlf ? "\r\n" : "\n";
    const auto comment = turn.quirks.comments ? ": still thinking" + end + end : std::string{};
    const auto bytes = comment + "data: " + data + end + end;
    if (!turn.quirks.one_byte) {
      pieces.push_back({bytes, turn.pause});
      return;
    }
    for (const char c : bytes)
      pieces.push_back({std::string(1, c), c == bytes.front() ? turn.pause : turn.pause * 0});
  }
};

answer render_stream(const chat_request& x, const model_turn& turn, const json::object& frame) {
  event_writer writer{turn, {}};
  const auto usage = describe_usage(count_usage(x, turn));
  const bool tells_usage = x.include_usage && !turn.no_usage;
  const auto chunk = [&](json::array choices, json::value told) {
    auto one = frame;
    one["object"] = "chat.completion.chunk";
    one["choices"] = std::move(choices);
    if (tells_usage)
      one["usage"] = std::move(told);
    writer.event(json::serialize(one));
  };
  const auto choice = [&](json::object delta, json::value finish) {
    return json::array{json::object{
      {"index", 0}, {"delta", std::move(delta)}, {"finish_reason", std::move(finish)}}};
  };
  if (turn.quirks.empty_choices)
    chunk({}, nullptr);
  const auto deltas = make_deltas(x, turn);
  const bool broken = turn.end != ending::complete || turn.error_midstream;
  const auto count = broken ? (deltas.size() + 1) / 2 : deltas.size();
  for (std::size_t i = 0; i < count; ++i)
    chunk(choice(deltas[i], nullptr), nullptr);
  if (turn.error_midstream)
    writer.event(json::serialize(json::object{{"error",
                                               {{"message", "The server had an error."},
                                                {"type", "server_error"},
                                                {"code", "server_error"}}}}));
  if (!broken) {
    if (!turn.quirks.no_finish)
      chunk(choice({}, json::value(finish_of(turn))),
            turn.quirks.usage_in_choice ? json::value(usage) : json::value(nullptr));
    if (tells_usage && !turn.quirks.usage_in_choice)
      chunk({}, usage);
  }
  // Real servers send it behind an error as well, so it must not be taken for success.
  if (turn.end == ending::complete && !turn.quirks.no_done)
    writer.event("[DONE]");
  answer out = text_answer(200, "text/event-stream; charset=utf-8", {});
  out.headers.push_back({"Cache-Control", "no-cache"});
  out.streamed = true;
  out.pieces = std::move(writer.pieces);
  out.end = turn.end;
  return out;
}

answer render_whole(const chat_request& x, const model_turn& turn, json::object frame) {
  json::object message{
    {"role", "assistant"},
    {"content", turn.text.empty() ? json::value(nullptr) : json::value(turn.text)},
    {"refusal", nullptr}};
  if (!turn.refusal.empty())
    message["refusal"] = turn.refusal;
  if (!turn.reasoning.empty())
    message["reasoning_content"] = turn.reasoning;
  json::array calls;
  for (std::size_t i = 0; i < turn.calls.size(); ++i)
    calls.push_back(json::object{
      {"id", call_id(x, i)},
      {"type", "function"},
      {"function", {{"name", turn.calls[i].name}, {"arguments", turn.calls[i].arguments}}}});
  if (!calls.empty())
    message["tool_calls"] = std::move(calls);
  frame["object"] = "chat.completion";
  frame["choices"] = json::array{json::object{
    {"index", 0}, {"message", std::move(message)}, {"finish_reason", finish_of(turn)}}};
  if (!turn.no_usage)
    frame["usage"] = describe_usage(count_usage(x, turn));
  auto out = json_answer(200, frame);
  out.delay = turn.pause;
  if (turn.end != ending::complete) {
    out.body = out.body.substr(0, out.body.size() / 2);
    out.end = turn.end;
  }
  return out;
}

} // namespace

answer render_turn(const chat_request& x, const model_turn& turn, const std::string& id,
                   std::int64_t created) {
  const json::object frame{{"id", id},
                           {"object", ""},
                           {"created", created},
                           {"model", x.model},
                           {"system_fingerprint", "fp_sandbox"}};
  if (!x.stream && turn.error_midstream)
    return model_problem(500, "The server had an error.", "server_error", "server_error");
  return x.stream ? render_stream(x, turn, frame) : render_whole(x, turn, frame);
}

answer model_problem(int status, std::string_view message, std::string_view type,
                     std::string_view code, std::string_view param) {
  json::object error{{"message", message},
                     {"type", type},
                     {"param", param.empty() ? json::value(nullptr) : json::value(param)},
                     {"code", code.empty() ? json::value(nullptr) : json::value(code)}};
  return json_answer(status, json::object{{"error", std::move(error)}});
}

} // namespace callboard::sandbox
