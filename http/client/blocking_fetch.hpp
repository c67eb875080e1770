#pragma once

#include <chrono>
#include <cstdint>

#include "core/base/error.hpp"
#include "core/base/http_message.hpp"

namespace callboard {

/// Performs one request and waits for it, without an actor system: for the command line. Private
/// addresses and every port are allowed, since the operator names the URL; all other rules and
/// errors are those of http_client. Blocks for at most about `timeout`.
result<http_response> blocking_fetch(const http_request& message, std::chrono::milliseconds timeout,
                                     std::uint64_t body_bytes_max);

} // namespace callboard
