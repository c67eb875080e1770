#include "actors/request_clock.hpp"

#include <vector>

#include <boost/test/unit_test.hpp>

#include "actors/scheduler.hpp"
#include "tests/support/actor_fixture.hpp"

using namespace callboard;
using namespace std::chrono_literals;

namespace {

struct listener_log {
  std::vector<std::string> heard;
};

/// Notes what comes.
caf::behavior listener(caf::event_based_actor*, listener_log* log) {
  return {[=](const std::string& what) { log->heard.push_back(what); }};
}

struct clock_fixture : actor_fixture {
  using time_point = request_clock::time_point;

  request_clock clock{sched.clock()};
  listener_log log;
  caf::actor hearer = spawn(listener, &log);
  time_point now = caf::actor_clock::clock_type::now();

  caf::abstract_actor* raw(const caf::actor& x) {
    return caf::actor_cast<caf::strong_actor_ptr>(x)->get();
  }

  void schedule(time_point t, const caf::actor& to, const std::string& what) {
    clock.schedule_message(t, caf::actor_cast<caf::strong_actor_ptr>(to),
                           caf::make_mailbox_element(nullptr, caf::make_message_id(), {}, what));
  }

  std::vector<std::string> fire(time_point at) {
    clock.fire(at);
    sched.run();
    return std::exchange(log.heard, {});
  }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(request_clock_test, clock_fixture)

BOOST_AUTO_TEST_CASE(a_message_comes_when_it_is_due_and_never_before) {
  schedule(now + 2s, hearer, "hello");
  BOOST_TEST(fire(now + 2s - 1ms).empty());
  auto heard = fire(now + 2s + 2 * request_clock::slot_length);
  BOOST_REQUIRE_EQUAL(heard.size(), 1u);
  BOOST_TEST(heard.front() == "hello");
  BOOST_TEST(fire(now + 10s).empty());
  BOOST_TEST(clock.size() == 0u);
}

BOOST_AUTO_TEST_CASE(what_is_due_after_more_than_a_round_of_slots_waits_for_its_round) {
  schedule(now + 30min, hearer, "late");
  schedule(now + 2s, hearer, "soon");
  std::vector<std::string> heard;
  auto at = now;
  for (; heard.size() < 2 && at < now + 31min; at += 5s)
    for (auto& x : fire(at))
      heard.push_back(x);
  BOOST_REQUIRE_EQUAL(heard.size(), 2u);
  BOOST_TEST(heard[0] == "soon");
  BOOST_TEST(heard[1] == "late");
  BOOST_TEST((at >= now + 30min));
}

BOOST_AUTO_TEST_CASE(after_a_long_pause_everything_that_is_due_comes_in_its_order) {
  schedule(now + 300s, hearer, "third");
  schedule(now + 100s, hearer, "second");
  schedule(now + 3s, hearer, "first");
  auto heard = fire(now + 1000s);
  BOOST_REQUIRE_EQUAL(heard.size(), 3u);
  BOOST_TEST(heard[0] == "first");
  BOOST_TEST(heard[1] == "second");
  BOOST_TEST(heard[2] == "third");
}

BOOST_AUTO_TEST_CASE(what_would_be_in_the_past_of_the_slots_comes_with_the_next_look) {
  fire(now + 100s); // the clock has looked that far
  schedule(now + 2s, hearer, "overdue");
  BOOST_TEST(fire(now + 100s + 2 * request_clock::slot_length).size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_request_that_nobody_answers_ends_with_its_time_limit) {
  auto mute = spawn([](caf::event_based_actor* me) -> caf::behavior {
    auto promise = std::make_shared<std::vector<caf::response_promise>>();
    return {[=](int) { promise->push_back(me->make_response_promise()); }};
  });
  std::string outcome;
  spawn([&, this](caf::event_based_actor* me) -> caf::behavior {
    // The limit of the scheduler's own clock stays out of reach: only ours can end it.
    auto request = me->request(mute, 60min, 1);
    clock.set_request_timeout(now + 5s, me, request.id());
    request.then([&](int) { outcome = "answer"; },
                 [&](const caf::error& why) { outcome = caf::to_string(why); });
    return {[](caf::unit_t) {}};
  });
  clock.fire(now + 4s);
  sched.run();
  BOOST_TEST(outcome.empty());
  clock.fire(now + 6s);
  sched.run();
  BOOST_TEST(outcome.find("request_timeout") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(an_actor_that_ends_takes_what_waits_for_it_along) {
  auto other = spawn(listener, &log);
  schedule(now + 5s, hearer, "to the first");
  schedule(now + 6s, other, "to the other");
  clock.set_request_timeout(now + 5s, raw(hearer), caf::make_message_id(7));
  BOOST_TEST(clock.size() == 3u);
  clock.cancel_timeouts(raw(hearer));
  BOOST_TEST(clock.size() == 1u);
  auto heard = fire(now + 10s);
  BOOST_REQUIRE_EQUAL(heard.size(), 1u);
  BOOST_TEST(heard.front() == "to the other");
}

BOOST_AUTO_TEST_CASE(one_time_limit_can_be_withdrawn) {
  clock.set_request_timeout(now + 5s, raw(hearer), caf::make_message_id(7));
  clock.set_request_timeout(now + 5s, raw(hearer), caf::make_message_id(8));
  clock.cancel_request_timeout(raw(hearer), caf::make_message_id(7));
  BOOST_TEST(clock.size() == 1u);
  clock.cancel_request_timeout(raw(hearer), caf::make_message_id(9));
  BOOST_TEST(clock.size() == 1u);
}

BOOST_AUTO_TEST_CASE(what_is_due_soon_goes_to_the_precise_clock) {
  schedule(caf::actor_clock::clock_type::now() + 100ms, hearer, "soon");
  BOOST_TEST(clock.size() == 0u);
  BOOST_TEST(sched.clock().schedule().size() == 1u);
}

BOOST_AUTO_TEST_CASE(what_waits_when_the_clock_ends_is_let_go) {
  {
    request_clock other{sched.clock()};
    other.set_request_timeout(now + 5s, raw(hearer), caf::make_message_id(7));
  }
  BOOST_TEST(fire(now + 10s).empty());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(scheduler_test)

/// The real thing on real threads: an answer, a message in time, and a time limit.
BOOST_AUTO_TEST_CASE(a_system_runs_on_the_scheduler) {
  caf::actor_system_config config;
  config.load<scheduler>();
  caf::actor_system system{config};
  caf::scoped_actor self{system};
  auto echo = system.spawn([](caf::event_based_actor* me) -> caf::behavior {
    auto kept = std::make_shared<std::vector<caf::response_promise>>();
    return {
      [](int x) { return x + 1; },
      [=](const std::string&) { kept->push_back(me->make_response_promise()); },
    };
  });
  self->request(echo, 5s, 41)
    .receive([](int x) { BOOST_TEST(x == 42); },
             [](const caf::error& why) { BOOST_ERROR(to_string(why)); });
  auto asker = system.spawn([echo](caf::event_based_actor* me) -> caf::behavior {
    return {[=](int) {
      auto promise = me->make_response_promise();
      me->request(echo, request_clock::coarse_from + 1ms, std::string{"keep it"})
        .then([](int) {},
              [=](const caf::error& why) mutable { promise.deliver(caf::to_string(why)); });
      return promise;
    }};
  });
  self->request(asker, 10s, 1)
    .receive([](const std::string& x) { BOOST_TEST(x.find("timeout") != std::string::npos); },
             [](const caf::error& why) { BOOST_ERROR(to_string(why)); });
  self->send_exit(echo, caf::exit_reason::user_shutdown);
  self->send_exit(asker, caf::exit_reason::user_shutdown);
}

BOOST_AUTO_TEST_SUITE_END()
