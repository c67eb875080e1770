#include "core/base/json_text.hpp"

#include <boost/test/unit_test.hpp>
#include <rapidcheck.h>

#include "core/base/json.hpp"

using namespace callboard;

BOOST_AUTO_TEST_SUITE(json_text_test)

BOOST_AUTO_TEST_CASE(members_keep_their_text) {
  auto text = R"( { "a" : 1.50e0 , "b\u0021":{"x":[1, 2,{"y":"}"}]}, "c":"q\"}," , "d":null } )";
  auto members = members_of(text);
  BOOST_REQUIRE(members.size() == 4u);
  BOOST_TEST(members[0].key == "a");
  BOOST_TEST(members[0].value == "1.50e0");
  BOOST_TEST(members[1].key == "b!");
  BOOST_TEST(members[1].value == R"({"x":[1, 2,{"y":"}"}]})");
  BOOST_TEST(members[2].value == R"("q\"},")");
  BOOST_TEST(members[3].value == "null");
}

BOOST_AUTO_TEST_CASE(what_is_no_object_has_no_members) {
  for (auto text : {"", "[1]", "1", "\"{\"", "null", "{", "{\"a\"", "{\"a\":"})
    BOOST_TEST(members_of(text).size() <= 1u);
  BOOST_TEST(members_of("{}").empty());
  BOOST_TEST(elements_of("[]").empty());
  BOOST_TEST(elements_of("{}").empty());
}

BOOST_AUTO_TEST_CASE(elements_keep_their_text) {
  auto elements = elements_of(R"([ 1.0, "a,]" ,[ ],{"b": 2} ])");
  BOOST_REQUIRE(elements.size() == 4u);
  BOOST_TEST(elements[0] == "1.0");
  BOOST_TEST(elements[1] == R"("a,]")");
  BOOST_TEST(elements[2] == "[ ]");
  BOOST_TEST(elements[3] == R"({"b": 2})");
}

BOOST_AUTO_TEST_CASE(one_member_is_replaced_added_or_left_out) {
  auto text = R"({"a":1.0,"b":2})";
  BOOST_TEST(with_member(text, "a", "9") == R"({"a":9,"b":2})");
  BOOST_TEST(with_member(text, "c", "[]") == R"({"a":1.0,"b":2,"c":[]})");
  BOOST_TEST(without_member(text, "b") == R"({"a":1.0})");
  BOOST_TEST(without_member(text, "z") == text);
  BOOST_TEST(with_member("{}", "k\"", "1") == R"({"k\"":1})");
}

BOOST_AUTO_TEST_CASE(only_strings_have_characters) {
  BOOST_TEST(string_from(R"("a\nb")").value() == "a\nb");
  BOOST_TEST(!string_from("1"));
  BOOST_TEST(!string_from("null"));
  BOOST_TEST(!string_from("\"open"));
}

BOOST_AUTO_TEST_CASE(taking_an_object_apart_and_building_it_again_changes_no_value) {
  rc::check([](const std::map<std::string, std::vector<std::string>>& given) {
    json::object object;
    for (auto& [key, values] : given) {
      RC_PRE(key.find('\0') == std::string::npos);
      json::array list;
      for (auto& value : values)
        list.emplace_back(static_cast<std::int64_t>(value.size()));
      object[to_std(json::string{std::to_string(key.size()) + "\"\\{}[],:"})] = std::move(list);
    }
    auto text = json::serialize(object);
    object_writer out;
    for (auto& member : members_of(text))
      out.add(member.key, member.value);
    RC_ASSERT(json::parse(std::move(out).finish()) == json::value(object));
  });
}

BOOST_AUTO_TEST_SUITE_END()
