#pragma once

#include <map>
#include <string>
#include <vector>

#include "actors/interfaces.hpp"
#include "actors/node.hpp"
#include "core/mcp/offers.hpp"

namespace callboard {

struct errand_args {
  node_parts parts;
  /// What the client wants; `app` is a slug of either kind, or "*".
  relay_request what;
  /// Who gets notes, questions and the end; the errand ends with it.
  relay_listener_actor owner;
};

struct errand_state {
  explicit errand_state(errand_actor::pointer selfptr) : self(selfptr) {}
  static inline const char* name = "errand";

  /// A request of ours at a remote server.
  struct leg {
    std::uint64_t number = 0;
    upstream_actor upstream;
  };

  void start();
  void list(const std::string& kind);
  void find_owner();
  void look_up(const std::string& kind, const std::string& wanted);
  void owned_by(const std::string& app);
  void call_tool(const std::string& app);
  void relay(const std::string& app);
  void check_mirrored(const upstream_actor& upstream);
  void send(const upstream_actor& upstream, relay_request what);
  void listen();
  void on_ask(std::uint64_t leg_number, const std::string& ask, const std::string& method,
              const std::string& its_params);
  void on_answer(relay_answer answer);
  void leg_over(std::uint64_t number);
  void done(std::string result, const relay_bill& bill = {});
  void fail(relay_failure why);
  void fail(const caf::error& why);
  /// Ends without an answer, and cancels what is under way.
  void stop();

  errand_actor::pointer self;
  errand_args args;
  json::object params;
  std::vector<leg> legs;
  std::uint64_t legs_total = 0;
  /// Which leg asked, by the id that the owner knows: questions of several servers may have the
  /// same id.
  std::map<std::string, std::pair<std::uint64_t, std::string>> asked;
  tool_call_actor tool;
};

/// See errand_actor.
errand_actor::behavior_type errand(errand_actor::stateful_pointer<errand_state> self,
                                   errand_args args);

/// A failure of ours in the form of a relay's.
relay_failure failure_of(const caf::error& why);

/// What the user can mend, as a tool's answer that says so.
tool_result problem_result(const caf::error& why);

/// The result object of a tool call of the catalogue, in the form of the newest version.
json::object catalogue_result(const tool_result& x);

/// Lets a tools/call with an idempotency key, in `_meta` or the header, be repeated: its hold
/// derives from caller, endpoint and key, and for a call that goes on with input, from that input.
/// An error for a key that cannot be kept.
caf::error name_keyed_call(relay_request& what, const json::object& params,
                           const http_headers& headers);

} // namespace callboard
