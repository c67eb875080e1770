#include "core/mcp/input_request.hpp"

#include "core/base/json_text.hpp"

namespace callboard::mcp {

std::string result_type_of(std::string_view result) {
  auto text = member_text(result, "resultType");
  return text ? string_from(*text).value_or(std::string{type_complete})
              : std::string{type_complete};
}

std::string with_result_type(std::string_view result) {
  if (member_text(result, "resultType"))
    return std::string{result};
  object_writer out;
  out.add_string("resultType", type_complete);
  for (auto& member : members_of(result))
    out.add(member.key, member.value);
  return std::move(out).finish();
}

std::vector<input_request> input_requests_of(std::string_view result) {
  std::vector<input_request> wanted;
  for (auto& member : members_of(member_text(result, "inputRequests").value_or("{}"))) {
    auto method = member_text(member.value, "method");
    auto name = method ? string_from(*method) : std::nullopt;
    if (!name)
      continue;
    wanted.push_back({member.key, std::move(*name),
                      std::string{member_text(member.value, "params").value_or("")}});
  }
  return wanted;
}

std::string answered_params(std::string_view params, std::string_view result,
                            const std::vector<std::pair<std::string, std::string>>& answers) {
  auto text = without_member(params.empty() ? "{}" : params, "requestState");
  text = without_member(text, "inputResponses");
  if (!answers.empty()) {
    object_writer responses;
    for (auto& [key, answer] : answers)
      responses.add(key, answer);
    text = with_member(text, "inputResponses", std::move(responses).finish());
  }
  if (auto state = member_text(result, "requestState"))
    text = with_member(text, "requestState", *state);
  return text;
}

std::string_view capability_for(std::string_view method) {
  return method == "elicitation/create"       ? "elicitation"
         : method == "sampling/createMessage" ? "sampling"
         : method == "roots/list"             ? "roots"
                                              : "";
}

std::string without_progress_token(std::string_view params) {
  constexpr std::string_view token = "progressToken";
  auto own = member_text(params, "_meta");
  if (!own || !member_text(*own, token))
    return std::string{params};
  auto rest = without_member(*own, token);
  return rest == "{}" ? without_member(params, "_meta") : with_member(params, "_meta", rest);
}

bool may_ask(std::string_view capabilities, std::string_view method) {
  auto kind = capability_for(method);
  return !kind.empty() && member_text(capabilities, kind).has_value();
}

} // namespace callboard::mcp
