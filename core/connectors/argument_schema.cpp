#include "core/connectors/argument_schema.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

// Without it a bad schema would end the program.
#define VALIJSON_USE_EXCEPTIONS 1
#include <valijson/adapters/boost_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include "core/connectors/text_pattern.hpp"

namespace callboard::connectors {

namespace {

/// Keywords with one meaning in every draft since 7, and in those fragments of JSON Schema that
/// model APIs accept. `pattern` only on an argument itself, see text_pattern.
constexpr std::array<std::string_view, 17> keywords{
  "type",      "description", "title",    "default",       "enum",          "pattern",
  "minLength", "maxLength",   "minimum",  "maximum",       "items",         "minItems",
  "maxItems",  "properties",  "required", "minProperties", "maxProperties",
};
constexpr std::string_view additional = "additionalProperties";
/// Those of them that stand around the arguments. What arguments need together is said by rules.
constexpr std::array<std::string_view, 5> root_keywords{"type", "description", "title",
                                                        "properties", "required"};
constexpr std::array<std::string_view, 7> types{"string", "integer", "number", "boolean",
                                                "object", "array",   "null"};

caf::error mistake(std::string message, const std::string& pointer) {
  return make_problem(errc::invalid_field, std::move(message), pointer);
}

template <class T>
bool contains(const T& list, std::string_view x) {
  return std::find(list.begin(), list.end(), x) != list.end();
}

result<void> check_type(const json::value& type, const std::string& pointer) {
  auto known = [](const json::value& x) {
    return x.is_string() && contains(types, std::string_view{x.get_string()});
  };
  auto* list = type.if_array();
  bool valid =
    list ? !list->empty() && std::all_of(list->begin(), list->end(), known) : known(type);
  if (!valid)
    return mistake("unknown type; allowed are string, integer, number, boolean, object, array, "
                   "null, or a list of them",
                   pointer + "/type");
  return {};
}

result<void> check_schema(const json::value& x, const std::string& pointer, int depth);

result<void> check_members(const json::object& schema, const std::string& pointer, int depth) {
  if (auto* properties = find(schema, "properties")) {
    if (!properties->is_object())
      return mistake("must be an object", pointer + "/properties");
    for (auto& property : properties->get_object()) {
      auto place = pointer + "/properties/" + std::string{property.key()};
      if (auto checked = check_schema(property.value(), place, depth + 1); !checked)
        return checked;
    }
  }
  if (auto* items = find(schema, "items"))
    if (auto checked = check_schema(*items, pointer + "/items", depth + 1); !checked)
      return checked;
  auto* extra = find(schema, additional);
  if (extra && !extra->is_bool())
    return check_schema(*extra, pointer + "/additionalProperties", depth + 1);
  return {};
}

result<void> check_schema(const json::value& x, const std::string& pointer, int depth) {
  auto* schema = x.if_object();
  if (!schema)
    return mistake("must be an object", pointer);
  for (auto& member : *schema) {
    std::string_view name{member.key().data(), member.key().size()};
    if (!contains(keywords, name) && name != additional)
      return mistake("unknown keyword \"" + std::string{name} + "\"",
                     pointer + "/" + std::string{name});
    if (depth == 0 && !contains(root_keywords, name) && name != additional)
      return mistake("\"" + std::string{name} + "\" is only for a single argument; see \"rules\"",
                     pointer + "/" + std::string{name});
  }
  auto* type = find(*schema, "type");
  if (!type)
    return mistake("type is missing", pointer);
  if (auto checked = check_type(*type, pointer); !checked)
    return checked;
  if (depth == 1 && find_string(*schema, "description").value_or("").empty())
    return mistake("description is missing", pointer);
  if (auto* pattern = find(*schema, "pattern")) {
    auto limit = find_integer(*schema, "maxLength");
    if (depth != 1 || !pattern->is_string())
      return mistake("pattern must be a text, directly on an argument", pointer + "/pattern");
    if (!limit || *limit > static_cast<std::int64_t>(text_pattern::text_bytes_max))
      return mistake("a pattern needs a maxLength of at most "
                       + std::to_string(text_pattern::text_bytes_max),
                     pointer + "/pattern");
  }
  return check_members(*schema, pointer, depth);
}

/// What a schema allows, for people and models.
std::string describe(const json::object& schema);

std::string describe_type(const json::value& type) {
  if (auto* list = type.if_array()) {
    std::string text;
    for (auto& x : *list)
      text += (text.empty() ? "" : " or ") + describe_type(x);
    return text;
  }
  static const std::map<std::string, std::string, std::less<>> words{
    {"string", "a text"},    {"integer", "a whole number"},
    {"number", "a number"},  {"boolean", "true or false"},
    {"object", "an object"}, {"array", "a list"},
    {"null", "null"}};
  auto found = words.find(std::string_view{type.get_string()});
  return found == words.end() ? std::string{} : found->second;
}

void add_range(std::string& text, const json::object& schema, const char* low, const char* high,
               const char* unit) {
  auto* from = find(schema, low);
  auto* to = find(schema, high);
  if (from && to)
    text += " of " + json::serialize(*from) + " to " + json::serialize(*to) + unit;
  else if (from)
    text += " of at least " + json::serialize(*from) + unit;
  else if (to)
    text += " of at most " + json::serialize(*to) + unit;
}

std::string describe(const json::object& schema) {
  if (auto* allowed = find_array(schema, "enum")) {
    std::string text = "one of ";
    for (auto& x : *allowed)
      text += (&x == allowed->data() ? "" : ", ") + json::serialize(x);
    return text;
  }
  auto text = describe_type(*find(schema, "type"));
  add_range(text, schema, "minimum", "maximum", "");
  add_range(text, schema, "minLength", "maxLength", " characters");
  add_range(text, schema, "minItems", "maxItems", " elements");
  add_range(text, schema, "minProperties", "maxProperties", " members");
  if (auto pattern = find_string(schema, "pattern"))
    text += " that matches " + *pattern;
  if (auto* items = find_object(schema, "items"))
    text += ", each element " + describe(*items);
  auto* values = find_object(schema, additional);
  if (values)
    text += ", each value " + describe(*values);
  return text;
}

/// The schema of the thing at `path`, as far as properties, items and additionalProperties lead.
const json::object* schema_at(const json::object& root, const std::vector<std::string>& path) {
  auto* x = &root;
  for (auto& name : path) {
    auto* properties = find_object(*x, "properties");
    auto* next = properties ? find_object(*properties, name) : nullptr;
    if (!next)
      next = find_object(*x, "items");
    if (!next)
      next = find_object(*x, additional);
    if (!next)
      return nullptr;
    x = next;
  }
  return x;
}

std::string list_names(const json::object& properties) {
  std::string text;
  for (auto& property : properties)
    text += (text.empty() ? "" : ", ") + std::string{property.key()};
  return text.empty() ? "none" : text;
}

/// The values of one argument.
struct value_rules {
  valijson::Schema schema;
  /// Patterns run in text_pattern, which bounds the length of the text first.
  text_pattern pattern;
};

/// Names are judged here and values by valijson, each by the schema of its argument: a schema of
/// the whole would make valijson look for the names once more, which costs more than the values.
class compiled_schema : public argument_schema {
public:
  explicit compiled_schema(json::object source) : source_(std::move(source)) {}

  /// Throws what valijson throws, and std::runtime_error for a pattern.
  void compile() {
    valijson::SchemaParser parser{valijson::SchemaParser::kDraft7};
    for (auto& property : *find_object(source_, "properties")) {
      auto& rules = rules_[property.key()];
      auto plain = property.value();
      if (auto pattern = find_string(plain.get_object(), "pattern")) {
        auto compiled = text_pattern::compile(*pattern);
        if (!compiled)
          throw std::runtime_error("the pattern of " + std::string{property.key()} + " "
                                   + message_of(compiled.error()));
        rules.pattern = std::move(*compiled);
        plain.get_object().erase("pattern");
      }
      parser.populateSchema(valijson::adapters::BoostJsonAdapter{plain}, rules.schema);
    }
  }

  std::optional<violation> check(const json::object& arguments) const override {
    if (auto* required = find_array(source_, "required"))
      for (auto& name : *required)
        if (!arguments.contains(name.get_string()))
          return violation{{std::string{name.get_string()}}, "is required"};
    for (auto& argument : arguments)
      if (!rules_.contains(std::string_view{argument.key()}))
        return violation{{std::string{argument.key()}},
                         "is unknown; allowed are "
                           + list_names(*find_object(source_, "properties"))};
    for (auto& [name, rules] : rules_)
      if (auto* value = find(arguments, name))
        if (auto found = check_value(name, rules.schema, *value))
          return found;
    for (auto& [name, rules] : rules_) {
      auto* value = rules.pattern.empty() ? nullptr : find(arguments, name);
      auto* text = value ? value->if_string() : nullptr;
      if (text && !rules.pattern.matches(*text))
        return violation{{name}, "must be " + describe(*schema_at(source_, {name}))};
    }
    return std::nullopt;
  }

private:
  std::optional<violation> check_value(const std::string& argument, const valijson::Schema& schema,
                                       const json::value& value) const {
    valijson::adapters::BoostJsonAdapter adapter{value};
    valijson::Validator fast{valijson::Validator::kStrongTypes};
    if (fast.validate(schema, adapter, nullptr))
      return std::nullopt;
    valijson::ValidationResults results;
    valijson::Validator thorough{valijson::Validator::kStrongTypes};
    thorough.validate(schema, adapter, &results);
    valijson::ValidationResults::Error first;
    results.popError(first);
    violation x{{argument}, {}};
    for (std::size_t i = 1; i < first.context.size(); ++i) {
      auto& name = first.context[i];
      bool bracketed = name.size() > 1 && name.front() == '[' && name.back() == ']';
      x.path.push_back(bracketed ? name.substr(1, name.size() - 2) : name);
    }
    auto* allowed = schema_at(source_, x.path);
    x.text = allowed ? "must be " + describe(*allowed) : "is not allowed";
    return x;
  }

  json::object source_;
  std::map<std::string, value_rules, std::less<>> rules_;
};

result<void> check_root(const json::object& schema) {
  if (find_string(schema, "type").value_or("") != "object")
    return mistake("type must be \"object\"", "/type");
  auto closed = find_bool(schema, additional);
  if (!closed || *closed)
    return mistake("additionalProperties must be false", "/additionalProperties");
  auto* properties = find_object(schema, "properties");
  if (!properties)
    return mistake("properties must be an object", "/properties");
  auto* required = find(schema, "required");
  if (required && !required->is_array())
    return mistake("required must be a list", "/required");
  if (required)
    for (auto& name : required->get_array())
      if (!name.is_string() || !properties->contains(name.get_string()))
        return mistake("required names " + json::serialize(name) + ", which is no property",
                       "/required");
  return {};
}

} // namespace

result<std::shared_ptr<const argument_schema>>
argument_schema::compile(const json::object& schema) {
  if (auto checked = check_root(schema); !checked)
    return checked.error();
  if (auto checked = check_schema(json::value(schema), "", 0); !checked)
    return checked.error();
  auto compiled = std::make_shared<compiled_schema>(schema);
  try {
    compiled->compile();
  } catch (const std::exception& x) {
    return mistake(std::string{"cannot be compiled: "} + x.what(), "");
  }
  return std::shared_ptr<const argument_schema>{std::move(compiled)};
}

} // namespace callboard::connectors
