#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/responses/loop.hpp"
#include "tests/unit/responses/event_checker.hpp"

namespace callboard::responses {

/// Drives a loop like its actor does and collects what it asks for.
class loop_driver {
public:
  /// `members` are members of the request body beside model, input and stream.
  explicit loop_driver(std::string_view members, bool stream = true,
                       std::string_view input = R"("hi")");

  /// A member list with mcp items of these apps and functions of these names.
  static std::string tools(const std::vector<std::string>& apps,
                           const std::vector<std::string>& functions = {});

  /// Two tools `<app>_a` and `<app>_b` for each app.
  static std::vector<mcp_tool> tools_of(const std::string& app);

  void start();
  /// Starts and lists the tools of all servers.
  void start_and_list();
  void list(std::size_t server);
  void list_failed(std::size_t server, caf::error problem);
  void text(std::string_view delta, bool refusal = false);
  /// Ends a turn with text, whose deltas were not passed, and 10 + 5 tokens.
  void answer(std::string_view text, finish_reason finish = finish_reason::stop);
  /// Ends a turn with calls "name" or "name=arguments".
  void call(const std::vector<std::string>& calls, std::string_view text = "",
            finish_reason finish = finish_reason::stop);
  void turn_failed(caf::error problem);
  /// The outcome of run `i` of all runs so far.
  void outcome(std::size_t i, std::string_view text, bool failed = false);
  void stop(caf::error problem);

  loop& subject() { return loop_; }
  /// Text passed on within the running turn; what the turn's whole text begins with.
  const std::string& streamed() const { return streamed_; }
  /// Types of the whole stream, or the checker's complaint.
  std::string stream() const;
  /// Types of the stream so far.
  std::string types() const;
  const std::vector<std::string>& frames() const { return frames_; }
  const std::vector<run_tool>& runs() const { return runs_; }
  const std::vector<invoke_model>& turns() const { return turns_; }
  const std::vector<list_tools>& lists() const { return lists_; }
  bool succeeded() const { return succeeded_; }
  bool failed() const { return failed_; }
  const caf::error& problem() const { return problem_; }
  /// The final Response object.
  const json::object& response() const { return response_; }
  /// `type:status` of the final output's items.
  std::string output() const;
  /// The messages of the last turn's body.
  std::string messages() const;

private:
  void take(effects out);

  loop loop_;
  std::vector<std::string> frames_;
  std::vector<run_tool> runs_;
  std::vector<invoke_model> turns_;
  std::vector<list_tools> lists_;
  bool succeeded_ = false;
  bool failed_ = false;
  caf::error problem_;
  json::object response_;
  std::string streamed_;
  int ids_ = 0;
};

} // namespace callboard::responses
