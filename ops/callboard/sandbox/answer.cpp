#include "ops/callboard/sandbox/answer.hpp"

#include <memory>
#include <utility>

namespace callboard::sandbox {

answer json_answer(int status, const json::value& body) {
  return text_answer(status, "application/json; charset=utf-8", json::serialize(body));
}

answer text_answer(int status, std::string_view content_type, std::string body) {
  answer x;
  x.status = status;
  x.headers.push_back({"Content-Type", std::string{content_type}});
  x.body = std::move(body);
  return x;
}

std::string body_of(const answer& x) {
  auto all = x.body;
  for (const auto& part : x.pieces)
    all += part.bytes;
  return all;
}

namespace {

/// A listener drops a client that leaves too much unread (limits::stream_queue_bytes_max), and a
/// sink does not tell when it is read: long bodies go out at a pace that any client keeps up with.
constexpr std::size_t burst_bytes_max = 128u * 1024;
constexpr std::chrono::milliseconds burst_pause{2};

/// Keeps a connection open that gets no answer. The sink holds its notice and the notice the sink:
/// the ring opens when the client leaves.
void keep_open(const reply_sink_ptr& sink) {
  auto held = std::make_shared<reply_sink_ptr>(sink);
  sink->on_closed([held] { held->reset(); });
}

/// An answer under way.
struct performance : std::enable_shared_from_this<performance> {
  answer x;
  reply_sink_ptr sink;
  later_function later;
  std::size_t next = 0;

  void begin() {
    if (!x.streamed && x.end == ending::complete) {
      sink->finish(reply{x.status, std::move(x.headers), std::move(x.body)});
      return;
    }
    if (!x.streamed && x.body.empty() && x.end == ending::hang) {
      keep_open(sink);
      return;
    }
    if (!x.body.empty())
      x.pieces.insert(x.pieces.begin(), piece{std::move(x.body)});
    sink->start_stream(x.status, std::move(x.headers));
    go_on();
  }

  void go_on() {
    std::size_t burst_bytes = 0;
    while (next < x.pieces.size()) {
      auto& part = x.pieces[next];
      burst_bytes += part.bytes.size();
      if (burst_bytes > burst_bytes_max && part.delay.count() == 0)
        part.delay = burst_pause;
      if (part.delay.count() > 0) {
        const auto pause = std::exchange(part.delay, std::chrono::milliseconds{0});
        later(pause, [self = shared_from_this()] { self->go_on(); });
        return;
      }
      ++next;
      if (!sink->send(std::move(part.bytes)))
        return;
    }
    if (x.end == ending::hang)
      keep_open(sink);
    else
      sink->end_stream(x.end == ending::complete);
  }
};

} // namespace

void perform(answer x, reply_sink_ptr sink, const later_function& later) {
  auto run = std::make_shared<performance>();
  run->x = std::move(x);
  run->sink = std::move(sink);
  run->later = later;
  if (run->x.delay.count() > 0)
    later(run->x.delay, [run] { run->begin(); });
  else
    run->begin();
}

} // namespace callboard::sandbox
