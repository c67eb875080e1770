#include "core/mcp/mirror.hpp"

#include <boost/test/unit_test.hpp>

using namespace callboard;
using namespace callboard::mcp;

namespace {

json::object object(const std::string& text) { return json::parse(text).as_object(); }

} // namespace

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
    {"a\tb", "=?base64?YQli?="},
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

BOOST_AUTO_TEST_CASE(arguments_are_mirrored_from_their_exact_place) {
  auto properties = mirrored_properties(object(
    R"({"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"},
        "plain":{"type":"string"},
        "deep":{"type":"object","properties":{"n":{"type":"integer","x-mcp-header":"N"},
        "flag":{"type":"boolean","x-mcp-header":"Flag"}}}}})"));
  BOOST_REQUIRE(properties);
  BOOST_REQUIRE(properties->size() == 3u);
  auto arguments = object(R"({"region":"eu","deep":{"n":-7,"flag":true},"n":1,"plain":"x"})");
  auto headers = mirror_arguments(*properties, arguments);
  BOOST_TEST(headers.size() == 3u);
  BOOST_TEST(find_header(headers, "mcp-param-region").value_or("") == "eu");
  BOOST_TEST(find_header(headers, "mcp-param-n").value_or("") == "-7");
  BOOST_TEST(find_header(headers, "mcp-param-flag").value_or("") == "true");
  BOOST_TEST(mirror_arguments(*properties, object(R"({"region":null,"deep":[]})")).empty());
  // What one side of the gateway writes the other accepts.
  BOOST_TEST(!check_mirrored(headers, *properties, arguments).has_value());
  headers.pop_back();
  BOOST_TEST(check_mirrored(headers, *properties, arguments).has_value());
}

BOOST_AUTO_TEST_CASE(a_broken_annotation_refuses_the_tool) {
  for (auto schema :
       {R"({"properties":{"a":{"type":"string","x-mcp-header":""}}})",
        R"({"properties":{"a":{"type":"string","x-mcp-header":"a b"}}})",
        R"({"properties":{"a":{"type":"number","x-mcp-header":"A"}}})",
        R"({"properties":{"a":{"type":"object","x-mcp-header":"A"}}})",
        R"({"properties":{"a":{"type":"string","x-mcp-header":5}}})",
        R"({"properties":{"a":{"type":"string","x-mcp-header":"A"},
            "b":{"type":"string","x-mcp-header":"a"}}})",
        R"({"properties":{"a":{"type":"array","items":{"type":"string","x-mcp-header":"A"}}}})",
        R"({"oneOf":[{"properties":{"a":{"type":"string","x-mcp-header":"A"}}}]})",
        R"({"$defs":{"d":{"type":"string","x-mcp-header":"A"}}})"})
    BOOST_TEST(!mirrored_properties(object(schema)), schema);
  BOOST_TEST(
    mirrored_properties(object(R"({"properties":{"x-mcp-header":{"type":"string"}}})"))->empty());
  auto longest = [](std::size_t bytes) {
    return object(R"({"properties":{"a":{"type":"string","x-mcp-header":")"
                  + std::string(bytes, 'x') + R"("}}})");
  };
  BOOST_TEST(mirrored_properties(longest(96))->size() == 1u);
  BOOST_TEST(!mirrored_properties(longest(97)));
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
  const std::vector<mirrored_property> properties{{{"v"}, "Mcp-Param-V"}};
  for (auto& x : rows) {
    http_headers headers{{"Mcp-Param-Other", "ignored"}};
    if (x.header)
      headers.push_back({"mcp-param-v", x.header});
    auto arguments = json::parse(x.arguments).as_object();
    BOOST_TEST(!check_mirrored(headers, properties, arguments).has_value() == x.good,
               x.arguments << " with " << (x.header ? x.header : "none"));
  }
  http_headers twice{{"Mcp-Param-V", "eu"}, {"Mcp-Param-V", "eu"}};
  BOOST_TEST(check_mirrored(twice, properties, {{"v", "eu"}}).has_value());
}

BOOST_AUTO_TEST_SUITE_END()
