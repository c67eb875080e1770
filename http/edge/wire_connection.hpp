#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <asio/buffer.hpp>
#include <asio/error_code.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/ssl/stream.hpp>

#include "http/edge/guard.hpp"
#include "http/edge/listener_core.hpp"

namespace callboard {

class wire_sink;

/// The method of the request that stands for a refused one, see wire_connection. The guard lets no
/// client send it.
inline constexpr std::string_view refusal_method = "UNLINK";

/// One connection, plain or TLS, between the network and RESTinio's parser. Gives the parser only
/// whole requests that the guard accepted, one at a time. In the place of a request that is refused
/// it gives a made-up one, `UNLINK /<number of the refusal>`, so that the refusal is answered in
/// its turn behind the answers of earlier requests, by the same code as every answer.
///
/// For the I/O thread only.
class wire_connection : public std::enable_shared_from_this<wire_connection> {
public:
  using clock = listener_core::clock;
  using read_handler = std::function<void(const asio::error_code&, std::size_t)>;
  using done_handler = std::function<void(const asio::error_code&)>;

  explicit wire_connection(std::shared_ptr<listener_core> core);

  asio::ip::tcp::socket& socket() noexcept { return socket_; }
  const std::string& remote_address() const noexcept { return remote_address_; }
  listener_core& core() noexcept { return *core_; }
  const std::shared_ptr<listener_core>& shared_core() const noexcept { return core_; }

  /// Enters the connection into the listener's table. False when there are far too many: it must be
  /// closed at once.
  bool open(std::uint64_t id);

  bool is_tls() const noexcept { return tls_ != nullptr; }
  void handshake(done_handler done);

  bool is_open() const noexcept { return !closed_ && socket_.is_open(); }

  /// Reads what the parser may see. `done` is called later, never from within.
  void read_some(asio::mutable_buffer buffer, read_handler done);

  template <class Buffers, class Handler>
  void write_some(const Buffers& buffers, Handler&& handler) {
    if (tls_)
      tls_->async_write_some(buffers, std::forward<Handler>(handler));
    else
      socket_.async_write_some(buffers, std::forward<Handler>(handler));
  }

  /// No request is read any more; a pending read ends with operation_aborted.
  void cancel();

  /// Ends the connection for RESTinio and tells the sinks. The client still gets what was written,
  /// and the time to read it: closing with unread input would reset the connection and may destroy
  /// the answer on its way.
  void close();

  /// Makes all pending operations fail, so that RESTinio closes the connection.
  void break_off();

  /// A request was handed to a handler.
  void add(std::weak_ptr<wire_sink> sink);

  /// The answer of a request is written, or will never be.
  void answered();

  /// Acts on time limits.
  void check(clock::time_point now);

  /// Of a lingering connection: whether it is over now.
  bool linger_over(clock::time_point now);

  /// The listener stops: breaks answers that are under way, and the connection.
  void abandon();

  /// Closes the socket at once.
  void end();

private:
  enum class stage : std::uint8_t { handshake, reading, lingering, over };

  std::string_view held() const { return std::string_view{held_}.substr(held_begin_); }
  void proceed();
  void start_read();
  void start_held_read();
  void on_read(const asio::error_code& ec, std::size_t count);
  void on_fresh_bytes(std::size_t count);
  bool scan_held();
  void accept_message();
  void deliver();
  void deliver_later();
  void deliver_refusal();
  void send_continue();
  void finish_read(const asio::error_code& ec, std::size_t count);
  void forget_input();
  void linger();
  void drain();

  // First, since it must outlive the socket: it owns the io_context.
  std::shared_ptr<listener_core> core_;
  asio::ip::tcp::socket socket_;
  std::unique_ptr<asio::ssl::stream<asio::ip::tcp::socket&>> tls_;
  std::optional<std::uint64_t> id_;
  std::string remote_address_;
  request_guard guard_;

  stage stage_ = stage::reading;
  bool closed_ = false;
  /// The peer ended or broke the connection: nobody is left to linger for.
  bool peer_gone_ = false;
  /// RESTinio wants no further request.
  bool cancelled_ = false;
  /// A time limit cancelled the pending read.
  bool interrupted_ = false;
  /// The client announced its last request, and it was delivered: further bytes are dropped.
  bool input_over_ = false;
  bool last_message_ = false;
  bool any_request_ = false;
  bool continue_sent_ = false;
  bool delivery_posted_ = false;
  std::optional<refusal> refusal_;
  bool refusal_delivered_ = false;

  /// The parser's pending read.
  read_handler read_done_;
  asio::mutable_buffer read_buffer_;
  /// Bytes that the parser may not see yet, from held_begin_.
  std::string held_;
  std::size_t held_begin_ = 0;
  /// Length of the rest of the accepted request at held_begin_.
  std::size_t undelivered_ = 0;
  std::size_t dropped_bytes_ = 0;
  std::string drain_buffer_;

  std::size_t unanswered_ = 0;
  std::vector<std::weak_ptr<wire_sink>> sinks_;
  /// Since when a request is incomplete, or the connection idle, or lingering.
  clock::time_point since_ = clock::now();
};

/// The socket as RESTinio sees it: a movable handle that makes its connection when first used.
class guarded_socket {
public:
  using executor_type = asio::ip::tcp::socket::executor_type;

  explicit guarded_socket(std::shared_ptr<listener_core> core) : core_(std::move(core)) {}
  guarded_socket(guarded_socket&& other) noexcept
      : core_(other.core_), wire_(std::move(other.wire_)) {}
  guarded_socket& operator=(guarded_socket&&) = delete;
  ~guarded_socket() {
    if (wire_)
      wire_->close();
  }

  const std::shared_ptr<wire_connection>& wire() {
    if (!wire_)
      wire_ = std::make_shared<wire_connection>(core_);
    return wire_;
  }

  asio::ip::tcp::socket& lowest_layer() { return wire()->socket(); }
  executor_type get_executor() { return wire()->socket().get_executor(); }
  auto remote_endpoint() { return wire()->socket().remote_endpoint(); }
  bool is_open() const { return wire_ && wire_->is_open(); }
  void cancel(asio::error_code& ec) {
    ec = {};
    wire()->cancel();
  }
  /// close() does it, in good order.
  template <class How>
  void shutdown(How, asio::error_code& ec) {
    ec = {};
  }
  void close() { wire()->close(); }

  template <class Handler>
  void async_read_some(asio::mutable_buffer buffer, Handler&& handler) {
    wire()->read_some(buffer, std::forward<Handler>(handler));
  }
  template <class Buffers, class Handler>
  void async_write_some(const Buffers& buffers, Handler&& handler) {
    wire()->write_some(buffers, std::forward<Handler>(handler));
  }

private:
  std::shared_ptr<listener_core> core_;
  std::shared_ptr<wire_connection> wire_;
};

} // namespace callboard
