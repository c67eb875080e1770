#include "core/webhooks/events.hpp"

#include <boost/test/unit_test.hpp>

using namespace callboard::webhooks;

BOOST_AUTO_TEST_SUITE(events_test)

BOOST_AUTO_TEST_CASE(charges_are_told_only_to_those_who_ask) {
  BOOST_TEST(event_types().size() == default_event_types().size() + 1);
  for (auto type : default_event_types())
    BOOST_TEST(type != "budget.debited");
  BOOST_TEST(is_event_type("budget.debited"));
  BOOST_TEST(is_event_type("budget.low_balance"));
}

BOOST_AUTO_TEST_CASE(what_is_no_event_type_is_told_apart) {
  for (auto x :
       {"", "budget", "budget.", "budget.low_balance ", "BUDGET.LOW_BALANCE", "*", "webhook.test"})
    BOOST_TEST(!is_event_type(x), x);
}

BOOST_AUTO_TEST_SUITE_END()
