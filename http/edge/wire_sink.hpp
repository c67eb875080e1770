#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include <restinio/impl/connection_base.hpp>

#include "actors/interfaces.hpp"
#include "http/edge/wire_connection.hpp"

namespace callboard {

/// The request of a connection that a sink answers.
struct wire_call {
  restinio::impl::connection_handle_t parser;
  restinio::request_id_t number = 0;
  std::shared_ptr<wire_connection> wire;
  /// For the answers that we give ourselves.
  callboard::request_id id;
  /// A HEAD request: the answer's body is left out.
  bool head_only = false;
  bool keep_alive = true;
  /// See idempotency::may_repeat().
  bool repeatable = false;
};

/// Answers one request. Thread-safe; bytes are handed to RESTinio, which writes them on the I/O
/// thread. A streamed answer has at most one write under way; what comes meanwhile is queued.
class wire_sink final : public reply_sink, public std::enable_shared_from_this<wire_sink> {
public:
  explicit wire_sink(wire_call call);
  ~wire_sink() override;

  void finish(reply answer) override;
  void start_stream(int status, http_headers headers) override;
  bool send(std::string piece) override;
  void end_stream(bool clean) override;
  void on_closed(std::function<void()> notice) override;

  /// The connection is closed.
  void client_left();

  /// Answers 504 when nothing has been answered for too long.
  void check(listener_core::clock::time_point now);

  /// The listener stops: breaks the connection.
  void abandon();

private:
  enum class phase : std::uint8_t { waiting, streaming, ending, over };
  enum class ending : std::uint8_t { none, clean, broken };

  /// Work that must happen outside of the lock.
  struct aftermath {
    wire_call call;
    std::function<void()> notice;
  };

  bool closes() const;
  void answer(reply answer, bool last_word);
  aftermath give_up();
  void pump();
  void written(bool ok, bool final);

  std::mutex mutex_;
  wire_call call_;
  phase phase_ = phase::waiting;
  ending ending_ = ending::none;
  /// The client left, or lost its stream.
  bool gone_ = false;
  bool writing_ = false;
  /// Encoded bytes that wait for the write under way.
  std::string queue_;
  std::size_t in_flight_bytes_ = 0;
  std::function<void()> notice_;
  /// Copied from the connection, whose fields belong to the I/O thread.
  std::shared_ptr<listener_core> core_;
  const listener_core::clock::time_point received_at_ = listener_core::clock::now();
};

} // namespace callboard
