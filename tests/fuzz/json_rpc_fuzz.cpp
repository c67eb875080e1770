// Any body decodes to messages or to a fault that can be encoded as JSON.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/mcp/era.hpp"
#include "core/mcp/messages.hpp"

namespace {

using namespace callboard;
using namespace callboard::mcp;

void require(bool condition) {
  if (!condition)
    std::abort();
}

void read_request(const rpc_request& x) {
  require(static_cast<bool>(parse_json(encode_result(x.id, x.params))));
  static_cast<void>(parse_initialize(x.params));
  static_cast<void>(parse_tool_call(x.params));
  static_cast<void>(parse_set_level(x.params));
  static_cast<void>(check_cursor(x.params));
  static_cast<void>(cancelled_request(x.params));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto decoded = decode_body({reinterpret_cast<const char*>(data), size});
  if (auto* fault = std::get_if<rpc_fault>(&decoded)) {
    require(static_cast<bool>(parse_json(encode_error(*fault))));
    return 0;
  }
  auto& body = std::get<rpc_body>(decoded);
  require(!body.messages.empty());
  claims_stateless(body);
  for (auto& message : body.messages)
    if (auto* request = std::get_if<rpc_request>(&message))
      read_request(*request);
  return 0;
}
