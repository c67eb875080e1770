#include <fstream>
#include <iterator>

#include <boost/test/unit_test.hpp>
#include <sys/stat.h>

#include "core/base/digest.hpp"
#include "tests/support/postgres_fixture.hpp"

using namespace callboard;
using namespace callboard::test;

namespace {

struct ring_fixture {
  std::filesystem::path file() const { return folder.path() / "master.key"; }

  void write(const std::string& text) const {
    std::ofstream{file(), std::ios::trunc} << text;
    chmod(file().c_str(), 0600);
  }

  /// The text of the error, which must be a bad setting.
  std::string refused() const {
    auto ring = key_ring::load(file());
    BOOST_REQUIRE(!ring);
    BOOST_TEST((code_of(ring.error()) == errc::bad_setting));
    return caf::to_string(ring.error());
  }

  scratch_folder folder;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(key_ring_test, ring_fixture)

BOOST_AUTO_TEST_CASE(a_new_ring_is_private_and_reads_back) {
  auto made = key_ring::load_or_create(file());
  BOOST_REQUIRE(made);
  struct stat info {};
  BOOST_REQUIRE(stat(file().c_str(), &info) == 0);
  BOOST_TEST((info.st_mode & 0777) == 0600u);
  auto read = key_ring::load_or_create(file());
  BOOST_REQUIRE(read);
  BOOST_TEST((*read)->newest().id == (*made)->newest().id);
  BOOST_TEST(((*read)->newest().bytes == (*made)->newest().bytes));
  BOOST_TEST((*made)->newest().bytes.size() == 32u);
  BOOST_TEST(((*read)->hash_key_secret("x") == (*made)->hash_key_secret("x")));
  BOOST_TEST(((*read)->hash_key_secret("x") != (*made)->hash_key_secret("y")));
}

BOOST_AUTO_TEST_CASE(a_missing_ring_is_refused) {
  BOOST_TEST(refused().find("No such file") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_ring_that_others_may_read_is_refused) {
  BOOST_REQUIRE(key_ring::load_or_create(file()));
  for (mode_t mode : {0640u, 0604u, 0660u, 0601u}) {
    chmod(file().c_str(), mode);
    BOOST_TEST(refused().find("0600") != std::string::npos);
  }
  chmod(file().c_str(), 0400);
  BOOST_CHECK(key_ring::load(file()));
}

BOOST_AUTO_TEST_CASE(damaged_rings_are_refused_with_a_reason) {
  auto good = to_base64(std::string(32, 'x'));
  auto short_key = to_base64(std::string(31, 'x'));
  for (const auto& text :
       {std::string{}, std::string{"[]"}, std::string{"{"}, R"({"pepper":")" + good + R"("})",
        R"({"pepper":")" + good + R"(","keys":[]})", R"({"pepper":")" + good + R"(","keys":[1]})",
        R"({"keys":[{"id":"a","key":")" + good + R"("}]})",
        R"({"pepper":")" + short_key + R"(","keys":[{"id":"a","key":")" + good + R"("}]})",
        R"({"pepper":")" + good + R"(","keys":[{"id":"a","key":")" + short_key + R"("}]})",
        R"({"pepper":")" + good + R"(","keys":[{"id":"","key":")" + good + R"("}]})",
        R"({"pepper":")" + good + R"(","keys":[{"id":"a","key":"%"}]})"}) {
    write(text);
    BOOST_TEST(refused().find("damaged") != std::string::npos, text);
  }
  BOOST_CHECK(!key_ring::load_or_create(file()));
  std::filesystem::remove(file());
  std::filesystem::create_directory(file());
  chmod(file().c_str(), 0700);
  BOOST_CHECK(!key_ring::load(file()));
}

BOOST_AUTO_TEST_CASE(the_newest_key_seals_and_older_ones_still_open) {
  auto ring = *key_ring::load_or_create(file());
  auto first = ring->newest();
  auto second = ring->add_key();
  BOOST_REQUIRE(second);
  BOOST_TEST(second->id != first.id);
  BOOST_TEST(ring->newest().id == second->id);
  BOOST_TEST((ring->find(first.id)->bytes == first.bytes));
  auto read = *key_ring::load(file());
  BOOST_TEST(read->newest().id == second->id);
  BOOST_TEST((read->find(first.id)->bytes == first.bytes));
  BOOST_REQUIRE(ring->drop_old_keys());
  BOOST_CHECK(!ring->find(first.id));
  BOOST_CHECK(!read->find(first.id)); // it follows the file
  BOOST_TEST((code_of(read->find("nobody").error()) == errc::seal_broken));
}

BOOST_AUTO_TEST_CASE(a_ring_that_vanishes_or_breaks_later_does_not_stop_a_running_node) {
  auto ring = *key_ring::load_or_create(file());
  auto id = ring->newest().id;
  write("{");
  BOOST_TEST(ring->newest().id == id);
  std::filesystem::remove(file());
  BOOST_TEST(ring->newest().id == id);
  BOOST_CHECK(ring->find(id));
}

BOOST_AUTO_TEST_SUITE_END()
