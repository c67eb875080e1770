#include "core/base/api_key.hpp"

#include <array>

#include <fmt/format.h>

#include "core/base/digest.hpp"

namespace callboard {
namespace {

constexpr std::size_t id_length = 16;
constexpr std::size_t secret_length = 43;
constexpr std::size_t checksum_length = 8;

constexpr std::array kinds{key_kind::platform, key_kind::end_user, key_kind::lifecycle_live,
                           key_kind::lifecycle_test};

std::string checksum(std::string_view text) { return fmt::format("{:08x}", crc32(text)); }

} // namespace

std::string_view prefix_of(key_kind kind) {
  switch (kind) {
  case key_kind::platform:
    return "sk-plat_";
  case key_kind::end_user:
    return "sk-eu_";
  case key_kind::lifecycle_live:
    return "rt_live_";
  case key_kind::lifecycle_test:
    return "rt_test_";
  }
  return {};
}

std::string_view to_string(key_kind kind) {
  switch (kind) {
  case key_kind::platform:
    return "platform";
  case key_kind::end_user:
    return "end_user";
  case key_kind::lifecycle_live:
    return "lifecycle_live";
  case key_kind::lifecycle_test:
    return "lifecycle_test";
  }
  return {};
}

std::optional<key_kind> key_kind_from(std::string_view name) {
  for (auto kind : kinds)
    if (to_string(kind) == name)
      return kind;
  return std::nullopt;
}

api_key make_api_key(key_kind kind) {
  return {kind, key_id{to_hex(random_bytes(id_length / 2))}, to_base64url(random_bytes(32))};
}

std::string format_api_key(const api_key& key) {
  auto text = std::string{prefix_of(key.kind)} + key.id.value + key.secret;
  return text + checksum(text);
}

std::optional<api_key> parse_api_key(std::string_view text) {
  for (auto kind : kinds) {
    auto prefix = prefix_of(kind);
    if (!text.starts_with(prefix))
      continue;
    if (text.size() != prefix.size() + id_length + secret_length + checksum_length)
      return std::nullopt;
    auto body = text.substr(0, text.size() - checksum_length);
    if (checksum(body) != text.substr(body.size()))
      return std::nullopt;
    return api_key{kind, key_id{std::string{body.substr(prefix.size(), id_length)}},
                   std::string{body.substr(prefix.size() + id_length)}};
  }
  return std::nullopt;
}

std::optional<std::string> bearer_key(const http_headers& headers) {
  auto field = find_header(headers, "Authorization");
  if (!field)
    return std::nullopt;
  auto value = trim(*field);
  auto blank = value.find(' ');
  if (blank == std::string_view::npos || !iequals(value.substr(0, blank), "Bearer"))
    return std::nullopt;
  return std::string{trim(value.substr(blank + 1))};
}

} // namespace callboard
