#include "storage/sealing.hpp"

#include <array>
#include <memory>

#include <openssl/evp.h>

#include "core/base/digest.hpp"

namespace callboard {

namespace {

constexpr char version_byte = 1;
constexpr std::size_t nonce_bytes = 12;
constexpr std::size_t tag_bytes = 16;
constexpr std::size_t key_bytes = 32;
constexpr std::size_t frame_bytes = 1 + nonce_bytes + tag_bytes;
/// OpenSSL counts in int; secrets have a few kilobytes.
constexpr std::size_t secret_bytes_max = 1u << 20;

struct ctx_free {
  void operator()(EVP_CIPHER_CTX* x) const noexcept { EVP_CIPHER_CTX_free(x); }
};
using ctx_ptr = std::unique_ptr<EVP_CIPHER_CTX, ctx_free>;

const unsigned char* raw(std::string_view x) {
  return reinterpret_cast<const unsigned char*>(x.data());
}

unsigned char* raw(std::string& x) { return reinterpret_cast<unsigned char*>(x.data()); }

/// Each part with its length in front, so that no two places give the same bytes.
std::string associated_data(const seal_place& place) {
  std::string out;
  for (auto part : {std::string_view{"v1"}, place.table, place.column, place.row_id, place.tenant,
                    place.key_id}) {
    out += std::to_string(part.size());
    out += ':';
    out += part;
  }
  return out;
}

caf::error broken(const seal_place& place) {
  return make_problem(errc::seal_broken, "sealed value of " + std::string{place.table} + " row "
                                           + std::string{place.row_id} + " does not open");
}

caf::error failed() { return make_problem(errc::internal, "OpenSSL refused AES-256-GCM"); }

} // namespace

result<std::string> seal(std::string_view key, const seal_place& place,
                         std::string_view plaintext) {
  if (key.size() != key_bytes || plaintext.size() > secret_bytes_max)
    return make_problem(errc::internal, "seal: bad key or a secret above its limit");
  auto nonce = random_bytes(nonce_bytes);
  auto data = associated_data(place);
  std::string text(plaintext.size(), '\0');
  std::string tag(tag_bytes, '\0');
  int n = 0;
  ctx_ptr ctx{EVP_CIPHER_CTX_new()};
  if (!ctx || EVP_EncryptInit_ex(ctx.get(), EVP_aes_256_gcm(), nullptr, raw(key), raw(nonce)) != 1
      || EVP_EncryptUpdate(ctx.get(), nullptr, &n, raw(std::string_view{data}),
                           static_cast<int>(data.size()))
           != 1
      || EVP_EncryptUpdate(ctx.get(), raw(text), &n, raw(plaintext),
                           static_cast<int>(plaintext.size()))
           != 1
      || EVP_EncryptFinal_ex(ctx.get(), raw(text) + n, &n) != 1
      || EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_GCM_GET_TAG, tag_bytes, tag.data()) != 1)
    return failed();
  return std::string(1, version_byte) + nonce + text + tag;
}

result<std::string> open_sealed(std::string_view key, const seal_place& place,
                                std::string_view sealed) {
  if (key.size() != key_bytes || sealed.size() < frame_bytes || sealed.front() != version_byte
      || sealed.size() > secret_bytes_max + frame_bytes)
    return broken(place);
  auto nonce = sealed.substr(1, nonce_bytes);
  auto text = sealed.substr(1 + nonce_bytes, sealed.size() - frame_bytes);
  std::string tag{sealed.substr(sealed.size() - tag_bytes)};
  auto data = associated_data(place);
  std::string plain(text.size(), '\0');
  int n = 0;
  ctx_ptr ctx{EVP_CIPHER_CTX_new()};
  if (!ctx || EVP_DecryptInit_ex(ctx.get(), EVP_aes_256_gcm(), nullptr, raw(key), raw(nonce)) != 1
      || EVP_DecryptUpdate(ctx.get(), nullptr, &n, raw(std::string_view{data}),
                           static_cast<int>(data.size()))
           != 1
      || EVP_DecryptUpdate(ctx.get(), raw(plain), &n, raw(text), static_cast<int>(text.size()))
           != 1)
    return failed();
  if (EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_GCM_SET_TAG, tag_bytes, tag.data()) != 1
      || EVP_DecryptFinal_ex(ctx.get(), raw(plain) + n, &n) != 1)
    return broken(place);
  return plain;
}

} // namespace callboard
