// Reading an app description never crashes, and one that loads can be listed and overridden.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/connectors/catalogue.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace callboard::connectors;
  std::string_view text{reinterpret_cast<const char*>(data), size};
  auto loaded = load_app(text, "x.json");
  if (loaded)
    for (auto& item : loaded->tools)
      listing_of(item);
  static_cast<void>(parse_endpoint_override(text));
  return 0;
}
