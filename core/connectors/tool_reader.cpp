#include "core/connectors/tool_reader.hpp"

#include <algorithm>
#include <utility>

namespace callboard::connectors {
namespace {

/// The longest name that every client and the conformance suite take (facts mcp.md N22).
constexpr std::size_t name_bytes_max = 64;

std::string quoted(std::string_view x) { return "\"" + std::string{x} + "\""; }

bool is_tool_name(std::string_view x) {
  return !x.empty() && x.size() <= name_bytes_max && std::all_of(x.begin(), x.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

void read_name(object_reader& reader, const app& owner, tool& x) {
  x.name = reader.text("name");
  if (x.name.empty())
    return;
  if (!is_tool_name(x.name))
    reader.complain("name", quoted(x.name)
                              + " is no tool name; allowed are a-z, 0-9 and _, at "
                                "most 64 of them");
  auto prefix = owner.slug + "_";
  if (!x.name.starts_with(prefix) || x.name == prefix)
    reader.complain("name", quoted(x.name) + " must begin with " + quoted(prefix));
  if (find_tool(owner, x.name))
    reader.complain("name", quoted(x.name) + " is there twice");
}

void read_schema(object_reader& reader, tool& x) {
  auto* schema = reader.value("inputSchema");
  if (!schema || !schema->is_object()) {
    reader.complain("inputSchema", schema ? "must be an object" : "is missing");
    return;
  }
  x.input_schema = schema->get_object();
  auto compiled = argument_schema::compile(x.input_schema);
  if (compiled)
    x.arguments = std::move(*compiled);
  else
    reader.mistakes().add(reader.pointer_to("inputSchema") + param_of(compiled.error()),
                          message_of(compiled.error()));
}

void read_annotations(object_reader reader, tool_annotations& x) {
  x.read_only = reader.flag("readOnlyHint", false);
  x.destructive = reader.flag("destructiveHint", false);
  x.idempotent = reader.flag("idempotentHint", false);
  x.open_world = reader.flag("openWorldHint", true);
  for (auto* name : {"readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"})
    if (!reader.has(name))
      reader.complain(name, "is missing");
  if (x.read_only && x.destructive)
    reader.complain("destructiveHint", "a tool that only reads cannot be destructive");
  reader.finish();
}

argument_rule read_rule(object_reader& reader, const request_scope& scope) {
  using kind = argument_rule::kind;
  argument_rule x{kind::min_one_of, {}};
  int given = 0;
  for (auto& [name, what] :
       {std::pair{"exactly_one_of", kind::exactly_one_of},
        std::pair{"min_one_of", kind::min_one_of}, std::pair{"not_together", kind::not_together}}) {
    auto arguments = reader.texts(name);
    if (!reader.has(name))
      continue;
    ++given;
    x = {what, std::move(arguments)};
    if (x.arguments.size() < 2)
      reader.complain(name, "needs two arguments or more");
    for (auto& argument : x.arguments)
      if (!scope.has_argument(argument))
        reader.complain(name, "the argument " + quoted(argument) + " is not in inputSchema");
  }
  if (given != 1)
    reader.mistakes().add(reader.pointer(),
                          "needs one of exactly_one_of, min_one_of, not_together");
  return x;
}

std::optional<text_template> read_text(object_reader& reader, std::string_view name,
                                       const request_scope& scope) {
  auto text = reader.optional_text(name);
  if (text.empty())
    return std::nullopt;
  auto parsed = text_template::parse(text);
  if (!parsed) {
    reader.complain(name, message_of(parsed.error()));
    return std::nullopt;
  }
  for (auto& argument : parsed->arguments())
    if (!scope.has_argument(argument))
      reader.complain(name, "the argument " + quoted(argument) + " is not in inputSchema");
  return std::move(*parsed);
}

std::optional<decode_shape> read_decode(object_reader& reader) {
  if (!reader.has("decode")) {
    reader.value("decode");
    return std::nullopt;
  }
  auto inner = reader.object("decode");
  decode_shape x{inner.place("content"), inner.place("encoding"), inner.pairs("notes")};
  if (x.content.empty())
    inner.complain("content", "is missing");
  if (x.encoding.empty())
    inner.complain("encoding", "is missing");
  inner.finish();
  return x;
}

void read_answer(object_reader reader, const app& owner, const request_scope& scope,
                 tool_answer_shape& x) {
  constexpr int no_content = 204;
  x.statuses = reader.statuses("statuses");
  if (x.statuses.empty())
    reader.complain("statuses", "must name one status or more");
  std::vector<json_path> paths;
  std::size_t index = 0;
  for (auto& field : reader.texts("fields")) {
    if (auto path = json_path::parse(field))
      paths.push_back(std::move(*path));
    else
      reader.mistakes().add(reader.pointer_to("fields") + '/' + std::to_string(index),
                            message_of(path.error()));
    ++index;
  }
  x.fields = json_selection{paths};
  if (auto text = read_text(reader, "text", scope))
    x.text = std::move(*text);
  else if (!reader.has("text"))
    reader.complain("text", "is missing");
  x.text_array = read_text(reader, "text_for_list", scope);
  x.text_empty = read_text(reader, "text_for_nothing", scope);
  x.text_raw = read_text(reader, "text_for_raw", scope);
  x.raw_types = reader.texts("raw_types");
  x.decode = read_decode(reader);
  x.soft_errors = reader.pairs("soft_errors");
  if (!x.soft_errors.empty() && owner.answer.error_code.empty())
    reader.complain("soft_errors", "the app has no answer/error_code to compare them with");
  bool may_be_empty =
    std::find(x.statuses.begin(), x.statuses.end(), no_content) != x.statuses.end();
  if (may_be_empty && !x.text_empty)
    reader.complain("text_for_nothing", "is missing although 204 is a status");
  reader.finish();
}

pre_request read_step(object_reader& reader, request_scope& scope) {
  constexpr int ok = 200;
  pre_request x;
  x.id = reader.text("id");
  if (std::find(scope.steps.begin(), scope.steps.end(), x.id) != scope.steps.end())
    reader.complain("id", quoted(x.id) + " is there twice");
  x.request = read_request(reader, scope);
  x.accept = reader.statuses("accept");
  if (x.accept.empty())
    x.accept = {ok};
  // Only a read may be repeated after a refresh or a lost connection without a thought.
  if (x.request.method != "GET")
    reader.complain("method", "a request before the tool's own must be a GET");
  return x;
}

void check_use(object_reader& reader, const tool& x, const std::vector<std::string>& used) {
  auto* properties = find_object(x.input_schema, "properties");
  if (!properties)
    return;
  for (auto& property : *properties) {
    std::string_view name{property.key().data(), property.key().size()};
    if (std::find(used.begin(), used.end(), name) == used.end())
      reader.mistakes().add(reader.pointer_to("inputSchema") + "/properties/" + std::string{name},
                            "no binding uses this argument");
  }
  if (x.annotations.read_only && x.request.method != "GET")
    reader.complain("annotations", "a tool that only reads must use GET");
}

} // namespace

tool read_tool(object_reader& reader, const app& owner) {
  static const json::object no_properties;
  tool x;
  read_name(reader, owner, x);
  x.title = reader.text("title");
  x.description = reader.text("description");
  read_schema(reader, x);
  read_annotations(reader.object("annotations"), x.annotations);
  x.scopes = reader.texts("scopes");
  auto* properties = find_object(x.input_schema, "properties");
  std::vector<std::string> used;
  request_scope scope{owner,
                      properties ? *properties : no_properties,
                      find_array(x.input_schema, "required"),
                      {},
                      used};
  reader.each("rules",
              [&](object_reader& element) { x.rules.push_back(read_rule(element, scope)); });
  reader.each("before", [&](object_reader& element) {
    x.before.push_back(read_step(element, scope));
    scope.steps.push_back(x.before.back().id);
  });
  auto request = reader.object("request");
  x.request = read_request(request, scope);
  request.finish();
  read_answer(reader.object("answer"), owner, scope, x.answer);
  check_use(reader, x, used);
  return x;
}

} // namespace callboard::connectors
