#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include <sys/types.h>

namespace callboard::bench {

/// nginx as a reverse proxy of a port, a child of this process with one worker, as nginx.conf says.
class nginx_proxy {
public:
  /// The program: CALLBOARD_NGINX, or what is on the PATH or in /usr/sbin; nothing when there is
  /// none.
  static std::optional<std::string> program();

  /// Returns when it listens. Throws when it does not. `folder` is created and written into.
  nginx_proxy(const std::string& program, std::uint16_t server, std::filesystem::path folder);
  nginx_proxy(const nginx_proxy&) = delete;
  nginx_proxy& operator=(const nginx_proxy&) = delete;
  ~nginx_proxy();

  std::uint16_t port() const noexcept { return port_; }

private:
  void end();

  std::uint16_t port_ = 0;
  pid_t child_ = 0;
};

} // namespace callboard::bench
