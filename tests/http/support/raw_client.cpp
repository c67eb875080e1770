#include "tests/http/support/raw_client.hpp"

#include <arpa/inet.h>
#include <cerrno>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>

namespace callboard {
namespace {

constexpr int wait_ms = 5000;

/// The header fields behind the first line.
http_headers fields_of(std::string_view head) {
  http_headers headers;
  head.remove_prefix(head.find("\r\n") + 2);
  while (head.size() > 2) {
    auto line = head.substr(0, head.find("\r\n"));
    head.remove_prefix(line.size() + 2);
    auto colon = line.find(':');
    headers.push_back(
      {std::string{line.substr(0, colon)}, std::string{trim(line.substr(colon + 1))}});
  }
  return headers;
}

} // namespace

raw_client::raw_client(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    throw std::runtime_error{"cannot connect"};
  int on = 1;
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

raw_client::~raw_client() { close(); }

bool raw_client::send(std::string_view bytes) {
  while (!bytes.empty()) {
    auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0)
      return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

void raw_client::half_close() { ::shutdown(socket_, SHUT_WR); }

void raw_client::close() {
  if (socket_ >= 0)
    ::close(socket_);
  socket_ = -1;
}

void raw_client::reset() {
  linger hard{1, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
  close();
}

std::optional<std::string> raw_client::read_some() {
  pollfd poll_entry{socket_, POLLIN, 0};
  if (::poll(&poll_entry, 1, wait_ms) <= 0)
    return std::nullopt;
  std::string bytes(64 * 1024, '\0');
  auto count = ::recv(socket_, bytes.data(), bytes.size(), 0);
  if (count < 0)
    reset_ = errno == ECONNRESET;
  if (count <= 0)
    return std::nullopt;
  bytes.resize(static_cast<std::size_t>(count));
  return bytes;
}

std::optional<std::string> raw_client::read_until(std::string_view text) {
  while (true) {
    auto found = buffer_.find(text);
    if (found != std::string::npos) {
      auto result = buffer_.substr(0, found + text.size());
      buffer_.erase(0, found + text.size());
      return result;
    }
    auto more = read_some();
    if (!more)
      return std::nullopt;
    buffer_ += *more;
  }
}

std::optional<std::string> raw_client::read_all() {
  while (true) {
    pollfd poll_entry{socket_, POLLIN, 0};
    if (::poll(&poll_entry, 1, wait_ms) <= 0)
      return std::nullopt;
    auto more = read_some();
    if (!more)
      return std::exchange(buffer_, {});
    buffer_ += *more;
  }
}

std::optional<raw_response> raw_client::read_response(bool head_only) {
  auto text = read_until("\r\n\r\n");
  if (!text)
    return std::nullopt;
  raw_response response;
  response.status = std::stoi(text->substr(9, 3));
  response.headers = fields_of(*text);
  auto body = read_body(response, head_only);
  if (!body)
    return std::nullopt;
  response.body = std::move(*body);
  return response;
}

std::optional<std::string> raw_client::read_body(const raw_response& head, bool head_only) {
  if (head_only || head.status < 200 || head.status == 204 || head.status == 304)
    return std::string{};
  if (head.header("Transfer-Encoding") != "chunked")
    return take(std::stoul("0" + head.header("Content-Length")));
  std::string body;
  while (true) {
    auto line = read_until("\r\n");
    if (!line)
      return std::nullopt;
    auto size = std::stoul(*line, nullptr, 16);
    auto chunk = take(size + 2);
    if (!chunk)
      return std::nullopt;
    if (size == 0)
      return body;
    body += chunk->substr(0, size);
  }
}

std::optional<raw_request> raw_client::read_request() {
  auto text = read_until("\r\n\r\n");
  if (!text)
    return std::nullopt;
  raw_request request;
  auto line = text->substr(0, text->find("\r\n"));
  auto blank = line.find(' ');
  request.method = line.substr(0, blank);
  request.target = line.substr(blank + 1, line.rfind(' ') - blank - 1);
  request.headers = fields_of(*text);
  auto body = take(std::stoul("0" + request.header("Content-Length")));
  if (!body)
    return std::nullopt;
  request.body = std::move(*body);
  return request;
}

std::optional<std::string> raw_client::take(std::size_t count) {
  while (buffer_.size() < count) {
    auto more = read_some();
    if (!more)
      return std::nullopt;
    buffer_ += *more;
  }
  auto result = buffer_.substr(0, count);
  buffer_.erase(0, count);
  return result;
}

void raw_client::interrupt() { ::shutdown(socket_, SHUT_RDWR); }

void raw_client::shrink_receive_buffer() {
  int bytes = 4096;
  ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

} // namespace callboard
