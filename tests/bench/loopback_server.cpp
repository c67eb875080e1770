#include "tests/bench/loopback_server.hpp"

#include <array>
#include <ctime>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>

namespace callboard::bench {

loopback_server::loopback_server(answer_function answer)
    : answer_(std::move(answer)), listener_(listen_loopback(port_)),
      poll_(epoll_create1(EPOLL_CLOEXEC)) {
  watch(listener_.fd());
  start_thread();
}

loopback_server::~loopback_server() { end_thread(); }

void loopback_server::start_thread() {
  stops_ = false;
  thread_ = std::thread{[this] {
    while (!stops_)
      serve_ready(50);
  }};
}

void loopback_server::end_thread() {
  stops_ = true;
  thread_.join();
}

double loopback_server::cpu_seconds() const {
  clockid_t which{};
  timespec now{};
  if (pthread_getcpuclockid(thread_.native_handle(), &which) != 0
      || clock_gettime(which, &now) != 0)
    return 0;
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

bool loopback_server::serve_peer(peer& x) const {
  std::array<char, 16384> piece{};
  auto n = ::recv(x.socket.fd(), piece.data(), piece.size(), 0);
  if (n <= 0)
    return false;
  x.buffer.append(piece.data(), static_cast<std::size_t>(n));
  while (auto length = message_length(x.buffer)) {
    auto answer = answer_(std::string_view{x.buffer}.substr(0, *length));
    if (::send(x.socket.fd(), answer.data(), answer.size(), MSG_NOSIGNAL)
        != static_cast<ssize_t>(answer.size()))
      return false;
    x.buffer.erase(0, *length);
  }
  return true;
}

void loopback_server::watch(int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  epoll_ctl(poll_.fd(), EPOLL_CTL_ADD, fd, &event);
}

void loopback_server::accept_peer() {
  int fd = ::accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC);
  if (fd < 0)
    return;
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  peers_[fd].socket = socket_handle{fd};
  watch(fd);
}

void loopback_server::serve_ready(int milliseconds) {
  std::array<epoll_event, 64> events{};
  auto n = epoll_wait(poll_.fd(), events.data(), static_cast<int>(events.size()), milliseconds);
  for (int i = 0; i < n; ++i) {
    auto fd = events[static_cast<std::size_t>(i)].data.fd;
    if (fd == listener_.fd())
      accept_peer();
    else if (!serve_peer(peers_[fd]))
      peers_.erase(fd);
  }
}

} // namespace callboard::bench
