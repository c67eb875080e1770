#pragma once

#include <cstddef>

#include <caf/fwd.hpp>

namespace callboard {

/// When the memory of actors that ended is worth giving back to the system: the allocator keeps it
/// for whoever comes next, and after a crowd nobody may come.
class memory_return {
public:
  /// At a few KiB each, fewer are not worth the work.
  static constexpr std::size_t ended_min = 1000;
  /// Nor is a smaller part of all: while a large crowd leaves, it is done a few times, not always.
  static constexpr std::size_t part_min = 8;

  /// Takes note of how many there are; to be called before some end.
  void note(std::size_t live) noexcept;

  /// True when by `ended_min` and by the `part_min`th part fewer are left than at the most since it
  /// was true for the last time.
  bool is_due(std::size_t live) noexcept;

private:
  std::size_t most_ = 0;
};

/// Gives what the allocator keeps back to the system, on a thread of its own: that may take tens of
/// milliseconds, for which no actor of the scheduler has to wait.
void return_memory(caf::actor_system& system);

} // namespace callboard
