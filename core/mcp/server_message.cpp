#include "core/mcp/server_message.hpp"

#include "core/base/json_text.hpp"

namespace callboard::mcp {
namespace {

caf::error no_message(std::string why) {
  return make_problem(errc::upstream_failed,
                      "The server answered something that is no MCP message: " + std::move(why));
}

/// The text of a member that must be an object or absent; nothing when it is of another type.
std::optional<std::string> object_member(std::string_view message, const json::object& parsed,
                                         std::string_view key) {
  auto* value = find(parsed, key);
  if (!value || value->is_null())
    return std::string{};
  if (!value->is_object())
    return std::nullopt;
  return std::string{member_text(message, key).value_or("")};
}

result<server_message> decode_call(std::string_view text, const json::object& message,
                                   std::optional<rpc_id> id) {
  auto method = find_string(message, "method");
  if (!method || method->empty() || method->size() > method_bytes_max)
    return no_message("its method is no name.");
  auto params = object_member(text, message, "params");
  if (!params)
    return no_message("its params are no object.");
  if (!id)
    return server_message{server_notification{std::move(*method), std::move(*params)}};
  return server_message{server_request{std::move(*id), std::move(*method), std::move(*params)}};
}

result<server_message> decode_answer(std::string_view text, const json::object& message,
                                     std::optional<rpc_id> id) {
  if (auto* error = find_object(message, "error")) {
    server_error x;
    x.id = std::move(id);
    x.code = find_integer(*error, "code").value_or(code_internal);
    x.message = find_string(*error, "message").value_or("The server gave no reason.");
    if (auto data = member_text(member_text(text, "error").value_or(""), "data"))
      x.data = std::string{*data};
    return server_message{std::move(x)};
  }
  if (!id)
    return no_message("its id is missing.");
  auto result = object_member(text, message, "result");
  if (!result || result->empty())
    return no_message("it has neither method, result nor error.");
  return server_message{server_result{std::move(*id), std::move(*result)}};
}

result<server_message> decode_one(std::string_view text, const json::value& parsed) {
  auto* message = parsed.if_object();
  if (!message)
    return no_message("it is no object.");
  std::optional<rpc_id> id;
  if (auto* given = message->if_contains("id"); given && !given->is_null()) {
    id = rpc_id::from(*given);
    if (!id)
      return no_message("its id is of no use.");
  }
  if (message->contains("method"))
    return decode_call(text, *message, std::move(id));
  return decode_answer(text, *message, std::move(id));
}

bool is_type(std::string_view content_type, std::string_view wanted) {
  return iequals(trim(content_type.substr(0, content_type.find(';'))), wanted);
}

} // namespace

result<std::vector<server_message>> decode_server_messages(std::string_view text) {
  auto parsed = parse_json(text);
  if (!parsed)
    return no_message(message_of(parsed.error()));
  std::vector<server_message> messages;
  auto* batch = parsed->if_array();
  if (!batch) {
    auto message = decode_one(text, *parsed);
    if (!message)
      return message.error();
    messages.push_back(std::move(*message));
    return messages;
  }
  auto texts = elements_of(text);
  if (batch->size() > batch_messages_max || texts.size() != batch->size())
    return no_message("the batch is too large.");
  for (std::size_t i = 0; i < texts.size(); ++i) {
    auto message = decode_one(texts[i], (*batch)[i]);
    if (!message)
      return message.error();
    messages.push_back(std::move(*message));
  }
  return messages;
}

answer_reader::answer_reader(std::size_t message_bytes_max)
    : message_bytes_max_(message_bytes_max), events_(message_bytes_max) {}

void answer_reader::begin(const http_response& head) {
  status_ = head.status;
  headers_ = head.headers;
  auto type = find_header(headers_, "Content-Type").value_or("");
  form_ = is_type(type, "text/event-stream")  ? form::events
          : is_type(type, "application/json") ? form::json
                                              : form::other;
}

result<std::vector<server_message>> answer_reader::feed(std::string_view piece) {
  if (form_ == form::events) {
    auto events = events_.feed(piece);
    if (!events)
      return events.error();
    return take_events(std::move(*events));
  }
  if (body_.size() + piece.size() > message_bytes_max_)
    return make_problem(errc::response_too_large, "The server's answer is too large.");
  body_ += piece;
  return std::vector<server_message>{};
}

result<std::vector<server_message>> answer_reader::finish() {
  if (form_ == form::events) {
    std::vector<sse_event> rest;
    if (auto last = events_.finish())
      rest.push_back(std::move(*last));
    return take_events(std::move(rest));
  }
  if (trim(body_).empty())
    return std::vector<server_message>{};
  if (form_ == form::other)
    return no_message("its type is neither JSON nor an event stream.");
  auto messages = decode_server_messages(body_);
  spoke_ = spoke_ || messages;
  return messages;
}

result<std::vector<server_message>> answer_reader::take_events(std::vector<sse_event> events) {
  std::vector<server_message> messages;
  for (auto& event : events) {
    if (event.id)
      last_event_id_ = *event.id;
    if (event.retry)
      retry_ = event.retry;
    // A priming event has no data; other types than "message" are none of ours.
    if (trim(event.data).empty() || !(event.type.empty() || event.type == "message"))
      continue;
    auto decoded = decode_server_messages(event.data);
    if (!decoded)
      return decoded.error();
    spoke_ = true;
    for (auto& message : *decoded)
      messages.push_back(std::move(message));
  }
  return messages;
}

} // namespace callboard::mcp
