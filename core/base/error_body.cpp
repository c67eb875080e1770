#include "core/base/error_body.hpp"

#include <string_view>

namespace callboard {

void merge_details(json::object& out, const caf::error& problem) {
  if (auto details = parse_json_object(details_of(problem)))
    for (auto& member : *details)
      out.insert(member); // never over one of the envelope's own
}

json::object error_object(const caf::error& problem) {
  auto code = code_of(problem);
  auto param = param_of(problem);
  auto kind = kind_of(code);
  json::object out;
  out["message"] = message_of(problem);
  out["type"] = json::string_view{kind.data(), kind.size()};
  // The parameter of payment_required is no field but the specific code behind it.
  bool has_reason = code == errc::payment_required && !param.empty();
  if (param.empty() || has_reason)
    out["param"] = nullptr;
  else
    out["param"] = param;
  out["code"] = to_string(code);
  if (has_reason)
    out["reason"] = param;
  merge_details(out, problem);
  return out;
}

std::string error_body(const caf::error& problem, const request_id& id) {
  json::object error = error_object(problem);
  json::object out;
  if (!id.empty())
    error["request_id"] = id.value;
  out["error"] = std::move(error);
  return json::serialize(out);
}

} // namespace callboard
