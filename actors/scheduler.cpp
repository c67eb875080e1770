#include "actors/scheduler.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/detail/set_thread_name.hpp>
#include <caf/logger.hpp>

/// CAF's own loop asks by dynamic_cast for the id of every actor that it runs and notes it for a
/// logger that nobody reads: 1,500 instructions each time, a tenth of all that an actor thread does
/// under load. Without a current logger the actor itself notes nothing either.
template <>
void caf::scheduler::worker<callboard::unlogged_work_stealing>::run() {
  for (;;) {
    auto* job = policy_.dequeue(this);
    caf::logger::set_current_actor_system(nullptr); // whatever spawns sets it again
    auto outcome = job->resume(this, max_throughput_);
    if (outcome == resumable::resume_later) {
      policy_.resume_job_later(this, job);
      continue;
    }
    if (outcome == resumable::shutdown_execution_unit)
      return policy_.before_shutdown(this);
    intrusive_ptr_release(job);
  }
}

namespace callboard {

scheduler::scheduler(caf::actor_system& system) : super(system), clock_(super::clock()) {}

caf::actor_system::module* scheduler::make(caf::actor_system& system, caf::detail::type_list<>) {
  return new scheduler{system};
}

void scheduler::start() {
  super::start();
  timer_ = std::thread{[this] {
    caf::detail::set_thread_name("request_clock");
    clock_.run();
  }};
}

void scheduler::stop() {
  clock_.stop();
  timer_.join();
  super::stop();
  // What still waits holds actors, which need the system to end.
  clock_.cancel_all();
}

} // namespace callboard
