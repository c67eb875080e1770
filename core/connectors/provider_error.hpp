#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "core/base/http_message.hpp"
#include "core/connectors/catalogue.hpp"
#include "core/connectors/shape.hpp"

/// Internal to core/connectors: what a provider's refusal says.
namespace callboard::connectors {

/// What a refusal means and says.
struct provider_error {
  enum class kind : std::uint8_t {
    refused,
    dead_token,
    missing_scope,
    rate_limited,
    redirect,
    failed
  };

  kind what = kind::refused;
  int status = 0;
  /// Machine-readable, may be empty.
  std::string code;
  /// The provider's words with their detail, shortened, may be empty.
  std::string text;
  /// "repo", or several joined with " or "; may be empty even for missing_scope.
  std::string scope;
  std::optional<std::chrono::seconds> retry_after;
};

/// Reads an answer that is no success. @see shape_answer for `now_epoch`
provider_error read_provider_error(const app& owner, const http_response& answer,
                                   std::int64_t now_epoch);

/// The words for the caller of the tool, and the flags.
outcome to_outcome(const app& owner, const tool& what, side_effect effect, provider_error error);

/// " Try again later.", or what else there is to say after a failure in the middle.
std::string advice(side_effect effect);

} // namespace callboard::connectors
