#include "core/mcp/client_request.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "core/base/digest.hpp"
#include "core/base/json_text.hpp"
#include "core/mcp/messages.hpp"

namespace callboard::mcp {
namespace {

constexpr std::string_view header_prefix = "Mcp-Param-";
/// Integers beyond do not survive JavaScript; the rule is the specification's.
constexpr std::int64_t safe_integer_max = (std::int64_t{1} << 53) - 1;
/// Keywords under which an annotation has no fixed place in the arguments.
constexpr std::array<std::string_view, 18> wandering{"items",
                                                     "prefixItems",
                                                     "additionalItems",
                                                     "contains",
                                                     "oneOf",
                                                     "anyOf",
                                                     "allOf",
                                                     "not",
                                                     "if",
                                                     "then",
                                                     "else",
                                                     "patternProperties",
                                                     "$defs",
                                                     "dependentSchemas",
                                                     "additionalProperties",
                                                     "$ref",
                                                     "definitions",
                                                     "propertyNames"};

bool is_hop_member(std::string_view key) {
  return key == meta::version || key == meta::client || key == meta::capabilities
         || key == meta::log_level || key == meta::progress_token;
}

/// `_meta` for the server, or empty for none.
std::string encode_meta(const outgoing_request& x, std::string_view own, server_era era,
                        std::string_view version) {
  object_writer out;
  for (auto& member : members_of(own))
    if (!is_hop_member(member.key))
      out.add(member.key, member.value);
  if (x.progress_token)
    out.add(meta::progress_token, std::to_string(*x.progress_token));
  if (era == server_era::stateless) {
    out.add_string(meta::version, version);
    out.add(meta::capabilities, x.capabilities.empty() ? "{}" : x.capabilities);
    if (!x.client.empty())
      out.add(meta::client, x.client);
    if (!x.log_level.empty())
      out.add_string(meta::log_level, x.log_level);
  }
  return out.empty() ? std::string{} : std::move(out).finish();
}

/// The member that Mcp-Name repeats, or an empty name.
std::string_view name_member(std::string_view method) {
  if (method == method::tools_call || method == "prompts/get")
    return "name";
  return method == "resources/read" ? "uri" : std::string_view{};
}

bool is_token(std::string_view x) {
  constexpr std::string_view others = "!#$%&'*+-.^_`|~";
  return !x.empty() && std::all_of(x.begin(), x.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || others.find(c) != std::string_view::npos;
  });
}

/// Collects the annotations of a schema and notes the first broken rule.
class annotation_reader {
public:
  void read(const json::object& schema) {
    if (auto* properties = find_object(schema, "properties"))
      for (auto& member : *properties)
        if (auto* property = member.value().if_object()) {
          path_.emplace_back(member.key());
          take(*property);
          read(*property);
          path_.pop_back();
        }
    for (auto keyword : wandering)
      if (auto* below = find(schema, keyword); below && annotated(*below))
        refuse("below '" + std::string{keyword} + "'");
  }

  result<std::vector<mirrored_property>> finish() && {
    if (!problem_.empty())
      return make_problem(errc::upstream_failed, "x-mcp-header is used wrongly: " + problem_ + '.');
    return std::move(found_);
  }

private:
  void refuse(std::string why) {
    if (problem_.empty())
      problem_ = std::move(why);
  }

  void take(const json::object& property) {
    auto* annotation = find(property, "x-mcp-header");
    if (!annotation)
      return;
    auto name = annotation->is_string() ? to_std(annotation->get_string()) : std::string{};
    auto type = find_string(property, "type").value_or("");
    if (!is_token(name))
      return refuse("'" + name + "' is no header name");
    if (type != "string" && type != "integer" && type != "boolean")
      return refuse("'" + name + "' is on no string, integer or boolean");
    if (!names_.insert(to_lower(name)).second)
      return refuse("'" + name + "' is used twice");
    found_.push_back({path_, std::string{header_prefix} + name});
  }

  /// Whether there is an annotation anywhere in a value. Depth is bounded by the parser.
  static bool annotated(const json::value& x) {
    if (auto* array = x.if_array())
      return std::any_of(array->begin(), array->end(), annotated);
    auto* object = x.if_object();
    return object
           && (object->contains("x-mcp-header")
               || std::any_of(object->begin(), object->end(),
                              [](auto& member) { return annotated(member.value()); }));
  }

  std::vector<std::string> path_;
  std::set<std::string> names_;
  std::vector<mirrored_property> found_;
  std::string problem_;
};

/// The value as a header has it, or nothing for what has no place there.
std::optional<std::string> header_text(const json::value& x) {
  if (x.is_string())
    return to_std(x.get_string());
  if (x.is_bool())
    return x.get_bool() ? "true" : "false";
  if (x.is_int64() && x.get_int64() >= -safe_integer_max && x.get_int64() <= safe_integer_max)
    return std::to_string(x.get_int64());
  return std::nullopt;
}

} // namespace

std::string progress_token_of(std::string_view params) {
  if (params.empty())
    return {};
  auto own = member_text(params, "_meta").value_or("");
  return std::string{member_text(own, meta::progress_token).value_or("")};
}

std::string encode_params(const outgoing_request& x, server_era era, std::string_view version) {
  auto own = x.params.empty() ? std::string_view{}
                              : member_text(x.params, "_meta").value_or(std::string_view{});
  auto meta_text = encode_meta(x, own, era, version);
  if (meta_text.empty())
    return own.empty() ? x.params : without_member(x.params, "_meta");
  return with_member(x.params.empty() ? "{}" : x.params, "_meta", meta_text);
}

std::string encode_request_text(const rpc_id& id, std::string_view method,
                                std::string_view params) {
  std::string text = R"({"jsonrpc":"2.0","id":)" + id.key() + R"(,"method":)" + quoted_text(method);
  if (!params.empty()) {
    text += R"(,"params":)";
    text += params;
  }
  return text + '}';
}

std::string encode_notification_text(std::string_view method, std::string_view params) {
  std::string text = R"({"jsonrpc":"2.0","method":)" + quoted_text(method);
  if (!params.empty()) {
    text += R"(,"params":)";
    text += params;
  }
  return text + '}';
}

std::string encode_error_text(const rpc_id& id, std::int64_t code, std::string_view message,
                              std::string_view data) {
  auto text = R"({"jsonrpc":"2.0","id":)" + id.key() + R"(,"error":{"code":)" + std::to_string(code)
              + R"(,"message":)" + quoted_text(message);
  if (!data.empty()) {
    text += R"(,"data":)";
    text += data;
  }
  return text + "}}";
}

std::string initialize_params_text(session_version version, std::string_view capabilities,
                                   std::string_view client) {
  object_writer out;
  out.add_string("protocolVersion", to_string(version));
  out.add("capabilities", capabilities.empty() ? "{}" : capabilities);
  out.add("clientInfo", client);
  return std::move(out).finish();
}

http_headers post_headers() {
  return {{"Content-Type", "application/json"}, {"Accept", "application/json, text/event-stream"}};
}

http_headers stateless_headers(std::string_view method, std::string_view params,
                               std::string_view version) {
  http_headers headers{{"MCP-Protocol-Version", std::string{version}},
                       {"Mcp-Method", std::string{method}}};
  auto member = name_member(method);
  if (member.empty() || params.empty())
    return headers;
  if (auto text = member_text(params, member))
    if (auto name = string_from(*text))
      headers.push_back({"Mcp-Name", encode_header_value(*name)});
  return headers;
}

http_headers session_headers(std::string_view session, std::string_view version) {
  http_headers headers;
  if (!session.empty())
    headers.push_back({"Mcp-Session-Id", std::string{session}});
  headers.push_back({"MCP-Protocol-Version", std::string{version}});
  return headers;
}

std::string encode_header_value(std::string_view value) {
  constexpr std::string_view prefix = "=?base64?";
  constexpr std::string_view suffix = "?=";
  bool plain = std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c <= '~'; });
  bool padded = !value.empty() && (value.front() == ' ' || value.back() == ' ');
  bool marked = value.substr(0, prefix.size()) == prefix && value.size() >= suffix.size()
                && value.substr(value.size() - suffix.size()) == suffix;
  if (plain && !padded && !marked)
    return std::string{value};
  return std::string{prefix} + to_base64(value) + std::string{suffix};
}

result<std::vector<mirrored_property>> mirrored_properties(const json::object& input_schema) {
  annotation_reader reader;
  reader.read(input_schema);
  return std::move(reader).finish();
}

http_headers mirror_arguments(const std::vector<mirrored_property>& properties,
                              const json::object& arguments) {
  http_headers headers;
  for (auto& property : properties) {
    const json::object* at = &arguments;
    for (std::size_t i = 0; at && i + 1 < property.path.size(); ++i)
      at = find_object(*at, property.path[i]);
    auto* value = at ? find(*at, property.path.back()) : nullptr;
    if (!value)
      continue;
    if (auto text = header_text(*value))
      headers.push_back({property.header, encode_header_value(*text)});
  }
  return headers;
}

} // namespace callboard::mcp
