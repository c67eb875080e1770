#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ops/callboard/sandbox/model_turn.hpp"

namespace callboard::sandbox {

/// What follows a colon in a model's name: "sandbox-tool:github_get_issue" gives the script
/// "sandbox-tool" this argument.
using script_argument = std::string;

/// A script: what the model of that name does. The whole list, with a line for each, is at GET
/// /model/scripts; the lines are `does` in model_scripts.cpp.
struct model_script {
  std::string_view name;
  std::string_view does;
  model_turn (*play)(const chat_request&, const script_argument&);
};

/// Every script, in the order of the list.
std::span<const model_script> model_scripts();

/// A model's name taken apart: "sandbox-tool:NAME+crlf+one-byte".
struct model_name {
  const model_script* script = nullptr;
  script_argument argument;
  wire_quirks quirks;
};

/// Nothing when the script or a quirk is unknown.
std::optional<model_name> parse_model_name(std::string_view name);

/// The JSON between the first pair of ``` fences (a word behind the first fence is skipped), or
/// behind "args:"; "{}" when there is neither.
std::string find_arguments(const std::string& text);

} // namespace callboard::sandbox
