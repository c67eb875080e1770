#include "core/mcp/remote_tools.hpp"

#include <algorithm>
#include <array>

#include "core/base/digest.hpp"
#include "core/base/json_text.hpp"

namespace callboard::mcp {
namespace {

/// What a change of needs a new approval: what models read and what the tool takes and gives.
constexpr std::array<std::string_view, 6> pinned{"name",        "title",        "description",
                                                 "inputSchema", "outputSchema", "annotations"};
/// A name is shown, compared and stored; the specification recommends 128.
constexpr std::size_t tool_name_bytes_max = 256;

caf::error strange(std::string why) { return make_problem(errc::upstream_failed, std::move(why)); }

/// JSON text that does not depend on the order of members.
void write_canonical(std::string& out, const json::value& x) {
  if (auto* array = x.if_array()) {
    out += '[';
    for (auto& element : *array) {
      write_canonical(out, element);
      out += ',';
    }
    out += ']';
    return;
  }
  auto* object = x.if_object();
  if (!object) {
    out += json::serialize(x);
    return;
  }
  std::vector<const json::key_value_pair*> members;
  for (auto& member : *object)
    members.push_back(&member);
  std::sort(members.begin(), members.end(), [](auto* a, auto* b) { return a->key() < b->key(); });
  out += '{';
  for (auto* member : members) {
    out += json::serialize(member->key());
    out += ':';
    write_canonical(out, member->value());
    out += ',';
  }
  out += '}';
}

std::string hash_of(const json::object& tool) {
  std::string text;
  for (auto key : pinned)
    if (auto* value = find(tool, key)) {
      text += key;
      text += '=';
      write_canonical(text, *value);
      text += '\n';
    }
  return to_hex(sha256(text));
}

std::string named(std::string_view item, std::string_view prefix, std::string_view name) {
  return with_member(item, "name", quoted_text(std::string{prefix} + std::string{name}));
}

void add_content(std::string& text, const json::object& item) {
  auto type = find_string(item, "type").value_or("");
  auto part = find_string(item, "text");
  if (type == "resource")
    if (auto* resource = find_object(item, "resource")) {
      part = find_string(*resource, "text");
      if (!part)
        part = "[resource " + find_string(*resource, "uri").value_or("") + ']';
    }
  if (type == "resource_link")
    part = "[resource " + find_string(item, "uri").value_or("") + ']';
  if (!part)
    part = '[' + type + ' ' + find_string(item, "mimeType").value_or("") + ']';
  if (!text.empty())
    text += '\n';
  text += *part;
}

} // namespace

result<list_page> read_list_page(std::string_view result, std::string_view member) {
  auto list = member_text(result, member);
  if (!list || list->empty() || list->front() != '[')
    return strange("The server's answer has no '" + std::string{member} + "'.");
  list_page page;
  for (auto item : elements_of(*list))
    page.items.emplace_back(item);
  if (auto next = member_text(result, "nextCursor"))
    page.next = string_from(*next);
  return page;
}

result<remote_tool> read_remote_tool(std::string_view text) {
  auto parsed = parse_json_object(text);
  if (!parsed)
    return strange("A tool is no object.");
  auto name = find_string(*parsed, "name");
  if (!name || name->empty() || name->size() > tool_name_bytes_max)
    return strange("A tool has no usable name.");
  auto* schema = find_object(*parsed, "inputSchema");
  if (!schema)
    return strange("The tool '" + *name + "' has no input schema.");
  auto mirrored = mirrored_properties(*schema);
  if (!mirrored)
    return strange("The tool '" + *name + "' is left out: " + message_of(mirrored.error()));
  return remote_tool{std::move(*name), std::string{text}, hash_of(*parsed), std::move(*mirrored)};
}

bool tool_policy::offers(std::string_view name) const {
  std::string key{name};
  return (!allowed || allowed->count(key) != 0) && withheld.count(key) == 0;
}

std::optional<std::string> tool_policy::unprefixed(std::string_view name) const {
  if (name.substr(0, prefix.size()) != prefix)
    return std::nullopt;
  return std::string{name.substr(prefix.size())};
}

std::vector<std::string> offered_tools(const std::vector<remote_tool>& tools,
                                       const tool_policy& policy) {
  std::map<std::string, std::string> offered;
  for (auto& tool : tools)
    if (policy.offers(tool.name))
      offered.emplace(
        tool.name, policy.prefix.empty() ? tool.text : named(tool.text, policy.prefix, tool.name));
  std::vector<std::string> texts;
  texts.reserve(offered.size());
  for (auto& [name, text] : offered)
    texts.push_back(std::move(text));
  return texts;
}

std::vector<std::string> prefixed(const std::vector<std::string>& items, std::string_view prefix) {
  if (prefix.empty())
    return items;
  std::vector<std::string> texts;
  for (auto& item : items)
    if (auto name = string_from(member_text(item, "name").value_or("null")))
      texts.push_back(named(item, prefix, *name));
  return texts;
}

std::string tool_error_text(std::string_view why) {
  return R"({"resultType":"complete","content":[{"type":"text","text":)" + quoted_text(why)
         + R"(}],"isError":true})";
}

tool_text read_tool_text(std::string_view result) {
  tool_text x;
  auto parsed = parse_json_object(result);
  if (!parsed)
    return x;
  x.is_error = find_bool(*parsed, "isError").value_or(false);
  if (auto* content = find_array(*parsed, "content"))
    for (auto& item : *content)
      if (auto* object = item.if_object())
        add_content(x.text, *object);
  if (find_object(*parsed, "structuredContent"))
    x.structured = std::string{member_text(result, "structuredContent").value_or("")};
  if (x.text.empty() && !x.structured.empty())
    x.text = x.structured;
  return x;
}

} // namespace callboard::mcp
