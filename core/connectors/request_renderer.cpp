#include "core/connectors/request_renderer.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace callboard::connectors {
namespace {

using part = binding_target::part;

constexpr std::string_view token_placeholder = "{token}";
/// Stands for a value out of an answer that is not there yet.
constexpr const char* unknown_value = "unknown";

caf::error bad(const std::string& name, const std::string& message) {
  return make_problem(errc::invalid_field, "Argument \"" + name + "\" " + message + ".", name);
}

/// How the caller of the tool knows the source of a binding.
std::string name_of(const binding& x) {
  if (auto* argument = std::get_if<from_argument>(&x.source))
    return argument->name;
  if (auto* group = std::get_if<from_group>(&x.source))
    return group->members.empty() ? std::string{} : group->members.front().second;
  if (auto* field = std::get_if<from_connection>(&x.source))
    return field->name;
  return {};
}

/// One path segment, encoded; nothing when it would change the path.
std::optional<std::string> encode_segment(std::string_view x) {
  if (x.empty() || x == "." || x == "..")
    return std::nullopt;
  return percent_encode(x);
}

/// A path inside of one path variable: segments joined with %2F. Slashes at the ends are dropped.
std::optional<std::string> encode_segments(std::string_view x) {
  while (x.starts_with('/'))
    x.remove_prefix(1);
  while (x.ends_with('/'))
    x.remove_suffix(1);
  std::string text;
  while (!x.empty()) {
    auto end = x.find('/');
    auto segment = encode_segment(x.substr(0, end));
    if (!segment)
      return std::nullopt;
    text += (text.empty() ? "" : "%2F") + *segment;
    x.remove_prefix(end == std::string_view::npos ? x.size() : end + 1);
  }
  return text;
}

bool is_header_value(std::string_view x) {
  return std::all_of(x.begin(), x.end(), [](char c) {
    auto byte = static_cast<unsigned char>(c);
    return (byte >= ' ' && byte != 0x7F) || c == '\t';
  });
}

class renderer {
public:
  renderer(const request_template& what, const render_input& input) : what_(what), input_(input) {}

  result<http_request> render() {
    for (auto& x : what_.bindings)
      if (auto bound = bind(x); !bound)
        return bound.error();
    auto* base = input_.owner.endpoint(endpoint_kind::api_base);
    auto url =
      base->render([&](std::string_view name) { return url_value(input_.fields, {}, name); });
    if (!url)
      return url.error();
    auto path = render_path();
    if (!path)
      return path.error();
    http_request request{what_.method, *url + *path, {}, {}};
    if (!query_.empty())
      request.url += '?' + encode_form(query_);
    request.headers = render_headers(input_.owner, input_.access_token);
    for (auto& x : headers_)
      set_header(request.headers, x);
    if (what_.body == body_format::json) {
      set_header(request.headers, {"Content-Type", "application/json"});
      request.body = json::serialize(body_);
    } else if (what_.body == body_format::form) {
      set_header(request.headers, {"Content-Type", "application/x-www-form-urlencoded"});
      request.body = encode_form(form_);
    }
    return request;
  }

private:
  static void set_header(http_headers& headers, http_header x) {
    for (auto& header : headers)
      if (iequals(header.name, x.name)) {
        header.value = std::move(x.value);
        return;
      }
    headers.push_back(std::move(x));
  }

  bool takes_part(const binding& x) const {
    return std::all_of(x.conditions.begin(), x.conditions.end(), [&](const binding_condition& y) {
      auto* value = find(input_.arguments, y.argument);
      bool is_true = value && value->is_bool() && value->get_bool();
      switch (y.what) {
      case binding_condition::kind::present:
        return value != nullptr;
      case binding_condition::kind::absent:
        return value == nullptr;
      case binding_condition::kind::is_true:
        return is_true;
      case binding_condition::kind::is_not_true:
        return !is_true;
      }
      return false;
    });
  }

  std::optional<json::value> field_value(const std::string& name) const {
    auto found = input_.fields.find(name);
    if (name.empty() || found == input_.fields.end())
      return std::nullopt;
    return json::value(found->second);
  }

  result<std::optional<json::value>> step_value(const from_step& x) const {
    if (!input_.answers)
      return std::optional<json::value>{json::value(unknown_value)};
    auto* value =
      x.step < input_.answers->size() ? x.pointer.find_in((*input_.answers)[x.step]) : nullptr;
    if (value && !value->is_null())
      return std::optional<json::value>{*value};
    if (x.optional)
      return std::optional<json::value>{};
    return make_problem(errc::upstream_failed, input_.owner.title
                                                 + " answered the first step without "
                                                 + x.pointer.to_string() + ".");
  }

  result<std::optional<json::value>> source_value(const binding& x) const {
    using value = std::optional<json::value>;
    if (auto* constant = std::get_if<from_constant>(&x.source))
      return value{constant->value};
    if (auto* step = std::get_if<from_step>(&x.source))
      return step_value(*step);
    if (auto* field = std::get_if<from_connection>(&x.source))
      return field_value(field->name);
    if (auto* group = std::get_if<from_group>(&x.source)) {
      json::object object;
      for (auto& [member, argument] : group->members)
        if (auto* y = find(input_.arguments, argument))
          object.emplace(member, *y);
      return object.empty() ? value{} : value{json::value(std::move(object))};
    }
    auto* given = find(input_.arguments, std::get<from_argument>(x.source).name);
    if (given)
      return value{*given};
    return field_value(x.default_connection_field);
  }

  result<void> bind(const binding& x) {
    if (!takes_part(x))
      return {};
    auto value = source_value(x);
    if (!value)
      return value.error();
    if (!*value)
      return {};
    if (x.targets.size() > 1)
      return bind_parts(x, **value);
    auto& target = x.targets.front();
    if (target.where == part::path)
      return bind_path(x, target.names.front(), **value);
    if (x.as) {
      auto changed = apply(*x.as, **value);
      if (!changed)
        return bad(name_of(x), message_of(changed.error()));
      return assign(x, target, std::move(*changed));
    }
    return assign(x, target, std::move(**value));
  }

  result<void> bind_parts(const binding& x, const json::value& value) {
    auto parts = split_text(to_text(value), x.as->parameter, x.targets.size());
    if (!parts)
      return bad(name_of(x), message_of(parts.error()));
    for (std::size_t i = 0; i < parts->size(); ++i) {
      auto& target = x.targets[i];
      auto assigned = target.where == part::path
                        ? set_path(x, target.names.front(), encode_segment((*parts)[i]))
                        : assign(x, target, json::value((*parts)[i]));
      if (!assigned)
        return assigned;
    }
    return {};
  }

  /// A prefix comes from the description and may hold slashes; what it is put in front of is
  /// encoded first.
  result<void> bind_path(const binding& x, const std::string& name, const json::value& value) {
    if (value.is_structured())
      return bad(name_of(x), "must be a text or a number");
    if (x.as && x.as->what == transform::kind::path_segments)
      return set_path(x, name, encode_segments(to_text(value)));
    if (x.as && x.as->what == transform::kind::prefix) {
      auto segment = encode_segment(to_text(value));
      return set_path(x, name, segment ? std::optional{x.as->parameter + *segment} : std::nullopt);
    }
    if (!x.as)
      return set_path(x, name, encode_segment(to_text(value)));
    auto changed = apply(*x.as, value);
    if (!changed)
      return bad(name_of(x), message_of(changed.error()));
    return set_path(x, name, encode_segment(to_text(*changed)));
  }

  result<void> set_path(const binding& x, const std::string& name,
                        std::optional<std::string> encoded) {
    if (!encoded)
      return bad(name_of(x), "must not be empty and must have no empty, \".\" or \"..\" part");
    path_[name] = std::move(*encoded);
    return {};
  }

  result<void> assign(const binding& x, const binding_target& target, json::value value) {
    switch (target.where) {
    case part::query:
      query_.emplace_back(target.names.front(), to_text(value));
      return {};
    case part::form:
      form_.emplace_back(target.names.front(), to_text(value));
      return {};
    case part::header: {
      auto text = to_text(value);
      if (!is_header_value(text))
        return bad(name_of(x), "must have no control characters");
      headers_.push_back({target.names.front(), std::move(text)});
      return {};
    }
    case part::body:
      assign_member(target.names, std::move(value));
      return {};
    case part::path:
      break;
    }
    return {};
  }

  void assign_member(const std::vector<std::string>& names, json::value value) {
    auto* object = &body_;
    for (std::size_t i = 0; i + 1 < names.size(); ++i) {
      auto& inner = (*object)[names[i]];
      if (!inner.is_object())
        inner.emplace_object();
      object = &inner.get_object();
    }
    (*object)[names.back()] = std::move(value);
  }

  result<std::string> render_path() const {
    std::string text;
    for (auto& x : what_.path.pieces()) {
      if (x.what == path_template::piece::kind::text) {
        text += x.text;
        continue;
      }
      auto found = path_.find(x.text);
      if (x.what == path_template::piece::kind::optional_segment) {
        if (found != path_.end())
          text += '/' + found->second;
        continue;
      }
      if (found == path_.end())
        return make_problem(errc::invalid_field, "\"" + x.text + "\" is required.", x.text);
      text += found->second;
    }
    return text;
  }

  const request_template& what_;
  const render_input& input_;
  std::map<std::string, std::string, std::less<>> path_;
  std::vector<name_value> query_;
  std::vector<name_value> form_;
  http_headers headers_;
  json::object body_;
};

} // namespace

std::optional<std::string> url_value(const connection_fields& fields, std::string_view client_id,
                                     std::string_view name) {
  constexpr std::string_view prefix = "conn.";
  if (!name.starts_with(prefix))
    return client_id.empty() ? std::nullopt : std::optional{std::string{client_id}};
  auto found = fields.find(name.substr(prefix.size()));
  return found == fields.end() ? std::nullopt : std::optional{found->second};
}

http_headers render_headers(const app& owner, std::string_view access_token) {
  http_headers headers;
  headers.reserve(owner.headers.size() + 1); // one more for a Content-Type
  for (auto& x : owner.headers) {
    auto value = x.value;
    if (auto at = value.find(token_placeholder); at != std::string::npos)
      value.replace(at, token_placeholder.size(), access_token);
    headers.push_back({x.name, std::move(value)});
  }
  return headers;
}

result<http_request> render_request(const request_template& what, const render_input& input) {
  return renderer{what, input}.render();
}

} // namespace callboard::connectors
