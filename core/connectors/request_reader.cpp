#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "core/connectors/tool_reader.hpp"

namespace callboard::connectors {
namespace {

using part = binding_target::part;

std::string quoted(std::string_view x) { return "\"" + std::string{x} + "\""; }

/// Headers that are not for a description to set.
bool is_reserved_header(std::string_view name) {
  constexpr std::array<std::string_view, 8> reserved{
    "Authorization", "Host",   "Content-Length",    "Content-Type",
    "Connection",    "Cookie", "Transfer-Encoding", "Proxy-Authorization"};
  return std::any_of(reserved.begin(), reserved.end(),
                     [&](std::string_view x) { return iequals(x, name); });
}

std::optional<part> part_of(std::string_view name) {
  if (name == "path")
    return part::path;
  if (name == "query")
    return part::query;
  if (name == "header")
    return part::header;
  if (name == "form")
    return part::form;
  if (name == "body")
    return part::body;
  return std::nullopt;
}

std::vector<std::string> split_dots(std::string_view text) {
  std::vector<std::string> names;
  for (;;) {
    auto end = text.find('.');
    names.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos)
      return names;
    text.remove_prefix(end + 1);
  }
}

/// Reads one `bind` element against the request that it belongs to.
class binding_reader {
public:
  binding_reader(object_reader& reader, request_scope& scope, const request_template& request)
      : reader_(reader), scope_(scope), request_(request) {}

  binding read() {
    binding x{read_source(), {}, {}, {}, {}};
    read_targets(x);
    read_transform(x);
    x.default_connection_field = reader_.optional_text("or_connection");
    if (!x.default_connection_field.empty())
      check_field("or_connection", x.default_connection_field);
    read_condition(x, "when_argument", binding_condition::kind::present);
    read_condition(x, "unless_argument", binding_condition::kind::absent);
    read_condition(x, "when_true", binding_condition::kind::is_true);
    read_condition(x, "unless_true", binding_condition::kind::is_not_true);
    return x;
  }

private:
  void use_argument(std::string_view member, const std::string& name) {
    if (scope_.has_argument(name))
      scope_.used_arguments.push_back(name);
    else if (!name.empty())
      reader_.complain(member, "the argument " + quoted(name) + " is not in inputSchema");
  }

  void check_field(std::string_view member, const std::string& name) {
    auto& fields = scope_.owner.connection;
    auto& kept = scope_.owner.oauth.answer.keep;
    bool known =
      std::any_of(fields.begin(), fields.end(),
                  [&](const connection_field& x) { return x.name == name; })
      || std::any_of(kept.begin(), kept.end(), [&](const auto& x) { return x.first == name; });
    if (!known)
      reader_.complain(member, "the connection has no field " + quoted(name));
  }

  binding_source read_source() {
    static const std::vector<std::string> kinds{"argument", "constant", "step", "group",
                                                "connection"};
    auto given = std::count_if(kinds.begin(), kinds.end(),
                               [&](const std::string& x) { return reader_.has(x); });
    auto* constant = reader_.value("constant");
    auto argument = reader_.optional_text("argument");
    auto field = reader_.optional_text("connection");
    auto step = reader_.optional_text("step");
    auto pointer = reader_.place("pointer");
    bool optional = reader_.flag("optional", false);
    from_group group{reader_.pairs("group")};
    if (given != 1) {
      reader_.mistakes().add(reader_.pointer(), "needs exactly one source: argument, constant, "
                                                "step, group or connection");
      return from_argument{};
    }
    if (constant)
      return from_constant{*constant};
    if (!field.empty()) {
      check_field("connection", field);
      return from_connection{std::move(field)};
    }
    for (auto& [member, name] : group.members)
      use_argument("group", name);
    if (reader_.has("group"))
      return group;
    if (!step.empty())
      return read_step(step, std::move(pointer), optional);
    use_argument("argument", argument);
    return from_argument{std::move(argument)};
  }

  binding_source read_step(const std::string& step, json_pointer pointer, bool optional) {
    auto found = std::find(scope_.steps.begin(), scope_.steps.end(), step);
    if (found == scope_.steps.end())
      reader_.complain("step", "there is no earlier request " + quoted(step));
    if (pointer.empty())
      reader_.complain("pointer", "is missing");
    return from_step{static_cast<std::size_t>(found - scope_.steps.begin()), std::move(pointer),
                     optional};
  }

  void read_targets(binding& x) {
    auto* to = reader_.value("to");
    if (to && to->is_array() && to->get_array().size() > 1) {
      for (auto& element : to->get_array())
        x.targets.push_back(read_target(element.is_string() ? to_std(element.get_string()) : ""));
      return;
    }
    if (!to || !to->is_string()) {
      reader_.complain("to", to ? "must be a text, or a list of two or more" : "is missing");
      return;
    }
    x.targets.push_back(read_target(to_std(to->get_string())));
  }

  binding_target read_target(const std::string& text) {
    auto names = split_dots(text);
    auto where = part_of(names.front());
    names.erase(names.begin());
    bool named =
      !names.empty()
      && std::none_of(names.begin(), names.end(), [](const std::string& x) { return x.empty(); });
    if (!where || !named || (*where != part::body && names.size() != 1)) {
      reader_.complain("to", "unknown target " + quoted(text)
                               + "; allowed are path.x, query.x, header.x, form.x, body.x.y");
      return {part::query, {"x"}};
    }
    check_target(*where, names.front());
    return {*where, std::move(names)};
  }

  void check_target(part where, const std::string& name) {
    if (where == part::path && !request_.path.has_variable(name)
        && !request_.path.has_optional(name))
      reader_.complain("to",
                       "the path " + request_.path.source() + " has no variable " + quoted(name));
    if (where == part::body && request_.body != body_format::json)
      reader_.complain("to", "a body target needs \"body\": \"json\"");
    if (where == part::form && request_.body != body_format::form)
      reader_.complain("to", "a form target needs \"body\": \"form\"");
    if (where == part::header && is_reserved_header(name))
      reader_.complain("to", "the header " + name + " cannot be bound");
  }

  void read_transform(binding& x) {
    auto text = reader_.optional_text("as");
    if (!text.empty()) {
      auto parsed = parse_transform(text);
      if (!parsed) {
        reader_.complain("as", message_of(parsed.error()));
        return;
      }
      x.as = std::move(*parsed);
    }
    bool splits = x.as && x.as->what == transform::kind::split;
    if (splits != (x.targets.size() > 1))
      reader_.complain("as", "several targets and the transform split go together");
    bool only_path = !x.targets.empty() && x.targets.front().where == part::path;
    if (x.as && x.as->what == transform::kind::path_segments && !only_path)
      reader_.complain("as", "path_segments is only for a path variable");
  }

  void read_condition(binding& x, std::string_view member, binding_condition::kind what) {
    auto name = reader_.optional_text(member);
    if (name.empty())
      return;
    use_argument(member, name);
    x.conditions.push_back({what, std::move(name)});
  }

  object_reader& reader_;
  request_scope& scope_;
  const request_template& request_;
};

/// Whether a binding gives a value at every call.
bool always_gives(const binding& x, const request_scope& scope) {
  if (!x.conditions.empty())
    return false;
  if (auto* argument = std::get_if<from_argument>(&x.source))
    return !x.default_connection_field.empty() || scope.always_present(argument->name);
  auto* step = std::get_if<from_step>(&x.source);
  return !step || !step->optional;
}

void check_path_variables(object_reader& reader, const request_template& x,
                          const request_scope& scope) {
  for (auto& piece : x.path.pieces()) {
    if (piece.what != path_template::piece::kind::variable)
      continue;
    bool bound = false;
    bool filled = false;
    for (auto& candidate : x.bindings)
      for (auto& target : candidate.targets)
        if (target.where == part::path && target.names.front() == piece.text) {
          bound = true;
          filled = filled || always_gives(candidate, scope);
        }
    if (!bound)
      reader.complain("path", "the variable " + quoted(piece.text) + " has no binding");
    else if (!filled)
      reader.complain("path", "the variable " + quoted(piece.text)
                                + " may stay empty; its argument must be required or have a "
                                  "default");
  }
}

} // namespace

bool request_scope::has_argument(std::string_view name) const {
  return find(properties, name) != nullptr;
}

bool request_scope::always_present(std::string_view name) const {
  auto* property = find_object(properties, name);
  if (property && find(*property, "default"))
    return true;
  return required && std::any_of(required->begin(), required->end(), [&](const json::value& x) {
           return x.is_string() && std::string_view{x.get_string()} == name;
         });
}

request_template read_request(object_reader& reader, request_scope& scope) {
  request_template x;
  x.method = reader.choice("method", {"GET", "POST", "PUT", "PATCH", "DELETE"}, true);
  auto path = reader.text("path");
  if (!path.empty()) {
    if (auto parsed = path_template::parse(path))
      x.path = std::move(*parsed);
    else
      reader.complain("path", message_of(parsed.error()));
  }
  auto body = reader.choice("body", {"none", "json", "form"}, false);
  x.body = body == "json"   ? body_format::json
           : body == "form" ? body_format::form
                            : body_format::none;
  if (x.method == "GET" && x.body != body_format::none)
    reader.complain("body", "a GET request has no body");
  reader.each("bind", [&](object_reader& element) {
    x.bindings.push_back(binding_reader{element, scope, x}.read());
  });
  check_path_variables(reader, x, scope);
  return x;
}

} // namespace callboard::connectors
