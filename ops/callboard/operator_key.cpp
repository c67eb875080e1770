#include "ops/callboard/operator_key.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/digest.hpp"
#include "core/base/http_message.hpp"

namespace callboard {
namespace {

/// 256 bits: nobody guesses it.
constexpr std::size_t secret_bytes = 32;
constexpr std::size_t file_bytes_max = 1024;

caf::error bad(const std::filesystem::path& file, const std::string& why) {
  return make_problem(errc::bad_setting, "Operator key " + file.string() + ": " + why);
}

class file_handle {
public:
  explicit file_handle(int fd) : fd_(fd) {}
  ~file_handle() {
    if (fd_ >= 0)
      close(fd_);
  }
  file_handle(const file_handle&) = delete;
  file_handle& operator=(const file_handle&) = delete;

  int get() const noexcept { return fd_; }

private:
  int fd_;
};

/// Makes the file in one step, so that two starts at once agree on one key: link() refuses when it
/// exists, and the name appears with the whole content only.
result<void> make_key(const std::filesystem::path& file) {
  const auto text = "cb_op_" + to_base64url(random_bytes(secret_bytes)) + "\n";
  const auto fresh = file.string() + "." + to_hex(random_bytes(8)) + ".new";
  {
    file_handle out{
      open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR)};
    if (out.get() < 0)
      return bad(file, std::string{"cannot be made: "} + std::strerror(errno));
    if (write(out.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())
        || fsync(out.get()) != 0) {
      unlink(fresh.c_str());
      return bad(file, "cannot be written.");
    }
  }
  const bool linked = link(fresh.c_str(), file.c_str()) == 0 || errno == EEXIST;
  const auto why = errno;
  unlink(fresh.c_str());
  if (!linked)
    return bad(file, std::string{"cannot be made: "} + std::strerror(why));
  return {};
}

} // namespace

std::filesystem::path operator_key_file(const std::filesystem::path& data_dir) {
  return data_dir / "operator.key";
}

result<std::string> load_operator_key(const std::filesystem::path& data_dir) {
  const auto file = operator_key_file(data_dir);
  std::error_code failed;
  std::filesystem::create_directories(data_dir, failed);
  if (!std::filesystem::exists(file, failed))
    if (auto made = make_key(file); !made)
      return made.error();
  return read_operator_key(file);
}

result<std::string> read_operator_key(const std::filesystem::path& file) {
  file_handle in{open(file.c_str(), O_RDONLY | O_CLOEXEC)};
  struct stat info {};
  if (in.get() < 0 || fstat(in.get(), &info) != 0)
    return bad(file, std::strerror(errno));
  if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    return bad(file, "others may access it; its mode must be 0600.");
  std::string text(file_bytes_max, '\0');
  const auto count = read(in.get(), text.data(), text.size());
  if (count < 0)
    return bad(file, std::strerror(errno));
  text.resize(static_cast<std::size_t>(count));
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' '))
    text.pop_back();
  if (text.empty() || text.find_first_of(" \t\r\n") != std::string::npos)
    return bad(file, "is not one line with a key.");
  return text;
}

} // namespace callboard
