#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/responses/chat_completion.hpp"
#include "core/responses/loop.hpp"
#include "core/responses/stored_conversation.hpp"

using namespace callboard;
using namespace callboard::responses;

namespace {

void require(bool holds) {
  if (!holds)
    std::abort();
}

} // namespace

/// A request body. What is refused names an error of the client; what is accepted can be run,
/// stored and read again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto body = parse_json_object({reinterpret_cast<const char*>(data), size});
  if (!body)
    return 0;
  if (auto chat = parse_chat_completion(*body))
    upstream_chat_body(*chat, {"up", 100, false});
  auto parsed = parse_request(*body, {"http://h", [](std::string_view) { return true; }});
  if (!parsed) {
    require(code_of(parsed.error()) == errc::invalid_field && !param_of(parsed.error()).empty());
    return 0;
  }
  auto stored = stored_input({}, *parsed, "resp_1");
  auto again = load_history(stored);
  require(again && *again == parsed->input.items);
  loop_args args;
  args.response_id = "resp_1";
  args.request = std::move(*parsed);
  loop subject{std::move(args)};
  subject.start(1);
  if (!subject.ended())
    subject.failed(make_problem(errc::cancelled, "The end."), 2);
  require(subject.ended());
  return 0;
}
