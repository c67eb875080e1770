#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/http_message.hpp"
#include "core/base/json.hpp"
#include "core/connectors/catalogue.hpp"
#include "core/connectors/shape.hpp"

namespace callboard::connectors {

/// One tool call as a small state machine over its requests. A value without I/O:
///
///     auto plan = call_plan::make(ref, arguments, fields, token);   // may fail
///     for (;;) {
///       http_response answer = ... send plan->request() ...;
///       auto seen = plan->shape(answer);          // look at needs_refresh before going on:
///                                                 // plan->use_token(new_token), send again
///       auto more = plan->advance(answer);        // may fail
///       if (!*more) -> `seen` is the outcome
///     }
class call_plan {
public:
  /// Redirects followed in one call: a moved repository takes one, a twice moved one two.
  static constexpr int redirects_max = 3;

  /// `arguments` as check_arguments gave them. Renders every request that needs no earlier answer,
  /// so that a bad value (errc::invalid_field, param = argument) shows before anything is sent.
  static result<call_plan> make(tool_ref what, json::object arguments, connection_fields fields,
                                std::string access_token);

  /// The request to send now. The token is in the headers only; the host is the app's base.
  const http_request& request() const { return request_; }

  /// Takes the answer to request(). True: there is another request, the next one or the same at the
  /// place that a redirect within the same origin names (GitHub's moved repositories; at most
  /// redirects_max). False: the answer belongs to the tool's own request, or to an earlier one that
  /// failed; shape() tells. errc::upstream_failed when an earlier answer lacks what a later request
  /// needs.
  result<bool> advance(const http_response& answer);

  /// What the answer to request() means for the caller of the tool. Call it before advance(). For
  /// an accepted answer of an earlier request the outcome is meaningless but its flags are false.
  /// `now_epoch` (seconds) turns reset times into waiting times; 0 when unknown.
  outcome shape(const http_response& answer, std::int64_t now_epoch = 0) const;

  /// What it means that request() got no answer: the error of the HTTP client.
  outcome shape_no_answer(const caf::error& why) const;

  /// Replaces the token after a refresh, in request() as well.
  void use_token(std::string access_token);

  /// The request now due only reads, so repeating it is harmless whatever the tool does (I52).
  bool request_is_safe() const;

  const app& owner() const { return *what_.owner; }
  const tool& item() const { return *what_.item; }
  const json::object& arguments() const { return arguments_; }

private:
  call_plan() = default;

  bool in_step() const { return step_ < item().before.size(); }
  /// The tool's own request comes after its steps.
  const request_template& request_of(std::size_t step) const;
  const request_template& current() const { return request_of(step_); }
  result<http_request> render() const;
  bool accepts(const http_response& answer) const;
  std::optional<std::string> redirect_of(const http_response& answer) const;

  tool_ref what_;
  json::object arguments_;
  connection_fields fields_;
  std::string access_token_;
  /// Answers of the requests before the tool's own, null where the body was empty.
  std::vector<json::value> answers_;
  std::size_t step_ = 0;
  http_request request_;
  int redirects_ = 0;
};

} // namespace callboard::connectors
