#include "storage/connection.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include <libpq-fe.h>
#include <poll.h>
#include <spdlog/spdlog.h>

namespace callboard {

namespace {

using clock = std::chrono::steady_clock;

/// A person or a call waits; a PostgreSQL in good health answers in milliseconds.
constexpr auto connect_patience = std::chrono::milliseconds{1500};

caf::error unavailable() {
  return make_problem(errc::store_unavailable, "The database is not available.");
}

/// Waits until the socket is ready for `events`. False at the deadline.
bool wait_for(pg_conn* conn, short events, clock::time_point deadline) {
  for (;;) {
    auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock::now()).count();
    if (left <= 0)
      return false;
    pollfd fd{PQsocket(conn), events, 0};
    auto n = poll(&fd, 1, static_cast<int>(left));
    if (n > 0)
      return true;
    if (n < 0 && errno != EINTR)
      return false;
  }
}

void stay_silent(void*, const pg_result*) {
  // Notices are for people at a terminal; errors arrive as results.
}

std::string state_of(const pg_result* answer) {
  const char* x = PQresultErrorField(answer, PG_DIAG_SQLSTATE);
  return x != nullptr ? x : "";
}

} // namespace

void conn_finish::operator()(pg_conn* x) const noexcept { PQfinish(x); }
void result_clear::operator()(pg_result* x) const noexcept { PQclear(x); }

void bound_values::add_text(std::string x) {
  data.push_back(std::move(x));
  nulls.push_back(0);
  formats.push_back(0);
}

void bound_values::add_bytes(std::string x) {
  data.push_back(std::move(x));
  nulls.push_back(0);
  formats.push_back(1);
}

void bound_values::add_null() {
  data.emplace_back();
  nulls.push_back(1);
  formats.push_back(0);
}

sql_problem problem_of(const pg_result* answer, std::string_view what) {
  auto state = state_of(answer);
  auto starts = [&](std::string_view x) { return state.compare(0, x.size(), x) == 0; };
  if (state == "23505")
    return {make_problem(errc::conflict, "It exists already.")};
  if (state == "40001" || state == "40P01" || state == "26000")
    return {make_problem(errc::store_unavailable, "The database is busy."), true, state == "26000",
            false};
  if (state == "57014" || state == "55P03")
    return {make_problem(errc::timeout, "The database took too long.")};
  // 08P01 is a wrong count of values: our mistake, and the connection goes on.
  if (state.empty() || (starts("08") && state != "08P01") || starts("57P") || state == "25006"
      || starts("53"))
    return {unavailable(), false, false, true};
  // Class 22: a value has the wrong form, such as an id that is no UUID. The server's text repeats
  // the value, so it is not logged.
  if (starts("22"))
    return {make_problem(errc::invalid_field, "A value has the wrong form.")};
  const char* text = PQresultErrorField(answer, PG_DIAG_MESSAGE_PRIMARY);
  spdlog::error("store statement={} sqlstate={} text=\"{}\"", what, state, text ? text : "");
  return {make_problem(errc::internal, "statement " + std::string{what} + ", SQLSTATE " + state)};
}

store_rows rows_of(const pg_result* answer) {
  store_rows rows;
  auto columns = PQnfields(answer);
  auto count = PQntuples(answer);
  rows.columns.reserve(static_cast<std::size_t>(columns));
  for (int c = 0; c < columns; ++c)
    rows.columns.emplace_back(PQfname(answer, c));
  auto cells = static_cast<std::size_t>(columns) * static_cast<std::size_t>(count);
  rows.cells.reserve(cells);
  rows.nulls.reserve(cells);
  for (int r = 0; r < count; ++r)
    for (int c = 0; c < columns; ++c) {
      rows.cells.emplace_back(PQgetvalue(answer, r, c),
                              static_cast<std::size_t>(PQgetlength(answer, r, c)));
      rows.nulls.push_back(PQgetisnull(answer, r, c) != 0);
    }
  return rows;
}

result<connection> connection::open(const std::string& conninfo,
                                    std::chrono::milliseconds statement_timeout) {
  const auto options = "-c statement_timeout=" + std::to_string(statement_timeout.count())
                       + " -c lock_timeout=1000 -c idle_in_transaction_session_timeout=2000";
  // What stands before dbname may be overridden by the caller's string, what stands behind not.
  constexpr std::size_t count = 9;
  std::array<const char*, count> keys{"connect_timeout",
                                      "tcp_user_timeout",
                                      "keepalives_idle",
                                      "keepalives_interval",
                                      "target_session_attrs",
                                      "application_name",
                                      "dbname",
                                      "options",
                                      nullptr};
  std::array<const char*, count> values{
    "2", "3000", "2", "2", "read-write", "callboard", conninfo.c_str(), options.c_str(), nullptr};
  conn_ptr conn{PQconnectStartParams(keys.data(), values.data(), 1)};
  if (!conn || PQstatus(conn.get()) == CONNECTION_BAD)
    return unavailable();
  PQsetNoticeReceiver(conn.get(), stay_silent, nullptr);
  auto deadline = clock::now() + connect_patience;
  auto want = PGRES_POLLING_WRITING;
  while (want != PGRES_POLLING_OK) {
    if (want == PGRES_POLLING_FAILED)
      return unavailable();
    if (!wait_for(conn.get(), want == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline))
      return unavailable();
    want = PQconnectPoll(conn.get());
  }
  if (PQsetnonblocking(conn.get(), 1) != 0)
    return unavailable();
  return connection{std::move(conn)};
}

bool connection::alive() {
  if (PQstatus(conn_.get()) != CONNECTION_OK)
    return false;
  // A server that goes away sends a last message, then the end; both may be here already.
  for (;;) {
    pollfd fd{PQsocket(conn_.get()), POLLIN, 0};
    if (poll(&fd, 1, 0) <= 0)
      return true;
    if (PQconsumeInput(conn_.get()) == 0 || PQstatus(conn_.get()) != CONNECTION_OK)
      return false;
  }
}

bool connection::flush() { return PQflush(conn_.get()) >= 0; }

result<result_ptr> connection::next(std::chrono::milliseconds patience) {
  auto deadline = clock::now() + patience;
  for (;;) {
    auto unsent = PQflush(conn_.get());
    if (unsent < 0)
      return unavailable();
    if (PQisBusy(conn_.get()) == 0)
      return result_ptr{PQgetResult(conn_.get())};
    auto events = static_cast<short>(unsent > 0 ? POLLIN | POLLOUT : POLLIN);
    if (!wait_for(conn_.get(), events, deadline))
      return unavailable();
    if (PQconsumeInput(conn_.get()) == 0)
      return unavailable();
  }
}

result<store_rows> connection::collect(std::string_view name, std::chrono::milliseconds patience) {
  store_rows rows;
  caf::error failed;
  for (;;) {
    auto answer = next(patience);
    if (!answer)
      return std::move(answer.error());
    if (!*answer)
      break;
    auto status = PQresultStatus(answer->get());
    if (status == PGRES_TUPLES_OK)
      rows = rows_of(answer->get());
    else if (status != PGRES_COMMAND_OK && status != PGRES_EMPTY_QUERY)
      failed = problem_of(answer->get(), name).error;
  }
  if (failed)
    return failed;
  return rows;
}

result<store_rows> connection::exec(const statement& what, const bound_values& values,
                                    std::chrono::milliseconds patience) {
  std::vector<const char*> pointers;
  std::vector<int> lengths;
  for (std::size_t i = 0; i < values.data.size(); ++i) {
    pointers.push_back(values.nulls[i] ? nullptr : values.data[i].c_str());
    lengths.push_back(static_cast<int>(values.data[i].size()));
  }
  auto text = std::string{what.text};
  if (PQsendQueryParams(conn_.get(), text.c_str(), static_cast<int>(pointers.size()), nullptr,
                        pointers.data(), lengths.data(), values.formats.data(), 0)
      == 0)
    return unavailable();
  return collect(what.name, patience);
}

result<void> connection::prepare(const statement& what) {
  if (PQsendPrepare(conn_.get(), std::string{what.name}.c_str(), std::string{what.text}.c_str(), 0,
                    nullptr)
      == 0)
    return unavailable();
  if (auto rows = collect(what.name, silence_max); !rows)
    return std::move(rows.error());
  return {};
}

result<void> connection::script(std::string_view name, std::string_view text,
                                std::chrono::milliseconds patience) {
  if (PQsendQuery(conn_.get(), std::string{text}.c_str()) == 0)
    return unavailable();
  if (auto rows = collect(name, patience); !rows)
    return std::move(rows.error());
  return {};
}

} // namespace callboard
