#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "actors/activity.hpp"
#include "actors/interfaces.hpp"
#include "actors/principal_cache.hpp"
#include "actors/promise_book.hpp"

namespace callboard {

struct authenticator_args {
  store_lanes store;
  /// Told with atom::drop when keys have changed.
  directory_actor directory;
  /// What it found out, for everybody.
  std::shared_ptr<principal_cache> cache;
  /// Seconds since 1970, for the expiry of keys.
  std::function<std::int64_t()> unix_time;
};

struct authenticator_state {
  explicit authenticator_state(authenticator_actor::pointer selfptr);
  static inline const char* name = "authenticator";

  caf::result<principal> authenticate(const std::string& text);
  void look_up(const api_key& key, std::uint64_t number);
  void refuse_all(const caf::error& why);
  void settle_look_up(std::uint64_t number, result<principal_cache::entry> found);
  void compare_version();
  void forget();

  authenticator_actor::pointer self;
  authenticator_args args;
  activity seen;
  /// A look-up under way, with those who wait for it.
  struct look_up_entry {
    std::string digest;
    /// The cache's epoch in which it began.
    std::uint64_t epoch = 0;
    std::vector<caf::typed_response_promise<principal>> waiting;
  };

  /// Look-ups under way, by their number.
  std::unordered_map<std::uint64_t, look_up_entry> look_ups;
  /// The look-up of a digest that those who ask now may share.
  std::unordered_map<std::string, std::uint64_t> shared;
  std::uint64_t look_ups_total = 0;
  /// The store's version that the cache belongs to; -1 before the first answer.
  std::int64_t version = -1;
  caf::actor_clock::time_point contact_at{};
  /// The cache was emptied for lack of contact, once.
  bool contact_lost = false;
};

/// See authenticator_actor. Polls the store's key version twice a second; without contact for a
/// minute it forgets all.
authenticator_actor::behavior_type
authenticator(authenticator_actor::stateful_pointer<authenticator_state> self,
              authenticator_args args);

} // namespace callboard
