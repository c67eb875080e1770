#include "tests/bench/bare_restinio.hpp"

#include <future>

#include <restinio/all.hpp>

namespace callboard::bench {

struct bare_restinio::server {
  std::promise<std::uint16_t> bound;
  std::uint16_t port = 0;
  restinio::running_server_handle_t<restinio::default_traits_t> handle;
};

bare_restinio::bare_restinio() : server_(std::make_unique<server>()) {
  auto port = server_->bound.get_future();
  server_->handle = restinio::run_async<restinio::default_traits_t>(
    restinio::own_io_context(),
    restinio::server_settings_t<restinio::default_traits_t>{}
      .address("127.0.0.1")
      .port(0)
      .max_pipelined_requests(2)
      .socket_options_setter(
        [](auto& options) { options.set_option(restinio::asio_ns::ip::tcp::no_delay{true}); })
      .acceptor_post_bind_hook([this](restinio::asio_ns::ip::tcp::acceptor& acceptor) {
        server_->bound.set_value(acceptor.local_endpoint().port());
      })
      .request_handler([](const restinio::request_handle_t& request) {
        return request->create_response()
          .append_header(restinio::http_field::content_type, "application/json")
          .set_body(R"({"jsonrpc":"2.0","id":1,"result":{}})")
          .done();
      }),
    1u);
  server_->port = port.get();
}

bare_restinio::~bare_restinio() {
  server_->handle->stop();
  server_->handle->wait();
}

std::uint16_t bare_restinio::port() const noexcept { return server_->port; }

} // namespace callboard::bench
