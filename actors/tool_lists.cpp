#include "actors/tool_lists.hpp"

namespace callboard {

tool_lists::tool_lists(const connectors::catalogue& apps) {
  using enum mcp::session_version;
  for (auto& app : apps.apps()) {
    std::vector<json::object> listings;
    for (auto& tool : app->tools)
      listings.push_back(connectors::listing_of(tool));
    for (auto version : {v2024_11_05, v2025_03_26, v2025_06_18, v2025_11_25})
      texts_[{app->slug, version}] = json::serialize(mcp::tools_list_result(listings, version));
  }
}

std::string_view tool_lists::of(const std::string& app, mcp::session_version version) const {
  auto i = texts_.find({app, version});
  return i == texts_.end() ? std::string_view{R"({"tools":[]})"} : std::string_view{i->second};
}

} // namespace callboard
