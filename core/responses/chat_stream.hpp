#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/base/limits.hpp"
#include "core/mcp/sse.hpp"
#include "core/responses/item.hpp"
#include "core/responses/token_usage.hpp"

namespace callboard::responses {

/// Why a model turn ended, without regard to its tool calls.
enum class finish_reason { none, stop, length, content_filter };

/// One whole turn of a model.
struct turn {
  std::string text;
  std::string refusal;
  std::string reasoning;
  /// In the order in which the model began them; ids are unique and never empty.
  std::vector<tool_call> calls;
  finish_reason finish = finish_reason::none;
  token_usage usage;
  /// What the upstream reported of its usage is its last word: it came with or after the finish
  /// reason, or the answer came to its end. Before, it may be of the answer's beginning only.
  bool usage_final = false;
  /// Set when the turn failed: errc::upstream_failed (error from the model, broken or truncated
  /// stream), errc::rate_limited, errc::response_too_large, or the error of the transport. What was
  /// assembled until then is in the other members.
  caf::error error;
};

/// Estimates each count that the upstream did not report, from the request and the answer, and
/// flags it. While the usage is not final, output may have come since it was counted.
void complete_usage(turn& x, const json::object& chat_body);

/// A piece of the answer that can be passed on at once.
struct text_delta {
  bool refusal = false;
  std::string text;

  bool operator==(const text_delta&) const = default;
};

/// What a piece of the upstream's bytes held.
struct stream_progress {
  std::vector<text_delta> deltas;
  /// The chunks as objects, in order, when asked for (chat_stream_limits::keep_chunks).
  std::vector<json::object> chunks;
};

/// Bounds of one answer of a model server.
struct chat_stream_limits {
  /// The whole answer.
  std::size_t bytes_max = limits::model_response_bytes_max;
  /// Tool calls that are assembled; far above what is run (limits::turn_tool_calls_max), so that
  /// the surplus can be answered to the model.
  std::size_t calls_max = 128;
  /// Also hand out the parsed chunks.
  bool keep_chunks = false;
};

/// Assembles the answer of a model server to a chat request, from its raw bytes: a stream in all
/// the dialects of facts responses.md 9.2 by the rules of 9.3, or a plain JSON body. Not
/// thread-safe.
class chat_stream {
public:
  explicit chat_stream(chat_stream_limits bounds = {});

  /// Takes the next bytes. Once failed() holds, everything further is ignored and the upstream
  /// request may be cancelled.
  stream_progress feed(std::string_view bytes);

  /// Whether the turn can no longer become a success.
  bool failed() const noexcept { return static_cast<bool>(turn_.error); }

  /// Whether a finish reason has been seen.
  bool finished() const noexcept { return finished_; }

  /// What is known so far, e.g. to bill a turn whose client left (I21).
  const turn& partial() const noexcept { return turn_; }

  /// The end of the answer; `transport` is set when the connection broke. A stream without a finish
  /// reason failed, whether or not `[DONE]` came. Call it once. Chunks that the end completed are
  /// appended to `last` when given.
  turn finish(caf::error transport = {}, stream_progress* last = nullptr);

private:
  enum class form { unknown, events, document };

  void take_event(std::string_view data, stream_progress& out);
  void take_chunk(json::object chunk, stream_progress& out);
  void take_choice(const json::object& choice, stream_progress& out);
  void take_delta(const json::object& delta, stream_progress& out);
  void take_call(const json::object& delta);
  std::size_t call_slot(const json::object& delta, std::string_view id, std::string_view name);
  std::size_t open_call();
  void take_finish(std::string_view reason);
  bool take_error(const json::object& chunk);
  void fail(errc code, std::string text);
  void complete_ids();

  chat_stream_limits bounds_;
  sse_parser parser_;
  form form_ = form::unknown;
  std::string document_;
  std::size_t bytes_ = 0;
  turn turn_;
  std::map<std::int64_t, std::size_t> call_of_index_;
  bool finished_ = false;
  bool done_ = false;
};

/// The error of an answer with a status other than 2xx: errc::bad_request with the upstream's text
/// when the request itself is at fault (400, 413, 422), errc::rate_limited for 429,
/// errc::upstream_failed otherwise. Texts about the upstream's credentials are not passed on.
caf::error upstream_status_error(int status, std::string_view body);

} // namespace callboard::responses
