// A POST of either era is read or refused, whatever its header fields say; a refusal can be
// encoded, and what is read can be answered. The first line is taken for the mirrored header
// fields.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/mcp/event_ring.hpp"
#include "core/mcp/mirror.hpp"
#include "core/mcp/offers.hpp"
#include "core/mcp/request_state.hpp"
#include "core/mcp/stateless.hpp"
#include "core/mcp/tool_filter.hpp"

namespace {

using namespace callboard;
using namespace callboard::mcp;

void require(bool condition) {
  if (!condition)
    std::abort();
}

void read_request(stateless_request x, const http_headers& headers) {
  require(static_cast<bool>(parse_json(encode_result(x.id, complete_result(x.params, {}, true)))));
  require(static_cast<bool>(parse_json(encode_error(unknown_stateless_method(x.id, x.method)))));
  if (auto filter = parse_listen(x.params))
    require(static_cast<bool>(parse_json(encode_acknowledged(x.id, *filter))));
  static_cast<void>(request_digest(x.params));
  static_cast<void>(page_of({}, "tools", x.params));
  if (auto properties = mirrored_properties(x.params)) {
    static_cast<void>(check_mirrored(headers, *properties, x.params));
    static_cast<void>(mirror_arguments(*properties, x.params));
  }
  static_cast<void>(session_result(x.params));
  static_cast<void>(take_input(x.params));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text{reinterpret_cast<const char*>(data), size};
  auto line = text.substr(0, text.find('\n'));
  auto body = text.substr(line.size() < text.size() ? line.size() + 1 : line.size());
  std::string value{line};
  http_headers headers{{"MCP-Protocol-Version", "2026-07-28"},
                       {"Mcp-Method", "tools/call"},
                       {"Mcp-Name", value},
                       {"Mcp-Param-X", value}};
  auto routed = route_post(headers, body);
  if (auto* refused = std::get_if<refusal>(&routed))
    require(static_cast<bool>(parse_json(encode_error(*refused))));
  else if (auto* request = std::get_if<stateless_request>(&routed))
    read_request(std::move(*request), headers);
  if (auto decoded = decode_mirrored(line))
    require(decode_mirrored(encode_mirrored(*decoded)) == decoded);
  require(!open_state(line, {"p", "u", "a", "m", "d"}, 0, "key"));
  if (auto id = parse_event_id(line))
    require(parse_event_id(to_string(*id)) == id);
  static_cast<void>(fits_template(line, body));
  static_cast<void>(tool_filter::read(body).admits("app", line));
  return 0;
}
