#include "ops/callboard/embedded_files.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include <boost/test/unit_test.hpp>

#include "tests/support/source_tree.hpp"

namespace callboard {
namespace {

const std::filesystem::path schema = source_tree() / "schema";

std::string bytes_of(const std::filesystem::path& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

} // namespace

BOOST_AUTO_TEST_SUITE(embedded_files_test)

BOOST_AUTO_TEST_CASE(the_openapi_document_is_the_file) {
  BOOST_TEST((embedded_openapi() == bytes_of(schema / "openapi.yaml")));
  BOOST_TEST(!embedded_openapi().empty());
}

BOOST_AUTO_TEST_CASE(the_apps_are_the_files_by_name) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator{schema / "apps"})
    if (entry.path().extension() == ".json")
      files[entry.path().filename().string()] = bytes_of(entry.path());
  const auto apps = embedded_apps();
  BOOST_REQUIRE_EQUAL(apps.size(), files.size());
  auto file = files.begin();
  for (const auto& [name, text] : apps) {
    BOOST_TEST(name == file->first);
    BOOST_TEST((text == file->second), name);
    ++file;
  }
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace callboard
