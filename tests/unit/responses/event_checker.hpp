#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.hpp"
#include "core/mcp/sse.hpp"

namespace callboard::responses {

/// The events of one Responses stream, taken from its frames.
struct event_stream {
  std::vector<json::object> events;
  /// The stream ended with `[DONE]`.
  bool done = false;

  /// The types in order without the "response." before them, one blank between them; repeated
  /// deltas count once.
  std::string types() const;
  const json::object& last() const { return events.back(); }
};

/// Takes frames apart. A frame that is not exactly one event of the right form gives a problem in
/// `problem`.
event_stream read_frames(const std::vector<std::string>& frames, std::string& problem);

/// Checks a whole stream the way strict clients do (I81-I83, facts responses.md 4): sequence
/// numbers, created and in_progress first, one terminal event last, items opened and closed one at
/// a time with steady ids and types, parts and texts inside their message, deltas adding up, and
/// every output_index the item's place in the final output. Empty when all is well.
std::string check_stream(const std::vector<std::string>& frames);

} // namespace callboard::responses
