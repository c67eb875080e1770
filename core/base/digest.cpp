#include "core/base/digest.hpp"

#include <algorithm>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

namespace callboard {
namespace {

const unsigned char* as_bytes(std::string_view x) {
  return reinterpret_cast<const unsigned char*>(x.data());
}

unsigned char* as_bytes(std::string& x) { return reinterpret_cast<unsigned char*>(x.data()); }

struct context_free {
  void operator()(EVP_MD_CTX* x) const { EVP_MD_CTX_free(x); }
};

std::string digest(const EVP_MD* method, std::string_view data) {
  // Kept, since to make and free it costs more than to begin a digest with it. It holds no data
  // between two digests: OpenSSL wipes the last block.
  thread_local const std::unique_ptr<EVP_MD_CTX, context_free> context{EVP_MD_CTX_new()};
  if (!context)
    throw std::bad_alloc{};
  std::string result(static_cast<std::size_t>(EVP_MD_get_size(method)), '\0');
  EVP_DigestInit_ex2(context.get(), method, nullptr);
  EVP_DigestUpdate(context.get(), data.data(), data.size());
  EVP_DigestFinal_ex(context.get(), as_bytes(result), nullptr);
  return result;
}

std::string fresh_random_bytes(std::size_t count) {
  std::string result(count, '\0');
  if (RAND_bytes(as_bytes(result), static_cast<int>(count)) != 1)
    std::abort();
  return result;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/// Writes the two digits of a byte; gives the place behind them.
char* put_hex(char* to, char byte) {
  static constexpr char digits[] = "0123456789abcdef";
  auto value = static_cast<unsigned char>(byte);
  *to++ = digits[value >> 4];
  *to++ = digits[value & 15];
  return to;
}

/// Formats 16 bytes as a UUID with the version and variant bits set.
std::string format_uuid(std::string bytes, unsigned version) {
  bytes.resize(16);
  bytes[6] = static_cast<char>((static_cast<unsigned char>(bytes[6]) & 0x0fu) | (version << 4));
  bytes[8] = static_cast<char>((static_cast<unsigned char>(bytes[8]) & 0x3fu) | 0x80u);
  std::string text(36, '-');
  auto* to = text.data();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10)
      ++to;
    to = put_hex(to, bytes[i]);
  }
  return text;
}

/// The remainder of each byte. Every presented key has a checksum, so this runs on each request.
constexpr auto crc_of_byte = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    auto crc = i;
    for (int bit = 0; bit < 8; ++bit)
      crc = (crc >> 1) ^ (0xedb88320u & (0u - (crc & 1u)));
    table[i] = crc;
  }
  return table;
}();

} // namespace

std::string sha256(std::string_view data) {
  // EVP_sha256() would have OpenSSL look the algorithm up for each digest, which costs more than
  // the digest of a key. The one that is kept lives as long as the process.
  static const EVP_MD* method = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return digest(method, data);
}

std::string hmac_sha256(std::string_view key, std::string_view data) {
  std::string result(32, '\0');
  unsigned length = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), as_bytes(data), data.size(),
       as_bytes(result), &length);
  return result;
}

std::string to_hex(std::string_view bytes) {
  std::string result(bytes.size() * 2, '\0');
  auto* to = result.data();
  for (char byte : bytes)
    to = put_hex(to, byte);
  return result;
}

std::optional<std::string> from_hex(std::string_view text) {
  if (text.size() % 2 != 0)
    return std::nullopt;
  std::string result;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    auto high = hex_value(text[i]);
    auto low = hex_value(text[i + 1]);
    if (high < 0 || low < 0)
      return std::nullopt;
    result += static_cast<char>(high * 16 + low);
  }
  return result;
}

std::string to_base64(std::string_view bytes) {
  std::string result((bytes.size() + 2) / 3 * 4 + 1, '\0');
  auto length = EVP_EncodeBlock(as_bytes(result), as_bytes(bytes), static_cast<int>(bytes.size()));
  result.resize(static_cast<std::size_t>(length));
  return result;
}

std::optional<std::string> from_base64(std::string_view text) {
  std::string clean;
  for (char c : text)
    if (c != '\n' && c != '\r')
      clean += c;
  while (!clean.empty() && clean.back() == '=')
    clean.pop_back();
  if (clean.size() % 4 == 1)
    return std::nullopt;
  auto wanted = clean.size() / 4 * 3 + (clean.size() % 4 == 0 ? 0 : clean.size() % 4 - 1);
  clean.resize((clean.size() + 3) / 4 * 4, '=');
  std::string result(clean.size() / 4 * 3, '\0');
  if (EVP_DecodeBlock(as_bytes(result), as_bytes(std::string_view{clean}),
                      static_cast<int>(clean.size()))
      < 0)
    return std::nullopt;
  result.resize(wanted);
  return result;
}

std::string to_base64url(std::string_view bytes) {
  auto result = to_base64(bytes);
  while (!result.empty() && result.back() == '=')
    result.pop_back();
  for (auto& c : result)
    c = c == '+' ? '-' : c == '/' ? '_' : c;
  return result;
}

std::uint32_t crc32(std::string_view data) {
  std::uint32_t crc = 0xffffffffu;
  for (char c : data)
    crc = (crc >> 8) ^ crc_of_byte[(crc ^ static_cast<unsigned char>(c)) & 0xffu];
  return ~crc;
}

std::string uuid5(std::string_view space, std::string_view name) {
  std::string hex;
  for (char c : space)
    if (c != '-')
      hex += c;
  auto bytes = from_hex(hex).value_or(std::string{space});
  return format_uuid(digest(EVP_sha1(), bytes.append(name)), 5);
}

std::string uuid4() { return format_uuid(random_bytes(16), 4); }

bool is_uuid(std::string_view x) noexcept {
  constexpr std::string_view form = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  return x.size() == form.size()
         && std::equal(x.begin(), x.end(), form.begin(), [](char c, char f) {
              bool is_hex =
                (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
              return f == '-' ? c == '-' : is_hex;
            });
}

std::string uuid7(std::chrono::milliseconds since_epoch) {
  auto bytes = random_bytes(16);
  auto ms = static_cast<std::uint64_t>(since_epoch.count());
  for (int i = 0; i < 6; ++i)
    bytes[static_cast<std::size_t>(i)] = static_cast<char>(ms >> (8 * (5 - i)));
  return format_uuid(std::move(bytes), 7);
}

std::string random_bytes(std::size_t count) {
  // Asking the generator costs the same for 16 bytes as for a thousand. What was given out is
  // wiped.
  constexpr std::size_t pool_bytes = 1024;
  thread_local std::string pool;
  if (count > pool_bytes)
    return fresh_random_bytes(count);
  if (pool.size() < count)
    pool = fresh_random_bytes(pool_bytes);
  auto given = pool.substr(pool.size() - count);
  OPENSSL_cleanse(pool.data() + pool.size() - count, count);
  pool.resize(pool.size() - count);
  return given;
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

} // namespace callboard
