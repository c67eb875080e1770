#include "actors/memory_return.hpp"

#include <boost/test/unit_test.hpp>

using namespace callboard;

BOOST_AUTO_TEST_SUITE(memory_return_test)

BOOST_AUTO_TEST_CASE(memory_is_due_when_enough_have_ended) {
  memory_return x;
  BOOST_TEST(!x.is_due(0));
  BOOST_TEST(!x.is_due(2000));
  BOOST_TEST(!x.is_due(2000 - memory_return::ended_min + 1));
  BOOST_TEST(x.is_due(2000 - memory_return::ended_min));
}

BOOST_AUTO_TEST_CASE(after_it_was_due_others_have_to_end) {
  memory_return x;
  BOOST_TEST(!x.is_due(5000));
  BOOST_TEST(x.is_due(2500));
  BOOST_TEST(!x.is_due(2500));
  BOOST_TEST(!x.is_due(1501));
  BOOST_TEST(x.is_due(1500));
  BOOST_TEST(!x.is_due(501));
}

BOOST_AUTO_TEST_CASE(a_crowd_that_came_and_went_between_two_looks_counts) {
  memory_return x;
  BOOST_TEST(!x.is_due(10));
  x.note(2000);
  x.note(1999);
  BOOST_TEST(x.is_due(10));
}

BOOST_AUTO_TEST_CASE(who_comes_anew_does_not_hide_who_has_gone) {
  memory_return x;
  BOOST_TEST(!x.is_due(3000));
  BOOST_TEST(!x.is_due(2500));
  BOOST_TEST(!x.is_due(2800));
  BOOST_TEST(x.is_due(2000));
}

BOOST_AUTO_TEST_CASE(a_large_crowd_that_leaves_makes_it_due_a_few_times) {
  memory_return x;
  int times = 0;
  for (std::size_t live = 100'000; live > 0; live -= 100)
    times += x.is_due(live) ? 1 : 0;
  BOOST_TEST(times > 5);
  BOOST_TEST(times < 30);
}

BOOST_AUTO_TEST_SUITE_END()
