#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/interfaces.hpp"
#include "tests/support/store_script.hpp"

namespace callboard {

/// A scripted answer to an outbound request.
struct scripted_answer {
  int status = 200;
  http_headers headers;
  /// Pieces of the body; joined for requests that are not streamed.
  std::vector<std::string> pieces;
  /// How the request ends; an empty error is a complete answer.
  caf::error end;
  /// False: it never ends by itself.
  bool ends = true;
  /// False: not even a head comes.
  bool begins = true;
};

/// A JSON answer.
scripted_answer answer_json(int status, std::string body, http_headers headers = {});
/// Fails without an answer.
scripted_answer answer_nothing(errc why);
/// Never answers.
scripted_answer answer_never();

/// What a scripted HTTP client does; shared between the test and the actor, which run on one
/// thread.
struct http_script {
  /// Answers for URLs that contain the text, one after the other; the last one stays.
  void answer(const std::string& part_of_url, std::vector<scripted_answer> answers);

  /// Requests whose URL contains the text.
  std::vector<fetch_request> requests_to(const std::string& part_of_url) const;
  std::size_t count(const std::string& part_of_url) const {
    return requests_to(part_of_url).size();
  }

  /// Answers what it can by looking at the request; the others are for `answers`.
  std::function<std::optional<scripted_answer>(const fetch_request&)> on_request;
  std::vector<std::pair<std::string, std::deque<scripted_answer>>> answers;
  std::vector<fetch_request> requests;
  std::vector<fetch_id> cancelled;
  /// Who listens to streamed answers.
  std::map<fetch_id, fetch_listener_actor> listeners;
  border_log log = std::make_shared<std::vector<std::string>>();
};

/// An HTTP client that follows a script. A URL without an answer is errc::upstream_unavailable.
using fake_http_actor = http_client_actor::extend<
  // Answers a request that was kept waiting.
  caf::reacts_to<atom::done, fetch_id, http_response>>;

struct fake_http_state {
  explicit fake_http_state(fake_http_actor::pointer) {}
  static inline const char* name = "fake_http";

  std::shared_ptr<http_script> script;
  std::map<fetch_id, caf::typed_response_promise<http_response>> waiting;
};

fake_http_actor::behavior_type fake_http(fake_http_actor::stateful_pointer<fake_http_state> self,
                                         std::shared_ptr<http_script> script);

} // namespace callboard
