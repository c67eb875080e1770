#include "actors/scheduler.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/detail/set_thread_name.hpp>

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
