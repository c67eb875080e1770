#include "http/edge/listener.hpp"

#include <tuple>

#include <boost/test/unit_test.hpp>
#include <fmt/format.h>

#include "tests/http/support/edge_fixture.hpp"

using namespace callboard;

BOOST_AUTO_TEST_SUITE(listener_test)

BOOST_AUTO_TEST_CASE(a_request_arrives_whole_and_its_answer_goes_back) {
  edge_fixture edge;
  raw_client client{edge.port()};
  client.send("POST /v1/x?a=%20 HTTP/1.1\r\nHost: a.example\r\nX-A: 1\r\nX-A: 2\r\n"
              "Content-Length: 5\r\n\r\nhello");
  auto request = edge.take();
  BOOST_TEST(request.message.method == "POST");
  BOOST_TEST(request.message.target == "/v1/x?a=%20");
  BOOST_TEST(request.message.body == "hello");
  BOOST_TEST(request.message.remote_address == "127.0.0.1");
  BOOST_TEST(request.message.headers.size() == 4u);
  request.sink->finish({201, {{"X-B", "3"}}, "world"});
  auto response = client.read_response().value();
  BOOST_TEST(response.status == 201);
  BOOST_TEST(response.body == "world");
  BOOST_TEST(response.header("X-B") == "3");
  BOOST_TEST(!response.header("Date").empty());
}

BOOST_AUTO_TEST_CASE(a_connection_serves_many_requests) {
  edge_fixture edge;
  edge.start_echoing();
  raw_client client{edge.port()};
  for (int i = 0; i < 100; ++i) {
    auto path = "/" + std::to_string(i);
    client.send("GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n");
    BOOST_TEST(client.read_response().value().body == "GET " + path + " ");
  }
  BOOST_TEST(edge.edge->counters().connections_total == 1u);
  BOOST_TEST(edge.edge->counters().requests_total == 100u);
}

BOOST_AUTO_TEST_CASE(fifty_pipelined_requests_are_answered_in_order) {
  edge_fixture edge;
  edge.start_echoing();
  raw_client client{edge.port()};
  std::string all;
  for (int i = 0; i < 50; ++i)
    all += i % 2 == 0 ? "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\n\r\n"
                      : "POST /" + std::to_string(i)
                          + " HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc";
  client.send(all);
  for (int i = 0; i < 50; ++i) {
    auto body = client.read_response().value().body;
    BOOST_TEST(
      body
      == (i % 2 == 0 ? "GET /" + std::to_string(i) + " " : "POST /" + std::to_string(i) + " abc"));
  }
}

BOOST_AUTO_TEST_CASE(answers_given_out_of_order_are_sent_in_order) {
  edge_fixture edge;
  raw_client client{edge.port()};
  client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
  auto first = edge.take();
  auto second = edge.take();
  second.sink->finish({200, {}, "two"});
  first.sink->finish({200, {}, "one"});
  BOOST_TEST(client.read_response().value().body == "one");
  BOOST_TEST(client.read_response().value().body == "two");
}

BOOST_AUTO_TEST_CASE(a_refused_request_is_answered_behind_the_answers_of_earlier_ones) {
  edge_fixture edge;
  raw_client client{edge.port()};
  client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nBad Header\r\n\r\n");
  auto first = edge.take();
  first.sink->finish({200, {}, "one"});
  BOOST_TEST(client.read_response().value().body == "one");
  BOOST_TEST(client.read_response().value().status == 400);
  BOOST_TEST(client.ends());
}

BOOST_AUTO_TEST_CASE(nothing_behind_a_closing_request_is_served) {
  edge_fixture edge;
  edge.start_echoing();
  raw_client client{edge.port()};
  client.send("GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
              "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
  auto response = client.read_response().value();
  BOOST_TEST(response.body == "GET /1 ");
  BOOST_TEST(response.header("Connection") == "close");
  BOOST_TEST(client.read_all().value() == "");
  BOOST_TEST(edge.edge->counters().requests_total == 1u);
}

BOOST_AUTO_TEST_CASE(a_body_of_the_largest_size_arrives_by_length_and_chunked) {
  auto settings = edge_fixture::patient();
  settings.body_bytes_max = 300'000;
  edge_fixture edge{settings};
  std::string body(settings.body_bytes_max, 'x');
  raw_client client{edge.port()};
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n" + body);
  auto request = edge.take();
  BOOST_TEST((request.message.body == body));
  request.sink->finish({200, {}, body});
  BOOST_TEST((client.read_response().value().body == body));
  client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  client.send("186A0\r\n" + std::string(100'000, 'x') + "\r\n");
  client.send("30d40\r\n" + std::string(200'000, 'x') + "\r\n0\r\n\r\n");
  request = edge.take();
  BOOST_TEST((request.message.body == body));
  request.sink->finish({204, {}, "not sent"});
  auto response = client.read_response().value();
  BOOST_TEST(response.status == 204);
  BOOST_TEST(response.header("Content-Length") == "");
}

BOOST_AUTO_TEST_CASE(head_requests_get_the_length_but_no_body) {
  edge_fixture edge;
  raw_client client{edge.port()};
  client.send("HEAD /x HTTP/1.1\r\nHost: a\r\n\r\nGET /y HTTP/1.1\r\nHost: a\r\n\r\n");
  auto head = edge.take();
  auto get = edge.take();
  BOOST_TEST(head.message.method == "HEAD");
  head.sink->finish({200, {}, "12345"});
  get.sink->finish({200, {}, "67"});
  auto response = client.read_response(true).value();
  BOOST_TEST(response.header("Content-Length") == "5");
  BOOST_TEST(client.read_response().value().body == "67");
}

BOOST_AUTO_TEST_CASE(a_sink_dropped_unanswered_answers_500_and_the_connection_goes_on) {
  edge_fixture edge;
  raw_client client{edge.port()};
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  edge.take().sink.reset();
  auto response = client.read_response().value();
  BOOST_TEST(response.status == 500);
  BOOST_TEST(response.body.find("\"code\":\"internal_error\"") != std::string::npos);
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  edge.take().sink->finish({200, {}, "ok"});
  BOOST_TEST(client.read_response().value().body == "ok");
}

BOOST_AUTO_TEST_CASE(nobody_repeats_by_itself_what_may_have_had_its_effect) {
  edge_fixture edge;
  raw_client client{edge.port()};
  for (auto [method, field, advice] : {std::tuple{"POST", "", "false"},
                                       {"POST", "Idempotency-Key: k\r\n", ""},
                                       {"GET", "", ""},
                                       {"HEAD", "", ""}}) {
    client.send(
      fmt::format("{} / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n{}\r\n", method, field));
    edge.take().sink.reset();
    auto response = client.read_response(std::string_view{method} == "HEAD").value();
    BOOST_TEST(response.status == 500);
    BOOST_TEST(response.header("x-should-retry") == advice);
  }
}

BOOST_AUTO_TEST_CASE(only_the_first_answer_counts) {
  edge_fixture edge;
  raw_client client{edge.port()};
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  auto request = edge.take();
  request.sink->finish({200, {}, "first"});
  request.sink->finish({200, {}, "second"});
  request.sink->start_stream(200, {});
  BOOST_TEST(!request.sink->send("third"));
  request.sink->end_stream(true);
  BOOST_TEST(client.read_response().value().body == "first");
  client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  edge.take().sink->finish({200, {}, "next"});
  BOOST_TEST(client.read_response().value().body == "next");
  BOOST_TEST(client.read_all().value() == "");
}

BOOST_AUTO_TEST_CASE(header_fields_cannot_split_a_response) {
  edge_fixture edge;
  raw_client client{edge.port()};
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  edge.take().sink->finish({200,
                            {{"X-Bad", "1\r\nX-Injected: 2"},
                             {"X Bad", "3"},
                             {"Content-Length", "99"},
                             {"Transfer-Encoding", "chunked"},
                             {"X-Good", "4"}},
                            "ok"});
  auto response = client.read_response().value();
  BOOST_TEST(response.body == "ok");
  BOOST_TEST(response.header("X-Injected") == "");
  BOOST_TEST(response.header("X-Bad") == "");
  BOOST_TEST(response.header("X-Good") == "4");
  BOOST_TEST(response.header("Transfer-Encoding") == "");
}

BOOST_AUTO_TEST_CASE(a_busy_port_and_a_bad_address_are_bad_settings) {
  edge_fixture edge;
  for (auto address : {"127.0.0.1", "nonsense", "203.0.113.1"}) {
    listener_settings settings;
    settings.address = address;
    settings.port = edge.port();
    auto second = listener::start(settings, [](auto&&...) {});
    BOOST_TEST(!second);
    BOOST_TEST((code_of(second.error()) == errc::bad_setting));
  }
}

BOOST_AUTO_TEST_CASE(connections_over_the_limit_are_answered_503) {
  auto settings = edge_fixture::patient();
  settings.connections_max = 2;
  edge_fixture edge{settings};
  edge.start_echoing();
  raw_client first{edge.port()};
  raw_client second{edge.port()};
  BOOST_TEST(eventually([&] { return edge.edge->counters().connections_open == 2; }));
  raw_client third{edge.port()};
  third.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  BOOST_TEST(third.read_response().value().status == 503);
  BOOST_TEST(third.ends());
  first.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  BOOST_TEST(first.read_response().value().status == 200);
  second.close();
  BOOST_TEST(eventually([&] { return edge.edge->counters().connections_open == 1; }));
  raw_client fourth{edge.port()};
  fourth.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  BOOST_TEST(fourth.read_response().value().status == 200);
}

BOOST_AUTO_TEST_SUITE_END()
