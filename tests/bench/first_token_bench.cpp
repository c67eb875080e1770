#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "tests/bench/loopback.hpp"
#include "tests/bench/measurements.hpp"

namespace callboard::bench {
namespace {

using milliseconds = std::chrono::duration<double, std::milli>;

struct delays {
  double p50 = 0;
  double p99 = 0;
};

/// Sends the request again and again on one connection; the time until the marker each.
class token_timer {
public:
  token_timer(std::uint16_t port, std::string request, std::string marker)
      : client_(port), request_(std::move(request)), marker_(std::move(marker)) {}

  void once(bool counts) {
    auto begun = std::chrono::steady_clock::now();
    client_.send(request_);
    auto seen = client_.receive_stream(marker_);
    if (counts)
      times_.push_back(milliseconds{seen - begun}.count());
  }

  delays result() {
    std::sort(times_.begin(), times_.end());
    auto at = [&](double quantile) {
      return times_[static_cast<std::size_t>(quantile * static_cast<double>(times_.size() - 1))];
    };
    return times_.empty() ? delays{} : delays{at(0.5), at(0.99)};
  }

private:
  plain_client client_;
  std::string request_;
  std::string marker_;
  std::vector<double> times_;
};

} // namespace

void measure_first_token(bench_context& x) {
  constexpr std::uint64_t warm_up = 20;
  auto word = fmt::format("\"{}\"", instant_upstream::token);
  token_timer direct{x.upstream.port(),
                     post_request("/v1/chat/completions", "sk-upstream",
                                  R"({"model":"upstream-model","stream":true,"messages":[]})"),
                     word};
  token_timer ours{x.node.api_port(),
                   post_request("/v1/responses", x.node.user_key(),
                                R"({"model":"bench-model","input":"Hi","stream":true,)"
                                R"("store":false})"),
                   word};
  for (std::uint64_t i = 0; i < warm_up + x.settings.first_tokens; ++i) {
    direct.once(i >= warm_up);
    ours.once(i >= warm_up);
  }
  auto reference = direct.result();
  auto got = ours.result();
  auto add = [&](const char* name, double with, double without, const char* bar) {
    x.table.add({fmt::format("first token added by /v1/responses, {}", name),
                 fmt::format("+{:.2f} ms", with - without),
                 fmt::format("{:.2f} ms", without),
                 {},
                 bar});
  };
  add("p50", got.p50, reference.p50, "< 1 ms");
  add("p99", got.p99, reference.p99, "< 5 ms");
}

} // namespace callboard::bench
