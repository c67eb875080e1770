#include <boost/test/unit_test.hpp>

#include "actors/authenticator.hpp"
#include "tests/support/node_fixture.hpp"

using namespace callboard;
using namespace std::chrono_literals;

BOOST_FIXTURE_TEST_SUITE(authenticator_test, node_fixture)

BOOST_AUTO_TEST_CASE(a_key_names_its_principal) {
  auto who = unbox(ask<principal>(parts.authenticator, atom::auth_v, user_key));
  BOOST_TEST((who.kind == key_kind::end_user));
  BOOST_TEST(who.end_user.value == user.value);
  BOOST_TEST(who.platform.value == platform.value);
}

BOOST_AUTO_TEST_CASE(a_key_is_looked_up_once) {
  unbox(ask<principal>(parts.authenticator, atom::auth_v, user_key));
  unbox(ask<principal>(parts.authenticator, atom::auth_v, user_key));
  auto call = db->only("key/find");
  BOOST_TEST(call.tenant.empty());
  BOOST_TEST((call.values.at(1).as == store_value::form::key_secret));
}

BOOST_AUTO_TEST_CASE(concurrent_look_ups_of_a_key_are_one) {
  db->held = {"key/find"};
  auto first = self->request(parts.authenticator, 60min, atom::auth_v, user_key);
  auto second = self->request(parts.authenticator, 60min, atom::auth_v, user_key);
  sched.run();
  BOOST_TEST(db->count("key/find") == 1u);
  release("key/find");
  int answers = 0;
  auto count = [&](const principal&) { ++answers; };
  auto fail = [](const caf::error& x) { BOOST_ERROR(caf::to_string(x)); };
  first.receive(count, fail);
  second.receive(count, fail);
  BOOST_TEST(answers == 2);
}

BOOST_AUTO_TEST_CASE(a_malformed_key_costs_no_look_up) {
  auto wrong_sum = user_key;
  wrong_sum.back() = wrong_sum.back() == '0' ? '1' : '0';
  for (auto& text : {std::string{}, std::string{"sk-eu_short"}, std::string{"nothing"}, wrong_sum})
    BOOST_TEST((code_of(ask<principal>(parts.authenticator, atom::auth_v, text).error())
                == errc::invalid_api_key));
  BOOST_TEST(db->count("key/find") == 0u);
}

BOOST_AUTO_TEST_CASE(unknown_wrong_and_inactive_keys_are_refused_alike) {
  auto refused = [&](const std::string& key) {
    auto x = ask<principal>(parts.authenticator, atom::auth_v, key);
    return !x && code_of(x.error()) == errc::invalid_api_key;
  };
  db->answer_empty("key/find");
  BOOST_TEST(refused(user_key));
  std::vector<cell> row{{"key_id", "k"},          {"kind", "end_user"}, {"platform_id", "p"},
                        {"end_user_id", "u"},     {"matches", "f"},     {"is_active", "t"},
                        {"expires_in_ms", "5000"}};
  db->answer("key/find", row);
  BOOST_TEST(refused(user_key));
  row[4].second = "t";
  row[5].second = "f";
  db->answer("key/find", row);
  BOOST_TEST(refused(user_key));
  row[5].second = "t";
  row[1].second = "something_new";
  db->answer("key/find", row);
  BOOST_TEST(refused(user_key));
  row[1].second = "end_user";
  db->answer("key/find", row);
  BOOST_TEST(!refused(user_key));
}

BOOST_AUTO_TEST_CASE(a_refusal_is_not_kept) {
  auto script = db->handlers.at("key/find");
  db->answer_empty("key/find");
  BOOST_TEST(!ask<principal>(parts.authenticator, atom::auth_v, user_key));
  db->handlers["key/find"] = script;
  BOOST_TEST(!!ask<principal>(parts.authenticator, atom::auth_v, user_key));
}

BOOST_AUTO_TEST_CASE(a_cached_key_ends_with_its_expiry) {
  auto who = keys.begin()->second;
  db->answer("key/find", {{"key_id", "k"},
                          {"kind", "end_user"},
                          {"platform_id", platform.value},
                          {"end_user_id", user.value},
                          {"matches", "t"},
                          {"is_active", "t"},
                          {"expires_in_ms", "60000"}});
  unbox(ask<principal>(parts.authenticator, atom::auth_v, user_key));
  *unix_now += 59;
  unbox(ask<principal>(parts.authenticator, atom::auth_v, user_key));
  *unix_now += 1;
  auto late = ask<principal>(parts.authenticator, atom::auth_v, user_key);
  BOOST_TEST((code_of(late.error()) == errc::invalid_api_key));
  BOOST_TEST(db->count("key/find") == 1u);
}

BOOST_AUTO_TEST_CASE(a_new_version_empties_the_cache_within_a_second) {
  unbox(ask<principal>(parts.authenticator, atom::auth_v, user_key));
  pass(1s);
  unbox(ask<principal>(parts.authenticator, atom::auth_v, user_key));
  BOOST_TEST(db->count("key/find") == 1u);
  db->answer("auth/version", {{"version", "2"}});
  pass(1s);
  unbox(ask<principal>(parts.authenticator, atom::auth_v, user_key));
  BOOST_TEST(db->count("key/find") == 2u);
}

BOOST_AUTO_TEST_CASE(a_look_up_that_began_before_a_drop_is_not_kept) {
  db->held = {"key/find"};
  auto pending = self->request(parts.authenticator, 60min, atom::auth_v, user_key);
  sched.run();
  tell(parts.authenticator, atom::drop_v);
  release("key/find");
  pending.receive([](const principal&) {},
                  [](const caf::error& x) { BOOST_ERROR(caf::to_string(x)); });
  unbox(ask<principal>(parts.authenticator, atom::auth_v, user_key));
  BOOST_TEST(db->count("key/find") == 2u);
}

BOOST_AUTO_TEST_CASE(who_asks_after_a_drop_does_not_share_a_look_up_from_before_it) {
  db->held = {"key/find"};
  auto before = self->request(parts.authenticator, 60min, atom::auth_v, user_key);
  sched.run();
  tell(parts.authenticator, atom::drop_v);
  auto after = self->request(parts.authenticator, 60min, atom::auth_v, user_key);
  sched.run();
  BOOST_TEST(db->count("key/find") == 2u);
  release("key/find");
  int answers = 0;
  auto count = [&](const principal&) { ++answers; };
  auto fail = [](const caf::error& x) { BOOST_ERROR(caf::to_string(x)); };
  before.receive(count, fail);
  after.receive(count, fail);
  BOOST_TEST(answers == 2);
}

BOOST_AUTO_TEST_CASE(the_cache_is_believed_for_a_minute_without_contact_and_no_longer) {
  unbox(ask<principal>(parts.authenticator, atom::auth_v, user_key));
  db->away = true;
  pass(55s);
  BOOST_TEST(!!ask<principal>(parts.authenticator, atom::auth_v, user_key));
  pass(10s);
  auto late = ask<principal>(parts.authenticator, atom::auth_v, user_key);
  BOOST_TEST((code_of(late.error()) == errc::store_unavailable));
}

BOOST_AUTO_TEST_CASE(an_error_of_the_store_is_not_an_invalid_key) {
  db->refuse("key/find", errc::store_unavailable);
  auto x = ask<principal>(parts.authenticator, atom::auth_v, user_key);
  BOOST_TEST((code_of(x.error()) == errc::store_unavailable));
}

BOOST_AUTO_TEST_CASE(a_look_up_under_way_at_the_end_is_answered) {
  db->held = {"key/find"};
  auto pending = self->request(parts.authenticator, 60min, atom::auth_v, user_key);
  sched.run();
  self->send_exit(parts.authenticator, caf::exit_reason::user_shutdown);
  sched.run();
  BOOST_REQUIRE(!self->mailbox().empty());
  caf::error why;
  pending.receive([](const principal&) {}, [&](caf::error& x) { why = x; });
  BOOST_TEST((code_of(why) == errc::shutting_down));
}

BOOST_AUTO_TEST_CASE(the_cache_is_bounded_and_keeps_keys_in_use) {
  principal_cache cache{100};
  auto used = std::string{"used"};
  cache.insert(used, {}, 0);
  for (int i = 0; i < 10'000; ++i) {
    cache.insert("key" + std::to_string(i), {}, 0);
    BOOST_REQUIRE(cache.find(used).has_value());
    BOOST_REQUIRE(cache.size() <= 100u);
  }
  BOOST_TEST(!cache.find("key0"));
  cache.clear();
  BOOST_TEST(cache.size() == 0u);
  BOOST_TEST(!cache.find(used));
}

BOOST_AUTO_TEST_CASE(what_was_looked_up_before_the_cache_was_cleared_does_not_come_back) {
  principal_cache cache{100};
  auto began = cache.epoch();
  cache.clear();
  cache.insert("key", {}, began);
  BOOST_TEST(!cache.find("key"));
  cache.insert("key", {}, cache.epoch());
  BOOST_TEST(cache.find("key").has_value());
}

BOOST_AUTO_TEST_CASE(it_reports_itself_without_secrets) {
  unbox(ask<principal>(parts.authenticator, atom::auth_v, user_key));
  auto text = unbox(ask<std::string>(parts.authenticator, atom::status_v));
  BOOST_TEST(text.find("\"cached_keys\":1") != std::string::npos);
  BOOST_TEST(text.find(user_key) == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
