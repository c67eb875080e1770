#include <map>

#include <boost/test/unit_test.hpp>

#include "core/base/digest.hpp"
#include "core/base/json.hpp"
#include "tests/support/postgres_fixture.hpp"

using namespace callboard;
using namespace callboard::test;

namespace {

store_value text(const std::string& x) { return store_value::text(x); }
store_value number(std::int64_t x) { return store_value::integer(x); }
const store_value none = store_value::null();

struct rate_limit_fixture : store_fixture {
  rate_limit_fixture()
      : mine(platform("acme")), user(end_user(mine, "u1").value),
        today(std::stoll(database.cell("SELECT (now() AT TIME ZONE 'UTC')::date - "
                                       "date '1970-01-01'"))) {}

  void defaults(const char* limits) {
    auto rows = run({mine,
                     "platform/update",
                     {none, none, none, none, none, none, none, none, text("t"), text(limits)}});
    BOOST_REQUIRE(rows.size() == 1);
  }

  void set(const store_value& rpm, const store_value& tpm, const store_value& rpd) {
    auto rows = run({mine, "rate_limit/set", {text(user), rpm, tpm, rpd, text("t")}});
    BOOST_REQUIRE(rows.size() == 1);
  }

  json::object shown() {
    auto rows = run({mine, "rate_limit/show", {text(user)}});
    BOOST_REQUIRE(rows.size() == 1);
    auto body = parse_json_object(store_row(rows, 0).text("body"));
    BOOST_REQUIRE(body);
    return *body;
  }

  static json::value null_or(const char* number) { return json::parse(number); }

  void must_show(const char* rpm, const char* tpm, const char* rpd, const char* resolution) {
    auto body = shown();
    BOOST_TEST((body
                == json::object{{"rpm_limit", null_or(rpm)},
                                {"tpm_limit", null_or(tpm)},
                                {"rpd_limit", null_or(rpd)},
                                {"resolution", resolution}}),
               json::serialize(body));
  }

  static json::object item(const std::string& id, std::int64_t day, const char* requests) {
    return {{"id", id}, {"day", day}, {"requests", json::parse(requests)}};
  }

  store_rows sync(const std::string& by, const json::array& items) {
    return run({mine, "rate_limit/sync", {text(json::serialize(items)), text(by)}});
  }

  /// What others than this writer have counted today.
  std::int64_t others(const std::string& by, const char* requests = "null") {
    auto rows = sync(by, {item(user, today, requests)});
    BOOST_REQUIRE(rows.size() == 1);
    return store_row(rows, 0).integer("others");
  }

  platform_id mine;
  std::string user;
  std::int64_t today;
  std::string writer = uuid4();
  std::string later_writer = uuid4();
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(rate_limit_test, rate_limit_fixture)

BOOST_AUTO_TEST_CASE(limits_come_from_the_user_then_from_the_platform) {
  must_show("null", "null", "null", "none");
  defaults(R"({"rpm_limit":60,"rpd_limit":1000})");
  must_show("60", "null", "1000", "default");
  set(none, number(5000), none);
  must_show("null", "5000", "null", "explicit"); // all three at once, not one by one
  set(none, none, none);
  must_show("null", "null", "null", "explicit"); // unlimited, whatever the platform says
  BOOST_TEST(run({mine, "rate_limit/delete", {text(user), text("t")}}).size() == 1u);
  must_show("60", "null", "1000", "default");
  BOOST_TEST(run({mine, "rate_limit/delete", {text(user), text("t")}}).empty());
  defaults("{}");
  must_show("null", "null", "null", "none");
}

BOOST_AUTO_TEST_CASE(the_platform_shows_its_defaults_and_keeps_them) {
  defaults(R"({"rpm_limit":60,"tpm_limit":7000,"rpd_limit":null})");
  run({mine,
       "platform/update",
       {text("Other"), none, none, none, none, none, none, none, text("t"), none}});
  auto rows = run({mine, "platform/find", {}});
  auto body = parse_json_object(store_row(rows, 0).text("body"));
  BOOST_REQUIRE(body);
  BOOST_TEST((body->at("settings").at("default_rate_limits")
              == json::object{{"rpm_limit", 60}, {"tpm_limit", 7000}, {"rpd_limit", nullptr}}));
}

BOOST_AUTO_TEST_CASE(limits_are_above_zero) {
  store_call call{mine, "rate_limit/set", {text(user), number(0), none, none, text("t")}};
  BOOST_TEST((code(call) != errc::none));
  BOOST_TEST(run({mine, "rate_limit/set", {text(uuid4()), none, none, none, text("t")}}).empty());
  BOOST_TEST(run({mine, "rate_limit/show", {text(uuid4())}}).empty());
}

BOOST_AUTO_TEST_CASE(a_count_is_stored_once_however_often_it_is_said) {
  BOOST_TEST(others(writer) == 0);
  BOOST_TEST(others(writer, "5") == 0);
  BOOST_TEST(others(writer, "5") == 0);
  BOOST_TEST(others(later_writer) == 5);
  BOOST_TEST(others(writer, "9") == 0);
  BOOST_TEST(others(later_writer, "2") == 9);
  BOOST_TEST(others(writer) == 2);
  BOOST_TEST(others(uuid4()) == 11);
  BOOST_TEST(others(writer, "8") == 2); // one was given back
  BOOST_TEST(others(uuid4()) == 10);
}

BOOST_AUTO_TEST_CASE(a_writer_hears_what_it_had_stored) {
  auto mine_now = [&](const char* requests) {
    auto rows = sync(writer, {item(user, today, requests)});
    return store_row(rows, 0).integer("mine");
  };
  BOOST_TEST(mine_now("null") == 0);
  BOOST_TEST(mine_now("3") == 0);
  others(later_writer, "50");
  BOOST_TEST(mine_now("null") == 3);
  BOOST_TEST(mine_now("4") == 3);
  BOOST_TEST(mine_now("null") == 4);
}

BOOST_AUTO_TEST_CASE(days_and_users_are_apart_and_limits_come_along) {
  auto second = end_user(mine, "u2").value;
  auto third = end_user(mine, "u3").value;
  defaults(R"({"rpd_limit":10})");
  set(number(3), none, none);
  sync(writer, {item(user, today, "4"), item(second, today, "6"), item(third, today - 1, "7")});
  auto rows = sync(later_writer, {item(user, today, "null"), item(second, today, "null"),
                                  item(third, today, "null"), item(uuid4(), today, "1")});
  BOOST_REQUIRE(rows.size() == 3u);
  std::map<std::string, std::int64_t> counted;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    store_row row{rows, i};
    counted[row.text("end_user_id")] = row.integer("others");
    bool own = row.text("end_user_id") == user;
    BOOST_TEST(row.text("rpm_limit") == (own ? "3" : ""));
    BOOST_TEST(row.text("rpd_limit") == (own ? "" : "10"));
  }
  BOOST_TEST(counted[user] == 4);
  BOOST_TEST(counted[second] == 6);
  BOOST_TEST(counted[third] == 0);
}

BOOST_AUTO_TEST_CASE(another_platform_neither_sees_nor_adds_anything) {
  sync(writer, {item(user, today, "4")});
  auto other = platform("other");
  auto said = run({other,
                   "rate_limit/sync",
                   {text(json::serialize(json::array{item(user, today, "100")})), text(writer)}});
  BOOST_TEST(said.empty());
  BOOST_TEST(others(uuid4()) == 4);
  BOOST_TEST(run({other, "rate_limit/show", {text(user)}}).empty());
}

BOOST_AUTO_TEST_CASE(counts_go_with_their_user_and_their_day) {
  sync(writer, {item(user, today - 2, "1"), item(user, today - 1, "1"), item(user, today, "1")});
  auto swept = run({{}, "rate_limit/sweep", {number(100)}});
  BOOST_TEST(store_row(swept, 0).integer("deleted") == 1);
  BOOST_TEST(database.cell("SELECT count(*) FROM request_day") == "2");
  set(number(1), none, none);
  run({mine, "end_user/delete", {text(user), text("t")}});
  BOOST_TEST(database.cell("SELECT count(*) FROM request_day") == "0");
  BOOST_TEST(database.cell("SELECT count(*) FROM rate_limit") == "0");
}

BOOST_AUTO_TEST_SUITE_END()
