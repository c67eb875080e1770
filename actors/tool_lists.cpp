#include "actors/tool_lists.hpp"

#include "core/mcp/stateless.hpp"

namespace callboard {

tool_lists::tool_lists(const connectors::catalogue& apps, const std::string& version) {
  using enum mcp::session_version;
  mcp::server_info server;
  server.version = version;
  for (auto& app : apps.apps()) {
    std::vector<json::object> listings;
    for (auto& tool : app->tools)
      listings.push_back(connectors::listing_of(tool));
    stateless_[app->slug] = json::serialize(mcp::complete_result(
      mcp::tools_list_result(listings, mcp::session_version_newest), server, true));
    for (auto known : {v2024_11_05, v2025_03_26, v2025_06_18, v2025_11_25})
      texts_[{app->slug, known}] = json::serialize(mcp::tools_list_result(listings, known));
  }
}

std::string_view tool_lists::of(const std::string& app, mcp::session_version version) const {
  auto i = texts_.find({app, version});
  return i == texts_.end() ? std::string_view{R"({"tools":[]})"} : std::string_view{i->second};
}

std::string_view tool_lists::stateless(const std::string& app) const {
  auto i = stateless_.find(app);
  return i == stateless_.end() ? std::string_view{R"({"tools":[],"resultType":"complete"})"}
                               : std::string_view{i->second};
}

} // namespace callboard
