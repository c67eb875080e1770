#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/interfaces.hpp"
#include "core/base/http_message.hpp"
#include "core/base/json.hpp"

namespace callboard::sandbox {

/// How the body of an answer ends.
enum class ending {
  /// As it should.
  complete,
  /// The connection breaks before the end of the body.
  cut,
  /// Nothing more comes, and the connection stays open.
  hang,
};

/// One write of a streamed body.
struct piece {
  std::string bytes;
  /// Pause before it.
  std::chrono::milliseconds delay{0};
};

/// What the sandbox does with a request, as data: handlers return it without touching a socket or
/// a clock, perform() carries it out.
struct answer {
  int status = 200;
  http_headers headers;
  /// The whole body, unless `streamed`.
  std::string body;
  bool streamed = false;
  std::vector<piece> pieces;
  ending end = ending::complete;
  /// Pause before the first byte.
  std::chrono::milliseconds delay{0};
};

/// An answer with a JSON body.
answer json_answer(int status, const json::value& body);

/// An answer with another body.
answer text_answer(int status, std::string_view content_type, std::string body);

/// All bytes of the body, streamed or not.
std::string body_of(const answer& x);

/// Runs work after a pause, in the order of time. May be called from any thread.
using later_function = std::function<void(std::chrono::milliseconds, std::function<void()>)>;

/// Carries an answer out on the sink, with its pauses. Returns at once. An answer that hangs keeps
/// the sink until the client leaves.
void perform(answer x, reply_sink_ptr sink, const later_function& later);

} // namespace callboard::sandbox
