#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/base/error.hpp"

namespace callboard {

/// A key-encryption key: wraps data keys, never data.
struct master_key {
  /// Written beside everything it wraps, so that a later ring still knows what opens it.
  std::string id;
  /// 32 bytes.
  std::string bytes;
};

/// The master keys of a node, from a file of mode 0600 that is never in the database (E2, I59), and
/// the pepper of the API keys (K1). Several keys open, the newest (last) one seals. Thread-safe;
/// share one per node. The file is read again when it was replaced, so a running node follows a
/// rotation.
class key_ring {
public:
  /// Reads the ring. errc::bad_setting with a plain sentence when the file is missing, readable by
  /// others, or damaged.
  static result<std::shared_ptr<key_ring>> load(const std::filesystem::path& file);

  /// Reads the ring, or makes a new one with one key and a fresh pepper (embedded mode).
  static result<std::shared_ptr<key_ring>> load_or_create(const std::filesystem::path& file);

  /// The key that seals now.
  master_key newest();

  /// A key by its id; errc::seal_broken when neither the ring nor its file has it.
  result<master_key> find(const std::string& id);

  /// Adds a fresh newest key and replaces the file atomically. Old keys stay and go on opening.
  result<master_key> add_key();

  /// Removes all keys but the newest from ring and file. Only after every data key is re-wrapped.
  result<void> drop_old_keys();

  /// HMAC-SHA-256 of an API key's secret under the pepper; 32 bytes.
  std::string hash_key_secret(const std::string& secret) const;

private:
  explicit key_ring(std::filesystem::path file);
  result<void> read();
  result<void> write() const;
  /// Reads the file again when it is another one than last time. A file that is gone or damaged
  /// meanwhile changes nothing.
  void follow();

  mutable std::mutex guard_;
  std::filesystem::path file_;
  std::vector<master_key> keys_;
  std::string pepper_;
  /// Inode and time of change of the file as last read.
  std::pair<std::uint64_t, std::int64_t> seen_{};
};

using key_ring_ptr = std::shared_ptr<key_ring>;

} // namespace callboard
