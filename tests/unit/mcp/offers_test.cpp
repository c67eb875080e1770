#include "core/mcp/offers.hpp"

#include <boost/test/unit_test.hpp>

using namespace callboard;
using namespace callboard::mcp;

namespace {

json::array items(const char* text) { return json::parse(text).as_array(); }

} // namespace

BOOST_AUTO_TEST_SUITE(offers_test)

BOOST_AUTO_TEST_CASE(lists_are_merged_in_order_and_filtered) {
  const std::vector<offer_share> shares{
    {"a", items(R"([{"name":"x"},{"name":"y"}])")},
    {"b", items(R"([{"name":"y","title":"second"},{"name":"z"},{"title":"nameless"}])")}};
  BOOST_TEST(json::serialize(merge_items(shares, listed::tools, {}))
             == R"([{"name":"x"},{"name":"y"},{"name":"z"}])");
  auto filter = tool_filter::read(R"([["b/*"]])");
  BOOST_TEST(json::serialize(merge_items(shares, listed::tools, filter))
             == R"([{"name":"y","title":"second"},{"name":"z"}])");
  // Only tools are filtered.
  BOOST_TEST(merge_items(shares, listed::prompts, filter).size() == 3u);
  BOOST_TEST(owner_of(shares, listed::tools, "y") == "a");
  BOOST_TEST(owner_of(shares, listed::tools, "z") == "b");
  BOOST_TEST(owner_of(shares, listed::tools, "q") == "");
}

BOOST_AUTO_TEST_CASE(templates_fit_their_uris) {
  struct row {
    const char* uri_template;
    const char* uri;
    bool fits;
  };
  const row rows[]{
    {"test://template/{id}/data", "test://template/123/data", true},
    {"test://template/{id}/data", "test://template//data", false},
    {"test://template/{id}/data", "test://template/1/datas", false},
    {"a:{x}", "a:b", true},
    {"a:{x}", "a:", false},
    {"a:{x}-{y}", "a:1-2", true},
    {"a:{x}-{y}", "a:12", false},
    {"a:b", "a:b", true},
    {"a:b", "a:c", false},
    {"a:{x", "a:b", false},
  };
  for (auto& x : rows)
    BOOST_TEST(fits_template(x.uri_template, x.uri) == x.fits, x.uri_template << " " << x.uri);
}

BOOST_AUTO_TEST_CASE(capabilities_are_joined) {
  std::vector<json::object> servers{
    json::parse(R"({"capabilities":{"tools":{"listChanged":false}}})").as_object(),
    json::parse(R"({"capabilities":{"tools":{"listChanged":true},"prompts":{}}})").as_object(),
    json::parse(R"({})").as_object()};
  BOOST_TEST(json::serialize(merge_capabilities(servers))
             == R"({"tools":{"listChanged":true},"prompts":{}})");
}

BOOST_AUTO_TEST_CASE(long_lists_come_in_pages) {
  json::array all;
  for (std::size_t i = 0; i < 2 * page_items_max + 1; ++i)
    all.push_back(json::object{{"name", std::to_string(i)}});
  std::size_t seen = 0;
  json::object params;
  for (int page = 0; page < 3; ++page) {
    auto result = page_of(all, listed::tools, params);
    BOOST_REQUIRE(result);
    seen += result->at("tools").as_array().size();
    BOOST_TEST(result->contains("nextCursor") == (page < 2));
    if (page < 2)
      params["cursor"] = result->at("nextCursor");
  }
  BOOST_TEST(seen == all.size());
  BOOST_TEST(static_cast<bool>(page_of({}, listed::tools, {{"cursor", ""}})));
  BOOST_TEST(static_cast<bool>(page_of({}, listed::tools, {{"cursor", nullptr}})));
  for (auto& bad : {json::value("abc"), json::value("ZnJvbTo="), json::value("ZnJvbTo5OTk5OQ=="),
                    json::value(3)})
    BOOST_TEST(!page_of(all, listed::tools, {{"cursor", bad}}));
}

BOOST_AUTO_TEST_SUITE_END()
