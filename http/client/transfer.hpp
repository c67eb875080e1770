#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <curl/curl.h>

#include "actors/interfaces.hpp"
#include "http/client/http_client.hpp"
#include "http/client/origin_book.hpp"
#include "http/client/socket_watch.hpp"

namespace callboard {

/// What becomes of a fetch. Called on the engine's thread.
struct fetch_callbacks {
  /// The end: the response, whose body is empty when it was streamed, or why there is none. Exactly
  /// once, always the last.
  std::function<void(result<http_response>)> done;
  /// Streamed fetches only: status and headers, then pieces of the body.
  std::function<void(http_response)> head;
  std::function<void(std::string)> chunk;

  bool streamed() const { return head != nullptr; }
};

/// Owns a libcurl easy handle.
struct easy_deleter {
  void operator()(CURL* x) const noexcept { curl_easy_cleanup(x); }
};
using easy_ptr = std::unique_ptr<CURL, easy_deleter>;

/// One request under way: its libcurl handle and what libcurl's callbacks have collected. For the
/// engine's thread only.
class transfer {
public:
  using clock = std::chrono::steady_clock;

  /// A handle with all that is the same for every request.
  /// `watch` must outlive its connections.
  static easy_ptr make_handle(const http_client_args& args, socket_watch& watch);

  /// Sets the handle up, which was made by make_handle() and may have served other requests. The
  /// transfer of a streamed fetch puts its handle into `fresh` when there is something to flush.
  transfer(fetch_request request, fetch_callbacks callbacks, easy_ptr easy,
           const http_client_args& args, origin_book& origins, socket_watch& watch,
           std::vector<CURL*>& fresh);

  /// Why the request cannot be sent at all, or no error.
  const caf::error& problem() const noexcept { return problem_; }

  CURL* handle() const noexcept { return easy_.get(); }
  fetch_id id() const noexcept { return request_.id; }

  /// Passes on what has arrived since the last call (streamed fetches).
  void flush();

  /// Reports the outcome and gives the handle back for another request.
  easy_ptr finish(CURLcode code);

  /// Reports that there is no outcome.
  easy_ptr finish(errc code, const char* why);

  /// When the request has been silent for too long; the end of time when that does not matter.
  clock::time_point silent_at() const;

private:
  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self);
  static curl_socket_t on_socket(void* self, curlsocktype purpose, curl_sockaddr* address);
  static int on_close(void* watch, curl_socket_t socket);
  static int on_send(void* self, char*, char*, int, int);

  void set_up();
  void set_url();
  void set_method();
  bool take_fields();
  void set_fields();
  bool sends_body() const;
  void take_header(std::string_view line);
  bool take_body(std::string_view piece);
  bool may_connect(const curl_sockaddr& address);
  bool idempotent() const;
  bool anything_sent() const;
  caf::error error_of(CURLcode code);
  void mark_fresh();
  easy_ptr release();

  fetch_request request_;
  fetch_callbacks callbacks_;
  easy_ptr easy_;
  split_url url_;
  /// "Name: value", with line ends in between.
  std::string fields_;
  /// libcurl's list: the fields that it leaves out, and ours.
  std::array<curl_slist, 6> lines_{};
  bool allow_private_;
  http_client_counters& counters_;
  socket_watch& watch_;
  std::vector<CURL*>& fresh_;
  caf::error problem_;

  http_response response_;
  std::size_t header_bytes_ = 0;
  std::uint64_t body_bytes_ = 0;
  /// Streamed pieces that wait for flush().
  std::string unflushed_;
  bool head_complete_ = false;
  bool head_passed_ = false;
  bool marked_fresh_ = false;
  bool too_large_ = false;
  bool repeat_refused_ = false;
  std::string refused_address_;
  int sends_ = 0;
  /// Sockets made since the last send, and the newest of them.
  int opened_ = 0;
  curl_socket_t newest_socket_ = CURL_SOCKET_BAD;
  clock::time_point last_news_ = clock::now();
};

} // namespace callboard
