#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/store_call.hpp"

namespace callboard {

/// Calls that wait for PostgreSQL in a file, one JSON object a line, each fsynced before append()
/// returns (facts reliability.md 5.1, step 5). One thread at a time; one file per lane.
class journal {
public:
  /// Nothing is opened before the first use. An empty path keeps no journal: append() refuses.
  explicit journal(std::filesystem::path file);

  /// Adds a call. errc::internal for a call that carries a secret (they never enter the file),
  /// errc::over_limit when the file has its full size, errc::store_unavailable when it cannot be
  /// written.
  result<void> append(const store_call& call);

  /// The calls in the file, oldest first. A torn last line, from a crash during append(), is
  /// dropped: its call was never acknowledged. errc::internal when another line is damaged.
  result<std::vector<store_call>> read() const;

  /// Empties the file. Call only after every call of read() was answered by PostgreSQL.
  result<void> clear();

  /// Keeps a call that PostgreSQL refused for an operator, in "<file>.refused".
  result<void> keep_refused(const store_call& call, const std::string& reason) const;

  /// Renames a damaged file to "<file>.damaged", for an operator, so that work can go on.
  result<void> set_aside();

  /// Whether a look at the file is worth it.
  bool empty() const;

private:
  std::filesystem::path file_;
};

} // namespace callboard
