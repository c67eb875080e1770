#pragma once

#include "core/base/error.hpp"
#include "storage/connection.hpp"

namespace callboard {

/// A transaction of several statements, for migrations. (A store_call is a transaction of its own
/// and needs none.) Rolls back in its destructor unless commit() was called.
class transaction {
public:
  /// `conn` outlives the transaction and is used by nobody else meanwhile.
  static result<transaction> begin(connection& conn);

  transaction(transaction&& other) noexcept;
  transaction& operator=(transaction&&) = delete;
  ~transaction();

  result<store_rows> exec(const statement& what, const bound_values& values);
  result<void> script(std::string_view name, std::string_view text,
                      std::chrono::milliseconds patience);

  /// Makes it durable; nothing else may be called afterwards.
  result<void> commit();

private:
  explicit transaction(connection& conn) : conn_(&conn) {}

  /// Null when it is over.
  connection* conn_;
};

} // namespace callboard
