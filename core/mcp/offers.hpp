#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/mcp/tool_filter.hpp"

/// What several apps offer behind one endpoint, merged to what its client sees.
namespace callboard::mcp {

/// Kinds of things that are listed, as named in results.
namespace listed {
inline constexpr std::string_view tools = "tools";
inline constexpr std::string_view prompts = "prompts";
inline constexpr std::string_view resources = "resources";
inline constexpr std::string_view templates = "resourceTemplates";
} // namespace listed

/// The kind that a list method answers, or an empty text for other methods.
std::string_view kind_of_list(std::string_view method);

/// The share of one app: its items of a kind.
struct offer_share {
  std::string app;
  json::array items;
};

/// All items in the order of the shares. Of two with the same name (or URI) the first stays; tools
/// that the filter does not admit are left out.
json::array merge_items(const std::vector<offer_share>& shares, std::string_view kind,
                        const tool_filter& filter);

/// The app that a name or URI belongs to: the first that lists it, or for "resourceTemplates" the
/// first with a template that fits the URI. Empty when there is none.
std::string owner_of(const std::vector<offer_share>& shares, std::string_view kind,
                     std::string_view name);

/// Whether a URI template of level 1 can give the URI.
bool fits_template(std::string_view uri_template, std::string_view uri);

/// Capabilities of servers, merged: what one of them can, the endpoint can.
json::object merge_capabilities(const std::vector<json::object>& servers);

/// Items of one page.
inline constexpr std::size_t page_items_max = 200;

/// One page of a list, as a result object with `nextCursor` unless it is the last. An absent, null
/// or empty cursor begins; errc::invalid_params for one that is not ours (L17).
result<json::object> page_of(const json::array& items, std::string_view kind,
                             const json::object& params);

} // namespace callboard::mcp
