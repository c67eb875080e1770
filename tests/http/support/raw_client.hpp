#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "core/base/http_message.hpp"

namespace callboard {

/// A response as it came over the wire.
struct raw_response {
  int status = 0;
  http_headers headers;
  std::string body;

  std::string header(std::string_view name) const {
    return std::string{find_header(headers, name).value_or("")};
  }
};

/// A request as it came over the wire.
struct raw_request {
  std::string method;
  std::string target;
  http_headers headers;
  std::string body;

  std::string header(std::string_view name) const {
    return std::string{find_header(headers, name).value_or("")};
  }
};

/// A TCP client on loopback that sends whatever bytes the test likes. Every wait ends after five
/// seconds at the latest.
class raw_client {
public:
  /// A socket that a server has accepted.
  struct accepted {
    int socket;
  };

  explicit raw_client(std::uint16_t port);
  explicit raw_client(accepted peer) : socket_(peer.socket) {}
  ~raw_client();
  raw_client(const raw_client&) = delete;
  raw_client& operator=(const raw_client&) = delete;

  /// False when the peer has closed.
  bool send(std::string_view bytes);

  /// Ends our side; the peer may still send.
  void half_close();

  /// Ends both sides, and with them reads and writes that wait in another thread.
  void interrupt();

  /// Closes both sides.
  void close();

  /// Closes with a reset instead of an orderly end.
  void reset();

  /// One more piece of what arrives; nothing at the end, or after a time-out.
  std::optional<std::string> read_some();

  /// Reads one response, with Content-Length, chunked, or none (`head_only`, 204, 304). Nothing
  /// when the connection ends before it is complete. Interim responses are returned like others.
  std::optional<raw_response> read_response(bool head_only = false);

  /// Reads one request with Content-Length or none.
  std::optional<raw_request> read_request();

  /// Reads until `text` has arrived; all that came up to its end, or nothing.
  std::optional<std::string> read_until(std::string_view text);

  /// Reads to the end of the connection. Nothing when it does not end in time.
  std::optional<std::string> read_all();

  /// Whether the peer ends the connection in time.
  bool ends() { return read_all().has_value(); }

  /// Makes the receive buffer small, for tests of slow readers.
  void shrink_receive_buffer();

  int native_socket() const noexcept { return socket_; }

  bool was_reset() const noexcept { return reset_; }

private:
  std::optional<std::string> read_body(const raw_response& head, bool head_only);
  std::optional<std::string> take(std::size_t count);

  int socket_ = -1;
  bool reset_ = false;
  std::string buffer_;
};

/// Waits until `holds` is true; false after five seconds.
template <class Predicate>
bool eventually(Predicate holds) {
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{5};
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline)
      return false;
    std::this_thread::yield();
  }
  return true;
}

} // namespace callboard
