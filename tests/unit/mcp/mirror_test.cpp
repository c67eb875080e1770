#include "core/mcp/mirror.hpp"

#include <boost/test/unit_test.hpp>

using namespace callboard;
using namespace callboard::mcp;

BOOST_AUTO_TEST_SUITE(mirror_test)

BOOST_AUTO_TEST_CASE(values_that_a_header_cannot_hold_are_wrapped) {
  struct row {
    const char* text;
    const char* header;
  };
  const row rows[]{
    {"us-west1", "us-west1"},
    {"Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="},
    {" padded ", "=?base64?IHBhZGRlZCA=?="},
    {"line1\nline2", "=?base64?bGluZTEKbGluZTI=?="},
    {"=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="},
    {"", ""},
  };
  for (auto& x : rows) {
    BOOST_TEST(encode_mirrored(x.text) == x.header);
    BOOST_TEST(decode_mirrored(x.header).value_or("?") == x.text);
  }
  for (auto* bad :
       {"=?base64?***?=", "=?base64?SGVsbG8?=", "caf\xc3\xa9", "a\x01", "=?base64?/w==?="})
    BOOST_TEST(!decode_mirrored(bad), bad);
  // The markers are case-sensitive, so this is a plain text.
  BOOST_TEST(*decode_mirrored("=?BASE64?YQ==?=") == "=?BASE64?YQ==?=");
}

BOOST_AUTO_TEST_CASE(only_properties_reachable_through_properties_count) {
  auto schema = json::parse(R"({"type":"object","properties":{
    "region":{"type":"string","x-mcp-header":"Region"},
    "plain":{"type":"string"},
    "bad":{"type":"string","x-mcp-header":"a b"},
    "options":{"type":"object","properties":{"limit":{"type":"integer","x-mcp-header":"Limit"}}},
    "list":{"type":"array","items":{"type":"string","x-mcp-header":"Item"}}}})")
                  .as_object();
  auto found = mirrored_parameters(schema);
  BOOST_REQUIRE(found.size() == 2u);
  BOOST_TEST(found[0].name == "Region");
  BOOST_TEST(found[1].name == "Limit");
  BOOST_TEST(found[1].path.size() == 2u);
}

BOOST_AUTO_TEST_CASE(a_parameter_header_is_there_exactly_when_its_value_is) {
  struct row {
    const char* header;
    const char* arguments;
    bool good;
  };
  const row rows[]{
    {"eu", R"({"v":"eu"})", true},
    {"eu", R"({"v":"us"})", false},
    {nullptr, R"({"v":"eu"})", false},
    {nullptr, R"({"v":null})", true},
    {nullptr, R"({})", true},
    {"eu", R"({})", false},
    {"eu", R"({"v":null})", false},
    {"42", R"({"v":42})", true},
    {"42.0", R"({"v":42})", true},
    {"9007199254740993", R"({"v":9007199254740993})", true},
    {"43", R"({"v":42})", false},
    {"0x2a", R"({"v":42})", false},
    {"inf", R"({"v":42})", false},
    {"true", R"({"v":true})", true},
    {"True", R"({"v":true})", false},
    {"=?base64?w6Q=?=", R"({"v":"ä"})", true},
    {"=?base64?%%?=", R"({"v":"ä"})", false},
    {"[]", R"({"v":[]})", false},
  };
  const std::vector<mirrored_parameter> parameters{{"V", {"v"}}};
  for (auto& x : rows) {
    http_headers headers{{"Mcp-Param-Other", "ignored"}};
    if (x.header)
      headers.push_back({"mcp-param-v", x.header});
    auto arguments = json::parse(x.arguments).as_object();
    BOOST_TEST(!check_mirrored(headers, parameters, arguments).has_value() == x.good,
               x.arguments << " with " << (x.header ? x.header : "none"));
  }
  http_headers twice{{"Mcp-Param-V", "eu"}, {"Mcp-Param-V", "eu"}};
  BOOST_TEST(check_mirrored(twice, parameters, {{"v", "eu"}}).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
