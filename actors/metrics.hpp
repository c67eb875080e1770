#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "actors/interfaces.hpp"

namespace callboard {

/// Counts for /metrics and structured log lines of things that operators want to know. Thread-safe;
/// never blocks on I/O other than the log sink. Nothing secret is ever passed in.
class node_metrics {
public:
  node_metrics();
  ~node_metrics();

  /// An HTTP request was answered.
  void count_answer(endpoint target, int status);
  /// A tool call ended.
  void count_tool_call(const std::string& app, bool is_error);
  /// A model turn ended; `status` is "success" or an error code.
  void count_turn(const std::string& model, const std::string& status, std::int64_t input_tokens,
                  std::int64_t output_tokens);
  /// An OAuth attempt ended; "connected" or a code of R77.
  void count_connect(const std::string& app, std::string_view outcome);
  /// An attempt to deliver an event ended.
  void count_webhook_attempt(bool is_delivered);

  /// Logs what went wrong with a request, with the detail that its client does not see.
  void log_problem(const request_id& id, const caf::error& problem);
  /// Logs that a connection has to be made again.
  void log_connection_broken(const connection_id& id, std::string_view why);

  /// All metrics in Prometheus' text format.
  std::string render() const;

private:
  struct families;
  std::unique_ptr<families> families_;
};

} // namespace callboard
