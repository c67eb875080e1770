#include "http/edge/wire_sink.hpp"

#include <utility>

#include "core/base/idempotency.hpp"
#include "core/base/limits.hpp"
#include "http/edge/error_body.hpp"
#include "http/edge/response_head.hpp"

namespace callboard {
namespace {

using restinio::response_connection_attr_t;
using restinio::response_output_flags_t;
using restinio::response_parts_attr_t;

restinio::writable_items_container_t items_of(std::string head, std::string body) {
  // Small bodies are cheaper copied than gathered.
  constexpr std::size_t copied_bytes_max = 16 * 1024;
  restinio::writable_items_container_t items;
  if (body.size() <= copied_bytes_max) {
    head += body;
    body.clear();
  }
  if (!head.empty())
    items.emplace_back(std::move(head));
  if (!body.empty())
    items.emplace_back(std::move(body));
  return items;
}

/// Hands the last bytes of an answer to RESTinio.
void write_last(const wire_call& call, restinio::writable_items_container_t items, bool close) {
  restinio::write_group_t group{std::move(items)};
  group.after_write_notificator([wire = call.wire](const auto&) { wire->answered(); });
  auto connection = close ? response_connection_attr_t::connection_close
                          : response_connection_attr_t::connection_keepalive;
  call.parser->write_response_parts(
    call.number, response_output_flags_t{response_parts_attr_t::final_parts, connection},
    std::move(group));
}

void write_whole(const wire_call& call, reply answer, bool close) {
  bool bodiless = has_no_body(answer.status);
  auto head =
    render_head({answer.status, answer.headers, body_form::sized, answer.body.size(), close});
  if (bodiless || call.head_only)
    answer.body.clear();
  write_last(call, items_of(std::move(head), std::move(answer.body)), close);
}

/// Nobody knows what the request did. SDKs repeat a 5xx by themselves: not one that may be paid or
/// take effect twice (I36).
reply unknown_outcome(int status, errc code, const request_id& id, bool repeatable) {
  auto answer = make_edge_reply(status, to_string(code), message_of(make_problem(code, {})), id);
  if (!repeatable)
    answer.headers.push_back({std::string{idempotency::should_retry_header}, "false"});
  return answer;
}

bool asks_to_close(const http_headers& headers) {
  auto value = find_header(headers, "Connection");
  return value && iequals(*value, "close");
}

} // namespace

wire_sink::wire_sink(wire_call call) : call_(std::move(call)), core_(call_.wire->shared_core()) {}

wire_sink::~wire_sink() {
  // Nobody else knows this object any more: no lock.
  if (gone_ || core_->stopped)
    return;
  if (phase_ == phase::waiting)
    write_whole(call_, unknown_outcome(500, errc::internal, call_.id, call_.repeatable), closes());
  else if (phase_ == phase::streaming)
    write_last(call_, {}, true);
}

bool wire_sink::closes() const { return !call_.keep_alive || core_->draining; }

void wire_sink::finish(reply answer) { this->answer(std::move(answer), false); }

/// `last_word`: the answer comes from us, and whoever works on the real one is told to stop.
void wire_sink::answer(reply answer, bool last_word) {
  std::unique_lock lock{mutex_};
  if (phase_ != phase::waiting || gone_)
    return;
  phase_ = phase::over;
  auto notice = std::exchange(notice_, nullptr);
  gone_ = last_word;
  auto call = std::exchange(call_, {});
  bool close = !call.keep_alive || core_->draining || asks_to_close(answer.headers);
  lock.unlock();
  write_whole(call, std::move(answer), close);
  if (last_word && notice)
    notice();
}

void wire_sink::start_stream(int status, http_headers headers) {
  std::unique_lock lock{mutex_};
  if (phase_ != phase::waiting || gone_)
    return;
  if (call_.head_only) {
    lock.unlock();
    return finish({status, std::move(headers), {}});
  }
  phase_ = phase::streaming;
  queue_ = render_head({status, headers, body_form::chunked, 0, closes()});
  lock.unlock();
  pump();
}

bool wire_sink::send(std::string piece) {
  std::unique_lock lock{mutex_};
  if (phase_ != phase::streaming || gone_)
    return false;
  // What waits is counted, not the piece itself: the last event of a loop repeats all of its tools'
  // answers and may alone be larger.
  if (in_flight_bytes_ + queue_.size() > limits::stream_queue_bytes_max) {
    ++core_->slow_readers_total;
    auto after = give_up();
    lock.unlock();
    asio::post(core_->io, [wire = after.call.wire] { wire->break_off(); });
    if (after.notice)
      after.notice();
    return false;
  }
  append_chunk(queue_, piece);
  lock.unlock();
  pump();
  return true;
}

void wire_sink::end_stream(bool clean) {
  std::unique_lock lock{mutex_};
  if (phase_ != phase::streaming || gone_)
    return;
  phase_ = phase::ending;
  ending_ = clean ? ending::clean : ending::broken;
  if (clean)
    queue_ += "0\r\n\r\n";
  // The notice may hold the caller, and the caller this sink.
  auto notice = std::exchange(notice_, nullptr);
  lock.unlock();
  pump();
}

/// Hands the queued bytes to RESTinio, unless a write is under way.
void wire_sink::pump() {
  std::unique_lock lock{mutex_};
  if (writing_ || gone_ || (queue_.empty() && phase_ != phase::ending))
    return;
  bool final = phase_ == phase::ending;
  bool close = ending_ == ending::broken || closes();
  writing_ = true;
  in_flight_bytes_ = queue_.size();
  auto call = call_;
  if (final) {
    phase_ = phase::over;
    call_ = {};
  }
  restinio::write_group_t group{items_of(std::exchange(queue_, {}), {})};
  lock.unlock();
  group.after_write_notificator(
    [self = shared_from_this(), wire = call.wire, final](const auto& ec) {
      if (final)
        wire->answered();
      self->written(!ec, final);
    });
  auto parts = final ? response_parts_attr_t::final_parts : response_parts_attr_t::not_final_parts;
  auto connection = final && close ? response_connection_attr_t::connection_close
                                   : response_connection_attr_t::connection_keepalive;
  call.parser->write_response_parts(call.number, response_output_flags_t{parts, connection},
                                    std::move(group));
}

void wire_sink::written(bool ok, bool final) {
  if (!ok)
    return client_left();
  {
    std::lock_guard lock{mutex_};
    writing_ = false;
    in_flight_bytes_ = 0;
  }
  if (!final)
    pump();
}

/// Under the lock: ends the sink. The result is to be destroyed, and its notice called, outside.
wire_sink::aftermath wire_sink::give_up() {
  gone_ = true;
  phase_ = phase::over;
  queue_.clear();
  return {std::exchange(call_, {}), std::exchange(notice_, nullptr)};
}

void wire_sink::client_left() {
  std::unique_lock lock{mutex_};
  if (gone_)
    return;
  auto after = give_up();
  lock.unlock();
  if (after.notice)
    after.notice();
}

void wire_sink::on_closed(std::function<void()> notice) {
  std::unique_lock lock{mutex_};
  if (gone_) {
    lock.unlock();
    notice();
  } else if (phase_ == phase::waiting || phase_ == phase::streaming) {
    notice_ = std::move(notice);
  }
}

void wire_sink::check(listener_core::clock::time_point now) {
  if (now - received_at_ <= core_->settings.handler_timeout)
    return;
  std::unique_lock lock{mutex_};
  auto timeout = unknown_outcome(504, errc::timeout, call_.id, call_.repeatable);
  lock.unlock();
  answer(std::move(timeout), true);
}

void wire_sink::abandon() {
  std::unique_lock lock{mutex_};
  if (gone_ || phase_ == phase::over)
    return;
  auto after = give_up();
  lock.unlock();
  write_last(after.call, {}, true);
  if (after.notice)
    after.notice();
}

} // namespace callboard
