#include "core/mcp/event_ring.hpp"

#include <boost/test/unit_test.hpp>

using namespace callboard::mcp;

BOOST_AUTO_TEST_SUITE(event_ring_test)

BOOST_AUTO_TEST_CASE(ids_say_their_stream_and_are_read_strictly) {
  BOOST_TEST(to_string(event_id{7, 12}) == "7-12");
  BOOST_TEST((parse_event_id("7-12") == event_id{7, 12}));
  for (auto* bad :
       {"", "-", "7", "7-", "-7", "7-x", "7-1-2", "+7-1", " 7-1", "99999999999999999999-1"})
    BOOST_TEST(!parse_event_id(bad).has_value(), bad);
}

BOOST_AUTO_TEST_CASE(only_the_stream_of_the_last_event_is_replayed) {
  event_ring ring;
  auto first = ring.add(1, "a");
  ring.add(2, "b");
  ring.add(1, "c");
  auto rest = ring.after(first);
  BOOST_REQUIRE(rest.has_value());
  BOOST_REQUIRE(rest->size() == 1u);
  BOOST_TEST(rest->front().message == "c");
  BOOST_TEST(ring.after(rest->front().id)->empty());
  BOOST_TEST(!ring.after({1, 99}).has_value());
}

BOOST_AUTO_TEST_CASE(the_oldest_go_when_there_are_too_many) {
  event_ring ring;
  auto first = ring.add(1, "first");
  auto second = ring.add(1, "second");
  for (std::size_t i = 0; i < event_ring::events_max - 1; ++i)
    ring.add(2, "x");
  BOOST_TEST(ring.size() == event_ring::events_max);
  BOOST_TEST(ring.after(first)->size() == 1u);
  ring.add(2, "x");
  BOOST_TEST(!ring.after(first).has_value()); // the second is gone, so there is a hole
  BOOST_TEST(ring.after(second)->empty());
}

BOOST_AUTO_TEST_CASE(bytes_are_bounded_but_the_newest_event_stays) {
  event_ring ring;
  for (int i = 0; i < 5; ++i)
    ring.add(1, std::string(event_ring::bytes_max / 3, 'x'));
  BOOST_TEST(ring.bytes() <= event_ring::bytes_max);
  auto last = ring.add(2, std::string(2 * event_ring::bytes_max, 'x'));
  BOOST_TEST(ring.size() == 1u);
  BOOST_TEST(ring.after({2, last.number - 1})->size() == 1u);
  ring.forget(2);
  BOOST_TEST(ring.bytes() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
