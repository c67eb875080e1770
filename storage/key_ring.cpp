#include "storage/key_ring.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/digest.hpp"
#include "core/base/json.hpp"

namespace callboard {

namespace {

constexpr std::size_t key_bytes = 32;
constexpr std::size_t key_id_bytes = 8;

master_key fresh_key() {
  return {"k" + to_hex(random_bytes(key_id_bytes)), random_bytes(key_bytes)};
}

caf::error bad_ring(const std::filesystem::path& file, const std::string& why) {
  return make_problem(errc::bad_setting, "Key ring " + file.string() + ": " + why);
}

/// Writes beside the file, then renames: a crash leaves the old file or the new one.
bool replace_file(const std::filesystem::path& file, const std::string& text) {
  auto fresh = file.string() + ".new";
  unlink(fresh.c_str());
  auto fd = open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (fd < 0)
    return false;
  auto written = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  written = fsync(fd) == 0 && written;
  written = close(fd) == 0 && written;
  if (!written || rename(fresh.c_str(), file.c_str()) != 0)
    return false;
  auto parent = file.parent_path().empty() ? "." : file.parent_path().string();
  auto dir = open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (dir >= 0) {
    fsync(dir);
    close(dir);
  }
  return true;
}

std::pair<std::uint64_t, std::int64_t> stamp_of(const struct stat& x) {
  constexpr std::int64_t second_nanoseconds = 1'000'000'000;
  return {x.st_ino, x.st_mtim.tv_sec * second_nanoseconds + x.st_mtim.tv_nsec};
}

} // namespace

key_ring::key_ring(std::filesystem::path file) : file_(std::move(file)) {}

result<std::shared_ptr<key_ring>> key_ring::load(const std::filesystem::path& file) {
  std::shared_ptr<key_ring> ring{new key_ring{file}};
  if (auto ok = ring->read(); !ok)
    return std::move(ok.error());
  return ring;
}

result<std::shared_ptr<key_ring>> key_ring::load_or_create(const std::filesystem::path& file) {
  std::error_code ignored;
  if (std::filesystem::exists(file, ignored))
    return load(file);
  key_ring ring{file};
  ring.keys_.push_back(fresh_key());
  ring.pepper_ = random_bytes(key_bytes);
  if (auto ok = ring.write(); !ok)
    return std::move(ok.error());
  return load(file);
}

result<void> key_ring::read() {
  struct stat info {};
  if (stat(file_.c_str(), &info) != 0)
    return bad_ring(file_, std::strerror(errno));
  if (!S_ISREG(info.st_mode))
    return bad_ring(file_, "is not a file.");
  if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    return bad_ring(file_, "others may access it; its mode must be 0600.");
  std::ifstream in{file_, std::ios::binary};
  std::string text{std::istreambuf_iterator<char>{in}, {}};
  if (!in)
    return bad_ring(file_, "cannot be read.");
  auto root = parse_json_object(text);
  if (!root)
    return bad_ring(file_, "is damaged: no JSON object.");
  auto pepper = find_string(*root, "pepper");
  auto pepper_raw = pepper ? from_base64(*pepper) : std::nullopt;
  if (!pepper_raw || pepper_raw->size() != key_bytes)
    return bad_ring(file_, "is damaged: no pepper of 32 bytes.");
  std::vector<master_key> keys;
  if (const auto* list = find_array(*root, "keys"))
    for (const auto& item : *list) {
      if (!item.is_object())
        return bad_ring(file_, "is damaged: a key is no object.");
      auto id = find_string(item.get_object(), "id");
      auto key = find_string(item.get_object(), "key");
      auto raw = key ? from_base64(*key) : std::nullopt;
      if (!id || id->empty() || !raw || raw->size() != key_bytes)
        return bad_ring(file_, "is damaged: a key has no id or not 32 bytes.");
      keys.push_back({*id, *raw});
    }
  if (keys.empty())
    return bad_ring(file_, "is damaged: it has no key.");
  keys_ = std::move(keys);
  pepper_ = *pepper_raw;
  seen_ = stamp_of(info);
  return {};
}

result<void> key_ring::write() const {
  json::array keys;
  for (const auto& key : keys_)
    keys.push_back(json::object{{"id", key.id}, {"key", to_base64(key.bytes)}});
  json::object root{{"version", 1}, {"pepper", to_base64(pepper_)}, {"keys", std::move(keys)}};
  if (!replace_file(file_, json::serialize(root) + "\n"))
    return bad_ring(file_, std::string{"cannot be written: "} + std::strerror(errno));
  return {};
}

void key_ring::follow() {
  struct stat info {};
  if (stat(file_.c_str(), &info) == 0 && stamp_of(info) != seen_)
    static_cast<void>(read());
}

master_key key_ring::newest() {
  std::lock_guard lock{guard_};
  follow();
  return keys_.back();
}

result<master_key> key_ring::find(const std::string& id) {
  std::lock_guard lock{guard_};
  follow();
  for (const auto& key : keys_)
    if (key.id == id)
      return key;
  return make_problem(errc::seal_broken, "the key ring has no master key " + id);
}

result<master_key> key_ring::add_key() {
  std::lock_guard lock{guard_};
  follow();
  keys_.push_back(fresh_key());
  if (auto ok = write(); !ok) {
    keys_.pop_back();
    return std::move(ok.error());
  }
  return keys_.back();
}

result<void> key_ring::drop_old_keys() {
  std::lock_guard lock{guard_};
  follow();
  auto before = keys_;
  keys_.erase(keys_.begin(), keys_.end() - 1);
  if (auto ok = write(); !ok) {
    keys_ = std::move(before);
    return ok;
  }
  return {};
}

std::string key_ring::hash_key_secret(const std::string& secret) const {
  std::lock_guard lock{guard_};
  return hmac_sha256(pepper_, secret);
}

} // namespace callboard
