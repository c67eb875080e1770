#include "core/connectors/transform.hpp"

#include <rapidcheck.h>

#include <boost/test/unit_test.hpp>

#include "core/base/digest.hpp"

using namespace callboard;
using namespace callboard::connectors;

namespace {

result<json::value> applied(std::string_view transform_text, std::string_view value) {
  auto x = parse_transform(transform_text);
  BOOST_REQUIRE_MESSAGE(x, transform_text);
  return apply(*x, parse_json(value).value());
}

struct row {
  const char* transform_text;
  const char* value;
  const char* wanted;
};

} // namespace

BOOST_AUTO_TEST_SUITE(transform_test)

BOOST_AUTO_TEST_CASE(every_transform_changes_its_value_as_described) {
  const row rows[]{
    {"prefix:refs/heads/", R"("feature/x")", R"("refs/heads/feature/x")"},
    {"prefix:#", "5", R"("#5")"},
    {"map_values:content", R"({"a.md":"A","b":"B"})",
     R"({"a.md":{"content":"A"},"b":{"content":"B"}})"},
    {"map_values:content", "{}", "{}"},
    {"base64", R"("h\u00e9")", R"("aMOp")"},
    {"base64", R"("")", R"("")"},
    {"json", R"({"a":[1,"b"]})", R"("{\"a\":[1,\"b\"]}")"},
    {"json", R"("t")", R"("\"t\"")"},
    {"slug", R"("  My  New\tChannel ")", R"("my-new-channel")"},
    {"slug", R"("")", R"("")"},
    {"join:,", R"(["a",1,true])", R"("a,1,true")"},
    {"join:, ", R"(["a","b"])", R"("a, b")"},
    {"join:,", "[]", R"("")"},
    {"join:,", R"("a")", R"("a")"},
    {"trim::", R"(":thumbs:up:")", R"("thumbsup")"},
    {"integer", R"("-42")", "-42"},
    {"integer", "7", "7"},
    {"lower", R"("EN-US")", R"("en-us")"},
    {"ensure_term:type:ticket", R"("printer")", R"("type:ticket printer")"},
    {"ensure_term:type:ticket", R"("a type:ticket")", R"("a type:ticket")"},
    {"ensure_term:type:ticket", R"("")", R"("type:ticket")"},
    {"day_first", R"("2026-02-28")", R"("28/02/2026")"},
    {"day_first", R"("28/02/2026")", R"("28/02/2026")"},
    {"split:/", R"("a/b")", R"("a/b")"},
    {"path_segments", R"("a/b")", R"("a/b")"},
  };
  for (auto& x : rows) {
    BOOST_TEST_CONTEXT(x.transform_text << " of " << x.value) {
      auto got = applied(x.transform_text, x.value);
      BOOST_REQUIRE(got);
      BOOST_TEST(json::serialize(*got) == x.wanted);
    }
  }
}

BOOST_AUTO_TEST_CASE(values_of_the_wrong_kind_are_refused_with_what_is_wanted) {
  const row rows[]{
    {"map_values:x", R"("a")", "must be an object"},
    {"map_values:x", "[]", "must be an object"},
    {"integer", R"("4x")", "must be a whole number"},
    {"integer", R"("")", "must be a whole number"},
    {"integer", "1.5", "must be a whole number"},
    {"integer", R"("99999999999999999999")", "must be a whole number"},
    {"join:,", R"([["a"]])", "must be a list of texts or numbers"},
    {"prefix:x", "{}", "must be a text"},
    {"lower", "[]", "must be a text"},
    {"base64", "null", "must be a text"},
    {"slug", "{}", "must be a text"},
    {"day_first", R"("2026-13-01")", "must be a date like 2026-12-31"},
    {"day_first", R"("2026-00-10")", "must be a date like 2026-12-31"},
    {"day_first", R"("2026-01-32")", "must be a date like 2026-12-31"},
    {"day_first", R"("tomorrow")", "must be a date like 2026-12-31"},
  };
  for (auto& x : rows) {
    BOOST_TEST_CONTEXT(x.transform_text << " of " << x.value) {
      auto got = applied(x.transform_text, x.value);
      BOOST_REQUIRE(!got);
      BOOST_TEST(message_of(got.error()) == x.wanted);
    }
  }
}

BOOST_AUTO_TEST_CASE(unknown_transforms_and_bad_parameters_are_refused) {
  for (auto& [text, part] : std::vector<std::pair<std::string, std::string>>{
         {"upper", "unknown transform \"upper\"; allowed are split:..., prefix:..., "},
         {"", "unknown transform"},
         {"prefix", "needs a parameter"},
         {"prefix:", "needs a parameter"},
         {"split", "needs a parameter"},
         {"lower:x", "takes no parameter"},
         {"json:", "takes no parameter"},
         {"trim:ab", "takes one character"}}) {
    BOOST_TEST_CONTEXT(text) {
      auto x = parse_transform(text);
      BOOST_REQUIRE(!x);
      BOOST_TEST(message_of(x.error()).find(part) != std::string::npos);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_text_splits_only_into_the_wanted_number_of_parts) {
  BOOST_TEST((split_text("a/b", "/", 2).value() == std::vector<std::string>{"a", "b"}));
  BOOST_TEST((split_text("a::b::c", "::", 3).value() == std::vector<std::string>{"a", "b", "c"}));
  for (auto* bad : {"", "a", "a/", "/a", "a/b/c", "/", "a//b"})
    BOOST_TEST_CONTEXT(bad)
  BOOST_TEST(!split_text(bad, "/", 2));
}

BOOST_AUTO_TEST_CASE(base64_of_any_text_decodes_to_it) {
  BOOST_TEST(rc::check([](const std::string& bytes) {
    auto clean = bytes;
    for (char& c : clean)
      c = static_cast<char>(c & 0x7F);
    json::value text(json::string_view{clean.data(), clean.size()});
    auto got = apply(parse_transform("base64").value(), text).value();
    RC_ASSERT(from_base64(std::string{got.get_string()}).value() == clean);
  }));
}

BOOST_AUTO_TEST_SUITE_END()
