#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "actors/interfaces.hpp"
#include "tests/support/node_fixture.hpp"

namespace callboard {

/// What a scripted remote server knows and what it was asked; shared between the test and the
/// actor, which run on one thread. Answers are sent by the test, through `listener_of`.
struct relay_script {
  /// Answers to relay_list, by kind; other kinds are an error.
  std::map<std::string, std::string> lists;
  std::vector<relay_request> requests;
  std::vector<relay_listener_actor> listeners;
  std::vector<relay_answer> answers;
  /// Numbers that were cancelled.
  std::vector<std::uint64_t> stopped;

  const relay_request& last() const { return requests.back(); }
};

using relay_script_ptr = std::shared_ptr<relay_script>;

/// An upstream actor that follows a script.
upstream_actor::behavior_type fake_upstream(upstream_actor::pointer self, relay_script_ptr script);

/// A directory in front of the real one: it knows the scripted servers, by slug.
directory_actor::behavior_type
fake_directory(directory_actor::pointer self, directory_actor real,
               std::shared_ptr<std::map<std::string, upstream_actor>> servers);

/// A node with the remote servers "docs" and "wiki" beside the catalogue's apps.
struct relay_fixture : node_fixture {
  relay_fixture();

  /// Sends a note, a question or an end for the latest request of a server.
  void note(const std::string& method, const std::string& params);
  void ask_client(const std::string& ask, const std::string& method, const std::string& params);
  void done(const std::string& result, const relay_bill& bill = {});
  void fail(relay_failure why);

  relay_script_ptr docs = std::make_shared<relay_script>();
  relay_script_ptr wiki = std::make_shared<relay_script>();
  std::shared_ptr<std::map<std::string, upstream_actor>> servers =
    std::make_shared<std::map<std::string, upstream_actor>>();
};

} // namespace callboard
