#include "tests/bench/instant_upstream.hpp"

#include <string_view>

#include <fmt/format.h>

namespace callboard::bench {
namespace {

std::string issue_answer() {
  std::string body = R"({"number":1,"title":"A bug","state":"open","body":"It breaks.",)"
                     R"("html_url":"https://github.test/o/r/issues/1","labels":[],)"
                     R"("user":{"login":"octocat"},"created_at":"2026-01-01T00:00:00Z"})";
  return fmt::format("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                     "Content-Length: {}\r\n\r\n{}",
                     body.size(), body);
}

std::string chunk(const std::string& text) {
  return fmt::format("{:x}\r\n{}\r\n", text.size(), text);
}

std::string completion_event(const std::string& rest) {
  return chunk(R"(data: {"id":"up-1","object":"chat.completion.chunk","created":1,)"
               R"("model":"upstream-model",)"
               + rest + "}\n\n");
}

std::string completion_answer() {
  auto delta = [](const std::string& content, const char* finish) {
    return completion_event(
      fmt::format(R"("choices":[{{"index":0,"delta":{},"finish_reason":{}}}])", content, finish));
  };
  return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
         "Transfer-Encoding: chunked\r\n\r\n"
         + delta(R"({"role":"assistant","content":""})", "null")
         + delta(fmt::format(R"({{"content":"{}"}})", instant_upstream::token), "null")
         + delta("{}", R"("stop")")
         + completion_event(R"("choices":[],"usage":{"prompt_tokens":5,"completion_tokens":1,)"
                            R"("total_tokens":6})")
         + chunk("data: [DONE]\n\n") + "0\r\n\r\n";
}

std::string answer_to(std::string_view request) {
  static const std::string issue = issue_answer();
  static const std::string completion = completion_answer();
  auto target = request.substr(0, request.find("\r\n"));
  return target.find("/chat/completions") == std::string_view::npos ? issue : completion;
}

} // namespace

instant_upstream::instant_upstream() : loopback_server(answer_to) {}

} // namespace callboard::bench
