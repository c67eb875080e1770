#include "core/responses/request.hpp"

#include <utility>

#include "core/responses/field_reader.hpp"
#include "core/responses/request_tools.hpp"

namespace callboard::responses {
namespace {

/// OpenAI's bounds, which its clients know.
constexpr double temperature_max = 2;
constexpr double penalty_max = 2;
constexpr std::int64_t top_logprobs_max = 20;
constexpr std::size_t metadata_entries_max = 16;
constexpr std::size_t metadata_key_bytes_max = 64;
constexpr std::size_t metadata_value_bytes_max = 512;
/// Far above every model; keeps sums of tokens far from overflow.
constexpr std::int64_t output_tokens_max = 100'000'000;
constexpr std::int64_t tool_calls_max = 1'000'000;

/// Fields of the API that ask for something that we do not do. Silently ignoring them would change
/// what the client gets.
void refuse_unsupported(field_reader& fields) {
  for (auto key : {"conversation", "prompt", "thread_id"})
    if (fields.find(key))
      fields.complain(key, std::string{"This field is not supported: use previous_response_id "
                                       "and input."});
  bool background = false;
  fields.read("background", background);
  if (background)
    fields.complain("background", "Background responses are not supported.");
}

void read_input(field_reader& fields, parsed_items& into) {
  auto* input = fields.find("input");
  if (!input)
    return fields.complain("input", "This field is required.");
  if (auto* text = input->if_string()) {
    into = items_of_text({text->data(), text->size()});
  } else if (auto* array = input->if_array()) {
    if (array->empty())
      return fields.complain("input", "At least one item is expected.");
    auto items = parse_items(*array, "input");
    if (items)
      into = std::move(*items);
    else
      fields.take(items.error());
  } else {
    fields.complain("input", "A string or an array of items is expected.");
  }
}

void read_metadata(field_reader& fields, json::object& into) {
  auto* metadata = fields.object("metadata");
  if (!metadata)
    return;
  if (metadata->size() > metadata_entries_max)
    return fields.complain("metadata", "At most 16 entries are allowed.");
  for (auto& entry : *metadata) {
    auto* text = entry.value().if_string();
    if (entry.key().size() > metadata_key_bytes_max || !text
        || text->size() > metadata_value_bytes_max)
      return fields.complain("metadata", "Keys of at most 64 bytes with strings of at most 512 "
                                         "bytes are expected.");
  }
  into = *metadata;
}

/// `json_schema` keeps its members beside `type` here, and below `json_schema` in the chat form.
void read_format(const json::object& format, const std::string& path, bool chat_form,
                 field_reader& parent, json::object& into) {
  field_reader fields{format, path};
  auto type = fields.required("type");
  if (type == "text" || type == "json_object") {
    into = json::object{{"type", type}};
  } else if (type == "json_schema") {
    auto* inner = chat_form ? fields.object("json_schema") : &format;
    if (chat_form && !inner)
      fields.complain("json_schema", "This field is required.");
    if (inner) {
      field_reader schema_fields{*inner, chat_form ? member_path(path, "json_schema") : path};
      auto name = schema_fields.required("name");
      auto* schema = schema_fields.object("schema");
      std::optional<bool> strict;
      std::optional<std::string> description;
      schema_fields.read("strict", strict);
      schema_fields.read("description", description);
      if (!schema)
        schema_fields.complain("schema", "This field is required.");
      into = {{"type", "json_schema"}, {"name", name}, {"strict", strict.value_or(false)}};
      if (schema)
        into["schema"] = *schema;
      if (description)
        into["description"] = *description;
      fields.take(schema_fields.problem());
    }
  } else {
    fields.complain("type", "text, json_object or json_schema is expected.");
  }
  parent.take(fields.problem());
}

void read_text(field_reader& fields, request& into) {
  into.text_format = {{"type", "text"}};
  if (auto* format = fields.object("response_format"))
    read_format(*format, "response_format", true, fields, into.text_format);
  auto* text = fields.object("text");
  if (!text)
    return;
  field_reader inner{*text, "text"};
  if (auto* format = inner.object("format"))
    read_format(*format, "text.format", false, inner, into.text_format);
  inner.read("verbosity", into.verbosity);
  if (!into.verbosity.empty() && into.verbosity != "low" && into.verbosity != "medium"
      && into.verbosity != "high")
    inner.complain("verbosity", "low, medium or high is expected.");
  fields.take(inner.problem());
}

void read_reasoning(field_reader& fields, request& into) {
  auto* reasoning = fields.object("reasoning");
  if (!reasoning)
    return;
  field_reader inner{*reasoning, "reasoning"};
  inner.read("effort", into.reasoning_effort);
  inner.read("summary", into.reasoning_summary);
  fields.take(inner.problem());
}

void read_sampling(field_reader& fields, request& into) {
  fields.read("temperature", into.temperature, 0, temperature_max);
  fields.read("top_p", into.top_p, 0, 1);
  fields.read("presence_penalty", into.presence_penalty, -penalty_max, penalty_max);
  fields.read("frequency_penalty", into.frequency_penalty, -penalty_max, penalty_max);
  fields.read("top_logprobs", into.top_logprobs, 0, top_logprobs_max);
  fields.read("max_output_tokens", into.max_output_tokens, 1, output_tokens_max);
  fields.read("max_tool_calls", into.max_tool_calls, 1, tool_calls_max);
  fields.read("parallel_tool_calls", into.parallel_tool_calls);
  fields.read("truncation", into.truncation);
  if (into.truncation != "auto" && into.truncation != "disabled")
    fields.complain("truncation", "auto or disabled is expected.");
}

} // namespace

result<request> parse_request(const json::object& body, const request_context& context) {
  request x;
  field_reader fields{body, ""};
  x.model = fields.required("model");
  read_input(fields, x.input);
  fields.read("instructions", x.instructions);
  fields.take(read_tools(fields, context, x));
  fields.take(read_tool_choice(fields, x));
  fields.read("previous_response_id", x.previous_response_id);
  fields.read("stream", x.stream);
  fields.read("store", x.store);
  read_sampling(fields, x);
  read_metadata(fields, x.metadata);
  read_text(fields, x);
  read_reasoning(fields, x);
  fields.read("user", x.user);
  fields.read("safety_identifier", x.safety_identifier);
  fields.read("prompt_cache_key", x.prompt_cache_key);
  fields.object("stream_options");
  fields.array("include");
  refuse_unsupported(fields);
  if (!fields.ok())
    return fields.problem();
  return x;
}

} // namespace callboard::responses
