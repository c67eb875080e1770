#include "core/base/json.hpp"

#include <string>

#include <boost/test/unit_test.hpp>

#include "core/base/limits.hpp"

using namespace callboard;

BOOST_AUTO_TEST_SUITE(json_test)

BOOST_AUTO_TEST_CASE(valid_texts_keep_their_value_and_order) {
  auto x = parse_json(R"({"b":1,"a":[true,null,-2.5e1,"\u00e9"],"c":{"d":18446744073709551615}})");
  BOOST_REQUIRE(x);
  BOOST_TEST(json::serialize(*x)
             == R"({"b":1,"a":[true,null,-2.5E1,"é"],"c":{"d":18446744073709551615}})");
}

BOOST_AUTO_TEST_CASE(texts_that_others_would_let_pass_are_refused) {
  const std::string nested(limits::json_depth_max + 1, '[');
  const std::string million(1'000'000, '[');
  const std::string digits(100'000, '9');
  for (const std::string& bad : {std::string{"1e400"},
                                 std::string{"-1e400"},
                                 std::string{"NaN"},
                                 std::string{"Infinity"},
                                 std::string{R"({"a":1,"a":2})"},
                                 std::string{R"({"x":[{"a":1,"b":2,"a":{"c":1}}]})"},
                                 std::string{R"(["a\u0000b"])"},
                                 std::string{R"({"a\u0000":1})"},
                                 std::string{"18446744073709551616"},
                                 std::string{"-9223372036854775809"},
                                 digits,
                                 nested,
                                 million,
                                 std::string{""},
                                 std::string{"{} {}"},
                                 std::string{"{\"a\":1,}"},
                                 std::string{"\xef\xbb\xbf{}"},
                                 std::string{"\"\xff\""},
                                 std::string{"\"\xc0\x80\""},
                                 std::string{R"("\ud800")"},
                                 std::string{"\"\x01\""},
                                 std::string{"tru"},
                                 std::string{"'a'"},
                                 std::string{"// c\n1"}}) {
    auto x = parse_json(bad);
    BOOST_TEST_CONTEXT(bad.substr(0, 40)) {
      BOOST_REQUIRE(!x);
      BOOST_TEST(to_string(code_of(x.error())) == "invalid_json");
    }
  }
}

BOOST_AUTO_TEST_CASE(large_exact_numbers_pass) {
  BOOST_TEST(parse_json("9223372036854775807").value().as_int64() == 9223372036854775807);
  BOOST_TEST(parse_json("1.0").value().as_double() == 1.0);
  BOOST_TEST(parse_json("1e3").value().as_double() == 1000.0);
}

BOOST_AUTO_TEST_CASE(only_a_real_nul_is_refused) {
  BOOST_TEST(parse_json(R"(["\\u0000","\u00e9"])").value().at(0).as_string() == R"(\u0000)");
  BOOST_TEST(!parse_json(R"(["\\u0000","\u0000"])"));
  BOOST_TEST(!parse_json(R"({"long enough to be given in parts \n\u0000":1})"));
}

BOOST_AUTO_TEST_CASE(a_value_lives_in_the_memory_it_was_given) {
  json::monotonic_resource memory;
  std::string deep; // more open values than the parser has room for without the heap
  for (int i = 0; i < 30; ++i)
    deep += R"({"a":1,"b":)";
  deep += R"(["x"])" + std::string(30, '}');
  auto x = parse_json(deep, &memory).value();
  BOOST_TEST(json::serialize(x) == deep);
  BOOST_TEST((x.at("b").at("b").storage() == json::storage_ptr{&memory}));
  BOOST_TEST(!parse_json(deep.substr(1), &memory));
  BOOST_TEST((parse_json(deep).value().storage() == json::storage_ptr{}));
}

BOOST_AUTO_TEST_CASE(accessors_answer_only_for_the_right_type) {
  auto x = parse_json_object(R"({"s":"t","n":3,"f":1.5,"b":true,"o":{},"a":[]})").value();
  BOOST_TEST(find_string(x, "s").value() == "t");
  BOOST_TEST(!find_string(x, "n"));
  BOOST_TEST(find_integer(x, "n").value() == 3);
  BOOST_TEST(!find_integer(x, "f"));
  BOOST_TEST(!find_integer(x, "s"));
  BOOST_TEST(find_bool(x, "b").value());
  BOOST_TEST(find_object(x, "o") != nullptr);
  BOOST_TEST(find_array(x, "a") != nullptr);
  BOOST_TEST(find_array(x, "o") == nullptr);
  BOOST_TEST(find(x, "none") == nullptr);
  BOOST_TEST(!parse_json_object("[]"));
}

BOOST_AUTO_TEST_SUITE_END()
