#include "ops/callboard/operator_key.hpp"

#include <fstream>

#include <boost/test/unit_test.hpp>
#include <sys/stat.h>

namespace callboard {
namespace {

namespace fs = std::filesystem;

struct folder {
  folder() {
    std::string pattern = (fs::temp_directory_path() / "callboard-XXXXXX").string();
    path = mkdtemp(pattern.data());
  }
  ~folder() { fs::remove_all(path); }
  folder(const folder&) = delete;
  folder& operator=(const folder&) = delete;

  void write(const std::string& text, mode_t mode = S_IRUSR | S_IWUSR) const {
    std::ofstream{operator_key_file(path)} << text;
    chmod(operator_key_file(path).c_str(), mode);
  }

  fs::path path;
};

} // namespace

BOOST_AUTO_TEST_SUITE(operator_key_test)

BOOST_AUTO_TEST_CASE(a_key_is_made_once_for_its_owner_alone) {
  const folder x;
  const auto data_dir = x.path / "fresh";
  const auto first = load_operator_key(data_dir);
  BOOST_REQUIRE(first);
  BOOST_TEST(first->starts_with("cb_op_"));
  BOOST_TEST(first->size() > 40u);
  struct stat info {};
  BOOST_REQUIRE_EQUAL(stat(operator_key_file(data_dir).c_str(), &info), 0);
  BOOST_TEST((info.st_mode & 0777) == 0600u);
  BOOST_TEST(*load_operator_key(data_dir) == *first);
  BOOST_TEST(*read_operator_key(operator_key_file(data_dir)) == *first);
  // Nothing else is left behind.
  BOOST_TEST(std::distance(fs::directory_iterator{data_dir}, {}) == 1);
}

BOOST_AUTO_TEST_CASE(two_folders_have_two_keys) {
  const folder a, b;
  BOOST_TEST(*load_operator_key(a.path) != *load_operator_key(b.path));
}

BOOST_AUTO_TEST_CASE(files_that_hold_no_key_are_refused) {
  const folder x;
  BOOST_TEST(!read_operator_key(operator_key_file(x.path)));
  for (const auto* text : {"", "\n", "two words\n", "two\nlines\n"}) {
    x.write(text);
    BOOST_TEST(!load_operator_key(x.path), text);
  }
}

BOOST_AUTO_TEST_CASE(a_file_that_others_may_read_is_refused) {
  const folder x;
  x.write("key\n", S_IRUSR | S_IWUSR | S_IRGRP);
  BOOST_TEST(!load_operator_key(x.path));
  x.write("key\n");
  BOOST_TEST(*load_operator_key(x.path) == "key");
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace callboard
