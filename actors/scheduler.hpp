#pragma once

#include <thread>

#include <caf/policy/work_stealing.hpp>
#include <caf/scheduler/coordinator.hpp>

#include "actors/request_clock.hpp"

namespace callboard {

/// CAF's work-stealing scheduler with a clock for many requests (actors/request_clock.hpp). To be
/// loaded by the configuration of an actor system.
class scheduler final : public caf::scheduler::coordinator<caf::policy::work_stealing> {
public:
  using super = caf::scheduler::coordinator<caf::policy::work_stealing>;

  explicit scheduler(caf::actor_system& system);

  /// Called by caf::actor_system_config::load.
  static caf::actor_system::module* make(caf::actor_system& system, caf::detail::type_list<>);

  caf::detail::thread_safe_actor_clock& clock() noexcept override { return clock_; }

protected:
  void start() override;
  void stop() override;

private:
  request_clock clock_;
  std::thread timer_;
};

} // namespace callboard
