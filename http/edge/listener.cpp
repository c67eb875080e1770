#include "http/edge/listener.hpp"

#include <algorithm>
#include <charconv>
#include <future>
#include <thread>

#include <poll.h>

#include <caf/detail/set_thread_name.hpp>
#include <restinio/all.hpp>
#include <restinio/tls.hpp>

#include "core/base/idempotency.hpp"
#include "http/edge/error_body.hpp"
#include "http/edge/guard.hpp"
#include "http/edge/wire_connection.hpp"
#include "http/edge/wire_sink.hpp"

namespace callboard {

/// Found by RESTinio by argument-dependent look-up: before the first read of a connection.
template <class Connection, class Start, class Failed>
void prepare_connection_and_start_read(guarded_socket& socket, Connection& connection, Start start,
                                       Failed failed) {
  auto& wire = socket.wire();
  if (!wire->open(connection.connection_id()))
    return failed(asio::error_code{asio::error::no_descriptors});
  if (!wire->is_tls())
    return start();
  wire->handshake([start, failed, keep = connection.shared_from_this()](const auto& ec) mutable {
    if (ec)
      failed(ec);
    else
      start();
  });
}

/// Likewise; TLS details are for nobody here.
inline restinio::tls_socket_t*
make_tls_socket_pointer_for_state_listener(guarded_socket&) noexcept {
  return nullptr;
}

} // namespace callboard

namespace restinio {

/// Settings of servers with our socket carry what their sockets share.
template <class Settings>
class socket_type_dependent_settings_t<Settings, callboard::guarded_socket> {
public:
  Settings& listener_core(std::shared_ptr<callboard::listener_core> core) & {
    core_ = std::move(core);
    return static_cast<Settings&>(*this);
  }
  const std::shared_ptr<callboard::listener_core>& listener_core() const { return core_; }

protected:
  ~socket_type_dependent_settings_t() = default;

private:
  std::shared_ptr<callboard::listener_core> core_;
};

namespace impl {

/// Sockets for connections to be accepted.
template <>
class socket_supplier_t<callboard::guarded_socket> {
protected:
  template <class Settings>
  socket_supplier_t(Settings& settings, asio::io_context&) {
    for (std::size_t i = 0; i < settings.concurrent_accepts_count(); ++i)
      sockets_.emplace_back(settings.listener_core());
  }

  callboard::guarded_socket& socket(std::size_t index) { return sockets_.at(index); }
  callboard::guarded_socket move_socket(std::size_t index) { return std::move(socket(index)); }
  std::size_t concurrent_accept_sockets_count() const noexcept { return sockets_.size(); }

private:
  std::vector<callboard::guarded_socket> sockets_;
};

} // namespace impl
} // namespace restinio

namespace callboard {
namespace {

/// Requests of one connection that may be under way at once. More than one, or RESTinio stops
/// reading and does not see that the client of a streamed answer left (STYLE.md 5).
constexpr std::size_t pipelined_requests_max = 4;
/// The parser's buffer of each connection: holds usual requests whole, and idle ones stay small.
constexpr std::size_t read_buffer_bytes = 4096;
/// Time limits are checked that many times within the shortest of them.
constexpr int checks_per_limit = 4;
/// The longest and shortest time between two checks.
constexpr auto check_period_max = std::chrono::milliseconds{1000};
constexpr auto check_period_min = std::chrono::milliseconds{10};
/// So many checks in a row find clients waiting and nobody accepted before accepting is begun anew.
constexpr int stuck_checks_max = 3;
/// Stopping takes that long at most when a connection does not end by itself.
constexpr auto stop_grace = std::chrono::seconds{3};

struct edge_traits
    : restinio::traits_t<
        restinio::asio_timer_manager_t, restinio::null_logger_t,
        std::function<restinio::request_handling_status_t(restinio::request_handle_t)>,
        restinio::noop_strand_t, guarded_socket> {};

using edge_server = restinio::http_server_t<edge_traits>;
using edge_settings = restinio::server_settings_t<edge_traits>;

std::chrono::milliseconds check_period(const listener_settings& x) {
  auto shortest = std::min(
    {x.read_timeout, x.keep_alive_timeout, x.write_timeout, x.handler_timeout, x.linger_timeout});
  return std::clamp(shortest / checks_per_limit, check_period_min, check_period_max);
}

void refuse(const wire_request& request, reply_sink& sink) {
  int number = 0;
  auto& target = request.target;
  std::from_chars(target.data() + 1, target.data() + target.size(), number);
  auto text = text_of(static_cast<refusal>(number));
  sink.finish(make_edge_reply(text.status, text.code, text.message, request.id));
}

restinio::request_handling_status_t serve(listener_core& core,
                                          const restinio::request_handle_t& request) {
  auto found = core.open.find(request->connection_id());
  if (found == core.open.end())
    return restinio::request_rejected();
  auto wire = found->second;
  auto& header = request->header();
  wire_request message;
  message.method = header.method().c_str();
  message.target = header.request_target();
  message.headers.reserve(header.fields_count());
  header.for_each_field([&](const auto& field) {
    message.headers.push_back({field.name(), field.value()});
  });
  message.body = request->body();
  message.remote_address = wire->remote_address();
  message.id = request_id_of(message.headers);
  auto sink = std::make_shared<wire_sink>(
    wire_call{restinio::impl::access_req_connection(*request), request->request_id(), wire,
              message.id, message.method == "HEAD", header.should_keep_alive(),
              idempotency::may_repeat(message.method, message.headers)});
  wire->add(sink);
  if (message.method == refusal_method)
    refuse(message, *sink);
  else
    core.handler(std::move(message), std::move(sink));
  return restinio::request_accepted();
}

edge_settings make_edge_settings(const std::shared_ptr<listener_core>& core,
                                 std::function<void(asio::ip::tcp::acceptor&)> on_bound) {
  auto& given = core->settings;
  auto period = check_period(given);
  auto address = asio::ip::make_address(given.address);
  edge_settings settings{given.port, address.is_v6() ? asio::ip::tcp::v6() : asio::ip::tcp::v4()};
  settings.listener_core(core)
    .address(address)
    .buffer_size(read_buffer_bytes)
    // The guard answers 408 before that, and the sink 504.
    .read_next_http_message_timelimit(given.read_timeout + given.keep_alive_timeout + 2 * period)
    .write_http_response_timelimit(given.write_timeout)
    .handle_request_timeout(given.handler_timeout + 2 * period)
    .max_pipelined_requests(pipelined_requests_max)
    .timer_manager(period)
    .acceptor_post_bind_hook(std::move(on_bound))
    .socket_options_setter([](auto& options) {
      // Without it small flushes stall about 40 ms.
      asio::error_code ignored;
      options.set_option(asio::ip::tcp::no_delay{true}, ignored);
    })
    // The guard has judged the sizes; these only bound what a mistake of it could cost.
    .incoming_http_msg_limits(restinio::incoming_http_msg_limits_t{}
                                .max_url_size(2 * limits::url_bytes_max)
                                .max_field_name_size(2 * limits::header_name_bytes_max)
                                .max_field_value_size(2 * limits::header_value_bytes_max)
                                .max_field_count(2 * limits::header_count_max)
                                .max_body_size(given.body_bytes_max))
    .cleanup_func([] {})
    .request_handler([raw = core.get()](const restinio::request_handle_t& request) {
      return serve(*raw, request);
    });
  return settings;
}

std::unique_ptr<asio::ssl::context> make_tls_context(const listener_settings& settings) {
  auto context = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_server);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  SSL_CTX_set_options(context->native_handle(), SSL_OP_NO_RENEGOTIATION);
  // Idle connections keep no record buffers.
  SSL_CTX_set_mode(context->native_handle(), SSL_MODE_RELEASE_BUFFERS);
  context->use_certificate_chain_file(settings.tls_cert_file);
  context->use_private_key_file(settings.tls_key_file, asio::ssl::context::pem);
  return context;
}

class restinio_listener final : public listener {
public:
  explicit restinio_listener(std::shared_ptr<listener_core> core)
      : core_(std::move(core)), period_(check_period(core_->settings)), ticker_(core_->io),
        work_(core_->io.get_executor()) {}

  ~restinio_listener() override { stop(); }

  /// Throws when the address cannot be bound.
  void run() {
    server_ = std::make_unique<edge_server>(restinio::external_io_context(core_->io),
                                            make_edge_settings(core_, [this](auto& acceptor) {
                                              acceptor_ = &acceptor;
                                              port_ = acceptor.local_endpoint().port();
                                            }));
    server_->open_sync();
    tick();
    thread_ = std::thread{[this] {
      caf::detail::set_thread_name("edge");
      core_->io.run();
      ended_.set_value();
    }};
  }

  std::uint16_t port() const override { return port_; }

  void stop_accepting() override {
    if (core_->stopped)
      return;
    core_->draining = true;
    std::promise<void> closed;
    asio::post(core_->io, [&] {
      server_->close_sync();
      closed.set_value();
    });
    closed.get_future().wait();
  }

  void stop() override {
    if (!thread_.joinable())
      return;
    asio::post(core_->io, [this] { close_all(); });
    if (ended_.get_future().wait_for(stop_grace) != std::future_status::ready)
      core_->io.stop();
    thread_.join();
    server_.reset();
  }

  listener_counters counters() const override {
    return {core_->connections_total, core_->requests_total, core_->refusals_total,
            core_->slow_readers_total, core_->connections_open};
  }

private:
  /// Closes everything, so that the I/O thread runs out of work.
  void close_all() {
    core_->draining = true;
    server_->close_sync();
    ticker_.cancel();
    auto open = core_->open;
    for (auto& [id, wire] : open)
      wire->abandon();
    core_->stopped = true;
    for (auto& wire : std::exchange(core_->lingering, {}))
      wire->end();
    core_->handler = [](auto&&...) {};
    work_.reset();
  }

  void tick() {
    ticker_.expires_after(period_);
    ticker_.async_wait([this](const asio::error_code& ec) {
      if (ec)
        return;
      check();
      tick();
    });
  }

  void check() {
    auto now = listener_core::clock::now();
    std::erase_if(core_->lingering, [&](auto& wire) { return wire->linger_over(now); });
    // Copied: a check may close its connection.
    std::vector<std::shared_ptr<wire_connection>> open;
    open.reserve(core_->open.size());
    for (auto& [id, wire] : core_->open)
      open.push_back(wire);
    for (auto& wire : open)
      wire->check(now);
    revive();
  }

  /// RESTinio accepts no further connection once an accept has failed, as it does when the process
  /// has no descriptor left. Clients that wait while nobody is accepted show it; then the acceptor
  /// is opened anew. Not with port 0, which would become another one.
  void revive() {
    auto accepted = core_->connections_total.load();
    pollfd waiting{core_->draining ? -1 : acceptor_->native_handle(), POLLIN, 0};
    bool stuck = ::poll(&waiting, 1, 0) > 0 && accepted == accepted_before_;
    accepted_before_ = accepted;
    stuck_checks_ = stuck ? stuck_checks_ + 1 : 0;
    if (stuck_checks_ < stuck_checks_max || core_->settings.port == 0)
      return;
    stuck_checks_ = 0;
    try {
      server_->close_sync();
      server_->open_sync();
    } catch (const std::exception&) {
      // Still no descriptor: the next checks try again.
      stuck_checks_ = stuck_checks_max;
    }
  }

  std::shared_ptr<listener_core> core_;
  std::chrono::milliseconds period_;
  asio::steady_timer ticker_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::unique_ptr<edge_server> server_;
  /// Belongs to the server.
  asio::ip::tcp::acceptor* acceptor_ = nullptr;
  std::uint64_t accepted_before_ = 0;
  int stuck_checks_ = 0;
  std::uint16_t port_ = 0;
  std::thread thread_;
  std::promise<void> ended_;
};

} // namespace

result<std::unique_ptr<listener>> listener::start(listener_settings settings,
                                                  wire_handler handler) {
  auto where = settings.address + ":" + std::to_string(settings.port);
  try {
    auto core = std::make_shared<listener_core>(std::move(settings), std::move(handler));
    if (!core->settings.tls_cert_file.empty() || !core->settings.tls_key_file.empty())
      core->tls = make_tls_context(core->settings);
    auto x = std::make_unique<restinio_listener>(std::move(core));
    x->run();
    return std::unique_ptr<listener>{std::move(x)};
  } catch (const std::exception& e) {
    return make_problem(errc::bad_setting, "cannot listen on " + where + ": " + e.what());
  }
}

} // namespace callboard
