#include "http/edge/wire_connection.hpp"

#include <algorithm>
#include <cstring>

#include <asio/error.hpp>
#include <asio/post.hpp>
#include <asio/write.hpp>

#include "http/edge/wire_sink.hpp"

namespace callboard {
namespace {

/// One read of a body that did not fit into the parser's buffer.
constexpr std::size_t body_read_bytes = 64 * 1024;
/// Bytes that a client may send behind its last request, or while it is refused, before we stop
/// reading from it: a few socket buffers.
constexpr std::size_t dropped_bytes_max = 4 * 1024 * 1024;
/// Connections over the limit that are still told so; more are closed at once.
constexpr std::size_t overload_answers_max = 256;
/// Connections that may linger at once.
constexpr std::size_t lingering_max = 1024;

constexpr std::string_view continue_response = "HTTP/1.1 100 Continue\r\n\r\n";

guard_limits limits_of(const listener_settings& settings) {
  guard_limits x;
  x.body_bytes_max = settings.body_bytes_max;
  return x;
}

} // namespace

wire_connection::wire_connection(std::shared_ptr<listener_core> core)
    : core_(std::move(core)), socket_(core_->io), guard_(limits_of(core_->settings)) {
  if (core_->tls)
    tls_ = std::make_unique<asio::ssl::stream<asio::ip::tcp::socket&>>(socket_, *core_->tls);
}

bool wire_connection::open(std::uint64_t id) {
  asio::error_code ec;
  remote_address_ = socket_.remote_endpoint(ec).address().to_string();
  auto connections_max = core_->settings.connections_max;
  if (core_->stopped || core_->open.size() >= connections_max + overload_answers_max)
    return false;
  if (core_->open.size() >= connections_max)
    refusal_ = refusal::too_many_connections;
  id_ = id;
  core_->open.emplace(id, shared_from_this());
  ++core_->connections_total;
  ++core_->connections_open;
  since_ = clock::now();
  return true;
}

void wire_connection::handshake(done_handler done) {
  stage_ = stage::handshake;
  tls_->async_handshake(
    asio::ssl::stream_base::server,
    [self = shared_from_this(), done = std::move(done)](const asio::error_code& ec) {
      if (self->stage_ == stage::handshake)
        self->stage_ = stage::reading;
      self->peer_gone_ = self->peer_gone_ || ec;
      self->since_ = clock::now();
      done(ec);
    });
}

void wire_connection::read_some(asio::mutable_buffer buffer, read_handler done) {
  read_buffer_ = buffer;
  read_done_ = std::move(done);
  if (held().empty() && unanswered_ == 0)
    since_ = clock::now();
  proceed();
}

/// Serves the pending read from what is held, or reads on.
void wire_connection::proceed() {
  if (closed_ || cancelled_ || undelivered_ > 0)
    return deliver_later();
  if (!refusal_ && !input_over_ && !held().empty() && scan_held())
    return deliver_later();
  if (refusal_ && !refusal_delivered_)
    return deliver_later();
  if (guard_.wants_continue() && !continue_sent_ && unanswered_ == 0)
    return send_continue();
  start_read();
}

/// Judges the held bytes. True when a whole request may be delivered.
bool wire_connection::scan_held() {
  switch (guard_.scan(held())) {
  case request_guard::verdict::complete:
    accept_message();
    return true;
  case request_guard::verdict::refused:
    refusal_ = guard_.reason();
    forget_input();
    return false;
  case request_guard::verdict::more:
    break;
  }
  return false;
}

void wire_connection::accept_message() {
  undelivered_ = guard_.message_bytes();
  last_message_ = guard_.last();
  continue_sent_ = false;
  guard_.next();
}

void wire_connection::start_read() {
  if (!held().empty())
    return start_held_read();
  auto done = [self = shared_from_this()](const asio::error_code& ec, std::size_t count) {
    self->on_read(ec, count);
  };
  if (tls_)
    tls_->async_read_some(read_buffer_, std::move(done));
  else
    socket_.async_read_some(read_buffer_, std::move(done));
}

/// Reads behind the incomplete request that is held.
void wire_connection::start_held_read() {
  if (held_begin_ > 0) {
    held_.erase(0, held_begin_);
    held_begin_ = 0;
  }
  auto size = held_.size();
  held_.resize(size + body_read_bytes);
  auto done = [self = shared_from_this(), size](const asio::error_code& ec, std::size_t count) {
    self->held_.resize(size + (ec ? 0 : count));
    self->on_read(ec, count);
  };
  auto buffer = asio::buffer(held_.data() + size, body_read_bytes);
  if (tls_)
    tls_->async_read_some(buffer, std::move(done));
  else
    socket_.async_read_some(buffer, std::move(done));
}

void wire_connection::on_read(const asio::error_code& ec, std::size_t count) {
  if (!read_done_)
    return;
  if (ec && interrupted_ && refusal_ && !cancelled_ && !closed_) {
    interrupted_ = false;
    forget_input();
    return deliver_refusal();
  }
  if (ec) {
    // An idle connection that a time limit ended looks like one that the client ended.
    bool ended = interrupted_ && !cancelled_;
    peer_gone_ = peer_gone_ || ec != asio::error::operation_aborted;
    return finish_read(ended ? asio::error_code{asio::error::eof} : ec, 0);
  }
  if (std::exchange(interrupted_, false) && refusal_ == refusal::too_slow)
    refusal_.reset(); // Bytes came in the moment that the time limit struck.
  if (input_over_ || refusal_delivered_) {
    dropped_bytes_ += count;
    // Whoever sends that much is left alone; the answer's end closes the connection.
    if (dropped_bytes_ < dropped_bytes_max)
      start_read();
    return;
  }
  if (held().empty())
    on_fresh_bytes(count);
  else if (scan_held())
    deliver();
  else
    proceed();
}

/// The usual case: the parser's own buffer has just received whole requests.
void wire_connection::on_fresh_bytes(std::size_t count) {
  auto* bytes = static_cast<const char*>(read_buffer_.data());
  switch (guard_.scan({bytes, count})) {
  case request_guard::verdict::complete: {
    accept_message();
    auto size = std::exchange(undelivered_, 0);
    if (last_message_)
      input_over_ = true;
    else if (size < count)
      held_.assign(bytes + size, count - size);
    any_request_ = true;
    since_ = clock::now();
    return finish_read({}, size);
  }
  case request_guard::verdict::refused:
    refusal_ = guard_.reason();
    return deliver_refusal();
  case request_guard::verdict::more:
    held_.assign(bytes, count);
    since_ = clock::now();
    return proceed();
  }
}

void wire_connection::deliver_later() {
  if (std::exchange(delivery_posted_, true))
    return;
  asio::post(core_->io, [self = shared_from_this()] {
    self->delivery_posted_ = false;
    if (!self->read_done_)
      return;
    if (self->closed_ || self->cancelled_)
      self->finish_read(asio::error::operation_aborted, 0);
    else if (self->undelivered_ > 0)
      self->deliver();
    else if (self->refusal_)
      self->deliver_refusal();
  });
}

/// Gives the parser the next bytes of the accepted request that is held.
void wire_connection::deliver() {
  auto count = std::min(read_buffer_.size(), undelivered_);
  std::memcpy(read_buffer_.data(), held_.data() + held_begin_, count);
  held_begin_ += count;
  undelivered_ -= count;
  if (undelivered_ == 0) {
    any_request_ = true;
    since_ = clock::now();
    input_over_ = input_over_ || last_message_;
    // An idle connection keeps no buffer.
    if (held().empty() || input_over_)
      forget_input();
  }
  finish_read({}, count);
}

void wire_connection::deliver_refusal() {
  refusal_delivered_ = true;
  ++core_->refusals_total;
  auto text = std::string{refusal_method} + " /" + std::to_string(static_cast<int>(*refusal_))
              + " HTTP/1.1\r\nHost: guard\r\nConnection: close\r\n\r\n";
  auto count = std::min(text.size(), read_buffer_.size());
  std::memcpy(read_buffer_.data(), text.data(), count);
  finish_read({}, count);
}

void wire_connection::send_continue() {
  continue_sent_ = true;
  auto done = [self = shared_from_this()](const asio::error_code& ec, std::size_t) {
    if (!self->read_done_)
      return;
    if (ec)
      self->on_read(ec, 0);
    else
      self->proceed();
  };
  auto buffer = asio::buffer(continue_response.data(), continue_response.size());
  if (tls_)
    asio::async_write(*tls_, buffer, std::move(done));
  else
    asio::async_write(socket_, buffer, std::move(done));
}

void wire_connection::finish_read(const asio::error_code& ec, std::size_t count) {
  auto done = std::exchange(read_done_, nullptr);
  done(ec, count);
}

void wire_connection::forget_input() {
  std::string{}.swap(held_);
  held_begin_ = 0;
  undelivered_ = 0;
}

void wire_connection::cancel() {
  cancelled_ = true;
  asio::error_code ignored;
  socket_.cancel(ignored);
}

void wire_connection::add(std::weak_ptr<wire_sink> sink) {
  ++unanswered_;
  ++core_->requests_total;
  std::erase_if(sinks_, [](auto& x) { return x.expired(); });
  sinks_.push_back(std::move(sink));
}

void wire_connection::answered() {
  if (unanswered_ > 0)
    --unanswered_;
  since_ = clock::now();
}

void wire_connection::check(clock::time_point now) {
  auto& settings = core_->settings;
  if (stage_ == stage::handshake) {
    if (now - since_ > settings.read_timeout)
      break_off();
    return;
  }
  if (unanswered_ > 0) {
    // Copied: a sink's notice may lead back here.
    for (auto& weak : std::vector{sinks_})
      if (auto sink = weak.lock())
        sink->check(now);
    return;
  }
  if (!read_done_ || delivery_posted_ || interrupted_ || refusal_ || closed_)
    return;
  bool incomplete = !held().empty();
  bool patient = any_request_ && !incomplete;
  if (now - since_ <= (patient ? settings.keep_alive_timeout : settings.read_timeout))
    return;
  interrupted_ = true;
  if (incomplete)
    refusal_ = refusal::too_slow;
  asio::error_code ignored;
  socket_.cancel(ignored);
}

void wire_connection::break_off() {
  peer_gone_ = true;
  asio::error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
}

void wire_connection::close() {
  if (std::exchange(closed_, true))
    return;
  if (id_ && core_->open.erase(*id_) > 0)
    --core_->connections_open;
  asio::error_code ignored;
  socket_.cancel(ignored);
  for (auto& weak : std::exchange(sinks_, {}))
    if (auto sink = weak.lock())
      sink->client_left();
  if (!socket_.is_open() || peer_gone_ || core_->stopped || stage_ == stage::handshake
      || core_->lingering.size() >= lingering_max)
    return end();
  stage_ = stage::lingering;
  since_ = clock::now();
  auto self = shared_from_this();
  core_->lingering.push_back(self);
  // Behind the ends of the operations that were cancelled above.
  asio::post(core_->io, [self] { self->linger(); });
}

void wire_connection::linger() {
  if (stage_ != stage::lingering)
    return;
  forget_input();
  auto half_close = [self = shared_from_this()](const asio::error_code&) {
    asio::error_code ignored;
    self->socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    self->drain_buffer_.resize(4096);
    self->drain();
  };
  if (tls_)
    tls_->async_shutdown(half_close);
  else
    half_close({});
}

/// Reads and drops until the client has closed its side too.
void wire_connection::drain() {
  if (stage_ != stage::lingering)
    return;
  socket_.async_read_some(asio::buffer(drain_buffer_),
                          [self = shared_from_this()](const asio::error_code& ec, std::size_t n) {
                            self->dropped_bytes_ += n;
                            if (ec || self->dropped_bytes_ > dropped_bytes_max)
                              self->end();
                            else
                              self->drain();
                          });
}

void wire_connection::abandon() {
  for (auto& weak : std::vector{sinks_})
    if (auto sink = weak.lock())
      sink->abandon();
  break_off();
}

bool wire_connection::linger_over(clock::time_point now) {
  if (stage_ == stage::lingering && now - since_ > core_->settings.linger_timeout)
    end();
  return stage_ == stage::over;
}

void wire_connection::end() {
  stage_ = stage::over;
  asio::error_code ignored;
  socket_.close(ignored);
}

} // namespace callboard
