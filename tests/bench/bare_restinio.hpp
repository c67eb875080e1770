#pragma once

#include <cstdint>
#include <memory>

namespace callboard::bench {

/// RESTinio with nothing of ours: one I/O thread and a handler that answers a constant. The
/// reference for everything that goes through our listener.
class bare_restinio {
public:
  bare_restinio();
  ~bare_restinio();

  std::uint16_t port() const noexcept;

private:
  struct server;
  std::unique_ptr<server> server_;
};

} // namespace callboard::bench
