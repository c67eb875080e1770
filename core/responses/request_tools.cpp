#include "core/responses/request_tools.hpp"

#include <algorithm>
#include <utility>

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include "core/base/http_message.hpp"

namespace callboard::responses {
namespace {

/// OpenAI's bound; each tool's schema is paid for in every turn.
constexpr std::size_t tools_max = 128;
/// OpenAI's bound; model servers refuse longer names.
constexpr std::size_t tool_name_bytes_max = 64;

using choice_mode = tool_choice::mode;

bool is_tool_name(std::string_view name) {
  auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'
           || c == '-';
  };
  return !name.empty() && name.size() <= tool_name_bytes_max
         && std::all_of(name.begin(), name.end(), allowed);
}

std::string without_bearer(std::string_view text) {
  constexpr std::string_view scheme = "Bearer ";
  if (iequals(text.substr(0, scheme.size()), scheme))
    text.remove_prefix(scheme.size());
  text = trim(text);
  return std::string{text};
}

std::string_view port_of(const boost::urls::url_view& url) {
  if (url.has_port() && !url.port().empty())
    return {url.port().data(), url.port().size()};
  return url.scheme_id() == boost::urls::scheme::https ? "443" : "80";
}

std::string_view path_of(const boost::urls::url_view& url) {
  std::string_view path{url.encoded_path().data(), url.encoded_path().size()};
  if (path.ends_with('/'))
    path.remove_suffix(1);
  return path;
}

/// Only "never" can be served: nobody is there to approve (R113). The object form that lists
/// tools under `never` means the same for them.
void check_approval(field_reader& fields) {
  auto* x = fields.find("require_approval");
  if (!x || (x->is_string() && x->get_string() == "never"))
    return;
  auto* object = x->if_object();
  auto* always = object ? find(*object, "always") : nullptr;
  if (!object || !find_object(*object, "never") || (always && !always->is_null()))
    fields.complain("require_approval", "Only \"never\" is supported.");
}

void read_names(field_reader& fields, std::string_view key,
                std::optional<std::vector<std::string>>& into) {
  auto* array = fields.array(key);
  if (!array)
    return;
  std::vector<std::string> names;
  for (auto& x : *array) {
    if (!x.is_string())
      return fields.complain(key, "An array of strings is expected.");
    names.push_back(to_std(x.get_string()));
  }
  if (names.size() != 1 || names.front() != "*")
    into = std::move(names);
}

void read_allowed_tools(field_reader& fields, mcp_server& into) {
  auto* x = fields.find("allowed_tools");
  if (!x)
    return;
  if (x->is_array())
    return read_names(fields, "allowed_tools", into.allowed_tools);
  if (!x->is_object())
    return fields.complain("allowed_tools", "An array of names or an object is expected.");
  field_reader inner{x->get_object(), member_path(fields.path(), "allowed_tools")};
  read_names(inner, "tool_names", into.allowed_tools);
  inner.read("read_only", into.read_only);
  fields.take(inner.problem());
}

void read_server(field_reader& fields, const request_context& context, request& into,
                 std::size_t index) {
  mcp_server x;
  x.index = index;
  for (auto key : {"connector_id", "tunnel_id"})
    if (fields.find(key))
      fields.complain(key, "Only servers given by server_url are supported.");
  x.label = fields.required("server_label");
  if (fields.ok() && !context.knows_app(x.label))
    fields.complain("server_label", "There is no app with this slug.");
  for (auto& other : into.servers)
    if (other.label == x.label)
      fields.complain("server_label", "Each server_label may appear only once.");
  x.url = fields.required("server_url");
  if (fields.ok() && !is_own_server_url(x.url, context.mcp_url, x.label))
    fields.complain("server_url", "The address of this app is expected: " + context.mcp_url
                                    + "/mcp/" + x.label + '.');
  x.authorization = without_bearer(fields.required("authorization"));
  if (fields.ok() && x.authorization.empty())
    fields.complain("authorization", "The end user's key is expected.");
  check_approval(fields);
  read_allowed_tools(fields, x);
  fields.read("server_description", x.description);
  fields.object("headers");
  if (fields.ok())
    into.servers.push_back(std::move(x));
}

void read_function(field_reader& outer, request& into, std::size_t index) {
  function_tool x;
  x.index = index;
  auto* nested = outer.object("function");
  auto read = [&](field_reader& fields) {
    x.name = fields.required("name");
    if (fields.ok() && !is_tool_name(x.name))
      fields.complain("name", "1 to 64 letters, digits, underscores and dashes are expected.");
    for (auto& other : into.functions)
      if (other.name == x.name)
        fields.complain("name", "Two functions have this name.");
    fields.read("description", x.description);
    if (auto* parameters = fields.object("parameters"))
      x.parameters = *parameters;
    fields.read("strict", x.strict);
  };
  if (nested) {
    field_reader fields{*nested, member_path(outer.path(), "function")};
    read(fields);
    outer.take(fields.problem());
  } else {
    read(outer);
  }
  if (outer.ok())
    into.functions.push_back(std::move(x));
}

bool has_function(const request& x, std::string_view name) {
  return std::any_of(x.functions.begin(), x.functions.end(),
                     [&](auto& function) { return function.name == name; });
}

bool has_server(const request& x, std::string_view label) {
  return std::any_of(x.servers.begin(), x.servers.end(),
                     [&](auto& server) { return server.label == label; });
}

/// A function or mcp choice, at the top or inside allowed_tools.
tool_choice::reference read_reference(field_reader& fields, const request& x) {
  tool_choice::reference out;
  auto type = fields.required("type");
  if (type == "function") {
    if (auto* nested = fields.object("function"))
      out.name = find_string(*nested, "name").value_or(std::string{});
    else
      out.name = fields.required("name");
    if (fields.ok() && !has_function(x, out.name))
      fields.complain("name", "There is no function of this name in tools.");
  } else if (type == "mcp") {
    out.label = fields.required("server_label");
    fields.read("name", out.name);
    if (fields.ok() && !has_server(x, out.label))
      fields.complain("server_label", "There is no mcp item with this server_label in tools.");
  } else {
    fields.complain("type", "This type of tool_choice is not supported.");
  }
  return out;
}

json::object echo_of(const tool_choice::reference& x) {
  if (x.label.empty())
    return {{"type", "function"}, {"name", x.name}};
  json::object out{{"type", "mcp"}, {"server_label", x.label}};
  if (!x.name.empty())
    out["name"] = x.name;
  return out;
}

std::optional<choice_mode> mode_of(std::string_view name) {
  if (name == "auto")
    return choice_mode::automatic;
  if (name == "none")
    return choice_mode::none;
  if (name == "required")
    return choice_mode::required;
  return std::nullopt;
}

void read_allowed_choice(field_reader& fields, request& into) {
  auto mode = fields.required("mode");
  auto* tools = fields.array("tools");
  if (!tools)
    fields.complain("tools", "An array is expected.");
  auto as = mode_of(mode);
  if (!as || *as == choice_mode::none)
    fields.complain("mode", "auto or required is expected.");
  if (!fields.ok())
    return;
  into.choice.as = *as;
  into.choice.allowed.emplace();
  json::array echo;
  for (std::size_t i = 0; i < tools->size(); ++i) {
    auto path = element_path(member_path(fields.path(), "tools"), i);
    auto* object = (*tools)[i].if_object();
    if (!object)
      return fields.take(make_problem(errc::invalid_field, "An object is expected.", path));
    field_reader entry{*object, path};
    into.choice.allowed->push_back(read_reference(entry, into));
    echo.push_back(echo_of(into.choice.allowed->back()));
    fields.take(entry.problem());
  }
  into.choice.echo =
    json::object{{"type", "allowed_tools"}, {"mode", mode}, {"tools", std::move(echo)}};
}

void read_choice_object(field_reader& fields, request& into) {
  auto type = fields.required("type");
  if (type == "allowed_tools") {
    if (auto* nested = fields.object("allowed_tools")) { // the form of chat completions
      field_reader inner{*nested, member_path(fields.path(), "allowed_tools")};
      read_allowed_choice(inner, into);
      fields.take(inner.problem());
    } else {
      read_allowed_choice(fields, into);
    }
    return;
  }
  auto reference = read_reference(fields, into);
  into.choice.as = type == "mcp" ? choice_mode::mcp : choice_mode::function;
  into.choice.echo = echo_of(reference);
  into.choice.name = std::move(reference.name);
  into.choice.label = std::move(reference.label);
}

} // namespace

bool is_own_server_url(std::string_view url, std::string_view mcp_url, std::string_view slug) {
  auto theirs = boost::urls::parse_uri({url.data(), url.size()});
  auto ours = boost::urls::parse_uri({mcp_url.data(), mcp_url.size()});
  if (!theirs || !ours || theirs->has_query() || theirs->has_fragment() || theirs->has_userinfo())
    return false;
  auto scheme = [](const boost::urls::url_view& x) {
    return std::string_view{x.scheme().data(), x.scheme().size()};
  };
  auto host = [](const boost::urls::url_view& x) {
    return std::string_view{x.encoded_host().data(), x.encoded_host().size()};
  };
  auto path = std::string{path_of(*ours)} + "/mcp/" + std::string{slug};
  return iequals(scheme(*theirs), scheme(*ours)) && iequals(host(*theirs), host(*ours))
         && port_of(*theirs) == port_of(*ours) && path_of(*theirs) == path;
}

caf::error read_tools(field_reader& fields, const request_context& context, request& into) {
  auto* tools = fields.array("tools");
  if (!tools)
    return fields.problem();
  if (tools->size() > tools_max)
    return make_problem(errc::invalid_field, "At most 128 tools are allowed.", "tools");
  for (std::size_t i = 0; i < tools->size(); ++i) {
    auto path = element_path("tools", i);
    auto* object = (*tools)[i].if_object();
    if (!object)
      return make_problem(errc::invalid_field, "An object is expected.", path);
    field_reader tool{*object, path};
    auto type = tool.required("type");
    if (type == "mcp")
      read_server(tool, context, into, i);
    else if (type == "function")
      read_function(tool, into, i);
    else
      tool.complain("type", "Only mcp and function tools are supported.");
    if (!tool.ok())
      return tool.problem();
  }
  return {};
}

caf::error read_tool_choice(field_reader& fields, request& into) {
  auto* choice = fields.find("tool_choice");
  if (!choice)
    return {};
  auto problem = [](std::string text) {
    return make_problem(errc::invalid_field, std::move(text), "tool_choice");
  };
  if (auto* text = choice->if_string()) {
    auto mode = mode_of({text->data(), text->size()});
    if (!mode)
      return problem("auto, none, required or an object is expected.");
    into.choice.as = *mode;
    into.choice.echo = *text;
  } else if (auto* object = choice->if_object()) {
    field_reader inner{*object, "tool_choice"};
    read_choice_object(inner, into);
    if (!inner.ok())
      return inner.problem();
  } else {
    return problem("A string or an object is expected.");
  }
  if (into.choice.as == choice_mode::required && into.servers.empty() && into.functions.empty())
    return problem("required needs at least one tool.");
  return {};
}

std::string authorization_path(std::size_t index) {
  return member_path(element_path("tools", index), "authorization");
}

json::array echoed_tools(const request& x) {
  json::array out;
  auto server = x.servers.begin();
  auto function = x.functions.begin();
  while (server != x.servers.end() || function != x.functions.end()) {
    bool server_next = function == x.functions.end()
                       || (server != x.servers.end() && server->index < function->index);
    if (server_next) {
      json::value allowed;
      if (server->allowed_tools)
        allowed = json::value_from(*server->allowed_tools);
      if (server->read_only) {
        json::object filter{{"read_only", true}};
        if (server->allowed_tools)
          filter["tool_names"] = allowed;
        allowed = std::move(filter);
      }
      out.push_back(
        {{"type", "mcp"},
         {"server_label", server->label},
         {"server_url", server->url},
         {"server_description",
          server->description.empty() ? json::value{} : json::value(server->description)},
         {"headers", nullptr},
         {"allowed_tools", std::move(allowed)},
         {"require_approval", "never"}});
      ++server;
      continue;
    }
    out.push_back(
      {{"type", "function"},
       {"name", function->name},
       {"description",
        function->description.empty() ? json::value{} : json::value(function->description)},
       {"parameters", function->parameters ? json::value(*function->parameters) : json::value{}},
       {"strict", function->strict ? json::value(*function->strict) : json::value{}}});
    ++function;
  }
  return out;
}

} // namespace callboard::responses
