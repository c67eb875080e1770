#include "core/responses/item.hpp"

#include <map>
#include <set>

#include "core/base/http_message.hpp"
#include "core/responses/field_reader.hpp"

namespace callboard::responses {
namespace {

using speaker = message::speaker;

/// Ids come from model servers, clients and us; longer ones are none.
constexpr std::size_t id_bytes_max = 512;

std::string_view name_of(speaker x) {
  switch (x) {
  case speaker::user:
    return "user";
  case speaker::assistant:
    return "assistant";
  case speaker::system:
    return "system";
  case speaker::developer:
    return "developer";
  }
  return "user";
}

std::optional<speaker> speaker_of(std::string_view name) {
  for (auto x : {speaker::user, speaker::assistant, speaker::system, speaker::developer})
    if (name_of(x) == name)
      return x;
  return std::nullopt;
}

json::object part_json(const content_part& part, speaker role) {
  switch (part.as) {
  case content_part::kind::image:
    return {{"type", "input_image"},
            {"image_url", part.text},
            {"detail", part.detail.empty() ? "auto" : part.detail}};
  case content_part::kind::refusal:
    return {{"type", "refusal"}, {"refusal", part.text}};
  case content_part::kind::text:
    break;
  }
  if (role == speaker::assistant)
    return {{"type", "output_text"}, {"text", part.text}, {"annotations", json::array{}}};
  return {{"type", "input_text"}, {"text", part.text}};
}

json::object message_item(const message& x) {
  json::array content;
  for (auto& part : x.parts)
    content.push_back(part_json(part, x.role));
  auto role = name_of(x.role);
  return {{"type", "message"},
          {"role", json::string_view{role.data(), role.size()}},
          {"content", std::move(content)}};
}

void read_image(field_reader& fields, content_part& into) {
  into.as = content_part::kind::image;
  if (fields.find("file_id")) {
    fields.complain("file_id", "Files are not stored here: send image_url instead of file_id.");
    return;
  }
  into.text = fields.required("image_url");
  fields.read("detail", into.detail);
  if (into.detail == "auto")
    into.detail.clear(); // the default, so that a stored image reads back the same
  auto scheme = to_lower(std::string_view{into.text}.substr(0, into.text.find(':')));
  if (scheme != "https" && scheme != "http" && scheme != "data")
    fields.complain("image_url", "An http, https or data URL is expected.");
}

content_part read_part(const json::value& x, speaker role, const std::string& path,
                       caf::error& problem) {
  content_part part;
  auto* object = x.if_object();
  if (!object) {
    problem = make_problem(errc::invalid_field, "An object is expected.", path);
    return part;
  }
  field_reader fields{*object, path};
  auto type = fields.required("type");
  if (type == "input_text" || type == "output_text" || type == "text") {
    part.text = fields.required("text");
  } else if (type == "refusal" && role == speaker::assistant) {
    part.as = content_part::kind::refusal;
    part.text = fields.required("refusal");
  } else if (type == "input_image" && role == speaker::user) {
    read_image(fields, part);
  } else if (type == "input_file") {
    fields.complain("type", "Files are not supported here: send their text as input_text.");
  } else {
    fields.complain("type", "This content type is not supported in a message of this role.");
  }
  problem = fields.problem();
  return part;
}

/// Reads items one by one into a parsed_items.
class item_reader {
public:
  explicit item_reader(parsed_items& out) : out_(out) {}

  caf::error read(const json::object& object, const std::string& path) {
    field_reader fields{object, path};
    std::string type = "message";
    fields.read("type", type);
    if (type == "message")
      read_message(fields);
    else if (type == "function_call")
      read_function_call(fields);
    else if (type == "function_call_output")
      read_function_output(fields);
    else if (type == "mcp_call")
      read_mcp_call(fields);
    else if (type == "item_reference")
      fields.complain("type", "Items cannot be referred to by id: send the whole item, or use "
                              "previous_response_id.");
    else if (type != "mcp_list_tools" && type != "reasoning")
      fields.complain("type", "This type of input item is not supported.");
    return fields.problem();
  }

private:
  void read_message(field_reader& fields) {
    message x;
    auto role = speaker_of(fields.required("role"));
    if (!role)
      return fields.complain("role", "user, assistant, system or developer is expected.");
    x.role = *role;
    auto* content = fields.find("content");
    if (!content)
      return fields.complain("content", "This field is required.");
    if (auto* text = content->if_string()) {
      x.parts.push_back({content_part::kind::text, to_std(*text), {}});
    } else if (auto* parts = content->if_array()) {
      auto path = member_path(fields.path(), "content");
      caf::error problem;
      for (std::size_t i = 0; i < parts->size() && !problem; ++i)
        x.parts.push_back(read_part((*parts)[i], x.role, element_path(path, i), problem));
      fields.take(std::move(problem));
    } else {
      fields.complain("content", "A string or an array of content parts is expected.");
    }
    auto stored = message_item(x);
    store(fields, std::move(stored), std::move(x));
  }

  void read_function_call(field_reader& fields) {
    tool_call x;
    x.id = read_id(fields, "call_id");
    x.name = read_name(fields);
    x.arguments = fields.required("arguments");
    json::object stored{{"type", "function_call"},
                        {"call_id", x.id},
                        {"name", x.name},
                        {"arguments", x.arguments},
                        {"status", "completed"}};
    store(fields, std::move(stored), std::move(x));
  }

  void read_function_output(field_reader& fields) {
    tool_output x;
    x.call_id = read_id(fields, "call_id");
    auto* output = fields.find("output");
    if (!output)
      return fields.complain("output", "This field is required.");
    if (auto* text = output->if_string())
      x.text = to_std(*text);
    else if (auto* parts = output->if_array())
      x.text = join_parts(fields, *parts);
    else
      fields.complain("output", "A string or an array of input_text parts is expected.");
    json::object stored{{"type", "function_call_output"},
                        {"call_id", x.call_id},
                        {"output", x.text},
                        {"status", "completed"}};
    store(fields, std::move(stored), std::move(x));
  }

  /// Chat servers take the output of a tool as text only.
  static std::string join_parts(field_reader& fields, const json::array& parts) {
    auto path = member_path(fields.path(), "output");
    caf::error problem;
    std::string text;
    for (std::size_t i = 0; i < parts.size() && !problem; ++i) {
      auto part = read_part(parts[i], speaker::system, element_path(path, i), problem);
      text += (i == 0 ? "" : "\n") + part.text;
    }
    fields.take(std::move(problem));
    return text;
  }

  void read_mcp_call(field_reader& fields) {
    tool_call call;
    call.id = read_id(fields, "id");
    call.name = read_name(fields);
    call.arguments = fields.required("arguments");
    std::string label, status;
    fields.read("server_label", label);
    fields.read("status", status);
    auto* output = fields.find("output");
    auto* error = fields.find("error");
    if (output && !output->is_string())
      return fields.complain("output", "A string is expected.");
    bool answered = output || error || status == "completed" || status == "failed";
    if (!answered || !fields.ok())
      return; // a call that never ran says nothing to the model (C24)
    tool_output answer{call.id, output ? to_std(output->get_string()) : std::string{}};
    if (!output && error)
      answer.text = error->is_string() ? to_std(error->get_string()) : json::serialize(*error);
    json::object stored{{"type", "mcp_call"},
                        {"id", call.id},
                        {"server_label", label},
                        {"name", call.name},
                        {"arguments", call.arguments},
                        {"approval_request_id", nullptr},
                        {"output", output ? *output : json::value{}},
                        {"error", error ? *error : json::value{}},
                        {"status", !output && error ? "failed" : "completed"}};
    out_.items.push_back(std::move(call));
    out_.items.push_back(std::move(answer));
    out_.stored.push_back(std::move(stored));
  }

  static std::string read_id(field_reader& fields, std::string_view key) {
    auto id = fields.required(key);
    if (fields.ok() && (id.empty() || id.size() > id_bytes_max))
      fields.complain(key, "An id of 1 to 512 bytes is expected.");
    return id;
  }

  static std::string read_name(field_reader& fields) {
    auto name = fields.required("name");
    if (fields.ok() && name.empty())
      fields.complain("name", "A name is expected.");
    return name;
  }

  void store(field_reader& fields, json::object stored, item x) {
    std::string id;
    fields.read("id", id);
    if (!fields.ok())
      return;
    if (!id.empty() && id.size() <= id_bytes_max)
      stored["id"] = id;
    out_.items.push_back(std::move(x));
    out_.stored.push_back(std::move(stored));
  }

  parsed_items& out_;
};

} // namespace

result<parsed_items> parse_items(const json::array& input, std::string_view path) {
  parsed_items out;
  item_reader reader{out};
  for (std::size_t i = 0; i < input.size(); ++i) {
    auto* object = input[i].if_object();
    if (!object)
      return make_problem(errc::invalid_field, "An object is expected.", element_path(path, i));
    if (auto problem = reader.read(*object, element_path(path, i)))
      return problem;
  }
  return out;
}

parsed_items items_of_text(std::string_view text) {
  message x{speaker::user, {{content_part::kind::text, std::string{text}, {}}}};
  parsed_items out;
  out.stored.push_back(message_item(x));
  out.items.push_back(std::move(x));
  return out;
}

caf::error check_pairing(const conversation& items) {
  std::set<std::string> calls;
  std::set<std::string> outputs;
  for (auto& x : items)
    if (auto* call = std::get_if<tool_call>(&x))
      if (!calls.insert(call->id).second)
        return make_problem(errc::invalid_field, "Two tool calls have the id " + call->id + '.',
                            "input");
  for (auto& x : items) {
    auto* output = std::get_if<tool_output>(&x);
    if (!output)
      continue;
    if (!calls.contains(output->call_id))
      return make_problem(errc::invalid_field,
                          "No tool call found for the output of call_id " + output->call_id + '.',
                          "input");
    if (!outputs.insert(output->call_id).second)
      return make_problem(errc::invalid_field,
                          "The call_id " + output->call_id + " has two outputs.", "input");
  }
  for (auto& id : calls)
    if (!outputs.contains(id))
      return make_problem(errc::invalid_field, "No tool output found for call_id " + id + '.',
                          "input");
  return {};
}

} // namespace callboard::responses
