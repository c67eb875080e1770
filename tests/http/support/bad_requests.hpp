#pragma once

#include <string>
#include <vector>

namespace callboard {

/// Bytes of one connection and the status that they must get: 200 when a handler may see them.
struct wire_case {
  const char* name;
  std::string bytes;
  int status;
};

/// Every row of facts reliability.md 7.1, the list of 8.4 H1, and their neighbours. Limits are
/// those of guard_limits, with a body of at most 1000 bytes.
std::vector<wire_case> wire_cases();

} // namespace callboard
