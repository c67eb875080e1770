#include "core/webhooks/signature.hpp"
#include "tests/sandbox/sandbox_fixture.hpp"

using namespace callboard;
using namespace callboard::sandbox;

namespace {

constexpr auto secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

struct sink_fixture : sandbox_fixture {
  void configure(json::object changes) {
    changes["name"] = "mine";
    BOOST_REQUIRE_EQUAL(ask("POST", "/_control/configure/webhook", json::serialize(changes)).status,
                        200);
  }

  int deliver(const std::string& signature, std::int64_t at, const std::string& body = "{}") {
    return ask("POST", "/webhook/mine", body,
               {{"webhook-id", "msg_1"},
                {"webhook-timestamp", std::to_string(at)},
                {"webhook-signature", signature}})
      .status;
  }

  json::array came() { return value(ask("GET", "/webhook/mine")).as_array(); }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(webhook_sink_test, sink_fixture)

BOOST_AUTO_TEST_CASE(deliveries_are_kept_as_they_came) {
  BOOST_TEST(deliver("v1,x", now, "{\"a\": 1}") == 204);
  BOOST_TEST(deliver("v1,y", now) == 204);
  auto all = came();
  BOOST_REQUIRE(all.size() == 2u);
  BOOST_TEST(all[0].at("body") == "{\"a\": 1}");
  BOOST_TEST(all[0].at("headers").at("webhook-id") == "msg_1");
  BOOST_TEST(all[0].at("headers").at("webhook-signature") == "v1,x");
  BOOST_TEST(all[0].at("verified").is_null());
  BOOST_TEST(all[1].at("status") == 204);
}

BOOST_AUTO_TEST_CASE(signatures_are_checked_with_a_secret) {
  configure({{"secret", secret}});
  BOOST_TEST(deliver(webhooks::sign(secret, "msg_1", now, "{}"), now) == 204);
  BOOST_TEST(deliver(webhooks::sign(secret, "msg_2", now, "{}"), now) == 401);
  BOOST_TEST(deliver(webhooks::sign(secret, "msg_1", now - 301, "{}"), now - 301) == 401);
  BOOST_TEST(deliver("", now) == 401);
  auto all = came();
  BOOST_TEST(all[0].at("verified") == true);
  for (std::size_t i = 1; i < all.size(); ++i)
    BOOST_TEST(all[i].at("verified") == false);
  configure({{"secret", ""}});
  BOOST_TEST(deliver("", now) == 204);
}

BOOST_AUTO_TEST_CASE(it_fails_as_often_as_it_should) {
  configure({{"fail", 2}, {"status", 503}});
  BOOST_TEST(deliver("", now) == 503);
  BOOST_TEST(deliver("", now) == 503);
  BOOST_TEST(deliver("", now) == 204);
  BOOST_TEST(came().size() == 3u);
}

BOOST_AUTO_TEST_CASE(bad_switches_are_refused) {
  for (const char* bad : {"{}", R"({"name":""})", R"({"name":"x","fail":-1})",
                          R"({"name":"x","status":99})", R"({"name":"x","status":600})"})
    BOOST_TEST(ask("POST", "/_control/configure/webhook", bad).status == 400, bad);
}

BOOST_AUTO_TEST_CASE(its_state_outlives_a_world) {
  configure({{"secret", secret}, {"fail", 1}});
  deliver("", now);
  auto saved = parse_json_object(json::serialize(outside->save()));
  BOOST_REQUIRE(saved);
  start({});
  BOOST_TEST(came().empty());
  BOOST_REQUIRE(outside->load(*saved));
  BOOST_TEST(came().size() == 1u);
  BOOST_TEST(deliver("", now) == 401);
  BOOST_TEST(ask("POST", "/_control/reset").status == 200);
  BOOST_TEST(came().empty());
  BOOST_TEST(!outside->load({{"webhook", json::object{}}}));
}

BOOST_AUTO_TEST_CASE(other_paths_and_methods_are_none) {
  BOOST_TEST(ask("POST", "/webhook").status == 404);
  BOOST_TEST(ask("POST", "/webhook/a/b").status == 404);
  BOOST_TEST(ask("PUT", "/webhook/mine").status == 405);
  break_with({{"match", "POST /webhook/*"}, {"kind", "redirect"}});
  BOOST_TEST(deliver("", now) == 302);
}

BOOST_AUTO_TEST_SUITE_END()
