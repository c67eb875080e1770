#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "actors/interfaces.hpp"

namespace callboard {

/// Adds header fields to the answer of another sink: request id, security, CORS. Dropped
/// unanswered, it answers 500 with the request id.
class decorated_sink final : public reply_sink {
public:
  /// `extra` holds the CORS fields, if any.
  decorated_sink(reply_sink_ptr inner, request_id id, http_headers extra);
  ~decorated_sink() override;

  void finish(reply answer) override;
  void start_stream(int status, http_headers headers) override;
  bool send(std::string piece) override;
  void end_stream(bool clean) override;
  void on_closed(std::function<void()> notice) override;

  /// Answers with the error envelope.
  void refuse(errc code, std::string_view message, http_headers headers = {});

private:
  void decorate(http_headers& headers) const;

  reply_sink_ptr inner_;
  request_id id_;
  http_headers extra_;
  std::atomic<bool> answered_{false};
};

} // namespace callboard
