// Whatever a remote server sends, cut anywhere, it is read to messages that can be passed on, or
// refused; and where it is cut changes nothing.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/base/json.hpp"
#include "core/base/json_text.hpp"
#include "core/mcp/era_probe.hpp"
#include "core/mcp/input_request.hpp"
#include "core/mcp/remote_tools.hpp"
#include "core/mcp/server_message.hpp"

namespace {

using namespace callboard;
using namespace callboard::mcp;

constexpr std::size_t message_bytes_max = 1u << 16;

void require(bool condition) {
  if (!condition)
    std::abort();
}

void use_result(const std::string& text) {
  require(static_cast<bool>(parse_json_object(with_result_type(text))));
  require(static_cast<bool>(parse_json_object(answered_params(text, text, {}))));
  for (auto& wanted : input_requests_of(text))
    require(wanted.params.empty() || static_cast<bool>(parse_json(wanted.params)));
  read_tool_text(text);
  static_cast<void>(read_discover(text));
  static_cast<void>(read_initialize(text));
  if (auto page = read_list_page(text, "tools"))
    for (auto& item : page->items) {
      require(static_cast<bool>(parse_json(item)));
      static_cast<void>(read_remote_tool(item));
    }
}

void use(const server_message& message) {
  if (auto* result = std::get_if<server_result>(&message))
    use_result(result->result);
  else if (auto* note = std::get_if<server_notification>(&message))
    require(note->params.empty() || static_cast<bool>(parse_json_object(note->params)));
  else if (auto* request = std::get_if<server_request>(&message))
    require(request->params.empty() || static_cast<bool>(parse_json_object(request->params)));
  else if (auto* error = std::get_if<server_error>(&message))
    require(error->data.empty() || static_cast<bool>(parse_json(error->data)));
}

/// How many messages came, or -1 for a refusal.
long read(std::string_view type, std::string_view body, std::size_t cut) {
  answer_reader reader{message_bytes_max};
  reader.begin({200, {{"Content-Type", std::string{type}}}, {}});
  long count = 0;
  for (auto piece : {body.substr(0, cut), body.substr(cut)}) {
    auto messages = reader.feed(piece);
    if (!messages)
      return -1;
    for (auto& message : *messages)
      use(message);
    count += static_cast<long>(messages->size());
  }
  auto rest = reader.finish();
  if (!rest)
    return -1;
  for (auto& message : *rest)
    use(message);
  return count + static_cast<long>(rest->size());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0)
    return 0;
  std::string_view body{reinterpret_cast<const char*>(data) + 1, size - 1};
  auto type = (data[0] & 1) != 0 ? "text/event-stream" : "application/json";
  auto whole = read(type, body, body.size());
  auto cut = body.empty() ? 0 : static_cast<std::size_t>(data[0] >> 1) % body.size();
  require(read(type, body, cut) == whole);
  return 0;
}
