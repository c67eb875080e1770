#include "core/webhooks/signature.hpp"

#include <boost/test/unit_test.hpp>

#include "core/base/digest.hpp"

using namespace callboard;
using namespace callboard::webhooks;

namespace {

// The example of the Standard Webhooks libraries.
constexpr auto secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
constexpr auto id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
constexpr std::int64_t timestamp = 1614265330;
constexpr auto body = R"({"test": 2432232314})";
constexpr auto signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

} // namespace

BOOST_AUTO_TEST_SUITE(signature_test)

BOOST_AUTO_TEST_CASE(the_published_example_is_signed_as_published) {
  BOOST_TEST(sign(secret, id, timestamp, body) == signature);
  BOOST_TEST(sign("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", id, timestamp, body) == signature);
}

BOOST_AUTO_TEST_CASE(every_part_is_signed) {
  BOOST_TEST(sign(secret, "msg_other", timestamp, body) != signature);
  BOOST_TEST(sign(secret, id, timestamp + 1, body) != signature);
  BOOST_TEST(sign(secret, id, timestamp, std::string{body} + ' ') != signature);
  BOOST_TEST(sign(make_secret(), id, timestamp, body) != signature);
}

BOOST_AUTO_TEST_CASE(a_header_may_hold_several_signatures) {
  std::string good{signature};
  for (auto& header : {good, "v1,AAAA " + good, good + " v1a,BBBB", "  " + good + " "})
    BOOST_TEST(signature_fits(header, secret, id, timestamp, body), header);
  for (auto& header : {std::string{}, std::string{" "}, std::string{"v1,"}, good.substr(3),
                       good.substr(0, good.size() - 1), "v2," + good.substr(3)})
    BOOST_TEST(!signature_fits(header, secret, id, timestamp, body), header);
}

BOOST_AUTO_TEST_CASE(a_fresh_secret_has_the_form_that_libraries_read) {
  auto x = make_secret();
  BOOST_TEST(x.starts_with("whsec_"));
  auto key = from_base64(x.substr(6));
  BOOST_REQUIRE(key);
  BOOST_TEST(key->size() == 32u);
  BOOST_TEST(x != make_secret());
}

BOOST_AUTO_TEST_SUITE_END()
