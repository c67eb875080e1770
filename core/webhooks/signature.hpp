#pragma once

#include <cstdint>
#include <string>
#include <string_view>

/// Signatures of deliveries as Standard Webhooks has them (https://www.standardwebhooks.com).
namespace callboard::webhooks {

/// A fresh secret: "whsec_" and the base64 of 32 random bytes.
std::string make_secret();

/// The header webhook-signature: "v1," and the base64 of HMAC-SHA-256 over "id.timestamp.body". The
/// key is the decoded secret; a secret that is no base64 signs with its own bytes.
std::string sign(std::string_view secret, std::string_view id, std::int64_t timestamp,
                 std::string_view body);

/// Whether one of the signatures of a header, separated by blanks, is the right one. Compares in
/// constant time.
bool signature_fits(std::string_view header, std::string_view secret, std::string_view id,
                    std::int64_t timestamp, std::string_view body);

} // namespace callboard::webhooks
