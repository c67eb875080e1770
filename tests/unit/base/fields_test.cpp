#include "core/base/fields.hpp"

#include <boost/test/unit_test.hpp>

using namespace callboard;

BOOST_AUTO_TEST_SUITE(fields_test)

namespace {

/// The parameter that a reading refused, or "" when it was accepted.
template <class Read>
std::string refused(const char* body, Read read) {
  auto object = parse_json_object(body).value();
  field_reader fields{object};
  read(fields);
  return fields.problem() ? param_of(fields.problem()) : std::string{};
}

} // namespace

BOOST_AUTO_TEST_CASE(good_fields_are_read) {
  auto object =
    parse_json_object(R"({"name":"Ann","on":false,"n":7,"usd":"1.5","meta":{"a":1},"list":["x"],
                                     "at":"2026-04-12T10:30:00Z","nothing":null})")
      .value();
  field_reader fields{object};
  BOOST_TEST(fields.required_text("name", 1, 10) == "Ann");
  BOOST_TEST(fields.boolean("on").value() == false);
  BOOST_TEST(fields.integer("n", 0, 9).value() == 7);
  BOOST_TEST(fields.required_usd("usd", {0}, {2'000'000}).value == 1'500'000);
  BOOST_TEST(fields.object("meta")->size() == 1u);
  BOOST_TEST(fields.text_list("list", 5, 5)->front() == "x");
  BOOST_TEST(fields.time("at").value() == "2026-04-12T10:30:00Z");
  BOOST_TEST(!fields.text("nothing", 1, 2).has_value());
  BOOST_TEST(!fields.integer("absent", 0, 1).has_value());
  BOOST_TEST(!fields.problem());
}

BOOST_AUTO_TEST_CASE(bad_fields_are_named) {
  BOOST_TEST(refused("{}", [](auto& f) { f.required_text("name", 1, 5); }) == "name");
  BOOST_TEST(refused(R"({"name":""})", [](auto& f) { f.text("name", 1, 5); }) == "name");
  BOOST_TEST(refused(R"({"name":"abcdef"})", [](auto& f) { f.text("name", 1, 5); }) == "name");
  BOOST_TEST(refused(R"({"name":5})", [](auto& f) { f.text("name", 1, 5); }) == "name");
  BOOST_TEST(refused(R"({"on":"true"})", [](auto& f) { f.boolean("on"); }) == "on");
  BOOST_TEST(refused(R"({"n":1.5})", [](auto& f) { f.integer("n", 0, 5); }) == "n");
  BOOST_TEST(refused(R"({"n":6})", [](auto& f) { f.integer("n", 0, 5); }) == "n");
  BOOST_TEST(refused(R"({"usd":0})", [](auto& f) { f.usd("usd", {1}, {5}); }) == "usd");
  BOOST_TEST(refused(R"({"meta":[]})", [](auto& f) { f.object("meta"); }) == "meta");
  BOOST_TEST(refused(R"({"list":["a",1]})", [](auto& f) { f.text_list("list", 5, 5); }) == "list");
  BOOST_TEST(refused(R"({"list":["a","b"]})", [](auto& f) { f.text_list("list", 1, 5); })
             == "list");
}

BOOST_AUTO_TEST_CASE(times_are_of_a_day_and_an_hour_that_there_are) {
  auto read = [](const std::string& at) {
    return refused((R"({"at":")" + at + "\"}").c_str(), [](auto& f) { f.time("at"); });
  };
  for (auto good :
       {"2026-04-12T10:30:00Z", "2024-02-29T00:00:00Z", "2000-02-29T23:59:59.123456789Z",
        "2016-12-31T23:59:60Z", "2026-04-12T10:30:00+02:00", "2026-04-12T10:30:00.5-09:30",
        "2026-04-12T10:30:00+0000", "2026-04-12T10:30:00+14", "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z"})
    BOOST_TEST(read(good) == "", good);
  for (auto bad : {"2026",
                   "2026-04-12",
                   "2026-04-12T10:30:00",
                   "2026-04-12 10:30:00Z",
                   "x026-04-12T10:30:00Z",
                   "2026-13-01T00:00:00Z",
                   "2026-00-01T00:00:00Z",
                   "2026-02-30T00:00:00Z",
                   "2026-02-29T00:00:00Z",
                   "1900-02-29T00:00:00Z",
                   "2026-04-00T00:00:00Z",
                   "2026-04-31T00:00:00Z",
                   "2026-13-45T00:00:00Z",
                   "0000-01-01T00:00:00Z",
                   "2026-04-12T25:00:00Z",
                   "2026-04-12T24:00:00Z",
                   "2026-04-12T10:60:00Z",
                   "2026-04-12T10:30:61Z",
                   "2016-12-31T23:59:60.5Z",
                   "2026-04-12T10:30:00.Z",
                   "2026-04-12T10:30:00.5",
                   "2026-04-12T10:30:00ZZ",
                   "2026-04-12T10:30:00Z+",
                   "2026-04-12T10:30:00+16:00",
                   "2026-04-12T10:30:00+01:60",
                   "2026-04-12T10:30:00+1:00",
                   "2026-04-12T10:30:00+",
                   "2026-04-12T10:30:00--01:00"})
    BOOST_TEST(read(bad) == "at", bad);
}

BOOST_AUTO_TEST_CASE(the_first_problem_is_kept) {
  BOOST_TEST(refused("{}",
                     [](auto& f) {
                       f.required_text("a", 1, 5);
                       f.required_text("b", 1, 5);
                     })
             == "a");
}

BOOST_AUTO_TEST_CASE(pages_are_bounded) {
  BOOST_TEST(read_page({}, {}).value().limit == 20);
  BOOST_TEST(read_page("3", "100").value().page == 3);
  for (auto bad : {"0", "-1", "101", "x", "", "1x", "99999999999999999999"})
    BOOST_TEST(!read_page({}, std::string{bad}));
  BOOST_TEST(!read_page("0", {}));
}

BOOST_AUTO_TEST_SUITE_END()
