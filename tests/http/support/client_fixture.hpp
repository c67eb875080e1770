#pragma once

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include <boost/test/unit_test.hpp>
#include <caf/all.hpp>

#include "http/client/http_client.hpp"
#include "tests/http/support/fake_upstream.hpp"
#include "tests/http/support/front_fixture.hpp"

namespace callboard {

/// The real client in an actor system with threads, by default allowed to reach loopback.
class client_fixture {
public:
  static http_client_args open_args() {
    http_client_args args;
    args.allow_private = true;
    return args;
  }

  explicit client_fixture(http_client_args args = open_args())
      : counters(std::make_shared<http_client_counters>()), self(system.sys) {
    args.counters = counters;
    client = system.sys.spawn(http_client, std::move(args));
  }

  ~client_fixture() { stop(); }

  void stop() {
    caf::anon_send_exit(client, caf::exit_reason::user_shutdown);
    self->wait_for(client);
  }

  static fetch_request get(std::string url) {
    fetch_request request;
    request.message.url = std::move(url);
    request.timeout = std::chrono::seconds{10};
    return request;
  }

  template <class Pending>
  static result<http_response> receive(Pending& pending) {
    result<http_response> outcome{caf::error{errc::internal}};
    pending.receive([&](http_response& x) { outcome = std::move(x); },
                    [&](caf::error& x) { outcome = std::move(x); });
    return outcome;
  }

  result<http_response> fetch(fetch_request request) {
    auto pending =
      self->request(client, std::chrono::seconds{10}, atom::fetch_v, std::move(request));
    return receive(pending);
  }

  http_response unbox_fetch(fetch_request request) {
    auto outcome = fetch(std::move(request));
    if (!outcome)
      throw std::runtime_error{"fetch failed: " + caf::to_string(outcome.error())};
    return std::move(*outcome);
  }

  static void check_error(const result<http_response>& outcome, errc code) {
    BOOST_REQUIRE(!outcome);
    BOOST_TEST(to_string(code_of(outcome.error())) == to_string(code));
  }

  /// Answers every request of every connection with that body.
  static fake_upstream::script serve_all(std::string body) {
    return [body = std::move(body)](raw_client& peer, int) {
      while (peer.read_request())
        peer.send(response_text(200, body));
    };
  }

  std::shared_ptr<http_client_counters> counters;
  threaded_system system;
  caf::scoped_actor self;
  http_client_actor client;
};

/// RFC 1952.
std::string gzip(std::string_view data);

} // namespace callboard
