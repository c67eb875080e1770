#include "core/mcp/tool_filter.hpp"

#include <algorithm>

namespace callboard::mcp {
namespace {

bool matches(std::string_view pattern, std::string_view app, std::string_view tool) {
  if (auto slash = pattern.find('/'); slash != std::string_view::npos) {
    if (pattern.substr(0, slash) != app)
      return false;
    pattern.remove_prefix(slash + 1);
  }
  if (!pattern.ends_with('*'))
    return pattern == tool;
  pattern.remove_suffix(1);
  return tool.starts_with(pattern);
}

bool is_pattern(std::string_view x) {
  auto star = x.find('*');
  return !x.empty() && x.size() <= allowed_tool_bytes_max
         && (star == std::string_view::npos || star + 1 == x.size())
         && std::count(x.begin(), x.end(), '/') <= 1 && !x.starts_with('/') && !x.ends_with('/');
}

} // namespace

tool_filter tool_filter::read(std::string_view text) {
  tool_filter filter;
  if (text.empty())
    return filter;
  auto parsed = parse_json(text);
  auto* lists = parsed ? parsed->if_array() : nullptr;
  if (!lists) {
    filter.lists_.emplace_back();
    return filter;
  }
  for (auto& x : *lists) {
    if (x.is_null())
      continue;
    auto& list = filter.lists_.emplace_back();
    if (auto* patterns = x.if_array())
      for (auto& pattern : *patterns)
        if (pattern.is_string())
          list.push_back(to_std(pattern.get_string()));
  }
  return filter;
}

bool tool_filter::admits(std::string_view app, std::string_view tool) const {
  return std::all_of(lists_.begin(), lists_.end(), [&](const std::vector<std::string>& list) {
    return std::any_of(list.begin(), list.end(),
                       [&](const std::string& pattern) { return matches(pattern, app, tool); });
  });
}

result<void> check_allowed_tools(const json::array& patterns, std::string_view param) {
  auto refused = [&](std::string why) {
    return make_problem(errc::invalid_field, "'" + std::string{param} + "' " + std::move(why),
                        std::string{param});
  };
  if (patterns.size() > allowed_tools_max)
    return refused("may have at most " + std::to_string(allowed_tools_max) + " entries.");
  for (auto& x : patterns)
    if (!x.is_string() || !is_pattern({x.get_string().data(), x.get_string().size()}))
      return refused("must hold tool names such as \"github_get_issue\", \"github_*\" or "
                     "\"docs/*\".");
  return {};
}

result<std::optional<json::value>> read_allowed_tools(const json::object& body) {
  constexpr std::string_view member = "allowed_tools";
  auto* x = find(body, member);
  if (!x)
    return std::optional<json::value>{};
  if (x->is_null())
    return std::optional<json::value>{json::value{}};
  auto* patterns = x->if_array();
  if (!patterns)
    return make_problem(errc::invalid_field, "'allowed_tools' must be a list of tool names.",
                        std::string{member});
  if (auto good = check_allowed_tools(*patterns, member); !good)
    return good.error();
  return std::optional<json::value>{*x};
}

} // namespace callboard::mcp
