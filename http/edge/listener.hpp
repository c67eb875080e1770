#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "actors/interfaces.hpp"
#include "core/base/limits.hpp"

namespace callboard {

/// A request as it came from the wire, after the guard and the size limits.
struct wire_request {
  std::string method;
  /// Path with query, still percent-encoded.
  std::string target;
  http_headers headers;
  std::string body;
  /// Address of the peer without port.
  std::string remote_address;
  /// The client's X-Request-Id when it is acceptable, else ours (I32). Answers that the listener
  /// gives by itself (500, 504) carry it; others are the handler's business.
  request_id id;
};

/// Called on an I/O thread for each request; must not block. Answers through the sink, now or
/// later, from any thread.
using wire_handler = std::function<void(wire_request, reply_sink_ptr)>;

struct listener_settings {
  std::string address = "127.0.0.1";
  /// 0 lets the system choose; see listener::port.
  std::uint16_t port = 0;
  /// PEM files; both empty for plain HTTP.
  std::string tls_cert_file;
  std::string tls_key_file;
  std::size_t body_bytes_max = limits::body_bytes_max;
  /// A request that is not complete by then is answered 408; a new connection that has sent nothing
  /// by then, or has not ended its TLS handshake, is closed.
  std::chrono::milliseconds read_timeout{10'000};
  /// A connection that is idle between two requests for that long is closed.
  std::chrono::milliseconds keep_alive_timeout{75'000};
  /// A write that does not proceed by then ends the connection.
  std::chrono::milliseconds write_timeout{10'000};
  /// A handler that answers nothing by then is replaced by 504; a stream that is silent that long
  /// is ended. Either way the sink's notice is called.
  std::chrono::milliseconds handler_timeout{620'000};
  /// A refused or closing client has that long to read the last answer.
  std::chrono::milliseconds linger_timeout{2'000};
  /// Open connections; more are answered 503.
  std::size_t connections_max = 20'000;
};

/// Totals since the start, and gauges, for metrics.
struct listener_counters {
  std::uint64_t connections_total = 0;
  std::uint64_t requests_total = 0;
  /// Requests that the guard or a time limit answered.
  std::uint64_t refusals_total = 0;
  /// Streams that ended because their reader was too slow.
  std::uint64_t slow_readers_total = 0;
  std::uint64_t connections_open = 0;
};

/// One listening socket with its own I/O thread. Hides RESTinio. Requests that could be smuggled,
/// and heads or bodies over a limit, are answered (400, 408, 413, 414, 417, 431, 501, 505) and
/// never reach the handler. All functions are safe from any thread but the I/O thread itself.
class listener {
public:
  /// errc::bad_setting when the address cannot be bound or the certificate cannot be read.
  static result<std::unique_ptr<listener>> start(listener_settings settings, wire_handler handler);

  /// Stops.
  virtual ~listener() = default;

  /// The port it listens on.
  virtual std::uint16_t port() const = 0;

  /// Refuses new connections; open ones go on, and their answers carry `Connection: close`.
  virtual void stop_accepting() = 0;

  /// Ends everything and joins the thread. Streams that are open break; the notices of their sinks
  /// are called. Sinks may be used afterwards and do nothing. May be called twice.
  virtual void stop() = 0;

  virtual listener_counters counters() const = 0;
};

} // namespace callboard
