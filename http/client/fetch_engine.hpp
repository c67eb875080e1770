#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include <curl/curl.h>

#include "http/client/http_client.hpp"
#include "http/client/origin_book.hpp"
#include "http/client/socket_watch.hpp"
#include "http/client/transfer.hpp"

namespace callboard {

/// Runs libcurl's multi interface on a thread of its own. Public functions are safe from any
/// thread and do not wait, but for the destructor.
class fetch_engine {
public:
  /// @pre `args.counters` is not null
  explicit fetch_engine(http_client_args args);

  /// Ends every request with errc::shutting_down and joins the thread.
  ~fetch_engine();

  fetch_engine(const fetch_engine&) = delete;
  fetch_engine& operator=(const fetch_engine&) = delete;

  /// Starts a request. `callbacks` are called on the engine's thread, `done` always; when too many
  /// requests are under way it is called at once from here, with errc::over_limit.
  void submit(fetch_request request, fetch_callbacks callbacks);

  /// Ends the requests with that id with errc::cancelled. Others are not touched.
  void cancel(fetch_id id);

private:
  struct multi_deleter {
    void operator()(CURLM* x) const noexcept { curl_multi_cleanup(x); }
  };
  struct submission {
    fetch_request request;
    fetch_callbacks callbacks;
  };

  void run();
  bool take_orders();
  void begin(submission order);
  void end_finished();
  void end_silent();
  void end_cancelled(fetch_id id);
  void end_all();
  void flush_streams();
  std::unique_ptr<transfer> take(CURL* handle);
  void keep(easy_ptr easy);
  easy_ptr make_easy();
  std::chrono::milliseconds patience();

  const http_client_args args_;
  socket_watch watch_;
  std::unique_ptr<CURLM, multi_deleter> multi_;
  std::unordered_map<CURL*, std::unique_ptr<transfer>> running_;
  std::vector<easy_ptr> spare_;
  origin_book origins_;
  /// Streamed requests with something to pass on.
  std::vector<CURL*> fresh_;
  transfer::clock::time_point next_silence_check_ = transfer::clock::time_point::max();

  std::mutex mutex_;
  std::vector<submission> submitted_;
  std::vector<fetch_id> cancelled_;
  bool stopping_ = false;
  /// The thread waits, or is about to, and has not been woken.
  bool asleep_ = false;

  std::thread thread_;
};

} // namespace callboard
