#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace callboard::bench {

/// Owns a file descriptor.
class socket_handle {
public:
  explicit socket_handle(int x = -1) noexcept : fd_(x) {}
  socket_handle(socket_handle&& other) noexcept : fd_(other.release()) {}
  socket_handle& operator=(socket_handle&& other) noexcept;
  ~socket_handle();

  int fd() const noexcept { return fd_; }
  int release() noexcept;

private:
  int fd_;
};

/// A connection to a port of 127.0.0.1, without Nagle's delay. Throws when it is refused.
socket_handle connect_loopback(std::uint16_t port);

/// A listening socket on a free port of 127.0.0.1; `port` is set to it. Throws.
socket_handle listen_loopback(std::uint16_t& port);

/// The value of a header field of an HTTP/1.1 message whose head is complete, or nothing.
std::optional<std::string_view> field_of(std::string_view message, std::string_view name);

/// Bytes of the first whole HTTP/1.1 message in `buffer`, or nothing while it is not complete.
/// Knows Content-Length only; a message without one has no body.
std::optional<std::size_t> message_length(std::string_view buffer);

/// Status of an HTTP response, 0 when it is none.
int status_of_response(std::string_view message);

/// One blocking keep-alive connection for measurements of single requests. Throws on errors.
class plain_client {
public:
  explicit plain_client(std::uint16_t port) : socket_(connect_loopback(port)) {}

  void send(std::string_view bytes);

  /// One whole answer with Content-Length.
  std::string receive();

  /// The moment at which `marker` has arrived; then reads on to the end of the chunked body.
  std::chrono::steady_clock::time_point receive_stream(std::string_view marker);

  /// What has arrived until `marker`.
  std::string receive_until(std::string_view marker);

private:
  void read_more();

  socket_handle socket_;
  std::string buffer_;
};

} // namespace callboard::bench
