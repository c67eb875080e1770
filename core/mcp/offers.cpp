#include "core/mcp/offers.hpp"

#include <algorithm>
#include <charconv>
#include <set>

#include "core/base/digest.hpp"
#include "core/mcp/stateless.hpp"

namespace callboard::mcp {
namespace {

constexpr std::string_view cursor_prefix = "from:";

json::string_view view(std::string_view x) { return {x.data(), x.size()}; }

/// The member that names an item of the kind.
std::string_view name_member(std::string_view kind) {
  if (kind == listed::resources)
    return "uri";
  return kind == listed::templates ? "uriTemplate" : "name";
}

std::string name_of(const json::value& item, std::string_view kind) {
  auto* object = item.if_object();
  return object ? find_string(*object, name_member(kind)).value_or("") : std::string{};
}

std::optional<std::size_t> read_cursor(const std::string& text) {
  auto decoded = from_base64(text);
  if (!decoded || !decoded->starts_with(cursor_prefix))
    return std::nullopt;
  std::size_t from = 0;
  auto* begin = decoded->data() + cursor_prefix.size();
  auto* end = decoded->data() + decoded->size();
  auto [stop, ec] = std::from_chars(begin, end, from);
  if (ec != std::errc{} || stop != end || begin == end)
    return std::nullopt;
  return from;
}

caf::error bad_cursor() {
  return make_problem(errc::invalid_params, "The cursor is invalid.", "cursor");
}

/// Adds the members of `from` that are not there, and joins objects member by member.
void join(json::object& into, const json::object& from) {
  for (auto& member : from) {
    auto* there = into.if_contains(member.key());
    if (!there)
      into[member.key()] = member.value();
    else if (there->is_object() && member.value().is_object())
      join(there->get_object(), member.value().get_object());
    else if (there->is_bool() && member.value().is_bool() && member.value().get_bool())
      *there = true;
  }
}

} // namespace

std::string_view kind_of_list(std::string_view name) {
  if (name == method::tools_list)
    return listed::tools;
  if (name == method::prompts_list)
    return listed::prompts;
  if (name == method::resources_list)
    return listed::resources;
  return name == method::templates_list ? listed::templates : std::string_view{};
}

json::array merge_items(const std::vector<offer_share>& shares, std::string_view kind,
                        const tool_filter& filter) {
  json::array merged;
  std::set<std::string> seen;
  for (auto& share : shares)
    for (auto& item : share.items) {
      auto name = name_of(item, kind);
      if (name.empty() || (kind == listed::tools && !filter.admits(share.app, name)))
        continue;
      if (seen.insert(std::move(name)).second)
        merged.push_back(item);
    }
  return merged;
}

std::string owner_of(const std::vector<offer_share>& shares, std::string_view kind,
                     std::string_view name) {
  for (auto& share : shares)
    for (auto& item : share.items) {
      auto its_name = name_of(item, kind);
      if (its_name.empty())
        continue;
      if (its_name == name || (kind == listed::templates && fits_template(its_name, name)))
        return share.app;
    }
  return {};
}

bool fits_template(std::string_view uri_template, std::string_view uri) {
  while (true) {
    auto open = uri_template.find('{');
    auto literal = uri_template.substr(0, open);
    if (!uri.starts_with(literal))
      return false;
    uri.remove_prefix(literal.size());
    if (open == std::string_view::npos)
      return uri.empty();
    auto close = uri_template.find('}', open);
    if (close == std::string_view::npos || uri.empty())
      return false;
    uri_template.remove_prefix(close + 1);
    // The variable takes at least one character, up to the literal behind it.
    auto next = uri_template.substr(0, uri_template.find('{'));
    if (next.empty() && uri_template.empty())
      return true;
    auto found = uri.find(next, 1);
    if (found == std::string_view::npos)
      return false;
    uri.remove_prefix(found);
  }
}

json::object merge_capabilities(const std::vector<json::object>& servers) {
  json::object merged;
  for (auto& server : servers)
    if (auto* capabilities = find_object(server, "capabilities"))
      join(merged, *capabilities);
  return merged;
}

result<json::object> page_of(const json::array& items, std::string_view kind,
                             const json::object& params) {
  std::size_t from = 0;
  auto* cursor = find(params, "cursor");
  if (cursor && !cursor->is_null()) {
    auto* text = cursor->if_string();
    if (!text)
      return bad_cursor();
    if (!text->empty()) {
      auto read = read_cursor(to_std(*text));
      if (!read || *read >= items.size())
        return bad_cursor();
      from = *read;
    }
  }
  auto to = std::min(items.size(), from + page_items_max);
  auto at = [&](std::size_t i) { return items.begin() + static_cast<std::ptrdiff_t>(i); };
  json::object page{{view(kind), json::array(at(from), at(to))}};
  if (to < items.size())
    page["nextCursor"] = to_base64(std::string{cursor_prefix} + std::to_string(to));
  return page;
}

} // namespace callboard::mcp
