#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"

namespace callboard {

/// One event of a server-sent-event stream, as the HTML standard's parser yields it.
struct sse_event {
  /// The `event` field; empty when the event has none (the standard's "message").
  std::string type;
  /// The `data` lines, joined with LF.
  std::string data;
  /// The `id` field of this event, if it has one.
  std::optional<std::string> id;
  /// The `retry` field of this event in milliseconds, if it has a valid one.
  std::optional<std::int64_t> retry;

  bool operator==(const sse_event&) const = default;
};

/// Takes a server-sent-event stream apart, byte by byte: LF, CRLF and CR line ends in any mixture,
/// comments, several data lines, a byte order mark, and pieces that are cut anywhere. The events
/// do not depend on where the pieces are cut. Not thread-safe; holds at most one event.
class sse_parser {
public:
  /// An event (or a line) larger than that is errc::response_too_large.
  explicit sse_parser(std::size_t event_bytes_max) : event_bytes_max_(event_bytes_max) {}

  /// The events that end within `bytes`. Events without any `data` line are dropped, as the
  /// standard demands. After an error the parser stays failed and answers the same error.
  result<std::vector<sse_event>> feed(std::string_view bytes);

  /// The event that the end of the stream cut off before its blank line, if it has data. The
  /// standard drops it; readers of upstreams that forget the last blank line want it. Resets
  /// nothing: call it once, at the end.
  std::optional<sse_event> finish();

private:
  void end_line(std::vector<sse_event>& out);
  void take_field(std::string_view name, std::string_view value);

  std::size_t event_bytes_max_;
  std::string line_;
  sse_event pending_;
  std::size_t pending_bytes_ = 0;
  bool has_data_ = false;
  bool after_cr_ = false;
  bool at_start_ = true;
  bool failed_ = false;
};

/// One event as bytes, in the form that every client reads: LF line ends, `event:` and `id:` lines
/// only when not empty, one `data:` line for each line of `data`, and the blank line. Send it in
/// one write (facts responses.md 4.3).
std::string sse_frame(std::string_view type, std::string_view data, std::string_view id = {});

/// The event that opens a stream of 2025-11-25: an id to resume from and the time to wait before
/// doing so, no data, so that no client takes it for a message (L12).
std::string sse_priming(std::string_view id, std::int64_t retry_ms);

/// A comment line, which every client ignores: the keep-alive of a quiet stream.
std::string sse_comment(std::string_view text);

} // namespace callboard
