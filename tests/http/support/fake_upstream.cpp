#include "tests/http/support/fake_upstream.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

namespace callboard {

fake_upstream::fake_upstream(script run)
    : run_(std::move(run)), socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  ::listen(socket_, 64);
  socklen_t size = sizeof(address);
  ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread{[this] { accept_all(); }};
}

fake_upstream::~fake_upstream() {
  ::shutdown(socket_, SHUT_RDWR);
  acceptor_.join();
  for (auto& peer : peers_)
    peer->interrupt();
  for (auto& thread : threads_)
    thread.join();
  ::close(socket_);
}

void fake_upstream::accept_all() {
  while (true) {
    auto accepted = ::accept(socket_, nullptr, nullptr);
    if (accepted < 0)
      return;
    peers_.push_back(std::make_unique<raw_client>(raw_client::accepted{accepted}));
    threads_.emplace_back([this, peer = peers_.back().get(), index = connections_++] {
      run_(*peer, index);
      peer->interrupt();
    });
  }
}

std::string response_text(int status, std::string_view body, std::string_view fields) {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: "
         + std::to_string(body.size()) + "\r\n" + std::string{fields} + "\r\n" + std::string{body};
}

} // namespace callboard
