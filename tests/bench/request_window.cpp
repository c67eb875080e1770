#include "tests/bench/request_window.hpp"

#include <future>
#include <memory>

namespace callboard::bench {
namespace {

using clock = std::chrono::steady_clock;

struct window_run {
  window_step step;
  std::uint64_t count = 0;
  clock::time_point begun;
  clock::time_point end;
  std::uint64_t begun_total = 0;
  std::uint64_t running = 0;
  window_result result;
  std::promise<window_result> promise;
};

void next(caf::event_based_actor* self, const std::shared_ptr<window_run>& run) {
  if (run->begun_total < run->count && clock::now() < run->end) {
    ++run->running;
    return run->step(self, run->begun_total++, [self, run](bool ok) {
      ++(ok ? run->result.good : run->result.bad);
      --run->running;
      next(self, run);
    });
  }
  if (run->running > 0)
    return;
  run->running = 1; // answers once
  run->result.seconds = std::chrono::duration<double>(clock::now() - run->begun).count();
  run->promise.set_value(run->result);
}

} // namespace

window_result run_window(caf::actor_system& system, std::uint64_t width, std::uint64_t count,
                         std::chrono::milliseconds length, window_step step) {
  auto run = std::make_shared<window_run>();
  run->step = std::move(step);
  run->count = count;
  auto result = run->promise.get_future();
  run->begun = clock::now();
  run->end = run->begun + length;
  system.spawn([run, width](caf::event_based_actor* self) {
    for (std::uint64_t i = 0; i < width && run->begun_total < run->count; ++i)
      next(self, run);
  });
  return result.get();
}

} // namespace callboard::bench
