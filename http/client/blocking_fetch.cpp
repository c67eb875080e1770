#include "http/client/blocking_fetch.hpp"

#include <future>
#include <memory>
#include <utility>

#include "http/client/fetch_engine.hpp"

namespace callboard {

result<http_response> blocking_fetch(const http_request& message, std::chrono::milliseconds timeout,
                                     std::uint64_t body_bytes_max) {
  http_client_args args;
  args.allow_private = true;
  args.fetches_max = 1;
  args.counters = std::make_shared<http_client_counters>();
  // Declared before the engine, which may call it until it has ended.
  std::promise<result<http_response>> answer;
  fetch_engine engine{args};
  fetch_request request;
  request.message = message;
  request.timeout = timeout;
  request.body_bytes_max = body_bytes_max;
  fetch_callbacks callbacks;
  callbacks.done = [&answer](result<http_response> x) { answer.set_value(std::move(x)); };
  engine.submit(std::move(request), std::move(callbacks));
  return answer.get_future().get();
}

} // namespace callboard
