#include "tests/bench/loopback.hpp"

#include <array>
#include <charconv>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

namespace callboard::bench {
namespace {

[[noreturn]] void fail(const char* what) {
  throw std::system_error{errno, std::generic_category(), what};
}

sockaddr_in loopback_address(std::uint16_t port) {
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return at;
}

} // namespace

socket_handle& socket_handle::operator=(socket_handle&& other) noexcept {
  socket_handle old{std::exchange(fd_, other.release())};
  return *this;
}

socket_handle::~socket_handle() {
  if (fd_ >= 0)
    ::close(fd_);
}

int socket_handle::release() noexcept { return std::exchange(fd_, -1); }

socket_handle connect_loopback(std::uint16_t port) {
  socket_handle x{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  auto at = loopback_address(port);
  if (x.fd() < 0 || ::connect(x.fd(), reinterpret_cast<sockaddr*>(&at), sizeof at) != 0)
    fail("connect");
  int on = 1;
  setsockopt(x.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return x;
}

socket_handle listen_loopback(std::uint16_t& port) {
  socket_handle x{::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  auto at = loopback_address(0);
  socklen_t size = sizeof at;
  if (x.fd() < 0 || ::bind(x.fd(), reinterpret_cast<sockaddr*>(&at), size) != 0
      || ::listen(x.fd(), SOMAXCONN) != 0
      || ::getsockname(x.fd(), reinterpret_cast<sockaddr*>(&at), &size) != 0)
    fail("listen");
  port = ntohs(at.sin_port);
  return x;
}

std::optional<std::string_view> field_of(std::string_view message, std::string_view name) {
  auto end = message.find("\r\n\r\n");
  for (auto at = message.find("\r\n"); at < end; at = message.find("\r\n", at + 2)) {
    auto line = message.substr(at + 2, message.find("\r\n", at + 2) - at - 2);
    if (line.size() <= name.size() || line[name.size()] != ':'
        || strncasecmp(line.data(), name.data(), name.size()) != 0)
      continue;
    line.remove_prefix(name.size() + 1);
    while (!line.empty() && line.front() == ' ')
      line.remove_prefix(1);
    return line;
  }
  return std::nullopt;
}

std::optional<std::size_t> message_length(std::string_view buffer) {
  auto head = buffer.find("\r\n\r\n");
  if (head == std::string_view::npos)
    return std::nullopt;
  std::size_t body = 0;
  if (auto length = field_of(buffer, "Content-Length"))
    std::from_chars(length->data(), length->data() + length->size(), body);
  auto total = head + 4 + body;
  return buffer.size() < total ? std::nullopt : std::optional{total};
}

int status_of_response(std::string_view message) {
  constexpr std::size_t status_at = 9; // after "HTTP/1.1 "
  int status = 0;
  if (message.size() > status_at + 3)
    std::from_chars(message.data() + status_at, message.data() + status_at + 3, status);
  return status;
}

void plain_client::send(std::string_view bytes) {
  while (!bytes.empty()) {
    auto n = ::send(socket_.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0)
      fail("send");
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

void plain_client::read_more() {
  std::array<char, 16384> piece{};
  auto n = ::recv(socket_.fd(), piece.data(), piece.size(), 0);
  if (n <= 0)
    throw std::runtime_error{"the server closed the connection after: " + buffer_};
  buffer_.append(piece.data(), static_cast<std::size_t>(n));
}

std::string plain_client::receive() {
  std::optional<std::size_t> length;
  while (!(length = message_length(buffer_)))
    read_more();
  auto answer = buffer_.substr(0, *length);
  buffer_.erase(0, *length);
  return answer;
}

std::string plain_client::receive_until(std::string_view marker) {
  while (buffer_.find(marker) == std::string::npos)
    read_more();
  return std::exchange(buffer_, {});
}

std::chrono::steady_clock::time_point plain_client::receive_stream(std::string_view marker) {
  while (buffer_.find(marker) == std::string::npos) {
    if (buffer_.ends_with("\r\n0\r\n\r\n"))
      throw std::runtime_error{"a stream without its marker: " + buffer_};
    read_more();
  }
  auto seen_at = std::chrono::steady_clock::now();
  while (!buffer_.ends_with("\r\n0\r\n\r\n"))
    read_more();
  buffer_.clear();
  return seen_at;
}

} // namespace callboard::bench
