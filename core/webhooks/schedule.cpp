#include "core/webhooks/schedule.hpp"

#include <array>

namespace callboard::webhooks {
namespace {

using namespace std::chrono_literals;

/// Between the eight attempts.
constexpr std::array<std::chrono::milliseconds, 7> pauses{5s, 5min, 30min, 2h, 5h, 10h, 10h};

} // namespace

std::optional<std::chrono::milliseconds> delay_after(std::int64_t failed_attempts) {
  if (failed_attempts < 1 || failed_attempts > static_cast<std::int64_t>(pauses.size()))
    return std::nullopt;
  return pauses[static_cast<std::size_t>(failed_attempts - 1)];
}

} // namespace callboard::webhooks
