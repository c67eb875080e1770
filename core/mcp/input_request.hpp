#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// Results of 2026-07-28: their type, and the input that they may ask for.
namespace callboard::mcp {

inline constexpr std::string_view type_complete = "complete";
inline constexpr std::string_view type_input_required = "input_required";

/// The `resultType` of a result; "complete" when it has none.
std::string result_type_of(std::string_view result);

/// The result in the newest form: with `resultType`. Other members stay as they are.
std::string with_result_type(std::string_view result);

/// One thing that a server wants to know before it goes on.
struct input_request {
  std::string key;
  /// "elicitation/create", "sampling/createMessage", "roots/list".
  std::string method;
  /// Text of an object, or empty.
  std::string params;
};

/// What an `input_required` result asks for; entries without a method are left out.
std::vector<input_request> input_requests_of(std::string_view result);

/// The params of the request that goes on: the original ones with the answers (key, JSON text of
/// the result) and the state of the result that asked. What an earlier round had put there is gone.
std::string answered_params(std::string_view params, std::string_view result,
                            const std::vector<std::pair<std::string, std::string>>& answers);

/// The capability that a client needs to be asked that ("elicitation"); empty for other methods.
std::string_view capability_for(std::string_view method);

/// Params of a server's request without the token under which it wants progress on its own hop.
std::string without_progress_token(std::string_view params);

/// Whether a client that declared these capabilities (text of an object, or empty) may be asked
/// that.
bool may_ask(std::string_view capabilities, std::string_view method);

} // namespace callboard::mcp
