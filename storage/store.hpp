#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/store_call.hpp"
#include "storage/key_ring.hpp"

namespace callboard {

/// One connection to PostgreSQL that runs store_calls. Blocking; one thread at a time. Used by the
/// lane actor and, directly, by the command line.
///
/// Contract: a violated unique constraint is errc::conflict, a value of the wrong form (an id that
/// is no UUID) errc::invalid_field, statement_timeout errc::timeout, a lost connection
/// errc::store_unavailable, a violated check or foreign key and everything unforeseen
/// errc::internal. Serialization failures and deadlocks are retried inside, three times.
class store {
public:
  /// Does not connect yet. `conninfo` is a libpq connection string or URI.
  store(std::string conninfo, key_ring_ptr ring);
  /// Likewise, for statements that take longer than anybody but an operator would wait: those over
  /// all rows of the ledger.
  store(std::string conninfo, key_ring_ptr ring, std::chrono::milliseconds statement_timeout);
  ~store();
  store(store&&) noexcept;
  store& operator=(store&&) noexcept;

  /// Connects unless connected; at most about 1.5 s. errc::store_unavailable when PostgreSQL is
  /// away, errc::bad_setting when the database has no schema yet (run the migrations first).
  result<void> connect();

  /// False after any call met a lost connection, until connect() succeeds.
  bool connected() const noexcept;

  /// Asks the server for a sign of life; drops the connection when there is none in time.
  bool ping();

  /// Runs the calls in one pipeline: one network flush, one transaction per call; an error stays
  /// with its own call. Answers are in the order of the calls. Connects when necessary.
  std::vector<result<store_rows>> run(const std::vector<store_call>& calls);

  /// Runs one call.
  result<store_rows> run(const store_call& call);

  /// Transactions that were answered, by rows or by an error of their own.
  std::int64_t transactions_total() const noexcept;

  /// Wraps every data key again under the newest master key of the ring (E2); the count of keys
  /// that were changed. Runs beside a working node.
  result<std::int64_t> rewrap_data_keys();

private:
  class engine;
  std::unique_ptr<engine> engine_;
};

/// `keys rotate`: adds a master key to the ring's file and wraps all data keys with it. The old
/// master keys stay in the ring, since another node may still seal with one. Safe to repeat after
/// any interruption. Gives the count of re-wrapped data keys.
result<std::int64_t> rotate_master_key(store& db, key_ring& ring);

/// Second half of a retirement, when every node has seen the new ring: re-wraps what is left and
/// drops the old master keys from the ring's file.
result<void> retire_old_master_keys(store& db, key_ring& ring);

} // namespace callboard
