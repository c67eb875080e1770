#pragma once

#include "tests/bench/loopback_server.hpp"

namespace callboard::bench {

/// A GitHub issue to every request, and a streamed chat completion to a POST to
/// ".../chat/completions".
class instant_upstream : public loopback_server {
public:
  instant_upstream();

  /// The text of the only token that the model says.
  static constexpr const char* token = "Hello";
};

} // namespace callboard::bench
