#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>

#include "ops/callboard/sandbox/app.hpp"

namespace callboard::sandbox {

/// Where webhooks go. Any path is an endpoint of its own:
///
///   POST /webhook/{name}   takes a delivery: 204, or 401 when the name's secret is known and the
///                          signature is not right or older than five minutes
///   GET  /webhook/{name}   what came, oldest first: headers, body, `verified` (null without a
///                          secret), the status that was answered
///
/// Switches of POST /_control/configure/webhook: `name` (required), `secret` ("whsec_..."; "" for
/// none), `fail` (how many deliveries to refuse from now on), `status` (with which status, 500).
class webhook_sink final : public app {
public:
  std::string_view slug() const override { return "webhook"; }
  answer handle(const request& x) override;
  std::optional<answer> trouble(std::string_view kind, const request& x) const override;
  json::object endpoints(std::string_view base_url) const override;
  json::object save() const override;
  result<bool> load(const json::object& saved) override;
  result<bool> configure(const json::object& changes) override;
  void reset() override;

private:
  /// One endpoint.
  struct sink {
    std::string secret;
    std::int64_t fail = 0;
    int status = 500;
    std::deque<json::object> deliveries;
  };

  answer take(sink& to, const request& x);
  /// The endpoint of that name, made when it is missing; null when there are too many.
  sink* find_sink(const std::string& name);

  std::map<std::string, sink> sinks_;
};

} // namespace callboard::sandbox
