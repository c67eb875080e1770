#include "core/base/wait_meter.hpp"

#include <boost/test/unit_test.hpp>

using namespace callboard;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(wait_meter_test)

BOOST_AUTO_TEST_CASE(waits_add_up) {
  wait_meter::time_point start{100h};
  wait_meter x;
  BOOST_TEST((x.total(start) == 0us));
  x.begin(start);
  BOOST_TEST((x.total(start + 3s) == 3s));
  x.end(start + 5s);
  BOOST_TEST((x.total(start + 9s) == 5s));
  x.begin(start + 10s);
  x.end(start + 11s);
  BOOST_TEST((x.total(start + 12s) == 6s));
}

BOOST_AUTO_TEST_CASE(waits_at_the_same_time_count_once) {
  wait_meter::time_point start{100h};
  wait_meter x;
  x.begin(start);
  x.begin(start + 1s);
  x.end(start + 4s);
  BOOST_TEST((x.total(start + 5s) == 5s));
  x.end(start + 6s);
  BOOST_TEST((x.total(start + 9s) == 6s));
}

BOOST_AUTO_TEST_CASE(an_end_without_a_beginning_is_nothing) {
  wait_meter::time_point start{100h};
  wait_meter x;
  x.end(start);
  x.begin(start + 1s);
  x.end(start + 2s);
  x.end(start + 3s);
  BOOST_TEST((x.total(start + 9s) == 1s));
}

BOOST_AUTO_TEST_SUITE_END()
