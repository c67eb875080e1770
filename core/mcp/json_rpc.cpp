#include "core/mcp/json_rpc.hpp"

#include <algorithm>
#include <utility>

#include "core/base/error_body.hpp"

namespace callboard::mcp {
namespace {

rpc_fault invalid_request(std::string message, std::optional<rpc_id> id = std::nullopt) {
  return {code_invalid_request, std::move(message), std::move(id)};
}

json::string_view view(std::string_view x) { return {x.data(), x.size()}; }

std::string quoted(std::string_view x) { return json::serialize(view(x)); }

/// Takes `params` out of a message; nothing when they are of the wrong type.
std::optional<json::object> take_params(json::object& message) {
  auto* params = message.if_contains("params");
  if (!params || params->is_null())
    return json::object{};
  if (!params->is_object())
    return std::nullopt;
  return std::move(params->get_object());
}

rpc_message decode_response(json::object& message, std::optional<rpc_id> id) {
  auto* result = message.if_contains("result");
  auto* error = message.if_contains("error");
  if (!result && !error)
    return invalid_request("The message has no method.", std::move(id));
  if (result && error)
    return invalid_request("A response has either a result or an error, not both.", std::move(id));
  if (!id)
    return invalid_request("A response needs the id of its request.");
  if (result)
    return rpc_response{std::move(*id), std::move(*result), std::nullopt};
  if (!error->is_object())
    return invalid_request("The error of a response must be an object.", std::move(id));
  return rpc_response{std::move(*id), std::nullopt, std::move(error->get_object())};
}

rpc_message decode_call(json::object& message, std::optional<rpc_id> id) {
  auto method = find_string(message, "method");
  if (!method || method->empty() || method->size() > method_bytes_max)
    return invalid_request("method must be a text of 1 to " + std::to_string(method_bytes_max)
                             + " bytes.",
                           std::move(id));
  auto params = take_params(message);
  // A notification is never answered, so bad params of one are dropped instead of reported.
  if (!id)
    return rpc_notification{std::move(*method), params ? std::move(*params) : json::object{}};
  if (!params)
    return rpc_fault{code_invalid_params, "params must be an object.", std::move(id)};
  return rpc_request{std::move(*id), std::move(*method), std::move(*params)};
}

} // namespace

std::optional<rpc_id> rpc_id::from(const json::value& x) {
  bool valid =
    x.is_int64() || x.is_uint64() || (x.is_string() && x.get_string().size() <= id_bytes_max);
  if (!valid)
    return std::nullopt;
  return rpc_id(json::value(x)); // braces would make an array of it
}

std::string rpc_id::key() const {
  auto* number = value_.if_int64();
  return number ? std::to_string(*number) : json::serialize(value_);
}

bool rpc_body::needs_answer() const {
  return std::any_of(messages.begin(), messages.end(), [](const rpc_message& x) {
    return std::holds_alternative<rpc_request>(x) || std::holds_alternative<rpc_fault>(x);
  });
}

rpc_message decode_message(json::value x) {
  auto* message = x.if_object();
  if (!message)
    return invalid_request("A JSON-RPC message is an object.");
  std::optional<rpc_id> id;
  if (auto* given = message->if_contains("id")) {
    id = rpc_id::from(*given);
    if (!id)
      return invalid_request("id must be a whole number or a text of at most "
                             + std::to_string(id_bytes_max) + " bytes.");
  }
  auto version = find_string(*message, "jsonrpc");
  if (!version || *version != "2.0")
    return invalid_request("jsonrpc must be \"2.0\".", std::move(id));
  if (message->contains("method"))
    return decode_call(*message, std::move(id));
  return decode_response(*message, std::move(id));
}

std::variant<rpc_body, rpc_fault> decode_body(std::string_view text) {
  auto parsed = parse_json(text);
  if (!parsed)
    return rpc_fault{code_parse_error, message_of(parsed.error()), std::nullopt};
  rpc_body body;
  auto* batch = parsed->if_array();
  if (!batch) {
    auto message = decode_message(std::move(*parsed));
    if (auto* fault = std::get_if<rpc_fault>(&message))
      return std::move(*fault);
    body.messages.push_back(std::move(message));
    return body;
  }
  if (batch->empty() || batch->size() > batch_messages_max)
    return invalid_request("A batch holds 1 to " + std::to_string(batch_messages_max)
                           + " messages.");
  body.batch = true;
  body.messages.reserve(batch->size());
  for (auto& element : *batch)
    body.messages.push_back(decode_message(std::move(element)));
  return body;
}

std::string encode_result(const rpc_id& id, const json::value& result) {
  return encode_result_text(id, json::serialize(result));
}

std::string encode_result_text(const rpc_id& id, std::string_view result) {
  std::string text = R"({"jsonrpc":"2.0","id":)" + id.key() + R"(,"result":)";
  text.reserve(text.size() + result.size() + 1);
  text += result;
  text += '}';
  return text;
}

std::string encode_error(const std::optional<rpc_id>& id, int code, std::string_view message,
                         const json::value& data) {
  std::string text = R"({"jsonrpc":"2.0","id":)" + (id ? id->key() : std::string{"null"})
                     + R"(,"error":{"code":)" + std::to_string(code) + R"(,"message":)"
                     + quoted(message);
  if (!data.is_null())
    text += R"(,"data":)" + json::serialize(data);
  return text + "}}";
}

std::string encode_error(const rpc_fault& fault) {
  return encode_error(fault.id, fault.code, fault.message);
}

std::string encode_error(const std::optional<rpc_id>& id, const caf::error& why) {
  json::object data{{"code", to_string(code_of(why))}};
  // The parameter of payment_required is no field but the specific code behind it.
  if (auto param = param_of(why); !param.empty())
    data[code_of(why) == errc::payment_required ? "reason" : "param"] = param;
  merge_details(data, why);
  return encode_error(id, rpc_code_of(code_of(why)), message_of(why), std::move(data));
}

caf::error for_client(const caf::error& why) {
  constexpr int payment_required = 402;
  auto code = code_of(why);
  if (status_of(code) != payment_required)
    return why;
  auto told = make_problem(errc::payment_required, message_of(why), to_string(code));
  auto details = details_of(why);
  return details.empty() ? told : with_details(told, std::move(details));
}

std::string encode_notification(std::string_view method, const json::object& params) {
  std::string text = R"({"jsonrpc":"2.0","method":)" + quoted(method);
  if (!params.empty())
    text += R"(,"params":)" + json::serialize(params);
  return text + '}';
}

std::string encode_request(const rpc_id& id, std::string_view method, const json::object& params) {
  std::string text = R"({"jsonrpc":"2.0","id":)" + id.key() + R"(,"method":)" + quoted(method);
  if (!params.empty())
    text += R"(,"params":)" + json::serialize(params);
  return text + '}';
}

std::string encode_batch(const std::vector<std::string>& messages) {
  std::string text = "[";
  for (auto& message : messages) {
    if (text.size() > 1)
      text += ',';
    text += message;
  }
  return text + ']';
}

int http_status_of(int rpc_code) {
  constexpr int bad_request = 400;
  constexpr int ok = 200;
  return rpc_code == code_parse_error || rpc_code == code_invalid_request ? bad_request : ok;
}

} // namespace callboard::mcp
