#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "actors/interfaces.hpp"
#include "core/base/json.hpp"

namespace callboard {

/// What a client got. Outlives its sink.
struct recorded_reply {
  /// How often finish() or start_stream() was called; must be 1 in the end.
  int answers = 0;
  int status = 0;
  http_headers headers;
  /// The whole body, or the pieces of the stream joined.
  std::string body;
  std::vector<std::string> pieces;
  bool streaming = false;
  bool ended = false;
  bool ended_clean = false;
  /// The sink is gone.
  bool dropped = false;
  bool client_left = false;
  std::function<void()> on_closed;

  /// The client leaves.
  void leave() {
    client_left = true;
    if (auto notice = std::exchange(on_closed, nullptr))
      notice();
  }

  std::string header(std::string_view name) const {
    return std::string{find_header(headers, name).value_or("")};
  }

  /// The body as an object; throws when it is none.
  json::object object() const { return json::parse(body).as_object(); }

  /// A text in the body, by JSON pointer; "" when it is not there.
  std::string text(const char* pointer) const {
    json::error_code ec;
    auto value = json::parse(body, ec);
    auto* x = ec ? nullptr : value.find_pointer(pointer, ec);
    return x && x->is_string() ? to_std(x->get_string()) : std::string{};
  }

  /// The names of the events of a stream, in order.
  std::vector<std::string> events() const {
    std::vector<std::string> names;
    for (auto& piece : pieces)
      if (piece.starts_with("event: "))
        names.push_back(piece.substr(7, piece.find('\n') - 7));
    return names;
  }
};

/// A sink that notes what it is given.
class recording_sink : public reply_sink {
public:
  explicit recording_sink(std::shared_ptr<recorded_reply> record) : record_(std::move(record)) {}

  ~recording_sink() override { record_->dropped = true; }

  void finish(reply answer) override {
    ++record_->answers;
    record_->status = answer.status;
    record_->headers = std::move(answer.headers);
    record_->body = std::move(answer.body);
    record_->ended = true;
    record_->ended_clean = true;
    record_->on_closed = nullptr;
  }

  void start_stream(int status, http_headers headers) override {
    ++record_->answers;
    record_->status = status;
    record_->headers = std::move(headers);
    record_->streaming = true;
  }

  bool send(std::string piece) override {
    if (record_->ended || record_->client_left)
      return false;
    record_->body += piece;
    record_->pieces.push_back(std::move(piece));
    return true;
  }

  void end_stream(bool clean) override {
    record_->ended = true;
    record_->ended_clean = clean;
    record_->on_closed = nullptr;
  }

  void on_closed(std::function<void()> notice) override {
    if (record_->client_left)
      notice();
    else if (!record_->ended)
      record_->on_closed = std::move(notice);
  }

private:
  std::shared_ptr<recorded_reply> record_;
};

} // namespace callboard
