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
  /// `version` is the program's, which results of the stateless era name.
  tool_lists(const connectors::catalogue& apps, const std::string& version);

  /// The list of an app's tools; an empty list for an app that is not there.
  std::string_view of(const std::string& app, mcp::session_version version) const;

  /// Likewise for the stateless era.
  std::string_view stateless(const std::string& app) const;

private:
  std::map<std::string, std::string> stateless_;
  std::map<std::pair<std::string, mcp::session_version>, std::string> texts_;
};

} // namespace callboard
