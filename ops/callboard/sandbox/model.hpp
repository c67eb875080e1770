#pragma once

#include <cstdint>
#include <string>

#include "ops/callboard/sandbox/app.hpp"
#include "ops/callboard/sandbox/model_turn.hpp"

namespace callboard::sandbox {

/// An OpenAI-compatible model server that follows a script instead of thinking:
///
///   POST /model/v1/chat/completions   the script is chosen by the model's name
///   GET  /model/v1/models             the names
///   GET  /model/scripts               the names, what each does, and the quirks
///
/// Besides the scripts of model_scripts.hpp: "sandbox-silent" never answers, "sandbox-garbage"
/// answers what is no completion, "sandbox-error-NNN" answers that status (429 with Retry-After).
/// Behind a name, "+quirk" changes the wire (wire_quirks): "sandbox-echo+crlf+one-byte".
///
/// Troubles for faults: "rate_limit", "server_error", "overloaded", "context_length",
/// "insufficient_quota".
class model final : public app {
public:
  /// An empty key: any key, or none, will do.
  explicit model(std::string key);

  std::string_view slug() const override { return "model"; }
  answer handle(const request& x) override;
  std::optional<answer> trouble(std::string_view kind, const request& x) const override;
  json::object endpoints(std::string_view base_url) const override;
  json::object save() const override;
  result<bool> load(const json::object& saved) override;
  /// Takes `quirks`, a list of names that then hold for every model.
  result<bool> configure(const json::object& changes) override;
  void reset() override;

private:
  answer complete(const request& x);
  answer list_models(const request& x) const;
  answer list_scripts() const;

  std::string key_;
  wire_quirks quirks_;
  std::int64_t completions_ = 0;
};

} // namespace callboard::sandbox
