#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "actors/interfaces.hpp"

namespace callboard {

/// What happened at the node's borders, in order: "store <statement>" and "http <METHOD> <url>".
using border_log = std::shared_ptr<std::vector<std::string>>;

/// A column with its value; nothing is NULL.
using cell = std::pair<std::string, std::optional<std::string>>;

/// Rows with one row.
store_rows one_row(const std::vector<cell>& cells);

/// What a scripted store does; shared between the test and the actor, which run on one thread.
struct store_script {
  using handler = std::function<result<store_rows>(const store_call&)>;

  /// Answers a statement with one row.
  void answer(const std::string& statement, const std::vector<cell>& cells);
  /// Answers a statement with no row.
  void answer_empty(const std::string& statement);
  /// Answers a statement with an error.
  void refuse(const std::string& statement, errc code);
  /// Answers a statement with one row after the other; the last one stays.
  void answer_in_turn(const std::string& statement, std::vector<std::vector<cell>> rows);

  /// The calls of one statement.
  std::vector<store_call> calls_of(const std::string& statement) const;
  std::size_t count(const std::string& statement) const { return calls_of(statement).size(); }
  /// The only call of a statement; fails the test when there are more or none.
  store_call only(const std::string& statement) const;

  std::map<std::string, handler> handlers;
  std::vector<store_call> calls;
  /// Statements that are kept unanswered until they are released.
  std::set<std::string> held;
  /// PostgreSQL is away: everything answers errc::store_unavailable.
  bool away = false;
  border_log log = std::make_shared<std::vector<std::string>>();
};

/// A store that follows a script. Statements without a handler answer no row.
using fake_store_actor = store_actor::extend<
  // Answers the calls of a statement that were held.
  caf::reacts_to<atom::drop, std::string>>;

struct fake_store_state {
  explicit fake_store_state(fake_store_actor::pointer) {}
  static inline const char* name = "fake_store";

  std::shared_ptr<store_script> script;
  std::vector<std::pair<store_call, caf::typed_response_promise<store_rows>>> waiting;
};

fake_store_actor::behavior_type
fake_store(fake_store_actor::stateful_pointer<fake_store_state> self,
           std::shared_ptr<store_script> script);

} // namespace callboard
