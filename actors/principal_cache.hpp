#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "core/base/api_key.hpp"

namespace callboard {

/// The principals of keys in use. Only the authenticator adds to it; everybody may look, and
/// whoever changes what keys depend on clears it. In two generations: when the young one is full it
/// becomes the old one, so that the bound costs neither a list nor a scan, and keys in use survive
/// because a hit in the old generation moves them back.
///
/// Thread-safe.
class principal_cache {
public:
  struct entry {
    principal who;
    /// Seconds since 1970; 0 for a key without end.
    std::int64_t expires_at = 0;

    /// `now` in seconds since 1970.
    bool has_expired(std::int64_t now) const { return expires_at != 0 && expires_at <= now; }
  };

  /// @pre `entries_max >= 2`
  explicit principal_cache(std::size_t entries_max) : generation_max_(entries_max / 2) {}

  /// What is known of a key, by the SHA-256 of its text.
  std::optional<entry> find(const std::string& digest);

  /// Counts the clearings. What was read from the store in an earlier epoch may be outdated.
  std::uint64_t epoch() const;

  /// Adds what was found out by a look-up that began in that epoch, unless it is over.
  void insert(std::string digest, entry x, std::uint64_t epoch);

  void clear();

  std::size_t size() const;

private:
  using generation = std::unordered_map<std::string, entry>;

  void add(std::string digest, entry x);

  std::size_t generation_max_;
  mutable std::mutex mutex_;
  std::uint64_t epoch_ = 0;
  generation young_;
  generation old_;
};

} // namespace callboard
