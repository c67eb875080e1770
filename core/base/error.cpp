#include "core/base/error.hpp"

#include <caf/sec.hpp>

namespace callboard {
namespace {

/// Our errors carry message, parameter and details, in this order.
std::string context_text(const caf::error& x, std::size_t index) {
  if (x.category() == caf::atom("callboard") && x.context().size() > index
      && x.context().match_element<std::string>(index))
    return x.context().get_as<std::string>(index);
  return {};
}

} // namespace

std::string to_string(errc x) {
  switch (x) {
  case errc::none:
    return "none";
  case errc::invalid_json:
    return "invalid_json";
  case errc::bad_request:
    return "bad_request";
  case errc::invalid_field:
    return "validation_error";
  case errc::invalid_rpc:
    return "invalid_request";
  case errc::unknown_method:
    return "method_not_found";
  case errc::invalid_params:
    return "invalid_params";
  case errc::invalid_api_key:
    return "invalid_api_key";
  case errc::forbidden:
    return "forbidden";
  case errc::origin_refused:
    return "origin_refused";
  case errc::not_found:
    return "not_found";
  case errc::model_not_found:
    return "model_not_found";
  case errc::method_not_allowed:
    return "method_not_allowed";
  case errc::not_acceptable:
    return "not_acceptable";
  case errc::payload_too_large:
    return "payload_too_large";
  case errc::unsupported_media_type:
    return "unsupported_media_type";
  case errc::conflict:
    return "conflict";
  case errc::app_already_active:
    return "app_already_active";
  case errc::unknown_app:
    return "unknown_app";
  case errc::app_not_active:
    return "app_not_active";
  case errc::app_not_connected:
    return "app_not_connected";
  case errc::missing_oauth_credentials:
    return "missing_oauth_credentials";
  case errc::invalid_authorization:
    return "invalid_authorization";
  case errc::session_expired:
    return "session_expired";
  case errc::idempotency_mismatch:
    return "idempotency_mismatch";
  case errc::request_in_progress:
    return "request_in_progress";
  case errc::wallet_insufficient:
    return "wallet_insufficient";
  case errc::budget_exhausted:
    return "budget_exhausted";
  case errc::budget_suspended:
    return "budget_suspended";
  case errc::payment_required:
    return "payment_required";
  case errc::rate_limited:
    return "rate_limit_exceeded";
  case errc::max_iterations_exceeded:
    return "max_iterations_exceeded";
  case errc::mcp_unreachable:
    return "mcp_unreachable";
  case errc::store_unavailable:
    return "store_unavailable";
  case errc::shutting_down:
    return "shutting_down";
  case errc::over_limit:
    return "overloaded";
  case errc::upstream_unavailable:
    return "upstream_unavailable";
  case errc::upstream_timeout:
    return "upstream_timeout";
  case errc::upstream_failed:
    return "upstream_failed";
  case errc::address_refused:
    return "address_refused";
  case errc::response_too_large:
    return "response_too_large";
  case errc::cancelled:
    return "cancelled";
  case errc::timeout:
    return "timeout";
  case errc::fenced:
    return "fenced";
  case errc::seal_broken:
    return "seal_broken";
  case errc::bad_setting:
    return "bad_setting";
  case errc::internal:
    return "internal_error";
  }
  return "internal_error";
}

int status_of(errc x) {
  switch (x) {
  case errc::none:
    return 200;
  case errc::invalid_json:
  case errc::bad_request:
  case errc::invalid_rpc:
  case errc::invalid_params:
    return 400;
  case errc::invalid_api_key:
    return 401;
  case errc::wallet_insufficient:
  case errc::budget_exhausted:
  case errc::budget_suspended:
  case errc::payment_required:
    return 402;
  case errc::forbidden:
  case errc::origin_refused:
  case errc::app_not_connected:
    return 403;
  case errc::unknown_method:
  case errc::not_found:
  case errc::model_not_found:
  case errc::unknown_app:
  case errc::app_not_active:
  case errc::session_expired:
    return 404;
  case errc::method_not_allowed:
    return 405;
  case errc::not_acceptable:
    return 406;
  case errc::conflict:
  case errc::app_already_active:
  case errc::missing_oauth_credentials:
  case errc::request_in_progress:
    return 409;
  case errc::payload_too_large:
    return 413;
  case errc::unsupported_media_type:
    return 415;
  case errc::invalid_field:
  case errc::invalid_authorization:
  case errc::address_refused:
  case errc::idempotency_mismatch:
    return 422;
  case errc::rate_limited:
    return 429;
  case errc::cancelled:
    return 499;
  case errc::max_iterations_exceeded:
  case errc::seal_broken:
  case errc::bad_setting:
  case errc::internal:
    return 500;
  case errc::upstream_failed:
  case errc::upstream_unavailable:
  case errc::response_too_large:
    return 502;
  case errc::mcp_unreachable:
  case errc::store_unavailable:
  case errc::shutting_down:
  case errc::fenced:
  case errc::over_limit:
    return 503;
  case errc::upstream_timeout:
  case errc::timeout:
    return 504;
  }
  return 500;
}

std::string_view kind_of(errc x) {
  switch (status_of(x)) {
  case 401:
    return "authentication_error";
  case 402:
    return "payment_required";
  case 403:
    return "permission_error";
  case 429:
    return "rate_limit_error";
  default:
    return status_of(x) >= 500 ? "server_error" : "invalid_request_error";
  }
}

int rpc_code_of(errc x) {
  switch (x) {
  case errc::invalid_json:
    return -32700;
  case errc::invalid_rpc:
    return -32600;
  case errc::unknown_method:
    return -32601;
  case errc::invalid_params:
  case errc::invalid_field:
    return -32602;
  case errc::session_expired:
    return -32001;
  case errc::none:
  case errc::bad_request:
  case errc::invalid_api_key:
  case errc::forbidden:
  case errc::origin_refused:
  case errc::not_found:
  case errc::model_not_found:
  case errc::method_not_allowed:
  case errc::not_acceptable:
  case errc::payload_too_large:
  case errc::unsupported_media_type:
  case errc::conflict:
  case errc::app_already_active:
  case errc::unknown_app:
  case errc::app_not_active:
  case errc::app_not_connected:
  case errc::missing_oauth_credentials:
  case errc::invalid_authorization:
  case errc::idempotency_mismatch:
  case errc::request_in_progress:
  case errc::wallet_insufficient:
  case errc::budget_exhausted:
  case errc::budget_suspended:
  case errc::payment_required:
  case errc::rate_limited:
    return -32000;
  case errc::max_iterations_exceeded:
  case errc::mcp_unreachable:
  case errc::store_unavailable:
  case errc::shutting_down:
  case errc::over_limit:
  case errc::upstream_unavailable:
  case errc::upstream_timeout:
  case errc::upstream_failed:
  case errc::address_refused:
  case errc::response_too_large:
  case errc::cancelled:
  case errc::timeout:
  case errc::fenced:
  case errc::seal_broken:
  case errc::bad_setting:
  case errc::internal:
    return -32603;
  }
  return -32603;
}

caf::error make_problem(errc code, std::string message, std::string param) {
  return caf::make_error(code, std::move(message), std::move(param));
}

errc code_of(const caf::error& x) {
  if (!x)
    return errc::none;
  if (x.category() == caf::atom("callboard"))
    return static_cast<errc>(x.code());
  if (x == caf::sec::request_timeout)
    return errc::timeout;
  return errc::internal;
}

std::string message_of(const caf::error& x) {
  auto code = code_of(x);
  switch (code) {
  case errc::internal:
  case errc::seal_broken:
  case errc::bad_setting:
    return "Something went wrong on our side. Quote the request id to support.";
  case errc::store_unavailable:
    return "The service is temporarily unavailable. What was confirmed is safe; try again.";
  case errc::timeout:
    return "The request took too long. It may have been done all the same.";
  default:
    break;
  }
  if (x.context().size() > 0 && x.context().match_element<std::string>(0))
    return x.context().get_as<std::string>(0);
  return to_string(code);
}

std::string param_of(const caf::error& x) { return context_text(x, 1); }

caf::error with_details(const caf::error& x, std::string details) {
  return caf::make_error(code_of(x), message_of(x), param_of(x), std::move(details));
}

std::string details_of(const caf::error& x) { return context_text(x, 2); }

} // namespace callboard
