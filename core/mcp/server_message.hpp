#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/http_message.hpp"
#include "core/mcp/json_rpc.hpp"
#include "core/mcp/sse.hpp"

/// What a remote MCP server says, both eras. Params and results stay text.
namespace callboard::mcp {

/// The result of a request of ours.
struct server_result {
  rpc_id id;
  /// JSON text of an object.
  std::string result;
};

/// The error of a request of ours.
struct server_error {
  /// Absent when the server could not tell which request it was.
  std::optional<rpc_id> id;
  std::int64_t code = 0;
  std::string message;
  /// JSON text, or empty.
  std::string data;
};

/// The server wants something (session era only).
struct server_request {
  rpc_id id;
  std::string method;
  /// JSON text of an object, or empty.
  std::string params;
};

/// The server tells something.
struct server_notification {
  std::string method;
  /// JSON text of an object, or empty.
  std::string params;
};

using server_message =
  std::variant<server_result, server_error, server_request, server_notification>;

/// Reads one body or event: a message or, from servers of 2025-03-26, a batch.
/// errc::upstream_failed for anything else.
result<std::vector<server_message>> decode_server_messages(std::string_view text);

/// Reads the answer to one POST or GET as it arrives, JSON or server-sent events. Give it the head,
/// then the pieces, then the end.
class answer_reader {
public:
  /// A larger JSON body, or one larger event, is errc::response_too_large.
  explicit answer_reader(std::size_t message_bytes_max);

  /// `status` and headers of the answer; the body of `head` is ignored.
  void begin(const http_response& head);

  /// The messages that are complete with this piece. Events that hold no message are skipped; a
  /// body that is no MCP (an HTML page) gives none, and `finish` says so.
  result<std::vector<server_message>> feed(std::string_view piece);

  /// The end of the body: the message of a JSON body, or what an event stream left without its last
  /// blank line. errc::upstream_failed for a body of another type, unless it is empty.
  result<std::vector<server_message>> finish();

  int status() const noexcept { return status_; }
  bool ok() const noexcept { return status_ >= 200 && status_ < 300; }
  bool is_stream() const noexcept { return form_ == form::events; }
  const http_headers& headers() const noexcept { return headers_; }
  /// The body was JSON-RPC at least once.
  bool spoke() const noexcept { return spoke_; }
  /// Where the stream can be taken up again (session era); empty when it cannot.
  const std::string& last_event_id() const noexcept { return last_event_id_; }
  /// The server's wish, in milliseconds.
  std::optional<std::int64_t> retry() const noexcept { return retry_; }

private:
  enum class form : std::uint8_t { other, json, events };

  result<std::vector<server_message>> take_events(std::vector<sse_event> events);

  std::size_t message_bytes_max_;
  int status_ = 0;
  http_headers headers_;
  form form_ = form::other;
  std::string body_;
  sse_parser events_;
  std::string last_event_id_;
  std::optional<std::int64_t> retry_;
  bool spoke_ = false;
};

} // namespace callboard::mcp
