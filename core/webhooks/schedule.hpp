#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

/// When a delivery is tried again (requirements 2A, "Webhook delivery").
namespace callboard::webhooks {

/// An endpoint that has not answered by then has failed the attempt.
inline constexpr auto attempt_timeout = std::chrono::seconds{15};

/// An endpoint that has failed that long without one success is switched off.
inline constexpr auto disable_after = std::chrono::hours{24 * 5};

/// How long to wait after so many failed attempts, from 1; nothing after the last one.
std::optional<std::chrono::milliseconds> delay_after(std::int64_t failed_attempts);

/// Whether an endpoint has taken a delivery by its HTTP status: 2xx only, a redirect is a failure.
inline bool is_taken(int status) { return status >= 200 && status < 300; }

} // namespace callboard::webhooks
