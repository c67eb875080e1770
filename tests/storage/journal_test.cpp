#include <fstream>

#include <boost/test/unit_test.hpp>

#include "core/base/json.hpp"
#include "storage/journal.hpp"
#include "tests/support/postgres_fixture.hpp"

using namespace callboard;
using namespace callboard::test;

namespace {

struct journal_fixture {
  std::filesystem::path file() const { return folder.path() / "lane-0.jsonl"; }

  static store_call call(const std::string& name) {
    return {{"t"},
            "wallet/resolve",
            {store_value::text(name), store_value::null(),
             store_value::bytes(std::string("\0\xff\n", 3)), store_value::text("\"\\\n\u00e9")},
            true};
  }

  scratch_folder folder;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(journal_test, journal_fixture)

BOOST_AUTO_TEST_CASE(calls_read_back_as_they_were_in_order) {
  journal x{file()};
  BOOST_TEST(x.empty());
  for (auto name : {"a", "b", "c"})
    BOOST_REQUIRE(x.append(call(name)));
  BOOST_TEST(!x.empty());
  auto calls = journal{file()}.read();
  BOOST_REQUIRE(calls);
  BOOST_REQUIRE(calls->size() == 3u);
  const auto& second = (*calls)[1];
  BOOST_TEST(second.tenant.value == "t");
  BOOST_TEST(second.statement == "wallet/resolve");
  BOOST_TEST(second.journal);
  BOOST_REQUIRE(second.values.size() == 5u); // as many as the statement has
  BOOST_TEST((second.values[4].as == store_value::form::null));
  BOOST_TEST(second.values[0].data == "b");
  BOOST_TEST((second.values[1].as == store_value::form::null));
  BOOST_TEST((second.values[2].as == store_value::form::bytes));
  BOOST_TEST((second.values[2].data == std::string("\0\xff\n", 3)));
  BOOST_TEST(second.values[3].data == "\"\\\n\u00e9");
  BOOST_REQUIRE(x.clear());
  BOOST_TEST(x.empty());
  BOOST_TEST(x.read()->empty());
}

BOOST_AUTO_TEST_CASE(a_torn_last_line_is_dropped_and_the_next_call_follows_cleanly) {
  journal x{file()};
  BOOST_REQUIRE(x.append(call("a")));
  std::ofstream{file(), std::ios::app} << R"({"tenant":"t","statem)";
  BOOST_TEST(x.read()->size() == 1u);
  BOOST_REQUIRE(x.append(call("b")));
  auto calls = x.read();
  BOOST_REQUIRE(calls);
  BOOST_REQUIRE(calls->size() == 2u);
  BOOST_TEST((*calls)[1].values[0].data == "b");
}

BOOST_AUTO_TEST_CASE(a_damaged_line_in_the_middle_is_an_error_and_can_be_set_aside) {
  for (auto line : {"no json\n", "[]\n", "{}\n",
                    R"({"tenant":"t","statement":"s"})"
                    "\n",
                    R"({"tenant":"t","statement":"s","values":[1]})"
                    "\n",
                    R"({"tenant":"t","statement":"s","values":[{"bytes":"%"}]})"
                    "\n"}) {
    std::ofstream{file(), std::ios::trunc} << line;
    journal x{file()};
    BOOST_REQUIRE(x.append(call("a")));
    BOOST_CHECK(!x.read());
    BOOST_REQUIRE(x.set_aside());
    BOOST_TEST(x.empty());
  }
}

BOOST_AUTO_TEST_CASE(secrets_never_enter_the_file) {
  journal x{file()};
  auto with = [](store_value value) {
    return store_call{{"t"}, "app/update", {std::move(value)}, true};
  };
  for (const auto& bad :
       {with(store_value::secret("s3cret", "r")), with(store_value::key_secret("s3cret"))}) {
    auto kept = x.append(bad);
    BOOST_REQUIRE(!kept);
    BOOST_TEST((code_of(kept.error()) == errc::internal));
  }
  BOOST_TEST(x.empty());
}

BOOST_AUTO_TEST_CASE(a_file_that_cannot_be_written_is_as_good_as_no_journal) {
  journal nowhere{std::filesystem::path{}};
  BOOST_TEST((code_of(nowhere.append(call("a")).error()) == errc::store_unavailable));
  BOOST_TEST(nowhere.empty());
  BOOST_TEST(nowhere.read()->empty());
  BOOST_REQUIRE(nowhere.clear());
  journal bad{folder.path() / "missing" / "file"};
  BOOST_TEST((code_of(bad.append(call("a")).error()) == errc::store_unavailable));
}

BOOST_AUTO_TEST_CASE(refused_calls_are_kept_with_their_reason) {
  journal x{file()};
  BOOST_REQUIRE(x.keep_refused(call("a"), "conflict"));
  std::ifstream in{file().string() + ".refused"};
  std::string line;
  BOOST_REQUIRE(std::getline(in, line));
  auto root = parse_json_object(line);
  BOOST_REQUIRE(root);
  BOOST_TEST(*find_string(*root, "refused") == "conflict");
  BOOST_TEST(*find_string(*root, "statement") == "wallet/resolve");
}

BOOST_AUTO_TEST_SUITE_END()
