#include "core/connectors/json_path.hpp"

#include <boost/test/unit_test.hpp>

using namespace callboard;
using namespace callboard::connectors;

namespace {

json::value parsed(std::string_view text) { return parse_json(text).value(); }

std::string selected(std::string_view text, const std::vector<std::string>& paths) {
  std::vector<json_path> list;
  for (auto& path : paths)
    list.push_back(json_path::parse(path).value());
  return json::serialize(json_selection{list}.reduce(parsed(text)));
}

} // namespace

BOOST_AUTO_TEST_SUITE(json_path_test)

BOOST_AUTO_TEST_CASE(a_pointer_finds_members_elements_and_escaped_names) {
  auto root = parsed(R"({"a":[{"b":1},2],"x/y":3,"m~n":4,"":5})");
  for (auto& [pointer, wanted] :
       std::vector<std::pair<std::string, std::string>>{{"", json::serialize(root)},
                                                        {"/a/0/b", "1"},
                                                        {"/a/1", "2"},
                                                        {"/x~1y", "3"},
                                                        {"/m~0n", "4"},
                                                        {"/", "5"}}) {
    BOOST_TEST_CONTEXT(pointer) {
      auto x = json_pointer::parse(pointer).value();
      BOOST_TEST(x.to_string() == pointer);
      auto* found = x.find_in(root);
      BOOST_REQUIRE(found != nullptr);
      BOOST_TEST(json::serialize(*found) == wanted);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_pointer_to_nowhere_finds_nothing) {
  auto root = parsed(R"({"a":[1]})");
  for (auto* pointer : {"/b", "/a/1", "/a/-", "/a/01", "/a/x", "/a/0/c", "/a/99999999999"})
    BOOST_TEST_CONTEXT(pointer)
  BOOST_TEST(json_pointer::parse(pointer).value().find_in(root) == nullptr);
}

BOOST_AUTO_TEST_CASE(bad_pointers_and_paths_are_refused) {
  for (auto* bad : {"a", "/a~", "/a~2", "x/y"}) {
    BOOST_TEST_CONTEXT(bad) {
      BOOST_TEST(!json_pointer::parse(bad));
      BOOST_TEST(!json_path::parse(bad));
    }
  }
  BOOST_TEST(!json_path::parse(""));
}

BOOST_AUTO_TEST_CASE(selection_keeps_the_nesting_and_leaves_out_the_rest) {
  BOOST_TEST(selected(R"({"n":1,"u":{"login":"a","id":2},"l":[{"name":"x","c":1},{"name":"y"}]})",
                      {"/n", "/u/login", "/l/*/name", "/absent/x"})
             == R"({"n":1,"u":{"login":"a"},"l":[{"name":"x"},{"name":"y"}]})");
}

BOOST_AUTO_TEST_CASE(a_star_goes_through_maps_but_not_as_first_name) {
  BOOST_TEST(selected(R"({"files":{"a.md":{"f":1,"g":2},"b.md":{"f":3}}})", {"/files/*/f"})
             == R"({"files":{"a.md":{"f":1},"b.md":{"f":3}}})");
  BOOST_TEST(selected(R"({"name":"file","links":{"name":"no"}})", {"/name", "/*/name"})
             == R"({"name":"file"})");
  BOOST_TEST(selected(R"([{"name":"a","x":1},{"y":2},3,null])", {"/name", "/*/name"})
             == R"([{"name":"a"},{},null,null])");
}

BOOST_AUTO_TEST_CASE(a_star_counts_for_members_that_are_named_as_well) {
  BOOST_TEST(selected(R"({"m":{"a":{"x":1,"y":2,"z":3},"b":{"x":4,"y":5}}})", {"/m/*/x", "/m/a/y"})
             == R"({"m":{"a":{"x":1,"y":2},"b":{"x":4}}})");
  BOOST_TEST(selected(R"({"m":{"a":{"x":1},"b":2}})", {"/m/a/x", "/m/*"})
             == R"({"m":{"a":{"x":1},"b":2}})");
  BOOST_TEST(selected(R"({"m":[{"x":1}]})", {"/m/0/x"}) == "{}");
}

BOOST_AUTO_TEST_CASE(a_reduced_value_keeps_its_order_and_memory) {
  json::monotonic_resource memory;
  auto x = parse_json(R"({"c":1,"b":2,"a":[{"y":1}]})", &memory).value();
  auto kept =
    json_selection{{json_path::parse("/a/*/x").value(), json_path::parse("/c").value()}}.reduce(
      std::move(x));
  BOOST_TEST(json::serialize(kept) == R"({"c":1,"a":[{}]})");
  BOOST_TEST((kept.storage() == json::storage_ptr{&memory}));
}

BOOST_AUTO_TEST_CASE(a_shorter_path_wins_over_a_longer_one) {
  BOOST_TEST(selected(R"({"a":{"b":1,"c":2}})", {"/a/b", "/a"}) == R"({"a":{"b":1,"c":2}})");
}

BOOST_AUTO_TEST_CASE(nothing_selected_leaves_an_empty_value) {
  BOOST_TEST(selected(R"({"a":1})", {"/b"}) == "{}");
  BOOST_TEST(selected(R"([1,2])", {"/b"}) == "[]");
  BOOST_TEST(selected("3", {"/b"}) == "{}");
}

BOOST_AUTO_TEST_CASE(null_values_are_selected_as_null) {
  BOOST_TEST(selected(R"({"a":null})", {"/a"}) == R"({"a":null})");
  BOOST_TEST(selected(R"({"a":null})", {"/a/b"}) == "{}");
}

BOOST_AUTO_TEST_CASE(texts_lose_their_quotes_and_others_stay_json) {
  BOOST_TEST(to_text(parsed(R"("a\"b")")) == "a\"b");
  BOOST_TEST(to_text(parsed("12")) == "12");
  BOOST_TEST(to_text(parsed("true")) == "true");
  BOOST_TEST(to_text(parsed("[1]")) == "[1]");
}

BOOST_AUTO_TEST_SUITE_END()
