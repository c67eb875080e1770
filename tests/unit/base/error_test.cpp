#include "core/base/error.hpp"

#include <set>

#include <boost/test/unit_test.hpp>
#include <caf/sec.hpp>

using namespace callboard;

BOOST_AUTO_TEST_SUITE(error_test)

BOOST_AUTO_TEST_CASE(an_error_carries_code_text_and_parameter) {
  auto x = make_problem(errc::invalid_field, "title is missing", "title");
  BOOST_TEST((code_of(x) == errc::invalid_field));
  BOOST_TEST(message_of(x) == "title is missing");
  BOOST_TEST(param_of(x) == "title");
  BOOST_TEST(param_of(caf::make_error(errc::not_found)) == "");
}

BOOST_AUTO_TEST_CASE(texts_meant_for_logs_stay_there) {
  auto x = make_problem(errc::internal, "SELECT secret FROM wallet");
  BOOST_TEST(message_of(x).find("SELECT") == std::string::npos);
  BOOST_TEST((code_of(caf::make_error(caf::sec::request_timeout)) == errc::timeout));
  BOOST_TEST((code_of(caf::make_error(caf::sec::unexpected_message)) == errc::internal));
}

BOOST_AUTO_TEST_CASE(every_code_has_its_own_wire_name_and_a_status) {
  std::set<std::string> names;
  for (int i = 0; i <= static_cast<int>(errc::internal); ++i) {
    auto x = static_cast<errc>(i);
    BOOST_TEST(names.insert(to_string(x)).second);
    BOOST_TEST(status_of(x) >= 200);
    BOOST_TEST(rpc_code_of(x) < 0);
    BOOST_TEST(!kind_of(x).empty());
  }
}

BOOST_AUTO_TEST_SUITE_END()
