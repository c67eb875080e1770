#include "core/connectors/arguments.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace callboard::connectors {
namespace {

caf::error bad(std::string message, std::string param) {
  return make_problem(errc::invalid_field, std::move(message), std::move(param));
}

/// Whether the schema's `type` names that type, alone or in a list.
bool admits(const json::object& schema, std::string_view type) {
  auto* x = find(schema, "type");
  auto same = [&](const json::value& y) {
    return y.is_string() && std::string_view{y.get_string()} == type;
  };
  if (x && x->is_array())
    return std::any_of(x->get_array().begin(), x->get_array().end(), same);
  return x && same(*x);
}

/// Doubles beyond that are not exact, so they are left for the schema to refuse.
constexpr double exact_double_max = 9007199254740992.0;

/// Undoes what models do to arguments: null for "not given", 3.0 for 3.
void normalise(json::object& arguments, const json::object& properties) {
  std::vector<std::string> absent;
  for (auto& argument : arguments) {
    std::string_view name{argument.key().data(), argument.key().size()};
    auto* schema = find_object(properties, name);
    if (!schema)
      continue;
    auto& value = argument.value();
    if (value.is_null() && !admits(*schema, "null"))
      absent.emplace_back(name);
    auto* number = value.if_double();
    if (number && admits(*schema, "integer") && std::trunc(*number) == *number
        && std::abs(*number) <= exact_double_max)
      value = static_cast<std::int64_t>(*number);
  }
  for (auto& name : absent)
    arguments.erase(name);
}

std::string path_text(const std::vector<std::string>& path) {
  std::string text;
  for (auto& name : path) {
    bool index =
      !text.empty() && !name.empty() && name.find_first_not_of("0123456789") == std::string::npos;
    if (index)
      text += '[' + name + ']';
    else
      text += (text.empty() ? "" : ".") + name;
  }
  return text;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (auto& name : names)
    text += (text.empty() ? "" : ", ") + name;
  return text;
}

result<void> check_rule(const argument_rule& rule, const json::object& arguments) {
  auto given = std::count_if(rule.arguments.begin(), rule.arguments.end(),
                             [&](const std::string& x) { return arguments.contains(x); });
  switch (rule.what) {
  case argument_rule::kind::exactly_one_of:
    if (given == 1)
      return {};
    return bad("Give exactly one of the arguments " + joined(rule.arguments) + ".",
               rule.arguments.front());
  case argument_rule::kind::min_one_of:
    if (given >= 1)
      return {};
    return bad("Give at least one of the arguments " + joined(rule.arguments) + ".",
               rule.arguments.front());
  case argument_rule::kind::not_together:
    if (given <= 1)
      return {};
    return bad("Give only one of the arguments " + joined(rule.arguments) + ".",
               rule.arguments.front());
  }
  return {};
}

} // namespace

result<json::object> check_arguments(const tool& x, json::object arguments) {
  auto& properties = *find_object(x.input_schema, "properties");
  normalise(arguments, properties);
  if (auto found = x.arguments->check(arguments))
    return bad("Argument \"" + path_text(found->path) + "\" " + found->text + ".",
               found->path.front());
  for (auto& rule : x.rules)
    if (auto checked = check_rule(rule, arguments); !checked)
      return checked.error();
  for (auto& property : properties) {
    auto* schema = property.value().if_object();
    auto* value = schema ? find(*schema, "default") : nullptr;
    if (value && !arguments.contains(property.key()))
      arguments.emplace(property.key(), *value);
  }
  return arguments;
}

} // namespace callboard::connectors
