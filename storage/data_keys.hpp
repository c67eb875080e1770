#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/base/error.hpp"
#include "core/base/store_call.hpp"
#include "storage/connection.hpp"
#include "storage/key_ring.hpp"

namespace callboard {

/// A data key: seals the secrets of one platform.
struct data_key {
  std::string id;
  /// 32 bytes, in clear.
  std::string bytes;
};

/// The data keys of the platforms, unwrapped when first needed and made when there is none (E2).
/// Belongs to one store; one thread.
class data_keys {
public:
  /// Runs a statement marked [internal] as callboard_system.
  using runner = std::function<result<store_rows>(std::string_view name, bound_values values)>;

  data_keys(key_ring_ptr ring, runner run);

  /// The key of a platform, or of what belongs to none (empty). errc::seal_broken when no master
  /// key opens it; errors of the database.
  result<data_key> of(const std::string& tenant);

  /// Wraps every key that an older master key wraps with the newest one; gives their count.
  result<std::int64_t> rewrap();

private:
  result<data_key> load(const std::string& tenant);
  result<void> create(const std::string& tenant);

  key_ring_ptr ring_;
  runner run_;
  std::unordered_map<std::string, data_key> cache_;
};

} // namespace callboard
