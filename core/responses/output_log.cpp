#include "core/responses/output_log.hpp"

#include <utility>

namespace callboard::responses {
namespace {

json::string_view view(std::string_view x) { return {x.data(), x.size()}; }

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

} // namespace

output_log::output_log(std::string_view response_id, bool stream)
    : ids_(response_id), stream_(stream) {}

std::vector<std::string> output_log::take_frames() { return std::exchange(frames_, {}); }

void output_log::lifecycle(std::string_view type, const json::object& response) {
  event(type, {{"response", response}});
}

void output_log::error(const caf::error& problem) {
  if (stream_)
    frames_.push_back(writer_.error_frame(problem));
}

void output_log::done() {
  if (stream_)
    frames_.push_back(done_frame());
}

// -- mcp_list_tools -----------------------------------------------------------

void output_log::open_list(std::string_view label) {
  open_item(kind::list, list_tools_json(ids_.next(id_kind::list_tools), label, {}));
  item_event("response.mcp_list_tools.in_progress");
}

void output_log::close_list(const std::vector<mcp_tool>& tools) {
  auto label = to_std(current().at("server_label").as_string());
  item_event("response.mcp_list_tools.completed");
  close_item(list_tools_json(open_id_, label, tools));
}

void output_log::fail_list(std::string_view text) {
  auto closed = current();
  closed["error"] = view(text);
  item_event("response.mcp_list_tools.failed");
  close_item(std::move(closed));
}

// -- mcp_call -----------------------------------------------------------------

void output_log::open_call(std::string_view id, std::string_view label, std::string_view name,
                           std::string_view arguments) {
  open_item(kind::call, mcp_call_json(id, label, name, "", "in_progress"));
  current()["arguments"] = view(arguments);
  auto index = items_.size() - 1;
  event("response.mcp_call_arguments.delta",
        {{"item_id", view(id)}, {"output_index", index}, {"delta", view(arguments)}});
  event("response.mcp_call_arguments.done",
        {{"item_id", view(id)}, {"output_index", index}, {"arguments", view(arguments)}});
  item_event("response.mcp_call.in_progress");
}

void output_log::close_call(std::string_view output) {
  auto closed = current();
  closed["status"] = "completed";
  closed["output"] = view(output);
  item_event("response.mcp_call.completed");
  close_item(std::move(closed));
}

void output_log::fail_call(std::string_view text) {
  auto closed = current();
  closed["status"] = "failed";
  closed["error"] = view(text);
  item_event("response.mcp_call.failed");
  close_item(std::move(closed));
}

// -- function_call ------------------------------------------------------------

void output_log::add_function_call(const tool_call& call) {
  auto id = ids_.next(id_kind::function_call);
  open_item(kind::call, function_call_json(id, call.id, call.name, "", "in_progress"));
  auto index = items_.size() - 1;
  event("response.function_call_arguments.delta",
        {{"item_id", id}, {"output_index", index}, {"delta", call.arguments}});
  event(
    "response.function_call_arguments.done",
    {{"item_id", id}, {"output_index", index}, {"name", call.name}, {"arguments", call.arguments}});
  close_item(function_call_json(id, call.id, call.name, call.arguments, "completed"));
}

// -- message ------------------------------------------------------------------

void output_log::add_text(const text_delta& delta) {
  // Blank text before tool calls is noise of some models; alone it opens no message.
  if (open_ != kind::message && !delta.refusal && is_blank(delta.text)) {
    held_back_ += delta.text;
    return;
  }
  open_message();
  if (!part_open_ || part_refusal_ != delta.refusal) {
    close_part();
    open_part(delta.refusal);
  }
  auto text = delta.refusal ? delta.text : std::exchange(held_back_, {}) + delta.text;
  if (text.empty())
    return;
  part_text_ += text;
  auto fields = part_fields();
  fields["delta"] = text;
  if (!delta.refusal)
    fields["logprobs"] = json::array{};
  event(delta.refusal ? "response.refusal.delta" : "response.output_text.delta", std::move(fields));
}

void output_log::open_message() {
  if (open_ != kind::message)
    open_item(kind::message, message_json(ids_.next(id_kind::message), {}, "in_progress"));
}

void output_log::close_message(std::string_view status) {
  held_back_.clear();
  if (open_ != kind::message)
    return;
  if (!part_open_ && content_.empty())
    open_part(false);
  close_part();
  close_item(message_json(open_id_, std::exchange(content_, {}), status));
}

void output_log::abandon(std::string_view text) {
  switch (open_) {
  case kind::none:
    break;
  case kind::list:
    fail_list(text);
    break;
  case kind::call: {
    // Whether the tool had its effect is not known, so it is neither completed nor failed (C24).
    auto closed = current();
    closed["status"] = "incomplete";
    close_item(std::move(closed));
    break;
  }
  case kind::message:
    close_message("incomplete");
    break;
  }
  held_back_.clear();
}

// -- parts of the above -------------------------------------------------------

void output_log::event(std::string_view type, json::object fields) {
  if (stream_)
    frames_.push_back(writer_.frame(type, fields));
}

void output_log::item_event(std::string_view type) {
  event(type, {{"item_id", open_id_}, {"output_index", items_.size() - 1}});
}

void output_log::open_item(kind as, json::object added) {
  open_ = as;
  open_id_ = to_std(added.at("id").as_string());
  items_.push_back(added);
  event("response.output_item.added",
        {{"output_index", items_.size() - 1}, {"item", std::move(added)}});
}

void output_log::close_item(json::object done) {
  open_ = kind::none;
  items_.back() = done;
  event("response.output_item.done",
        {{"output_index", items_.size() - 1}, {"item", std::move(done)}});
}

void output_log::open_part(bool refusal) {
  part_open_ = true;
  part_refusal_ = refusal;
  part_text_.clear();
  auto fields = part_fields();
  fields["part"] = refusal ? refusal_json("") : output_text_json("");
  event("response.content_part.added", std::move(fields));
}

void output_log::close_part() {
  if (!part_open_)
    return;
  auto text_done = part_fields();
  text_done[part_refusal_ ? "refusal" : "text"] = part_text_;
  if (!part_refusal_)
    text_done["logprobs"] = json::array{};
  event(part_refusal_ ? "response.refusal.done" : "response.output_text.done",
        std::move(text_done));
  auto part_done = part_fields();
  auto part = part_refusal_ ? refusal_json(part_text_) : output_text_json(part_text_);
  part_done["part"] = part;
  event("response.content_part.done", std::move(part_done));
  content_.push_back(std::move(part));
  part_open_ = false;
}

json::object output_log::part_fields() const {
  return {
    {"item_id", open_id_}, {"output_index", items_.size() - 1}, {"content_index", content_.size()}};
}

json::object& output_log::current() { return items_.back().as_object(); }

} // namespace callboard::responses
