#pragma once

#include <thread>

#include <caf/policy/work_stealing.hpp>
#include <caf/scheduler/coordinator.hpp>

#include "actors/request_clock.hpp"

namespace callboard {

/// CAF's work stealing, under a name of its own: its threads run actors without telling CAF's
/// logger which one, see scheduler.cpp.
struct unlogged_work_stealing final : caf::policy::work_stealing {};

/// CAF's work-stealing scheduler with a clock for many requests (actors/request_clock.hpp). To be
/// loaded by the configuration of an actor system.
class scheduler final : public caf::scheduler::coordinator<unlogged_work_stealing> {
public:
  using super = caf::scheduler::coordinator<unlogged_work_stealing>;

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

/// The loop of a scheduler's thread.
template <>
void caf::scheduler::worker<callboard::unlogged_work_stealing>::run();
