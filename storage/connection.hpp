#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/store_call.hpp"
#include "storage/statement.hpp"

struct pg_conn;
struct pg_result;

namespace callboard {

/// PQfinish for a unique_ptr.
struct conn_finish {
  void operator()(pg_conn* x) const noexcept;
};
/// PQclear for a unique_ptr.
struct result_clear {
  void operator()(pg_result* x) const noexcept;
};
using conn_ptr = std::unique_ptr<pg_conn, conn_finish>;
using result_ptr = std::unique_ptr<pg_result, result_clear>;

/// Parameters of one statement, bound: nothing in it needs sealing or hashing any more.
struct bound_values {
  std::vector<std::string> data;
  /// Parallel to data.
  std::vector<std::uint8_t> nulls;
  /// Parallel to data: 1 for raw bytes, 0 for text.
  std::vector<int> formats;

  void add_text(std::string x);
  void add_bytes(std::string x);
  void add_null();
};

/// What a PostgreSQL error means to the caller (SQLSTATE, mapped in this one place).
struct sql_problem {
  caf::error error{};
  /// 40001, 40P01 or 26000: running the transaction again may succeed.
  bool repeat = false;
  /// 26000: the prepared statement does not exist on this connection.
  bool unprepared = false;
  /// The connection is of no more use.
  bool lost = false;
};

/// Reads and logs an error result; `what` is the statement's name. Never logs values.
sql_problem problem_of(const pg_result* answer, std::string_view what);

/// The rows of a result in text form.
store_rows rows_of(const pg_result* answer);

/// One libpq connection, non-blocking, so that every wait has a deadline. One thread at a time.
class connection {
public:
  /// statement_timeout of everything that somebody waits for.
  static constexpr auto statement_max = std::chrono::milliseconds{2000};
  /// How much longer than statement_timeout the server may stay silent before the connection counts
  /// as lost, so that a slow statement ends by itself.
  static constexpr auto silence_margin = std::chrono::milliseconds{500};
  static constexpr auto silence_max = statement_max + silence_margin;

  /// Connects within 1.5 s with the time limits of facts reliability.md 3.5.
  /// errc::store_unavailable otherwise.
  static result<connection> open(const std::string& conninfo,
                                 std::chrono::milliseconds statement_timeout = statement_max);

  pg_conn* raw() const noexcept { return conn_.get(); }

  /// False when the server closed it; looks at what has arrived, without waiting.
  bool alive();

  /// The next result, or null where libpq says null. errc::store_unavailable when the connection is
  /// lost or `patience` passes without a result.
  result<result_ptr> next(std::chrono::milliseconds patience);

  /// Sends what is queued as far as the socket takes it now. False when the connection is lost.
  bool flush();

  /// Runs one statement outside of a pipeline.
  result<store_rows> exec(const statement& what, const bound_values& values,
                          std::chrono::milliseconds patience = silence_max);

  /// Prepares a statement under its name, outside of a pipeline.
  result<void> prepare(const statement& what);

  /// Runs a text of several statements outside of a pipeline.
  result<void> script(std::string_view name, std::string_view text,
                      std::chrono::milliseconds patience);

private:
  explicit connection(conn_ptr x) : conn_(std::move(x)) {}
  result<store_rows> collect(std::string_view name, std::chrono::milliseconds patience);

  conn_ptr conn_;
};

} // namespace callboard
