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
  event.events = EPOLLIN;
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

int socket_watch::on_socket(CURL*, curl_socket_t socket, int what, void* self, void* known) {
  static_cast<socket_watch*>(self)->watch(socket, what, known != nullptr);
  return 0;
}

int socket_watch::on_timer(CURLM*, long ms, void* self) {
  auto& x = *static_cast<socket_watch*>(self);
  x.timer_.reset();
  if (ms >= 0)
    x.timer_ = clock::now() + std::chrono::milliseconds{ms};
  return 0;
}

void socket_watch::set_events(int operation, curl_socket_t socket, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = socket;
  if (epoll_ctl(poll_, operation, socket, &event) != 0 && errno == EEXIST)
    epoll_ctl(poll_, EPOLL_CTL_MOD, socket, &event);
}

void socket_watch::drop_ready(curl_socket_t socket) {
  for (int i = 0; i < ready_count_; ++i)
    if (auto& x = ready_[static_cast<std::size_t>(i)]; x.data.fd == socket)
      x.events = 0;
}

void socket_watch::watch(curl_socket_t socket, int what, bool known) {
  if (what == CURL_POLL_REMOVE)
    drop_ready(socket);
  if (auto own = adopted_.find(socket); own != adopted_.end())
    return watch(socket, own->second, events_of(what));
  if (what == CURL_POLL_REMOVE) {
    set_events(EPOLL_CTL_DEL, socket, 0);
    return;
  }
  set_events(known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, socket, events_of(what));
  if (!known) // libcurl gives back what it is told here: that the socket is watched
    curl_multi_assign(multi_, socket, this);
}

void socket_watch::watch(curl_socket_t socket, interest& x, std::uint32_t events) {
  x.wanted = events;
  if (events == 0 || events == x.registered)
    return;
  set_events(x.registered == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, socket, events);
  x.registered = events;
}

void socket_watch::adopt(curl_socket_t socket) { adopted_.emplace(socket, interest{}); }

void socket_watch::release(curl_socket_t socket) {
  adopted_.erase(socket);
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
      // Before anybody looks what there is to do: who rings after that is heard by the next wait.
      std::uint64_t rung = 0;
      static_cast<void>(!read(bell_, &rung, sizeof rung));
      x.events = 0;
    } else if (auto own = adopted_.find(x.data.fd);
               own != adopted_.end() && own->second.wanted == 0) {
      // The server ended an idle connection; libcurl sees that when it wants to use it.
      set_events(EPOLL_CTL_DEL, x.data.fd, 0);
      own->second.registered = 0;
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
