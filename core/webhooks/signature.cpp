#include "core/webhooks/signature.hpp"

#include <algorithm>

#include "core/base/digest.hpp"

namespace callboard::webhooks {
namespace {

constexpr std::string_view prefix = "whsec_";
/// As long as the digest: more adds nothing.
constexpr std::size_t key_bytes = 32;

std::string key_of(std::string_view secret) {
  if (secret.starts_with(prefix))
    secret.remove_prefix(prefix.size());
  return from_base64(secret).value_or(std::string{secret});
}

} // namespace

std::string make_secret() { return std::string{prefix} + to_base64(random_bytes(key_bytes)); }

std::string sign(std::string_view secret, std::string_view id, std::int64_t timestamp,
                 std::string_view body) {
  auto content = std::string{id} + '.' + std::to_string(timestamp) + '.';
  content += body;
  return "v1," + to_base64(hmac_sha256(key_of(secret), content));
}

bool signature_fits(std::string_view header, std::string_view secret, std::string_view id,
                    std::int64_t timestamp, std::string_view body) {
  auto wanted = sign(secret, id, timestamp, body);
  bool found = false;
  while (!header.empty()) {
    auto end = std::min(header.find(' '), header.size());
    found |= equal_in_constant_time(header.substr(0, end), wanted);
    header.remove_prefix(std::min(end + 1, header.size()));
  }
  return found;
}

} // namespace callboard::webhooks
