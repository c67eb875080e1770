#include "core/base/error_body.hpp"

#include <boost/test/unit_test.hpp>

using namespace callboard;

BOOST_AUTO_TEST_SUITE(error_body_test)

BOOST_AUTO_TEST_CASE(the_envelope_has_all_fields) {
  auto problem = make_problem(errc::invalid_field, "Bad.", "tools[0].type");
  BOOST_TEST(error_body(problem, request_id{"req_1"})
             == R"({"error":{"message":"Bad.","type":"invalid_request_error",)"
                R"("param":"tools[0].type","code":"validation_error","request_id":"req_1"}})");
}

BOOST_AUTO_TEST_CASE(an_error_without_field_and_id_has_a_null_param) {
  BOOST_TEST(error_body(make_problem(errc::mcp_unreachable, "Away."), {})
             == R"({"error":{"message":"Away.","type":"server_error","param":null,)"
                R"("code":"mcp_unreachable"}})");
}

BOOST_AUTO_TEST_CASE(money_in_mid_loop_tells_its_reason) {
  auto problem = make_problem(errc::payment_required, "Empty.", "budget_exhausted");
  BOOST_TEST(error_body(problem, {})
             == R"({"error":{"message":"Empty.","type":"payment_required","param":null,)"
                R"("code":"payment_required","reason":"budget_exhausted"}})");
}

BOOST_AUTO_TEST_CASE(internal_texts_stay_inside) {
  auto text = error_body(make_problem(errc::internal, "SELECT secret"), {});
  BOOST_TEST(text.find("SELECT") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(details_join_the_error_but_never_replace_its_own_members) {
  auto problem = with_details(make_problem(errc::wallet_insufficient, "Top it up.", "p"),
                              R"({"balance_usd":"0.000001","code":"other","retry_after":3})");
  auto error = error_object(problem);
  BOOST_TEST(error.at("balance_usd").as_string() == "0.000001");
  BOOST_TEST(error.at("retry_after").as_int64() == 3);
  BOOST_TEST(error.at("code").as_string() == "wallet_insufficient");
  BOOST_TEST(error.at("param").as_string() == "p");
  BOOST_TEST(!error_object(with_details(problem, "not JSON")).contains("balance_usd"));
}

BOOST_AUTO_TEST_SUITE_END()
