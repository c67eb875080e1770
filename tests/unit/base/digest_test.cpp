#include "core/base/digest.hpp"

#include <algorithm>
#include <set>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>
#include <rapidcheck.h>

using namespace callboard;

BOOST_AUTO_TEST_SUITE(digest_test)

BOOST_AUTO_TEST_CASE(known_values) {
  BOOST_TEST(to_hex(sha256("abc"))
             == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  BOOST_TEST(to_hex(hmac_sha256("key", "The quick brown fox jumps over the lazy dog"))
             == "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8");
  BOOST_TEST(crc32("123456789") == 0xcbf43926u);
  BOOST_TEST(uuid5("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "www.example.com")
             == "2ed6657d-e927-568b-95e1-2665a8aea6a2");
  BOOST_TEST(to_base64url("\xfb\xff") == "-_8");
}

BOOST_AUTO_TEST_CASE(a_digest_does_not_depend_on_those_before_it) {
  auto once = sha256("abc");
  sha256(std::string(100, 'x')); // leaves more than a block behind
  uuid5("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "another algorithm");
  BOOST_TEST((sha256("abc") == once));
  BOOST_TEST(to_hex(sha256(""))
             == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

BOOST_AUTO_TEST_CASE(random_uuids_carry_their_version) {
  auto x = uuid4();
  BOOST_TEST(x.size() == 36u);
  BOOST_TEST(x[14] == '4');
  BOOST_TEST(is_uuid(x));
  BOOST_TEST(x != uuid4());
}

BOOST_AUTO_TEST_CASE(a_uuid_is_told_from_what_is_none) {
  for (auto& good : {uuid4(), std::string{"ABCDEF00-0000-0000-0000-000000000000"}})
    BOOST_TEST(is_uuid(good), good);
  for (auto* bad :
       {"", "u1", "00000000000000000000000000000000", "0000000000000-0000-0000-0000-00000000",
        "g0000000-0000-0000-0000-000000000000", "00000000-0000-0000-0000-0000000000000"})
    BOOST_TEST(!is_uuid(bad), bad);
}

BOOST_AUTO_TEST_CASE(time_ordered_uuids_begin_with_their_milliseconds) {
  constexpr std::chrono::milliseconds at{0x017F22E279B0};
  auto x = uuid7(at);
  BOOST_TEST(x.substr(0, 15) == "017f22e2-79b0-7"); // the moment of RFC 9562's example
  BOOST_TEST(x != uuid7(at));
  BOOST_TEST(x < uuid7(at + std::chrono::milliseconds{1}));
}

BOOST_AUTO_TEST_CASE(encodings_read_back) {
  BOOST_TEST(rc::check("base64 and hex", [](const std::string& bytes) {
    RC_ASSERT(from_base64(to_base64(bytes)) == bytes);
    RC_ASSERT(from_hex(to_hex(bytes)) == bytes);
  }));
  BOOST_TEST(from_base64("aGVs\nbG8=\n").value() == "hello");
  BOOST_TEST(!from_base64("a*bc"));
  BOOST_TEST(!from_base64("a"));
  BOOST_TEST(!from_hex("abc"));
  BOOST_TEST(!from_hex("zz"));
}

BOOST_AUTO_TEST_CASE(random_bytes_are_never_the_same_twice) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) {
    auto x = random_bytes(16);
    BOOST_REQUIRE_EQUAL(x.size(), 16u);
    BOOST_REQUIRE(seen.insert(x).second);
  }
  std::vector<std::string> elsewhere(100);
  std::thread{[&] {
    std::generate(elsewhere.begin(), elsewhere.end(), [] { return random_bytes(16); });
  }}.join();
  for (auto& x : elsewhere)
    BOOST_REQUIRE(seen.insert(x).second);
}

BOOST_AUTO_TEST_CASE(random_bytes_come_in_any_number) {
  for (std::size_t count : {0u, 1u, 31u, 1023u, 1024u, 1025u, 100'000u})
    BOOST_TEST(random_bytes(count).size() == count);
}

BOOST_AUTO_TEST_SUITE_END()
