#include "http/client/socket_watch.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <system_error>

#include <sys/eventfd.h>
#include <unistd.h>

namespace callboard {
namespace {

int must(int fd, const char* what) {
  if (fd < 0)
    throw std::system_error{errno, std::generic_category(), what};
  return fd;
}

std::uint32_t events_of(int what) {
  std::uint32_t events = 0;
  if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
    events |= EPOLLIN;
  if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
    events |= EPOLLOUT;
  return events;
}

int actions_of(std::uint32_t events) {
  int actions = 0;
  if ((events & (EPOLLIN | EPOLLHUP)) != 0)
    actions |= CURL_CSELECT_IN;
  if ((events & EPOLLOUT) != 0)
    actions |= CURL_CSELECT_OUT;
  if ((events & EPOLLERR) != 0)
    actions |= CURL_CSELECT_ERR;
  return actions;
}

} // namespace

socket_watch::socket_watch()
    : poll_(must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      bell_(must(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")) {
  epoll_event event{};
  // Every ring is reported once, so that nobody needs to read what was rung.
  event.events = EPOLLIN | EPOLLET;
  event.data.fd = bell_;
  must(epoll_ctl(poll_, EPOLL_CTL_ADD, bell_, &event), "epoll_ctl");
}

socket_watch::~socket_watch() {
  close(bell_);
  close(poll_);
}

void socket_watch::attach(CURLM* multi) {
  multi_ = multi;
  curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, &socket_watch::on_socket);
  curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, static_cast<void*>(this));
  curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, &socket_watch::on_timer);
  curl_multi_setopt(multi, CURLMOPT_TIMERDATA, static_cast<void*>(this));
}

int socket_watch::on_socket(CURL*, curl_socket_t socket, int what, void* self, void*) {
  static_cast<socket_watch*>(self)->watch(socket, what);
  return 0;
}

int socket_watch::on_timer(CURLM*, long ms, void* self) {
  auto& x = *static_cast<socket_watch*>(self);
  x.timer_.reset();
  if (ms >= 0)
    x.timer_ = clock::now() + std::chrono::milliseconds{ms};
  return 0;
}

void socket_watch::set_registered(curl_socket_t socket, interest& x, std::uint32_t events) {
  if (x.registered == events)
    return;
  epoll_event event{};
  event.events = events;
  event.data.fd = socket;
  if (events == 0)
    epoll_ctl(poll_, EPOLL_CTL_DEL, socket, &event); // fails when it was closed, which is as good
  else if (x.registered == 0 || epoll_ctl(poll_, EPOLL_CTL_MOD, socket, &event) != 0)
    epoll_ctl(poll_, EPOLL_CTL_ADD, socket, &event);
  x.registered = events;
}

void socket_watch::drop_ready(curl_socket_t socket) {
  for (int i = 0; i < ready_count_; ++i)
    if (auto& x = ready_[static_cast<std::size_t>(i)]; x.data.fd == socket)
      x.events = 0;
}

void socket_watch::watch(curl_socket_t socket, int what) {
  auto& x = sockets_[socket];
  x.wanted = events_of(what);
  if (x.wanted == 0)
    drop_ready(socket);
  if (x.wanted != 0 || !x.kept)
    set_registered(socket, x, x.wanted);
  if (x.wanted == 0 && !x.kept)
    sockets_.erase(socket);
}

void socket_watch::opened(curl_socket_t socket) {
  auto found = sockets_.find(socket);
  if (found == sockets_.end())
    return;
  drop_ready(socket);
  auto wanted = found->second.wanted;
  found->second = {};
  // libcurl does not ask again when its next socket gets the number of the last and waits for the
  // same.
  found->second.wanted = wanted;
  set_registered(socket, found->second, wanted);
  if (wanted == 0)
    sockets_.erase(found);
}

void socket_watch::keep(curl_socket_t socket) { sockets_[socket].kept = true; }

void socket_watch::release(curl_socket_t socket) {
  sockets_.erase(socket);
  drop_ready(socket);
  close(socket); // epoll forgets it by itself
}

std::chrono::milliseconds socket_watch::patience(std::chrono::milliseconds longest) const {
  if (!timer_)
    return longest;
  auto left = std::chrono::ceil<std::chrono::milliseconds>(*timer_ - clock::now());
  return std::clamp(left, std::chrono::milliseconds{0}, longest);
}

void socket_watch::wait(std::chrono::milliseconds longest) {
  ready_count_ = std::max(0, epoll_wait(poll_, ready_.data(), static_cast<int>(ready_.size()),
                                        static_cast<int>(patience(longest).count())));
  for (int i = 0; i < ready_count_; ++i) {
    auto& x = ready_[static_cast<std::size_t>(i)];
    if (x.data.fd == bell_) {
      x.events = 0;
    } else if (auto own = sockets_.find(x.data.fd);
               own != sockets_.end() && own->second.wanted == 0) {
      // The server ended an idle connection; libcurl sees that when it wants to use it.
      set_registered(x.data.fd, own->second, 0);
      x.events = 0;
    }
  }
}

void socket_watch::act() {
  int running = 0;
  for (int i = 0; i < ready_count_; ++i) {
    auto& x = ready_[static_cast<std::size_t>(i)];
    if (x.events != 0)
      curl_multi_socket_action(multi_, x.data.fd, actions_of(x.events), &running);
  }
  ready_count_ = 0;
  if (timer_ && *timer_ <= clock::now()) {
    timer_.reset();
    curl_multi_socket_action(multi_, CURL_SOCKET_TIMEOUT, 0, &running);
  }
}

void socket_watch::wake() {
  std::uint64_t one = 1;
  static_cast<void>(!write(bell_, &one, sizeof one));
}

} // namespace callboard
