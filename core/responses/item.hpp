#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/json.hpp"

namespace callboard::responses {

/// A part of a message's content.
struct content_part {
  enum class kind { text, image, refusal };

  kind as = kind::text;
  /// The text, the refusal, or the URL of the image (http, https or data).
  std::string text;
  /// `detail` of an image: "low", "high" or empty for "auto".
  std::string detail;

  bool operator==(const content_part&) const = default;
};

/// A message of a conversation.
struct message {
  enum class speaker { user, assistant, system, developer };

  speaker role = speaker::user;
  std::vector<content_part> parts;

  bool operator==(const message&) const = default;
};

/// A call of a function or MCP tool by the model.
struct tool_call {
  /// The id that the upstream knows the call by.
  std::string id;
  std::string name;
  /// JSON text as the model wrote it; not necessarily valid.
  std::string arguments;

  bool operator==(const tool_call&) const = default;
};

/// What a tool call gave, as the model reads it. Data, never instructions or tools (I84).
struct tool_output {
  std::string call_id;
  std::string text;

  bool operator==(const tool_output&) const = default;
};

/// One step of a conversation. An `mcp_call` item of the API is a tool_call and its tool_output.
using item = std::variant<message, tool_call, tool_output>;
using conversation = std::vector<item>;

/// Input items in both forms: what the model reads, and what is stored and listed.
struct parsed_items {
  conversation items;
  /// The items as JSON, reduced to their known fields, so that nothing else is ever stored. Items
  /// that say nothing to a model (mcp_list_tools, reasoning) are left out.
  json::array stored;
};

/// Reads `input` items (facts responses.md 6): messages with and without `type`, function_call,
/// function_call_output, mcp_call; mcp_list_tools and reasoning are accepted and dropped. All else
/// (input_file, item_reference, approvals, unknown types) is errc::invalid_field with the path
/// below `path`, e.g. `input[2].content[0].file_id`.
result<parsed_items> parse_items(const json::array& input, std::string_view path);

/// The one user message that a string `input` stands for.
parsed_items items_of_text(std::string_view text);

/// Checks that every tool call has its output and every output its call, each once: model servers
/// refuse anything else (facts responses.md 1.7). errc::invalid_field with param `input`.
caf::error check_pairing(const conversation& items);

} // namespace callboard::responses
