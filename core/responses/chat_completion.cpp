#include "core/responses/chat_completion.hpp"

#include <algorithm>
#include <utility>

#include "core/base/error_body.hpp"
#include "core/mcp/sse.hpp"
#include "core/responses/field_reader.hpp"

namespace callboard::responses {
namespace {

/// What is passed on as it was sent. Fields that change the accounting (n, stream, the token
/// bounds) or that the upstream would store by (store, metadata) are not among them.
constexpr std::string_view passed_fields[] = {"messages",
                                              "tools",
                                              "tool_choice",
                                              "parallel_tool_calls",
                                              "functions",
                                              "temperature",
                                              "top_p",
                                              "presence_penalty",
                                              "frequency_penalty",
                                              "function_call",
                                              "stop",
                                              "seed",
                                              "logit_bias",
                                              "logprobs",
                                              "top_logprobs",
                                              "verbosity",
                                              "response_format",
                                              "reasoning_effort",
                                              "prediction",
                                              "modalities"};

constexpr std::int64_t output_tokens_max = 100'000'000;
constexpr double temperature_max = 2;
constexpr double penalty_max = 2;

void check_message(const json::value& x, std::size_t index, field_reader& parent) {
  auto path = element_path("messages", index);
  auto* object = x.if_object();
  if (!object)
    return parent.take(make_problem(errc::invalid_field, "An object is expected.", path));
  field_reader fields{*object, path};
  auto role = fields.required("role");
  constexpr std::string_view roles[] = {"system",    "developer", "user",
                                        "assistant", "tool",      "function"};
  if (fields.ok() && std::find(std::begin(roles), std::end(roles), role) == std::end(roles))
    fields.complain("role", "This role does not exist.");
  auto* content = fields.find("content");
  if (!content && role != "assistant")
    fields.complain("content", "This field is required.");
  if (content && !content->is_string() && !content->is_array())
    fields.complain("content", "A string or an array of content parts is expected.");
  if (role == "tool")
    fields.required("tool_call_id");
  parent.take(fields.problem());
}

void check_tool(const json::value& x, std::size_t index, field_reader& parent) {
  auto path = element_path("tools", index);
  auto* object = x.if_object();
  if (!object)
    return parent.take(make_problem(errc::invalid_field, "An object is expected.", path));
  field_reader fields{*object, path};
  auto type = fields.required("type");
  if (type == "mcp") {
    fields.complain("type", "MCP tools are only supported on /v1/responses.");
  } else if (fields.ok() && type != "function") {
    fields.complain("type", "Only function tools are supported.");
  } else if (auto* function = fields.object("function")) {
    field_reader inner{*function, member_path(path, "function")};
    if (inner.required("name").empty())
      inner.complain("name", "A name is expected.");
    fields.take(inner.problem());
  } else {
    fields.complain("function", "This field is required.");
  }
  parent.take(fields.problem());
}

void check_numbers(field_reader& fields) {
  std::optional<double> number;
  fields.read("temperature", number, 0, temperature_max);
  fields.read("top_p", number, 0, 1);
  fields.read("presence_penalty", number, -penalty_max, penalty_max);
  fields.read("frequency_penalty", number, -penalty_max, penalty_max);
  std::optional<std::int64_t> count;
  fields.read("max_tokens", count, 1, output_tokens_max);
  fields.read("max_completion_tokens", count, 1, output_tokens_max);
  fields.read("n", count, 1, 1);
}

std::string_view finish_name(const turn& x) {
  switch (x.finish) {
  case finish_reason::length:
    return "length";
  case finish_reason::content_filter:
    return "content_filter";
  case finish_reason::none:
  case finish_reason::stop:
    break;
  }
  return x.calls.empty() ? "stop" : "tool_calls";
}

json::array calls_json(const turn& x) {
  json::array out;
  for (auto& call : x.calls) {
    json::object function;
    function["name"] = call.name;
    function["arguments"] = call.arguments;
    json::object entry;
    entry["id"] = call.id;
    entry["type"] = "function";
    entry["function"] = std::move(function);
    out.push_back(std::move(entry));
  }
  return out;
}

json::object message_of_turn(const turn& x) {
  json::object message;
  message["role"] = "assistant";
  message["content"] = x.text.empty() && !x.calls.empty() ? json::value{} : json::value(x.text);
  message["refusal"] = x.refusal.empty() ? json::value{} : json::value(x.refusal);
  if (!x.calls.empty())
    message["tool_calls"] = calls_json(x);
  return message;
}

/// A whole message in the place of a delta, as a plain JSON answer has it.
void make_delta(json::object& choice) {
  auto* message = choice.if_contains("message");
  if (!message)
    return;
  json::value delta = std::move(*message);
  choice.erase("message");
  if (auto* object = delta.if_object()) {
    auto* calls = object->if_contains("tool_calls");
    if (calls && calls->is_array()) {
      std::int64_t index = 0;
      for (auto& call : calls->get_array())
        if (call.is_object())
          call.get_object()["index"] = index++;
    }
  }
  choice["delta"] = std::move(delta);
}

bool has_content(const json::object& choice) {
  auto* delta = find_object(choice, "delta");
  if (!delta)
    return false;
  for (auto key :
       {"content", "refusal", "tool_calls", "function_call", "reasoning", "reasoning_content"})
    if (auto* x = find(*delta, key);
        x && !x->is_null() && !(x->is_string() && x->get_string().empty()))
      return true;
  return false;
}

} // namespace

result<chat_completion_request> parse_chat_completion(const json::object& body) {
  chat_completion_request x;
  field_reader fields{body, ""};
  x.model = fields.required("model");
  auto* messages = fields.array("messages");
  if (fields.ok() && (!messages || messages->empty()))
    fields.complain("messages", "At least one message is expected.");
  for (std::size_t i = 0; messages && i < messages->size() && fields.ok(); ++i)
    check_message((*messages)[i], i, fields);
  auto* tools = fields.array("tools");
  for (std::size_t i = 0; tools && i < tools->size() && fields.ok(); ++i)
    check_tool((*tools)[i], i, fields);
  check_numbers(fields);
  fields.read("stream", x.stream);
  if (auto* options = fields.object("stream_options")) {
    field_reader inner{*options, "stream_options"};
    inner.read("include_usage", x.include_usage);
    fields.take(inner.problem());
  }
  if (!fields.ok())
    return fields.problem();
  for (auto key : {"max_tokens", "max_completion_tokens"})
    if (auto* value = fields.find(key))
      x.body[key] = *value;
  for (auto key : passed_fields)
    if (auto* value = fields.find(key))
      x.body[json::string_view{key.data(), key.size()}] = *value;
  return x;
}

json::object upstream_chat_body(const chat_completion_request& x, const chat_options& options) {
  json::object body = x.body;
  auto bound = options.output_tokens_max;
  for (auto key : {"max_tokens", "max_completion_tokens"}) {
    bound = std::min(bound, find_integer(body, key).value_or(bound));
    body.erase(key);
  }
  body[options.use_max_completion_tokens ? "max_completion_tokens" : "max_tokens"] = bound;
  for (auto& message : body["messages"].as_array())
    if (auto role = message.as_object().if_contains("role"); *role == "developer")
      *role = "system"; // "developer" is known to few servers
  body["model"] = options.model;
  body["stream"] = true;
  json::object stream_options;
  stream_options["include_usage"] = true;
  body["stream_options"] = std::move(stream_options);
  return body;
}

chat_relay::chat_relay(chat_relay_args args)
    : args_(std::move(args)), stream_([&] {
        chat_stream_limits bounds;
        bounds.keep_chunks = args_.stream;
        return bounds;
      }()) {}

std::vector<std::string> chat_relay::feed(std::string_view bytes) {
  std::vector<std::string> out;
  auto progress = stream_.feed(bytes);
  forward(std::move(progress), !stream_.partial().calls.empty(), out);
  return out;
}

chat_relay::ending chat_relay::finish(const json::object& chat_body, caf::error transport) {
  ending out;
  stream_progress last;
  out.turn = stream_.finish(std::move(transport), &last);
  complete_usage(out.turn, chat_body);
  forward(std::move(last), !out.turn.calls.empty(), out.frames);
  if (!args_.stream) {
    if (!out.turn.error)
      out.completion = completion_json(out.turn, args_);
    return out;
  }
  if (out.turn.error) {
    json::object event;
    event["error"] = error_object(out.turn.error);
    out.frames.push_back(sse_frame("", json::serialize(event)));
  } else if (args_.include_usage) {
    json::object chunk;
    chunk["choices"] = json::array{};
    auto frame = chunk_frame(std::move(chunk), json::value(chat_usage_json(out.turn.usage)));
    out.frames.push_back(std::move(frame));
  }
  out.frames.push_back(sse_frame("", "[DONE]"));
  return out;
}

void chat_relay::forward(stream_progress progress, bool has_calls, std::vector<std::string>& out) {
  for (auto& chunk : progress.chunks) {
    auto* choices = chunk.if_contains("choices");
    if (!choices || !choices->is_array() || choices->get_array().empty())
      continue; // usage, or a content filter's report
    auto* choice = choices->get_array().front().if_object();
    if (!choice)
      continue;
    make_delta(*choice);
    auto* reason = choice->if_contains("finish_reason");
    bool finishes = reason && reason->is_string();
    if (finishes && finish_sent_ && !has_content(*choice))
      continue; // some upstreams repeat the reason with the usage
    finish_sent_ = finish_sent_ || finishes;
    if (finishes && *reason == "stop" && has_calls)
      *reason = "tool_calls"; // Gemini says "stop" for both
    out.push_back(chunk_frame(std::move(chunk), nullptr));
    started_ = true;
  }
}

std::string chat_relay::chunk_frame(json::object chunk, json::value usage) const {
  chunk["id"] = args_.id;
  chunk["object"] = "chat.completion.chunk";
  chunk["created"] = args_.created_at;
  chunk["model"] = args_.model;
  if (args_.include_usage)
    chunk["usage"] = std::move(usage);
  else
    chunk.erase("usage");
  return sse_frame("", json::serialize(chunk));
}

json::object completion_json(const turn& x, const chat_relay_args& who) {
  auto reason = finish_name(x);
  json::object choice;
  choice["index"] = 0;
  choice["message"] = message_of_turn(x);
  choice["logprobs"] = nullptr;
  choice["finish_reason"] = json::string_view{reason.data(), reason.size()};
  json::object out;
  out["id"] = who.id;
  out["object"] = "chat.completion";
  out["created"] = who.created_at;
  out["model"] = who.model;
  out["choices"] = json::array(1, json::value(std::move(choice)));
  out["usage"] = chat_usage_json(x.usage);
  return out;
}

} // namespace callboard::responses
