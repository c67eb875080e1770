#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/mcp/client_request.hpp"
#include "core/mcp/mirror.hpp"

/// Lists of a remote server, as they come and as they are offered.
namespace callboard::mcp {

/// A page of a list.
struct list_page {
  /// JSON texts of the items.
  std::vector<std::string> items;
  /// Where to go on; absent at the end. The empty text is a cursor (L17).
  std::optional<std::string> next;
};

/// Reads a page: `member` is "tools", "resources", "resourceTemplates" or "prompts".
/// errc::upstream_failed when it is missing.
result<list_page> read_list_page(std::string_view result, std::string_view member);

/// A tool of a remote server.
struct remote_tool {
  /// As the server calls it.
  std::string name;
  /// As the server described it: JSON text of an object.
  std::string text;
  /// SHA-256, in hexadecimal, over what a model is told and what the tool takes: name, title,
  /// description, schemas, annotations, whatever the order of their members (X1).
  std::string hash;
  std::vector<mirrored_property> mirrored;
};

/// Reads a tool of a list. errc::upstream_failed for one that must not be offered: without a name,
/// without an input schema, with a broken x-mcp-header.
result<remote_tool> read_remote_tool(std::string_view text);

/// How a platform wants a server's tools to be offered.
struct tool_policy {
  /// Before every tool and prompt name; may be empty.
  std::string prefix;
  /// Names of the server; nothing allows all.
  std::optional<std::set<std::string>> allowed;
  /// Tools whose definition changed and waits for approval, by the server's name.
  std::set<std::string> withheld;

  bool offers(std::string_view name) const;
  /// The server's name of a tool or prompt that a client names; nothing without the prefix.
  std::optional<std::string> unprefixed(std::string_view name) const;
};

/// The list for clients: what the policy offers, with its prefix, sorted by name.
std::vector<std::string> offered_tools(const std::vector<remote_tool>& tools,
                                       const tool_policy& policy);

/// Items of another list with the prefix before `name`.
std::vector<std::string> prefixed(const std::vector<std::string>& items, std::string_view prefix);

/// A result of a tool call of our own making, in the newest form.
std::string tool_error_text(std::string_view why);

/// What a tool's result says to a model: its text items, one after the other; what is no text is
/// named ("[image image/png]").
struct tool_text {
  std::string text;
  bool is_error = false;
  /// JSON text of structuredContent when it is an object; else empty.
  std::string structured;
};

/// Reads a CallToolResult.
tool_text read_tool_text(std::string_view result);

} // namespace callboard::mcp
