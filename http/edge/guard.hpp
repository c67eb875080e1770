#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/base/limits.hpp"

namespace callboard {

/// Why a request is answered before any handler sees it (facts reliability.md 7.1). Extend together
/// with it: text_of.
enum class refusal : std::uint8_t {
  bad_request_line,
  bad_target,
  target_too_long,
  bad_version,
  unknown_method,
  bad_header,
  head_too_large,
  bad_host,
  bad_length,
  bad_transfer_encoding,
  bad_chunk,
  body_too_large,
  bad_expectation,
  upgrade_refused,
  /// Not found by the guard itself: the request did not arrive in time.
  too_slow,
  /// Not found by the guard itself: too many connections are open.
  too_many_connections,
};

/// The last value of refusal.
inline constexpr auto refusal_last = refusal::too_many_connections;

/// What the client is told.
struct refusal_text {
  int status = 400;
  std::string_view code;
  std::string_view message;
};

/// What a refusal says to the client.
refusal_text text_of(refusal x);

/// The sizes over which a head or body is refused.
struct guard_limits {
  std::size_t url_bytes_max = limits::url_bytes_max;
  std::size_t header_name_bytes_max = limits::header_name_bytes_max;
  std::size_t header_value_bytes_max = limits::header_value_bytes_max;
  std::size_t header_count_max = limits::header_count_max;
  std::size_t head_bytes_max = limits::head_bytes_max;
  std::size_t body_bytes_max = limits::body_bytes_max;
};

/// Follows the bytes of one HTTP/1.1 connection from request to request and decides for each one
/// whether a parser behind it may see it. It is stricter than RFC 9112 asks: what could be read in
/// two ways is refused, so that no two parsers can disagree about where a request ends (H1).
///
/// Verdicts depend on the bytes alone, never on how they were split into reads.
class request_guard {
public:
  enum class verdict : std::uint8_t { more, complete, refused };

  explicit request_guard(guard_limits limits = {}) : limits_(limits) {}

  /// Judges the request that begins at `message[0]`. Call it again with the same bytes and more
  /// behind them after `more`; call next() before the next request. Costs one pass in all.
  verdict scan(std::string_view message);

  /// After `complete`: the length of the request, body and trailers included.
  std::size_t message_bytes() const noexcept { return position_; }

  /// After `refused`.
  refusal reason() const noexcept { return reason_; }

  /// After `more`: the head was accepted, and the client waits for "100 Continue" before it sends
  /// the body.
  bool wants_continue() const noexcept { return expects_ && phase_ > phase::header; }

  /// After `complete`: the client sends no further request (Connection: close).
  bool last() const noexcept { return last_; }

  /// Forgets the request.
  void next();

private:
  enum class phase : std::uint8_t {
    request_line,
    header,
    fixed_body,
    chunk_line,
    chunk_data,
    trailer,
    complete,
    refused,
  };
  enum class framing : std::uint8_t { none, length, chunked };

  bool step(std::string_view message);
  bool take_line(std::string_view message, std::size_t bytes_max, refusal too_long,
                 refusal malformed);
  bool refuse(refusal reason);
  bool on_request_line(std::string_view message);
  bool check_request_line();
  bool on_header(std::string_view message);
  bool check_field(std::string_view& name, std::string_view& value, refusal malformed);
  bool check_framing_field(std::string_view name, std::string_view value);
  bool check_length(std::string_view value);
  bool end_head();
  bool on_chunk_line(std::string_view message);
  bool on_chunk_data(std::string_view message);
  bool on_trailer(std::string_view message);

  guard_limits limits_;
  phase phase_ = phase::request_line;
  refusal reason_ = refusal::bad_request_line;
  framing framing_ = framing::none;
  bool expects_ = false;
  bool bad_expectation_ = false;
  bool last_ = false;
  bool blank_skipped_ = false;
  std::uint8_t hosts_ = 0;
  std::uint32_t fields_ = 0;
  std::uint32_t chunks_ = 0;
  /// Start of the part that is judged next.
  std::size_t position_ = 0;
  /// No line feed lies between position_ and here.
  std::size_t searched_ = 0;
  /// Bytes of the fixed body or of the current chunk.
  std::size_t part_bytes_ = 0;
  std::size_t body_bytes_ = 0;
  std::size_t trailer_begin_ = 0;
  std::string_view line_;
};

} // namespace callboard
