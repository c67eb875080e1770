#include <algorithm>
#include <cctype>
#include <string>

#include <boost/test/unit_test.hpp>

#include "http/edge/route_table.hpp"
#include "ops/callboard/embedded_files.hpp"

namespace callboard {
namespace {

/// The lines of a path of the document, without its name; empty when it is not there.
std::string block_of(std::string_view pattern) {
  const std::string text{embedded_openapi()};
  const auto head = "\n  " + std::string{pattern} + ":\n";
  const auto begin = text.find(head);
  if (begin == std::string::npos)
    return {};
  const auto body = begin + head.size();
  // The next line that is indented by two blanks, or by none.
  auto end = body;
  while (end < text.size() && text.compare(end, 4, "    ") == 0)
    end = std::min(text.find('\n', end), text.size() - 1) + 1;
  return "\n" + text.substr(body, end - body);
}

} // namespace

BOOST_AUTO_TEST_SUITE(openapi_test)

BOOST_AUTO_TEST_CASE(every_route_is_described) {
  for (const auto& line : all_routes()) {
    if (line.target == endpoint::inspect_post)
      continue; // it has no handler, so there is nothing to promise
    std::string method{line.method};
    std::transform(method.begin(), method.end(), method.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const auto block = block_of(line.pattern);
    BOOST_TEST(block.find("\n    " + method + ":\n") != std::string::npos,
               line.method << " " << line.pattern);
  }
}

BOOST_AUTO_TEST_CASE(nothing_but_routes_is_described) {
  const std::string text{embedded_openapi()};
  std::size_t paths = 0;
  for (auto at = text.find("\n  /"); at != std::string::npos; at = text.find("\n  /", at + 1)) {
    const auto pattern = text.substr(at + 3, text.find(":\n", at) - at - 3);
    const auto& routes = all_routes();
    const bool known = std::any_of(routes.begin(), routes.end(),
                                   [&](const route& x) { return x.pattern == pattern; });
    BOOST_TEST(known, pattern);
    ++paths;
  }
  BOOST_TEST(paths > 30u);
}

BOOST_AUTO_TEST_SUITE_END()

} // namespace callboard
