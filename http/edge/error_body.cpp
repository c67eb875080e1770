#include "http/edge/error_body.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "core/base/digest.hpp"
#include "core/base/json.hpp"

namespace callboard {
namespace {

std::string_view type_of_status(int status) {
  switch (status) {
  case 401:
    return "authentication_error";
  case 402:
    return "payment_required";
  case 403:
    return "permission_error";
  case 429:
    return "rate_limit_error";
  default:
    return status >= 500 ? "server_error" : "invalid_request_error";
  }
}

/// Longer ids of clients are not worth keeping in logs.
constexpr std::size_t request_id_bytes_max = 128;

bool is_request_id(std::string_view x) {
  return !x.empty() && x.size() <= request_id_bytes_max
         && std::all_of(x.begin(), x.end(), [](char c) {
              return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
                     || c == '.' || c == '_' || c == '-';
            });
}

} // namespace

std::string render_error(const error_body& error) {
  json::object fields;
  fields["message"] = error.message;
  fields["type"] = error.type;
  if (error.param.empty())
    fields["param"] = nullptr;
  else
    fields["param"] = error.param;
  fields["code"] = error.code;
  if (!error.request_id.empty())
    fields["request_id"] = error.request_id;
  return json::serialize(json::object{{"error", std::move(fields)}});
}

reply make_error_reply(int status, error_body error) {
  if (error.type.empty())
    error.type = type_of_status(status);
  return {status, {{"Content-Type", "application/json"}}, render_error(error)};
}

reply make_edge_reply(int status, std::string_view code, std::string_view message,
                      const request_id& id) {
  auto answer = make_error_reply(status, {message, "", code, "", id.value});
  answer.headers.push_back({"X-Request-Id", id.value});
  answer.headers.push_back({"X-Content-Type-Options", "nosniff"});
  answer.headers.push_back({"Cache-Control", "no-store"});
  return answer;
}

request_id make_request_id() {
  // Ids are no secrets: one random prefix per thread and a counter keep the random source out of
  // every request.
  constexpr std::size_t prefix_bytes = 12;
  thread_local const std::string prefix = "req_" + to_hex(random_bytes(prefix_bytes));
  thread_local std::uint32_t counter = 0;
  ++counter;
  std::array<char, 4> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<char>(counter >> (24 - 8 * i));
  return {prefix + to_hex({bytes.data(), bytes.size()})};
}

request_id request_id_of(const http_headers& headers) {
  auto given = find_header(headers, "X-Request-Id");
  if (given && is_request_id(*given))
    return {std::string{*given}};
  return make_request_id();
}

} // namespace callboard
