#include <arpa/inet.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include "core/base/json.hpp"
#include "tests/http/support/bad_requests.hpp"
#include "tests/http/support/edge_fixture.hpp"

using namespace callboard;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t body_bytes_max = 1000;

listener_settings small_bodies() {
  auto settings = edge_fixture::patient();
  settings.body_bytes_max = body_bytes_max;
  return settings;
}

/// A listener whose read timeout is short.
listener_settings hasty() {
  auto settings = small_bodies();
  settings.read_timeout = 100ms;
  return settings;
}

void check_refusal(const raw_response& response, int status) {
  BOOST_TEST(response.status == status);
  BOOST_TEST(response.header("Content-Type") == "application/json");
  BOOST_TEST(response.header("Connection") == "close");
  BOOST_TEST(response.header("X-Request-Id").starts_with("req_"));
  auto body = parse_json(response.body);
  BOOST_REQUIRE(body);
  auto* error = find_object(body->as_object(), "error");
  BOOST_REQUIRE(error);
  for (auto member : {"message", "type", "code", "request_id"})
    BOOST_TEST(!find_string(*error, member).value_or("").empty(), member);
  BOOST_TEST(error->contains("param"));
}

} // namespace

BOOST_AUTO_TEST_SUITE(limits_test)

BOOST_AUTO_TEST_CASE(every_case_is_answered_over_the_wire) {
  edge_fixture edge{small_bodies()};
  edge.start_echoing();
  for (auto& x : wire_cases()) {
    BOOST_TEST_CONTEXT(x.name) {
      auto served = edge.edge->counters().requests_total;
      auto refused = edge.edge->counters().refusals_total;
      raw_client client{edge.port()};
      client.send(x.bytes);
      auto response = client.read_response();
      if (response && response->status == 100)
        response = client.read_response();
      BOOST_REQUIRE(response);
      BOOST_TEST(response->status == x.status);
      if (x.status != 200) {
        check_refusal(*response, x.status);
        // Nothing follows: never two responses for one request.
        BOOST_TEST(client.read_all().value_or("open") == "");
      }
      BOOST_TEST(edge.edge->counters().requests_total - served == 1u);
      BOOST_TEST(edge.edge->counters().refusals_total - refused == (x.status == 200 ? 0u : 1u));
    }
  }
}

BOOST_AUTO_TEST_CASE(every_case_is_answered_when_it_comes_byte_by_byte) {
  edge_fixture edge{small_bodies()};
  edge.start_echoing();
  for (auto& x : wire_cases()) {
    if (x.bytes.size() > 400)
      continue;
    BOOST_TEST_CONTEXT(x.name) {
      raw_client client{edge.port()};
      for (char c : x.bytes)
        if (!client.send({&c, 1}))
          break;
      auto response = client.read_response();
      if (response && response->status == 100)
        response = client.read_response();
      BOOST_REQUIRE(response);
      BOOST_TEST(response->status == x.status);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_refused_client_that_goes_on_sending_still_reads_its_answer) {
  edge_fixture edge{small_bodies()};
  raw_client client{edge.port()};
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n");
  for (int i = 0; i < 30; ++i)
    client.send(std::string(100'000, 'x'));
  check_refusal(client.read_response().value(), 413);
  BOOST_TEST(client.read_all().value_or("open") == "");
  BOOST_TEST(!client.was_reset());
}

BOOST_AUTO_TEST_CASE(a_client_that_expects_100_gets_it_before_the_body) {
  edge_fixture edge{small_bodies()};
  raw_client client{edge.port()};
  client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  BOOST_TEST(client.read_response().value().status == 100);
  BOOST_TEST(!edge.any_request());
  client.send("abc");
  auto request = edge.take();
  BOOST_TEST(request.message.body == "abc");
  request.sink->finish({200, {}, "ok"});
  BOOST_TEST(client.read_response().value().body == "ok");
  // Again on the same connection.
  client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  BOOST_TEST(client.read_response().value().status == 100);
  client.send("def");
  BOOST_TEST(edge.take().message.body == "def");
}

BOOST_AUTO_TEST_CASE(slow_heads_and_slow_bodies_are_answered_408) {
  for (auto part : {"GET", "GET / HTTP/1.1\r\nHost: a\r\n",
                    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab",
                    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"}) {
    edge_fixture edge{hasty()};
    raw_client client{edge.port()};
    client.send(part);
    auto begin = std::chrono::steady_clock::now();
    check_refusal(client.read_response().value(), 408);
    auto took = std::chrono::steady_clock::now() - begin;
    BOOST_TEST((took > 80ms && took < 2s));
    BOOST_TEST(client.ends());
  }
}

BOOST_AUTO_TEST_CASE(a_client_that_trickles_is_not_given_more_time) {
  edge_fixture edge{hasty()};
  raw_client client{edge.port()};
  client.send("GET / HTTP/1.1\r\n");
  auto begin = std::chrono::steady_clock::now();
  auto next = begin;
  eventually([&] {
    auto now = std::chrono::steady_clock::now();
    if (now >= next && client.send("X"))
      next = now + 10ms;
    return now - begin > 300ms;
  });
  check_refusal(client.read_response().value(), 408);
}

BOOST_AUTO_TEST_CASE(a_silent_connection_is_closed_without_a_word) {
  edge_fixture edge{hasty()};
  raw_client client{edge.port()};
  BOOST_TEST(client.read_all().value_or("open") == "");
  BOOST_TEST(eventually([&] { return edge.edge->counters().connections_open == 0; }));
}

BOOST_AUTO_TEST_CASE(an_idle_connection_lives_longer_than_a_slow_request) {
  auto settings = hasty();
  settings.keep_alive_timeout = 600ms;
  edge_fixture edge{settings};
  edge.start_echoing();
  raw_client client{edge.port()};
  client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n");
  BOOST_TEST(client.read_response().value().status == 200);
  auto begin = std::chrono::steady_clock::now();
  BOOST_TEST(client.read_all().value_or("open") == "");
  auto took = std::chrono::steady_clock::now() - begin;
  BOOST_TEST((took > 500ms && took < 3s));
}

BOOST_AUTO_TEST_CASE(a_slow_answer_does_not_count_as_a_slow_request) {
  auto settings = hasty();
  settings.keep_alive_timeout = 100ms;
  edge_fixture edge{settings};
  raw_client client{edge.port()};
  client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n");
  auto request = edge.take();
  auto begin = std::chrono::steady_clock::now();
  BOOST_TEST(eventually([&] { return std::chrono::steady_clock::now() - begin > 400ms; }));
  request.sink->finish({200, {}, "late"});
  BOOST_TEST(client.read_response().value().body == "late");
}

BOOST_AUTO_TEST_CASE(a_handler_that_answers_nothing_is_replaced_by_504) {
  auto settings = edge_fixture::patient();
  settings.handler_timeout = 150ms;
  edge_fixture edge{settings};
  raw_client client{edge.port()};
  client.send("GET / HTTP/1.1\r\nHost: a\r\nX-Request-Id: mine\r\n\r\n");
  auto request = edge.take();
  std::atomic<bool> told{false};
  request.sink->on_closed([&] { told = true; });
  auto response = client.read_response().value();
  BOOST_TEST(response.status == 504);
  BOOST_TEST(response.header("X-Request-Id") == "mine");
  BOOST_TEST(eventually([&] { return told.load(); }));
  request.sink->finish({200, {}, "too late"});
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  edge.take().sink->finish({200, {}, "next"});
  BOOST_TEST(client.read_response().value().body == "next");
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
  request = edge.take();
  response = client.read_response().value();
  BOOST_TEST(response.status == 504);
  BOOST_TEST(response.header("x-should-retry") == "false");
}

BOOST_AUTO_TEST_CASE(accepting_goes_on_after_the_process_ran_out_of_descriptors) {
  std::uint16_t port = edge_fixture{}.port();
  auto settings = edge_fixture::patient();
  settings.port = port;
  settings.linger_timeout = 40ms; // Checks follow each other in a quarter of that.
  edge_fixture edge{settings};
  edge.start_echoing();
  auto answered = [&] {
    try {
      raw_client client{edge.port()};
      client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
      return client.read_response().has_value();
    } catch (const std::runtime_error&) {
      return false; // Between the closing and the opening anew.
    }
  };
  auto refused = ::socket(AF_INET, SOCK_STREAM, 0);
  rlimit before{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  // Only what is open already, and nothing beside: the lowest free descriptor is over the limit.
  auto lowest_free = ::dup(refused);
  ::close(lowest_free);
  rlimit none{static_cast<rlim_t>(lowest_free), before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &none);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto connected = ::connect(refused, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  auto total = edge.edge->counters().connections_total;
  auto begin = std::chrono::steady_clock::now();
  eventually([&] { return std::chrono::steady_clock::now() - begin > 50ms; });
  auto total_later = edge.edge->counters().connections_total;
  ::setrlimit(RLIMIT_NOFILE, &before);
  BOOST_TEST(connected == 0);
  BOOST_TEST(total_later == total);
  BOOST_TEST(eventually(answered));
  ::close(refused);
}

BOOST_AUTO_TEST_SUITE_END()
