#include "http/client/fetch_engine.hpp"

#include <algorithm>
#include <utility>

#include <caf/detail/set_thread_name.hpp>

namespace callboard {
namespace {

/// Connections that are kept beyond as many as may be in use. libcurl counts both together: with
/// fewer than are in use it would close every connection after its request. After a burst more than
/// these stay idle until they are too old.
constexpr std::size_t idle_connections_kept = 512;
/// Idle libcurl handles that are kept; making one costs more than a request.
constexpr std::size_t handles_kept = 256;
/// The longest sleep; libcurl's own timers shorten it.
constexpr std::chrono::milliseconds wait_max{1000};
/// Silences are looked for that often at most, since every request is looked at.
constexpr auto silence_check_interval = std::chrono::milliseconds{20};

} // namespace

fetch_engine::fetch_engine(http_client_args args) : args_(std::move(args)) {
  static const auto initialised = curl_global_init(CURL_GLOBAL_ALL);
  static_cast<void>(initialised);
  multi_.reset(curl_multi_init());
  curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS,
                    static_cast<long>(args_.fetches_max + idle_connections_kept));
  curl_multi_setopt(multi_.get(), CURLMOPT_PIPELINING, static_cast<long>(CURLPIPE_NOTHING));
  watch_.attach(multi_.get());
  thread_ = std::thread{[this] { run(); }};
}

fetch_engine::~fetch_engine() {
  {
    std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  watch_.wake();
  thread_.join();
}

void fetch_engine::submit(fetch_request request, fetch_callbacks callbacks) {
  if (args_.counters->in_flight.fetch_add(1) >= args_.fetches_max) {
    --args_.counters->in_flight;
    ++args_.counters->failed_total;
    callbacks.done(make_problem(errc::over_limit, "Too many outbound requests are under way."));
    return;
  }
  ++args_.counters->started_total;
  bool asleep = false;
  {
    std::lock_guard lock{mutex_};
    submitted_.push_back({std::move(request), std::move(callbacks)});
    asleep = std::exchange(asleep_, false);
  }
  if (asleep)
    watch_.wake();
}

void fetch_engine::cancel(fetch_id id) {
  bool asleep = false;
  {
    std::lock_guard lock{mutex_};
    cancelled_.push_back(id);
    asleep = std::exchange(asleep_, false);
  }
  if (asleep)
    watch_.wake();
}

void fetch_engine::run() {
  caf::detail::set_thread_name("http_client");
  while (take_orders()) {
    watch_.act();
    flush_streams();
    end_finished();
    end_silent();
    watch_.wait(patience());
  }
  end_all();
}

/// Begins and cancels what was asked for. False when the engine stops.
bool fetch_engine::take_orders() {
  std::vector<submission> submitted;
  std::vector<fetch_id> cancelled;
  {
    std::lock_guard lock{mutex_};
    asleep_ = false;
    if (stopping_)
      return false;
    submitted.swap(submitted_);
    cancelled.swap(cancelled_);
  }
  for (auto& order : submitted)
    begin(std::move(order));
  for (auto id : cancelled)
    end_cancelled(id);
  return true;
}

void fetch_engine::begin(submission order) {
  auto x = std::make_unique<transfer>(std::move(order.request), std::move(order.callbacks),
                                      make_easy(), args_, origins_, watch_, fresh_);
  if (x->problem()) {
    --args_.counters->in_flight;
    auto problem = x->problem();
    keep(x->finish(code_of(problem), message_of(problem).c_str()));
    return;
  }
  next_silence_check_ = std::min(next_silence_check_, x->silent_at());
  auto* handle = x->handle();
  curl_multi_add_handle(multi_.get(), handle);
  running_.emplace(handle, std::move(x));
}

void fetch_engine::flush_streams() {
  for (auto* handle : std::exchange(fresh_, {}))
    if (auto found = running_.find(handle); found != running_.end())
      found->second->flush();
}

void fetch_engine::end_finished() {
  int left = 0;
  while (auto* message = curl_multi_info_read(multi_.get(), &left)) {
    if (message->msg != CURLMSG_DONE)
      continue;
    // The message dies with the removal of its handle.
    auto code = message->data.result;
    auto x = take(message->easy_handle);
    keep(x->finish(code));
  }
}

void fetch_engine::end_silent() {
  auto now = transfer::clock::now();
  if (now < next_silence_check_)
    return;
  auto next = transfer::clock::time_point::max();
  std::vector<CURL*> silent;
  for (auto& [handle, x] : running_) {
    if (x->silent_at() <= now)
      silent.push_back(handle);
    else
      next = std::min(next, x->silent_at());
  }
  next_silence_check_ = std::max(next, now + silence_check_interval);
  for (auto* handle : silent)
    keep(take(handle)->finish(errc::upstream_timeout, "The upstream was silent for too long."));
}

void fetch_engine::end_cancelled(fetch_id id) {
  std::vector<CURL*> found;
  for (auto& [handle, x] : running_)
    if (x->id() == id)
      found.push_back(handle);
  for (auto* handle : found)
    keep(take(handle)->finish(errc::cancelled, "The request was cancelled."));
}

void fetch_engine::end_all() {
  constexpr auto why = "The node is shutting down.";
  while (!running_.empty())
    take(running_.begin()->first)->finish(errc::shutting_down, why);
  std::lock_guard lock{mutex_};
  for (auto& order : submitted_) {
    --args_.counters->in_flight;
    order.callbacks.done(make_problem(errc::shutting_down, why));
  }
  submitted_.clear();
}

/// Removes a request from libcurl and from the table.
std::unique_ptr<transfer> fetch_engine::take(CURL* handle) {
  curl_multi_remove_handle(multi_.get(), handle);
  auto found = running_.find(handle);
  auto x = std::move(found->second);
  running_.erase(found);
  --args_.counters->in_flight;
  return x;
}

void fetch_engine::keep(easy_ptr easy) {
  if (spare_.size() < handles_kept)
    spare_.push_back(std::move(easy));
}

easy_ptr fetch_engine::make_easy() {
  if (spare_.empty())
    return transfer::make_handle(args_, watch_);
  auto easy = std::move(spare_.back());
  spare_.pop_back();
  return easy;
}

/// How long to wait. From here on whoever orders something wakes the thread.
std::chrono::milliseconds fetch_engine::patience() {
  {
    std::lock_guard lock{mutex_};
    asleep_ = submitted_.empty() && cancelled_.empty();
    if (!asleep_)
      return std::chrono::milliseconds{0};
  }
  if (next_silence_check_ == transfer::clock::time_point::max())
    return wait_max;
  auto left =
    std::chrono::ceil<std::chrono::milliseconds>(next_silence_check_ - transfer::clock::now());
  return std::clamp(left, std::chrono::milliseconds{0}, wait_max);
}

} // namespace callboard
