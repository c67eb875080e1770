#include <stdexcept>

#include <caf/send.hpp>
#include <fmt/format.h>

#include "core/base/limits.hpp"
#include "tests/bench/loopback.hpp"
#include "tests/bench/measurements.hpp"
#include "tests/bench/request_window.hpp"

namespace callboard::bench {
namespace {

/// Requests at a time to the upstream that answers at once.
constexpr std::uint64_t width = 32;
/// Requests that wait for a slow upstream, as models let them.
constexpr std::uint64_t waiting = 1000;

fetch_request get(std::string url, fetch_id id) {
  fetch_request x;
  x.id = id;
  x.message.method = "GET";
  x.message.url = std::move(url);
  return x;
}

double fetches_per_second(bench_context& x) {
  auto got =
    run_window(x.node.system(), width, ~std::uint64_t{0}, x.settings.length,
               [http = x.node.parts().http, url = x.upstream.url() + "/x"](
                 caf::event_based_actor* self, std::uint64_t i, std::function<void(bool)> done) {
                 self
                   ->request(http, limits::provider_call_timeout, atom::fetch_v,
                             get(url, make_fetch_id(self->id(), i)))
                   .then([done](const http_response& answer) { done(answer.status == 200); },
                         [done](const caf::error&) { done(false); });
               });
  if (got.bad != 0)
    throw std::runtime_error{fmt::format("{} fetches failed", got.bad)};
  return static_cast<double>(got.good) / got.seconds;
}

/// Keeps requests waiting at a server that takes connections and never answers.
class held_requests {
public:
  explicit held_requests(const http_client_actor& http) : http_(http) {
    auto url = fmt::format("http://127.0.0.1:{}/", port_);
    for (std::uint64_t i = 0; i < waiting; ++i)
      caf::anon_send(http_, atom::fetch_v, get(url, make_fetch_id(0, i)));
  }
  ~held_requests() {
    for (std::uint64_t i = 0; i < waiting; ++i)
      caf::anon_send(http_, atom::cancel_v, make_fetch_id(0, i));
  }
  held_requests(const held_requests&) = delete;
  held_requests& operator=(const held_requests&) = delete;

private:
  http_client_actor http_;
  std::uint16_t port_ = 0;
  socket_handle server_ = listen_loopback(port_);
};

} // namespace

void measure_fetches(bench_context& x) {
  auto alone = fetches_per_second(x);
  held_requests held{x.node.parts().http};
  auto beside = fetches_per_second(x);
  x.table.add({"outbound requests", fmt::format("{:.0f}/s", alone), {}, {}, {}});
  x.table.add({fmt::format("  beside {} that wait for their answer", waiting),
               fmt::format("{:.0f}/s", beside),
               fmt::format("{:.0f}/s", alone),
               fmt::format("{:.2f} x", beside / alone),
               {}});
}

} // namespace callboard::bench
