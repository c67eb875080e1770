#include "actors/metrics.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <mutex>
#include <unordered_map>

#include <prometheus/counter.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <spdlog/spdlog.h>

namespace callboard {
namespace {

prometheus::Family<prometheus::Counter>& counter(prometheus::Registry& registry, const char* name,
                                                 const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}

/// "2xx", "4xx", ...: one series a class keeps the number of series small.
std::string status_class(int status) { return std::to_string(status / 100) + "xx"; }

/// The counter of each endpoint and class of status, once it was asked for. Finding it in its
/// family takes labels, a hash and a lock; counters never move and live as long as the family.
class answer_counters {
public:
  explicit answer_counters(prometheus::Family<prometheus::Counter>& family) : family_(family) {}

  prometheus::Counter& of(endpoint target, int status) {
    auto row = static_cast<std::size_t>(target);
    auto column = static_cast<std::size_t>(status / 100);
    if (row >= found_.size() || column >= found_[row].size())
      return find(target, status);
    auto& place = found_[row][column];
    auto* counter = place.load(std::memory_order_acquire);
    if (counter == nullptr) {
      counter = &find(target, status);
      place.store(counter, std::memory_order_release);
    }
    return *counter;
  }

private:
  static constexpr std::size_t classes = 6; // 0xx to 5xx

  prometheus::Counter& find(endpoint target, int status) {
    return family_.Add(
      {{"endpoint", std::string{to_string(target)}}, {"status", status_class(status)}});
  }

  prometheus::Family<prometheus::Counter>& family_;
  std::array<std::array<std::atomic<prometheus::Counter*>, classes>, endpoint_count> found_{};
};

/// The counters of each app's tool calls, likewise.
class tool_call_counters {
public:
  explicit tool_call_counters(prometheus::Family<prometheus::Counter>& family) : family_(family) {}

  prometheus::Counter& of(const std::string& app, bool is_error) {
    std::lock_guard lock{mutex_};
    auto& counter = found_[app][is_error ? 1 : 0];
    if (counter == nullptr)
      counter = &family_.Add({{"app", app}, {"outcome", is_error ? "error" : "success"}});
    return *counter;
  }

private:
  prometheus::Family<prometheus::Counter>& family_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::array<prometheus::Counter*, 2>> found_;
};

} // namespace

struct node_metrics::families {
  prometheus::Registry registry;
  prometheus::Family<prometheus::Counter>& answers = counter(
    registry, "callboard_http_answers_total", "HTTP answers by endpoint and class of status.");
  answer_counters answers_of{answers};
  prometheus::Family<prometheus::Counter>& tool_calls =
    counter(registry, "callboard_tool_calls_total", "Tool calls by app and outcome.");
  tool_call_counters tool_calls_of{tool_calls};
  prometheus::Family<prometheus::Counter>& turns =
    counter(registry, "callboard_model_turns_total", "Model turns by model and outcome.");
  prometheus::Family<prometheus::Counter>& tokens =
    counter(registry, "callboard_model_tokens_total", "Tokens by model and direction.");
  prometheus::Family<prometheus::Counter>& connects =
    counter(registry, "callboard_oauth_connects_total", "OAuth attempts by app and outcome.");
  prometheus::Family<prometheus::Counter>& webhook_attempts =
    counter(registry, "callboard_webhook_attempts_total", "Attempts to deliver events by outcome.");
  prometheus::Family<prometheus::Counter>& problems =
    counter(registry, "callboard_problems_total", "Problems by error code.");
};

node_metrics::node_metrics() : families_(std::make_unique<families>()) {}

node_metrics::~node_metrics() = default;

void node_metrics::count_answer(endpoint target, int status) {
  families_->answers_of.of(target, status).Increment();
}

void node_metrics::count_tool_call(const std::string& app, bool is_error) {
  families_->tool_calls_of.of(app, is_error).Increment();
}

void node_metrics::count_turn(const std::string& model, const std::string& status,
                              std::int64_t input_tokens, std::int64_t output_tokens) {
  families_->turns.Add({{"model", model}, {"outcome", status}}).Increment();
  families_->tokens.Add({{"model", model}, {"direction", "input"}})
    .Increment(static_cast<double>(input_tokens));
  families_->tokens.Add({{"model", model}, {"direction", "output"}})
    .Increment(static_cast<double>(output_tokens));
}

void node_metrics::count_connect(const std::string& app, std::string_view outcome) {
  families_->connects.Add({{"app", app}, {"outcome", std::string{outcome}}}).Increment();
}

void node_metrics::count_webhook_attempt(bool is_delivered) {
  families_->webhook_attempts.Add({{"outcome", is_delivered ? "success" : "error"}}).Increment();
}

void node_metrics::log_problem(const request_id& id, const caf::error& problem) {
  auto code = to_string(code_of(problem));
  families_->problems.Add({{"code", code}}).Increment();
  auto detail = caf::to_string(problem);
  if (status_of(code_of(problem)) >= 500)
    spdlog::error("request failed request_id={} code={} detail={}", id.value, code, detail);
  else
    spdlog::info("request refused request_id={} code={} detail={}", id.value, code, detail);
}

void node_metrics::log_connection_broken(const connection_id& id, std::string_view why) {
  spdlog::warn("connection needs reconnect connection_id={} reason={}", id.value, why);
}

std::string node_metrics::render() const {
  return prometheus::TextSerializer{}.Serialize(families_->registry.Collect());
}

} // namespace callboard
