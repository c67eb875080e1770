#include "tests/bench/instant_upstream.hpp"

#include <array>
#include <ctime>
#include <memory>
#include <unordered_map>

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

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

struct peer {
  socket_handle socket;
  std::string buffer;
};

/// False when the connection is over.
bool serve_peer(peer& x) {
  static const std::string issue = issue_answer();
  static const std::string completion = completion_answer();
  std::array<char, 16384> piece{};
  auto n = ::recv(x.socket.fd(), piece.data(), piece.size(), 0);
  if (n <= 0)
    return false;
  x.buffer.append(piece.data(), static_cast<std::size_t>(n));
  while (auto length = message_length(x.buffer)) {
    auto target = std::string_view{x.buffer}.substr(0, x.buffer.find("\r\n"));
    auto& answer = target.find("/chat/completions") == std::string_view::npos ? issue : completion;
    if (::send(x.socket.fd(), answer.data(), answer.size(), MSG_NOSIGNAL)
        != static_cast<ssize_t>(answer.size()))
      return false;
    x.buffer.erase(0, *length);
  }
  return true;
}

} // namespace

instant_upstream::instant_upstream() : listener_(listen_loopback(port_)) {
  thread_ = std::thread{[this] { serve(); }};
}

instant_upstream::~instant_upstream() {
  stops_ = true;
  thread_.join();
}

double instant_upstream::cpu_seconds() const {
  clockid_t which{};
  timespec now{};
  if (pthread_getcpuclockid(thread_.native_handle(), &which) != 0
      || clock_gettime(which, &now) != 0)
    return 0;
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

void instant_upstream::serve() {
  socket_handle poll{epoll_create1(EPOLL_CLOEXEC)};
  std::unordered_map<int, peer> peers;
  auto watch = [&](int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    epoll_ctl(poll.fd(), EPOLL_CTL_ADD, fd, &event);
  };
  watch(listener_.fd());
  std::array<epoll_event, 64> events{};
  while (!stops_) {
    auto n = epoll_wait(poll.fd(), events.data(), static_cast<int>(events.size()), 50);
    for (int i = 0; i < n; ++i) {
      auto fd = events[static_cast<std::size_t>(i)].data.fd;
      if (fd != listener_.fd()) {
        if (!serve_peer(peers[fd]))
          peers.erase(fd);
        continue;
      }
      int fresh = ::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC);
      if (fresh < 0)
        continue;
      int on = 1;
      setsockopt(fresh, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      peers[fresh].socket = socket_handle{fresh};
      watch(fresh);
    }
  }
}

} // namespace callboard::bench
