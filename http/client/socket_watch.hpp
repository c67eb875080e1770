#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>

#include <curl/curl.h>
#include <sys/epoll.h>

namespace callboard {

/// Waits for the sockets and timers of a libcurl multi handle, by epoll: an answer that arrives
/// costs the same however many others are waited for, where curl_multi_poll() and
/// curl_multi_perform() look at all of them. For one thread, but for wake().
class socket_watch {
public:
  using clock = std::chrono::steady_clock;

  /// Throws std::system_error when the process has no descriptors left.
  socket_watch();
  ~socket_watch();

  socket_watch(const socket_watch&) = delete;
  socket_watch& operator=(const socket_watch&) = delete;

  /// Watches for `multi`, which is not used with another watch and ends before it.
  void attach(CURLM* multi);

  /// Waits until something is ready, a timer of libcurl's is due, wake() is called, or `longest`
  /// has passed.
  void wait(std::chrono::milliseconds longest);

  /// Lets libcurl work on what is ready and due.
  void act();

  /// A socket was made for libcurl. What is known of its number belongs to one that libcurl closed
  /// by itself, as it does while a connection is not complete.
  void opened(curl_socket_t socket);

  /// The connection is complete: the socket stays registered while it is idle, since most are used
  /// again. From now on libcurl closes it through release().
  void keep(curl_socket_t socket);

  /// Forgets a kept socket and closes it.
  void release(curl_socket_t socket);

  /// Ends the wait under way, or else the next one. From any thread.
  void wake();

private:
  static int on_socket(CURL*, curl_socket_t socket, int what, void* self, void*);
  static int on_timer(CURLM*, long ms, void* self);

  /// What a socket is registered for, and what libcurl waits for now; 0 for nothing.
  struct interest {
    std::uint32_t registered = 0;
    std::uint32_t wanted = 0;
    bool kept = false;
  };

  void watch(curl_socket_t socket, int what);
  void set_registered(curl_socket_t socket, interest& x, std::uint32_t events);
  /// Drops what was found ready of a socket: it belongs to a request that is over.
  void drop_ready(curl_socket_t socket);
  std::chrono::milliseconds patience(std::chrono::milliseconds longest) const;

  /// Sockets that one wait may find ready; the others come with the next.
  static constexpr std::size_t ready_max = 128;

  CURLM* multi_ = nullptr;
  int poll_ = -1;
  int bell_ = -1;
  std::unordered_map<curl_socket_t, interest> sockets_;
  std::optional<clock::time_point> timer_;
  std::array<epoll_event, ready_max> ready_{};
  int ready_count_ = 0;
};

} // namespace callboard
