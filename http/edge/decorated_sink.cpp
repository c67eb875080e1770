#include "http/edge/decorated_sink.hpp"

#include <utility>

#include "http/edge/error_body.hpp"

namespace callboard {

decorated_sink::decorated_sink(reply_sink_ptr inner, request_id id, http_headers extra)
    : inner_(std::move(inner)), id_(std::move(id)), extra_(std::move(extra)) {}

decorated_sink::~decorated_sink() {
  if (!answered_)
    refuse(errc::internal, message_of(make_problem(errc::internal, {})));
}

void decorated_sink::finish(reply answer) {
  answered_ = true;
  decorate(answer.headers);
  inner_->finish(std::move(answer));
}

void decorated_sink::start_stream(int status, http_headers headers) {
  answered_ = true;
  decorate(headers);
  inner_->start_stream(status, std::move(headers));
}

bool decorated_sink::send(std::string piece) { return inner_->send(std::move(piece)); }

void decorated_sink::end_stream(bool clean) { inner_->end_stream(clean); }

void decorated_sink::on_closed(std::function<void()> notice) {
  inner_->on_closed(std::move(notice));
}

void decorated_sink::refuse(errc code, std::string_view message, http_headers headers) {
  auto name = to_string(code);
  auto answer = make_error_reply(status_of(code), {message, kind_of(code), name, "", id_.value});
  for (auto& header : headers)
    answer.headers.push_back(std::move(header));
  finish(std::move(answer));
}

void decorated_sink::decorate(http_headers& headers) const {
  auto add = [&headers](std::string name, std::string value) {
    if (!find_header(headers, name))
      headers.push_back({std::move(name), std::move(value)});
  };
  std::erase_if(headers, [](auto& x) { return iequals(x.name, "X-Request-Id"); });
  headers.push_back({"X-Request-Id", id_.value});
  add("X-Content-Type-Options", "nosniff");
  add("Cache-Control", "no-store");
  for (auto& [name, value] : extra_)
    add(name, value);
}

} // namespace callboard
