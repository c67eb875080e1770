#include "tests/bench/load_generator.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <stdexcept>
#include <string_view>

#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "tests/bench/loopback.hpp"
#include "tests/bench/loopback_server.hpp"

namespace callboard::bench {
namespace {

using clock = std::chrono::steady_clock;

/// Latencies in steps of 3 %: small, and exact enough for a ratio.
class latency_histogram {
public:
  void add(clock::duration x) {
    auto us = std::max(1.0, std::chrono::duration<double, std::micro>(x).count());
    auto i = static_cast<std::size_t>(std::log(us) / std::log(step));
    ++counts_[std::min(i, counts_.size() - 1)];
    ++total_;
  }

  /// The upper end of the step that holds the quantile.
  double milliseconds(double quantile) const {
    auto left = static_cast<std::uint64_t>(std::ceil(quantile * static_cast<double>(total_)));
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      if (counts_[i] >= left)
        return std::pow(step, static_cast<double>(i + 1)) / 1000;
      left -= counts_[i];
    }
    return 0;
  }

private:
  static constexpr double step = 1.03;
  std::array<std::uint64_t, 640> counts_{};
  std::uint64_t total_ = 0;
};

/// CPU seconds of the process, or of the calling thread only.
double cpu_seconds(bool this_thread_only) {
  rusage x{};
  getrusage(this_thread_only ? RUSAGE_THREAD : RUSAGE_SELF, &x);
  auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(x.ru_utime) + seconds(x.ru_stime);
}

class load {
public:
  explicit load(const load_plan& plan) : plan_(plan), poll_(epoll_create1(EPOLL_CLOEXEC)) {
    for (std::size_t i = 0; i < plan.requests.size(); ++i)
      peers_.push_back({connect_loopback(plan.port),
                        {},
                        {},
                        &plan.requests[i],
                        plan.echoes.empty() ? std::string_view{} : plan.echoes.at(i)});
    if (plan.upstream != nullptr)
      watch(upstream_.emplace(*plan.upstream).fd(), nullptr);
    for (auto& x : peers_) {
      watch(x.socket.fd(), &x);
      send(x);
    }
  }

  load_result run() {
    auto counted_from = clock::now() + plan_.warm_up;
    serve_until(counted_from);
    counting_ = true;
    auto cpu = served_cpu();
    auto begun = clock::now();
    serve_until(begun + plan_.length);
    result_.seconds = std::chrono::duration<double>(clock::now() - begun).count();
    result_.served_cpu_seconds = served_cpu() - cpu;
    result_.p50_ms = latencies_.milliseconds(0.5);
    result_.p99_ms = latencies_.milliseconds(0.99);
    drain();
    return result_;
  }

private:
  struct peer {
    socket_handle socket;
    std::string buffer;
    clock::time_point sent_at;
    const std::string* request;
    std::string_view echo;
    bool waits = false;
  };

  void watch(int fd, peer* x) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = x;
    epoll_ctl(poll_.fd(), EPOLL_CTL_ADD, fd, &event);
  }

  double served_cpu() const {
    return cpu_seconds(false) - cpu_seconds(true) - (plan_.other_cpu ? plan_.other_cpu() : 0);
  }

  /// A request is far smaller than an empty send buffer, so one call takes all of it.
  void send(peer& x) {
    x.sent_at = clock::now();
    x.waits = true;
    auto n = ::send(x.socket.fd(), x.request->data(), x.request->size(), MSG_NOSIGNAL);
    if (n != static_cast<ssize_t>(x.request->size()))
      throw std::runtime_error{"a connection of the load broke while sending"};
  }

  void receive(peer& x) {
    auto n = ::recv(x.socket.fd(), piece_.data(), piece_.size(), 0);
    if (n <= 0)
      throw std::runtime_error{"a connection of the load broke"};
    x.buffer.append(piece_.data(), static_cast<std::size_t>(n));
    auto length = message_length(x.buffer);
    if (!length)
      return;
    x.waits = false;
    if (counting_)
      count(x);
    x.buffer.clear();
    if (!draining_)
      send(x);
  }

  void count(const peer& x) {
    ++result_.answers;
    latencies_.add(clock::now() - x.sent_at);
    if (status_of_response(x.buffer) == 200 && x.buffer.find(plan_.expected) != std::string::npos
        && x.buffer.find(x.echo) != std::string::npos)
      return;
    if (result_.failures++ == 0)
      result_.first_failure = x.buffer.substr(0, 600);
  }

  void serve_until(clock::time_point end) {
    std::array<epoll_event, 64> events{};
    while (clock::now() < end) {
      auto n = epoll_wait(poll_.fd(), events.data(), static_cast<int>(events.size()), 10);
      for (int i = 0; i < n; ++i) {
        if (auto* x = static_cast<peer*>(events[static_cast<std::size_t>(i)].data.ptr))
          receive(*x);
        else
          upstream_->serve();
      }
    }
  }

  /// Waits for what is in flight, so that the next measurement starts in silence.
  void drain() {
    counting_ = false;
    draining_ = true;
    auto is_done = [](const peer& x) { return !x.waits; };
    for (int i = 0; i < 1000 && !std::all_of(peers_.begin(), peers_.end(), is_done); ++i)
      serve_until(clock::now() + std::chrono::milliseconds{10});
  }

  const load_plan& plan_;
  socket_handle poll_;
  std::vector<peer> peers_;
  std::optional<loopback_server::borrowed> upstream_;
  std::array<char, 65536> piece_{};
  latency_histogram latencies_;
  load_result result_;
  bool counting_ = false;
  bool draining_ = false;
};

} // namespace

load_result run_load(const load_plan& plan) { return load{plan}.run(); }

} // namespace callboard::bench
