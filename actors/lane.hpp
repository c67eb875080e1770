#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "actors/interfaces.hpp"

namespace caf {
class actor_system;
}

namespace callboard {

class key_ring;

/// What a lane needs.
struct lane_args {
  /// libpq connection string or URI; the schema must be migrated.
  std::string conninfo;
  std::shared_ptr<key_ring> ring;
  /// Where calls with `journal` wait while PostgreSQL is away; empty: they fail like all others.
  std::filesystem::path journal_file;
  /// For logs.
  int number = 0;
  /// Journals of lanes that an earlier process had and this one has not: their calls move into
  /// journal_file before anything else.
  std::vector<std::filesystem::path> left_behind{};
};

/// Starts a lane: a detached actor that owns one connection. It takes everything that waits in its
/// mailbox, at most 64 calls, into one pipeline. While PostgreSQL is away it answers at once with
/// errc::store_unavailable (or from the journal's safety, see store_call::journal) and reconnects
/// by itself; the journal is replayed before any new call.
store_actor spawn_lane(caf::actor_system& system, lane_args args);

} // namespace callboard
