// The guard against http_parser, which stands behind it: whatever the guard accepts must be exactly
// one request for the parser, and verdicts must not depend on how the bytes are split.
// Needs http/edge/guard.cpp, callboard_core and http_parser.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <http_parser.h>

#include "http/edge/guard.hpp"

namespace {

using callboard::request_guard;

/// Small, so that the fuzzer reaches them.
constexpr callboard::guard_limits small_limits{64, 16, 64, 8, 256, 128};

void require(bool holds) {
  if (!holds)
    std::abort();
}

std::size_t parse(std::string_view bytes) {
  http_parser parser;
  http_parser_init(&parser, HTTP_REQUEST);
  http_parser_settings settings;
  http_parser_settings_init(&settings);
  bool complete = false;
  parser.data = &complete;
  settings.on_message_complete = [](http_parser* x) {
    *static_cast<bool*>(x->data) = true;
    http_parser_pause(x, 1);
    return 0;
  };
  auto used = http_parser_execute(&parser, &settings, bytes.data(), bytes.size());
  return complete && !parser.upgrade ? used : 0;
}

} // namespace

/// The first byte chooses how the rest is split.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2)
    return 0;
  std::string bytes{reinterpret_cast<const char*>(data) + 1, size - 1};
  std::string_view rest{bytes};
  std::size_t part = 1 + data[0] % 16;
  request_guard whole{small_limits};
  request_guard parts{small_limits};
  while (!rest.empty()) {
    auto verdict = whole.scan(rest);
    auto split_verdict = request_guard::verdict::more;
    for (std::size_t seen = 0; seen < rest.size();) {
      seen = std::min(rest.size(), seen + part);
      // A copy of its own: reading behind it is found by the sanitizer.
      std::string seen_bytes{rest.substr(0, seen)};
      split_verdict = parts.scan(seen_bytes);
      if (split_verdict != request_guard::verdict::more)
        break;
    }
    require(split_verdict == verdict);
    if (verdict == request_guard::verdict::refused)
      require(text_of(parts.reason()).status == text_of(whole.reason()).status);
    if (verdict != request_guard::verdict::complete)
      return 0;
    auto count = whole.message_bytes();
    require(count > 0 && count <= rest.size() && parts.message_bytes() == count);
    require(parse(rest.substr(0, count)) == count);
    rest.remove_prefix(count);
    whole.next();
    parts.next();
  }
  return 0;
}
