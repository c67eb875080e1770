#pragma once

#include <chrono>
#include <future>
#include <string>
#include <utility>

#include <boost/test/unit_test.hpp>

#include "tests/support/postgres_fixture.hpp"

namespace callboard::test {

/// Waits until `x` is done, or something in the database waits for a lock.
template <class T>
void until_it_waits(std::future<T>& x, const store_fixture& in) {
  while (x.wait_for(std::chrono::seconds{0}) != std::future_status::ready
         && in.database.cell("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
                             "AND datname = current_database()")
              == "0") {
  }
}

/// A connection of its own, whose transaction stays open between two statements.
class open_session {
public:
  explicit open_session(const store_fixture& in)
      : connection_(std::move(*connection::open(in.database.conninfo()))) {}

  /// The first cell that the statement gives, if any.
  std::string tell(const std::string& text) {
    statement what{"test", statement_scope::internal, text};
    auto rows = connection_.exec(what, {}, std::chrono::seconds{5});
    BOOST_REQUIRE(rows);
    return rows->cells.empty() ? std::string{} : rows->cells.front();
  }

private:
  connection connection_;
};

} // namespace callboard::test
