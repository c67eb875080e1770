#include "core/billing/tool_charge.hpp"

#include <boost/test/unit_test.hpp>

using namespace callboard;
using namespace callboard::billing;

BOOST_AUTO_TEST_SUITE(tool_charge_test)

BOOST_AUTO_TEST_CASE(a_batch_is_one_array_per_column) {
  tool_charge whole{{"h1"}, {"b"}, {"ann"}, "github_get_issue", {"req_1"}, "9", {1500}};
  whole.provider = "github";
  whole.latency_ms = 12;
  whole.status = "provider_error";
  whole.error_message = std::string{"It said \"no\"\0.", 14};
  const tool_charge bare{{"h2"}, {"b"}, {}, "x", {"req_2"}, {}, {0}};
  auto values = settle_values({whole, bare}, 100);
  std::vector<std::string> texts;
  for (const auto& x : values)
    texts.push_back(x.data);
  const std::vector<std::string> expected{R"({"h1","h2"})",
                                          R"({"b","b"})",
                                          R"({"ann",NULL})",
                                          R"({"github_get_issue","x"})",
                                          R"({"github",NULL})",
                                          R"({"req_1","req_2"})",
                                          R"({"9",NULL})",
                                          "{1500,0}",
                                          "{12,0}",
                                          R"({"provider_error","success"})",
                                          R"({"It said \"no\" .",NULL})",
                                          "100",
                                          "",
                                          ""};
  BOOST_TEST(texts == expected, boost::test_tools::per_element());
  BOOST_TEST((values.at(12).as == store_value::form::null));
  BOOST_TEST((values.at(13).as == store_value::form::null));
  whole.resends = 2;
  values = settle_values({bare, whole}, 100, 3);
  BOOST_TEST(values.at(12).data == "{0,2}");
  BOOST_TEST(values.at(13).data == "3");
}

BOOST_AUTO_TEST_SUITE_END()
