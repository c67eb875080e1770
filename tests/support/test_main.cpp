#define BOOST_TEST_MODULE callboard
#include <boost/test/unit_test.hpp>
