#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace callboard::mcp {

/// The id of an event of a session: unique in the session, and says which of its streams it belongs
/// to (L12).
struct event_id {
  std::uint64_t stream = 0;
  std::uint64_t number = 0;

  bool operator==(const event_id&) const = default;
};

/// "7-12"
std::string to_string(const event_id& x);

/// Reads a Last-Event-ID; nothing for anything that is not one of ours.
std::optional<event_id> parse_event_id(std::string_view text);

/// What a session keeps of what it has sent, so that a client whose stream broke can have the rest
/// of it. The oldest events go first.
class event_ring {
public:
  static constexpr std::size_t events_max = 256;
  static constexpr std::size_t bytes_max = 1024u * 1024;

  struct event {
    event_id id;
    /// An encoded message; empty for the event that only opens a stream.
    std::string message;
  };

  /// Keeps an event of a stream and gives it its id.
  event_id add(std::uint64_t stream, std::string message);

  /// The events of the stream after the one named, oldest first; nothing when the ring has
  /// forgotten some of them, or never had that one.
  std::optional<std::vector<event>> after(const event_id& last) const;

  /// Forgets the events of a stream.
  void forget(std::uint64_t stream);

  std::size_t size() const { return events_.size(); }
  std::size_t bytes() const { return bytes_; }

private:
  void drop_oldest();

  std::deque<event> events_;
  std::size_t bytes_ = 0;
  std::uint64_t last_number_ = 0;
  /// The youngest event that was dropped.
  std::uint64_t dropped_ = 0;
};

} // namespace callboard::mcp
