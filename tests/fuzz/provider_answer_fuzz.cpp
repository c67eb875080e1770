// Whatever a provider answers, the outcome is valid text within its cap, and no token leaves.
// Input: one byte for the status, one for the content type, one for the tool, then the body.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "core/base/limits.hpp"
#include "core/connectors/oauth.hpp"
#include "core/connectors/shape.hpp"
#include "core/connectors/utf8.hpp"
#include "tests/support/source_tree.hpp"

namespace {

using namespace callboard;
using namespace callboard::connectors;

const app& github() {
  static const app loaded = [] {
    std::ifstream file{source_tree() / "schema/apps/github.json"};
    std::string text{std::istreambuf_iterator<char>{file}, {}};
    auto x = load_app(text, "github.json");
    if (!x)
      std::abort();
    return std::move(*x);
  }();
  return loaded;
}

void require(bool condition) {
  if (!condition)
    std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t head = 3;
  constexpr std::array statuses{200, 201, 204, 301, 400, 401, 403, 404, 422, 429, 500, 503};
  constexpr std::array types{"application/json",
                             "text/plain",
                             "text/html",
                             "application/vnd.github.raw+json",
                             "application/x-www-form-urlencoded",
                             ""};
  constexpr std::string_view token = "gho_token";
  if (size < head)
    return 0;
  http_response answer{statuses[data[0] % statuses.size()],
                       {{"Content-Type", types[data[1] % types.size()]}},
                       {reinterpret_cast<const char*>(data) + head, size - head}};
  auto& item = github().tools[data[2] % github().tools.size()];
  auto x = shape_answer(github(), item, {}, answer, token, 0);
  require(x.text.size() <= limits::tool_output_bytes_max);
  require(is_text(x.text));
  require(x.text.find(token) == std::string::npos);
  parse_token_answer(github(), answer);
  return 0;
}
