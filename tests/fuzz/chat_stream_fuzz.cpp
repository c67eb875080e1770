#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/responses/chat_completion.hpp"
#include "core/responses/chat_stream.hpp"

using namespace callboard;
using namespace callboard::responses;

namespace {

turn assemble(std::string_view bytes, std::size_t piece) {
  chat_stream stream;
  for (std::size_t i = 0; i < bytes.size(); i += piece)
    stream.feed(bytes.substr(i, piece));
  return stream.finish();
}

void require(bool holds) {
  if (!holds)
    std::abort();
}

} // namespace

/// The first byte says how the rest, an upstream's answer, is cut. Whatever it is, the turn is the
/// same as in one piece, and its calls have unique ids.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0)
    return 0;
  std::string_view bytes{reinterpret_cast<const char*>(data) + 1, size - 1};
  auto whole = assemble(bytes, bytes.size() + 1);
  auto pieces = assemble(bytes, data[0] % 16u + 1u);
  require(whole.text == pieces.text && whole.calls == pieces.calls && whole.usage == pieces.usage);
  require(static_cast<bool>(whole.error) == static_cast<bool>(pieces.error));
  for (std::size_t i = 0; i < whole.calls.size(); ++i) {
    require(!whole.calls[i].id.empty());
    for (std::size_t k = 0; k < i; ++k)
      require(whole.calls[i].id != whole.calls[k].id);
  }
  chat_relay relay{{"chatcmpl-1", 1, "m", true, (data[0] & 16) != 0}};
  relay.feed(bytes);
  auto end = relay.finish({});
  require(!end.frames.empty());
  upstream_status_error(400 + data[0], bytes);
  return 0;
}
