#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/json.hpp"
#include "core/responses/chat_request.hpp"
#include "core/responses/chat_stream.hpp"

namespace callboard::responses {

/// A valid `POST /v1/chat/completions` (I41).
struct chat_completion_request {
  /// Empty: the platform's default model (C21).
  std::string model;
  bool stream = false;
  /// The client asked for the usage chunk (`stream_options.include_usage`).
  bool include_usage = false;
  /// The known fields of the body, as sent.
  json::object body;
};

/// Validates a body. Tools of type "mcp" are refused (R115), as is all that would make accounting
/// wrong (`n` above 1). errc::invalid_field with the path. Unknown fields are ignored.
result<chat_completion_request> parse_chat_completion(const json::object& body);

/// The upstream's body: always streamed with usage, the bound on output tokens always sent.
json::object upstream_chat_body(const chat_completion_request& x, const chat_options& options);

struct chat_relay_args {
  /// "chatcmpl-..." of our own.
  std::string id;
  std::int64_t created_at = 0;
  /// The model's slug as the client knows it.
  std::string model;
  /// The client streams.
  bool stream = false;
  bool include_usage = false;
};

/// A turn as a whole `chat.completion` object. chat_stream and chat_relay read it back to the same
/// turn, as they do with a model server that does not stream.
json::object completion_json(const turn& x, const chat_relay_args& who);

/// Passes the upstream's answer on to a chat client and assembles the turn for accounting on the
/// way. Not thread-safe.
class chat_relay {
public:
  explicit chat_relay(chat_relay_args args);

  /// Frames for a streaming client; none for the other kind. The upstream's id, model and usage
  /// are replaced or left out as the client asked. After an error the frames stop: see finish.
  std::vector<std::string> feed(std::string_view bytes);

  struct ending {
    /// The last frames (error event or usage chunk, then `[DONE]`).
    std::vector<std::string> frames;
    /// The assembled turn; its usage is complete (complete_usage).
    responses::turn turn;
    /// The `chat.completion` object for a client that does not stream; valid without turn.error.
    json::object completion;
  };

  /// The end of the upstream's answer. `chat_body` is the body that was sent. If the turn failed
  /// and no frame was sent before, answer turn.error as an HTTP error and drop the frames.
  ending finish(const json::object& chat_body, caf::error transport = {});

  /// Whether any frame was handed out.
  bool started() const noexcept { return started_; }

  /// Whether the turn can no longer become a success: the upstream request may be cancelled.
  bool failed() const noexcept { return stream_.failed(); }

  /// What is known so far, to bill a turn whose client left (I21).
  const responses::turn& partial() const noexcept { return stream_.partial(); }

private:
  void forward(stream_progress progress, bool has_calls, std::vector<std::string>& out);
  std::string chunk_frame(json::object chunk, json::value usage) const;

  chat_relay_args args_;
  chat_stream stream_;
  bool started_ = false;
  bool finish_sent_ = false;
};

} // namespace callboard::responses
