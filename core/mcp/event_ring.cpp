#include "core/mcp/event_ring.hpp"

#include <charconv>
#include <utility>

namespace callboard::mcp {
namespace {

std::optional<std::uint64_t> read_number(std::string_view text) {
  std::uint64_t x = 0;
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), x);
  if (ec != std::errc{} || end != text.data() + text.size() || text.empty())
    return std::nullopt;
  return x;
}

} // namespace

std::string to_string(const event_id& x) {
  return std::to_string(x.stream) + '-' + std::to_string(x.number);
}

std::optional<event_id> parse_event_id(std::string_view text) {
  auto dash = text.find('-');
  if (dash == std::string_view::npos)
    return std::nullopt;
  auto stream = read_number(text.substr(0, dash));
  auto number = read_number(text.substr(dash + 1));
  if (!stream || !number)
    return std::nullopt;
  return event_id{*stream, *number};
}

event_id event_ring::add(std::uint64_t stream, std::string message) {
  event_id id{stream, ++last_number_};
  bytes_ += message.size();
  events_.push_back({id, std::move(message)});
  // The newest stays whatever its size: it is the answer that somebody waits for.
  while (events_.size() > 1 && (events_.size() > events_max || bytes_ > bytes_max))
    drop_oldest();
  return id;
}

void event_ring::drop_oldest() {
  dropped_ = events_.front().id.number;
  bytes_ -= events_.front().message.size();
  events_.pop_front();
}

std::optional<std::vector<event_ring::event>> event_ring::after(const event_id& last) const {
  // Numbers rise through all streams: what was dropped is older than what is kept.
  if (last.number > last_number_ || last.number < dropped_)
    return std::nullopt;
  std::vector<event> found;
  for (auto& x : events_)
    if (x.id.stream == last.stream && x.id.number > last.number)
      found.push_back(x);
  return found;
}

void event_ring::forget(std::uint64_t stream) {
  std::erase_if(events_, [&](const event& x) {
    if (x.id.stream != stream)
      return false;
    bytes_ -= x.message.size();
    return true;
  });
}

} // namespace callboard::mcp
