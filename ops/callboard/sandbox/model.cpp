#include "ops/callboard/sandbox/model.hpp"

#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "core/base/digest.hpp"
#include "ops/callboard/sandbox/model_scripts.hpp"

namespace callboard::sandbox {

namespace {

constexpr std::string_view error_prefix = "sandbox-error-";
constexpr std::string_view retry_after_seconds = "1";

answer status_problem(int status) {
  const bool ours = status >= 500;
  auto out = model_problem(status, fmt::format("The sandbox was asked for status {}.", status),
                           ours ? "server_error" : "invalid_request_error",
                           status == 429 ? "rate_limit_exceeded" : "");
  if (status == 429 || status == 503)
    out.headers.push_back({"Retry-After", std::string{retry_after_seconds}});
  return out;
}

/// Models that do not even begin a turn.
std::optional<answer> refuse_turn(const chat_request& x) {
  answer out;
  if (x.model == "sandbox-silent") {
    out.end = ending::hang;
    return out;
  }
  if (x.model == "sandbox-garbage") {
    out = text_answer(200, x.stream ? "text/event-stream" : "application/json", {});
    out.body = x.stream ? "data: {\"choices\": [{\"del\n\nevent: \xff\ndata: <html>\n\n"
                        : "<html>not a completion</html>";
    return out;
  }
  if (!x.model.starts_with(error_prefix))
    return std::nullopt;
  int status = 0;
  const auto digits = std::string_view{x.model}.substr(error_prefix.size());
  const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), status);
  if (end.ptr != digits.data() + digits.size() || status < 400 || status > 599)
    return std::nullopt;
  return status_problem(status);
}

/// The quirks of both.
wire_quirks merged(wire_quirks a, const wire_quirks& b) {
  a.usage_in_choice |= b.usage_in_choice;
  a.no_index |= b.no_index;
  a.same_index |= b.same_index;
  a.whole_calls |= b.whole_calls;
  a.finish_stop |= b.finish_stop;
  a.crlf |= b.crlf;
  a.comments |= b.comments;
  a.one_byte |= b.one_byte;
  a.empty_choices |= b.empty_choices;
  a.no_done |= b.no_done;
  a.no_finish |= b.no_finish;
  return a;
}

} // namespace

model::model(std::string key) : key_(std::move(key)) {}

answer model::handle(const request& x) {
  std::string path;
  for (const auto& segment : x.segments)
    path += '/' + segment;
  if (path == "/scripts" && x.method == "GET")
    return list_scripts();
  if (path != "/v1/chat/completions" && path != "/v1/models")
    return model_problem(404, "Unknown request URL: " + x.method + ' ' + x.path,
                         "invalid_request_error", "unknown_url");
  if (!key_.empty() && !equal_in_constant_time(x.bearer().value_or(""), key_))
    return model_problem(401, "Incorrect API key provided.", "invalid_request_error",
                         "invalid_api_key");
  if (x.method != (path == "/v1/models" ? "GET" : "POST"))
    return model_problem(405, "Not allowed to " + x.method + " here.", "invalid_request_error",
                         "method_not_supported");
  return path == "/v1/models" ? list_models(x) : complete(x);
}

answer model::complete(const request& x) {
  const auto body = parse_json_object(x.body);
  if (!body)
    return model_problem(400, "We could not parse the JSON body of your request.",
                         "invalid_request_error", "");
  const auto chat = parse_chat_request(*body);
  if (!chat)
    return model_problem(400, message_of(chat.error()), "invalid_request_error", "",
                         param_of(chat.error()));
  if (auto refused = refuse_turn(*chat))
    return *std::move(refused);
  const auto name = parse_model_name(chat->model);
  if (!name)
    return model_problem(404, "The model `" + chat->model + "` does not exist.",
                         "invalid_request_error", "model_not_found", "model");
  auto turn = name->script->play(*chat, name->argument);
  turn.quirks = merged(name->quirks, quirks_);
  const auto id = fmt::format("chatcmpl-sandbox-{}", ++completions_);
  return render_turn(*chat, turn, id, x.now);
}

answer model::list_models(const request& x) const {
  json::array data;
  const auto add = [&](std::string_view name) {
    data.push_back(
      json::object{{"id", name}, {"object", "model"}, {"created", x.now}, {"owned_by", "sandbox"}});
  };
  for (const auto& script : model_scripts())
    add(script.name);
  for (const char* name :
       {"sandbox-silent", "sandbox-garbage", "sandbox-error-429", "sandbox-error-500"})
    add(name);
  return json_answer(200, json::object{{"object", "list"}, {"data", std::move(data)}});
}

answer model::list_scripts() const {
  json::array all;
  const auto add = [&all](std::string_view name, std::string_view does) {
    all.push_back(json::object{{"model", name}, {"does", does}});
  };
  for (const auto& script : model_scripts())
    add(script.name, script.does);
  add("sandbox-silent", "Never answers.");
  add("sandbox-garbage", "Answers what is no completion.");
  add("sandbox-error-NNN", "Answers status NNN, 400 to 599; 429 and 503 with Retry-After.");
  return json_answer(
    200,
    json::object{{"scripts", std::move(all)},
                 {"quirks", json::array{"usage-in-choice", "no-index", "same-index", "whole-calls",
                                        "finish-stop", "crlf", "comments", "one-byte",
                                        "empty-choices", "no-done", "no-finish"}}});
}

std::optional<answer> model::trouble(std::string_view kind, const request&) const {
  if (kind == "rate_limit")
    return status_problem(429);
  if (kind == "server_error")
    return status_problem(500);
  if (kind == "overloaded")
    return status_problem(503);
  if (kind == "context_length")
    return model_problem(400, "This model's maximum context length is 8192 tokens.",
                         "invalid_request_error", "context_length_exceeded", "messages");
  if (kind == "insufficient_quota")
    return model_problem(429, "You exceeded your current quota.", "insufficient_quota",
                         "insufficient_quota");
  return std::nullopt;
}

json::object model::endpoints(std::string_view base_url) const {
  return {{"base_url", std::string{base_url} + "/model/v1"}};
}

json::object model::save() const { return {{"completions", completions_}}; }

result<bool> model::load(const json::object& saved) {
  const auto completions = find_integer(saved, "completions");
  if (!completions || *completions < 0)
    return make_problem(errc::bad_setting, "The state file is not one of this sandbox.",
                        "state_file");
  completions_ = *completions;
  return true;
}

result<bool> model::configure(const json::object& changes) {
  wire_quirks wanted;
  for (const auto& [name, value] : changes) {
    if (name != "quirks" || !value.is_array())
      return make_problem(errc::invalid_field, "There is no such switch.", std::string{name});
    for (const auto& quirk : value.get_array())
      if (!quirk.is_string() || !set_quirk(wanted, quirk.get_string()))
        return make_problem(errc::invalid_field, "There is no such quirk.", "quirks");
  }
  quirks_ = wanted;
  return true;
}

void model::reset() {
  quirks_ = {};
  completions_ = 0;
}

} // namespace callboard::sandbox
