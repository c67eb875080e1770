#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "core/connectors/catalogue.hpp"
#include "core/mcp/messages.hpp"

namespace callboard {

/// The results of `tools/list`, rendered once at start as JSON text for each app and protocol
/// version. Immutable.
class tool_lists {
public:
  explicit tool_lists(const connectors::catalogue& apps);

  /// The list of an app's tools; an empty list for an app that is not there.
  std::string_view of(const std::string& app, mcp::session_version version) const;

private:
  std::map<std::pair<std::string, mcp::session_version>, std::string> texts_;
};

} // namespace callboard
