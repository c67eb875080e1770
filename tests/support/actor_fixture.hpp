#pragma once

#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <caf/all.hpp>
#include <caf/scheduler/test_coordinator.hpp>

#include "actors/interfaces.hpp"
#include "core/base/error.hpp"

namespace callboard {

/// The value of an expected, or an exception that fails the test with the error's text.
template <class T>
T unbox(caf::expected<T> x) {
  if (!x)
    throw std::runtime_error{"unexpected error: " + caf::to_string(x.error())};
  return std::move(*x);
}

/// Configuration of an actor system whose jobs and clock the test drives by hand.
struct test_actor_config : caf::actor_system_config {
  test_actor_config() {
    add_message_types<caf::id_block::callboard>();
    add_message_types<caf::id_block::callboard_relay>();
    set("scheduler.policy", caf::atom("testing"));
  }
};

/// An actor system without threads: jobs run when the test calls `sched.run()`, time passes when it
/// calls `sched.advance_time()`. CAF's own test fixture crashes under Boost.Test.
struct actor_fixture {
  actor_fixture()
      : sys(cfg), self(sys, true),
        sched(dynamic_cast<caf::scheduler::test_coordinator&>(sys.scheduler())) {}

  /// Ends all spawned actors: one that re-arms its timer would hang the shutdown.
  ~actor_fixture() {
    for (auto& x : spawned)
      self->send_exit(x, caf::exit_reason::user_shutdown);
    sched.run();
  }

  actor_fixture(const actor_fixture&) = delete;
  actor_fixture& operator=(const actor_fixture&) = delete;

  /// Spawns an actor, remembers it for the end of the test, and lets it start.
  template <class F, class... Ts>
  auto spawn(F fun, Ts&&... xs) {
    auto handle = sys.spawn(fun, std::forward<Ts>(xs)...);
    spawned.push_back(caf::actor_cast<caf::actor>(handle));
    sched.run();
    return handle;
  }

  /// Sends a request, lets everything run, and returns the answer or its error. When no answer has
  /// come after that, the virtual clock passes the request's timeout of an hour.
  template <class T, class Handle, class... Ts>
  caf::expected<T> ask(const Handle& handle, Ts&&... xs) {
    constexpr auto timeout = std::chrono::minutes{60};
    auto pending = self->request(handle, timeout, std::forward<Ts>(xs)...);
    sched.run();
    if (self->mailbox().empty()) {
      sched.advance_time(timeout + std::chrono::seconds{1});
      sched.run();
    }
    caf::expected<T> answer{caf::error{errc::internal}};
    pending.receive([&](T& x) { answer = std::move(x); },
                    [&](caf::error& x) { answer = std::move(x); });
    return answer;
  }

  /// Like ask, for requests that are answered without a value.
  template <class Handle, class... Ts>
  caf::error ask_void(const Handle& handle, Ts&&... xs) {
    constexpr auto timeout = std::chrono::minutes{60};
    auto pending = self->request(handle, timeout, std::forward<Ts>(xs)...);
    sched.run();
    if (self->mailbox().empty()) {
      sched.advance_time(timeout + std::chrono::seconds{1});
      sched.run();
    }
    caf::error answer;
    pending.receive([] {}, [&](caf::error& x) { answer = std::move(x); });
    return answer;
  }

  /// Sends a message and lets everything run.
  template <class Handle, class... Ts>
  void tell(const Handle& handle, Ts&&... xs) {
    self->send(handle, std::forward<Ts>(xs)...);
    sched.run();
  }

  test_actor_config cfg;
  caf::actor_system sys;
  caf::scoped_actor self;
  caf::scheduler::test_coordinator& sched;
  std::vector<caf::actor> spawned;
};

} // namespace callboard
