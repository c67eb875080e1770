#include "tests/bench/nginx_proxy.hpp"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <thread>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/loopback.hpp"

namespace callboard::bench {
namespace {

void replace_all(std::string& text, const std::string& place, const std::string& by) {
  for (auto at = text.find(place); at != std::string::npos; at = text.find(place, at + by.size()))
    text.replace(at, place.size(), by);
}

/// A port that was free a moment ago.
std::uint16_t free_port() {
  std::uint16_t port = 0;
  auto listener = listen_loopback(port);
  return port;
}

bool listens(std::uint16_t port) {
  try {
    connect_loopback(port);
    return true;
  } catch (const std::system_error&) {
    return false;
  }
}

} // namespace

std::optional<std::string> nginx_proxy::program() {
  if (auto* named = std::getenv("CALLBOARD_NGINX"); named && *named != 0)
    return named;
  auto* path = std::getenv("PATH");
  std::istringstream folders{std::string{path ? path : ""} + ":/usr/sbin"};
  for (std::string folder; std::getline(folders, folder, ':');)
    if (auto file = folder + "/nginx"; !folder.empty() && ::access(file.c_str(), X_OK) == 0)
      return file;
  return std::nullopt;
}

nginx_proxy::nginx_proxy(const std::string& program, std::uint16_t server,
                         std::filesystem::path folder)
    : port_(free_port()) {
  std::filesystem::create_directories(folder);
  std::ifstream from{CALLBOARD_BENCH_FOLDER "/nginx.conf"};
  std::string text{std::istreambuf_iterator<char>{from}, {}};
  replace_all(text, "@folder@", folder.string());
  replace_all(text, "@server@", std::to_string(server));
  replace_all(text, "@port@", std::to_string(port_));
  auto file = (folder / "nginx.conf").string();
  std::ofstream{file} << text;
  child_ = ::fork();
  if (child_ == 0) {
    // It must not outlive a measurement that is killed.
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    ::execl(program.c_str(), "nginx", "-e", "stderr", "-c", file.c_str(), nullptr);
    ::_exit(127);
  }
  for (int i = 0; i < 250; ++i) {
    if (listens(port_))
      return;
    if (child_ < 0 || waitpid(child_, nullptr, WNOHANG) == child_) {
      child_ = 0;
      break;
    }
    // tidy: polls
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
  }
  end();
  throw std::runtime_error{"nginx does not start"};
}

nginx_proxy::~nginx_proxy() { end(); }

void nginx_proxy::end() {
  if (child_ <= 0)
    return;
  kill(child_, SIGTERM);
  waitpid(child_, nullptr, 0);
  child_ = 0;
}

} // namespace callboard::bench
