#include "core/base/api_key.hpp"

#include <boost/test/unit_test.hpp>

using namespace callboard;

BOOST_AUTO_TEST_SUITE(api_key_test)

BOOST_AUTO_TEST_CASE(every_kind_reads_back) {
  for (auto kind : {key_kind::platform, key_kind::end_user, key_kind::lifecycle_live,
                    key_kind::lifecycle_test}) {
    auto key = make_api_key(kind);
    auto text = format_api_key(key);
    auto read = parse_api_key(text);
    BOOST_REQUIRE(read.has_value());
    BOOST_TEST(text.starts_with(prefix_of(kind)));
    BOOST_TEST(read->id.value == key.id.value);
    BOOST_TEST(read->secret == key.secret);
    BOOST_TEST((read->kind == kind));
    BOOST_TEST((key_kind_from(to_string(kind)) == kind));
  }
}

BOOST_AUTO_TEST_CASE(a_changed_character_is_noticed_without_a_look_up) {
  auto text = format_api_key(make_api_key(key_kind::end_user));
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto changed = text;
    changed[i] = changed[i] == 'a' ? 'b' : 'a';
    BOOST_TEST(!parse_api_key(changed).has_value());
  }
  BOOST_TEST(!parse_api_key(text + "a").has_value());
  BOOST_TEST(!parse_api_key("sk-eu_").has_value());
  BOOST_TEST(!parse_api_key("").has_value());
}

BOOST_AUTO_TEST_CASE(keys_differ) {
  auto a = make_api_key(key_kind::platform);
  auto b = make_api_key(key_kind::platform);
  BOOST_TEST(a.id.value != b.id.value);
  BOOST_TEST(a.secret != b.secret);
}

BOOST_AUTO_TEST_SUITE_END()
