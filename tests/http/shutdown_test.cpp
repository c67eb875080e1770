#include <boost/test/unit_test.hpp>

#include "tests/http/support/edge_fixture.hpp"

using namespace callboard;
using namespace std::chrono_literals;

namespace {

bool can_connect(std::uint16_t port) {
  try {
    raw_client client{port};
    return true;
  } catch (const std::runtime_error&) {
    return false;
  }
}

} // namespace

BOOST_AUTO_TEST_SUITE(shutdown_test)

BOOST_AUTO_TEST_CASE(open_connections_live_on_when_no_new_ones_are_accepted) {
  edge_fixture edge;
  raw_client idle{edge.port()};
  raw_client waiting{edge.port()};
  raw_client streaming{edge.port()};
  waiting.send("GET /waiting HTTP/1.1\r\nHost: a\r\n\r\n");
  auto waiting_request = edge.take();
  streaming.send("GET /streaming HTTP/1.1\r\nHost: a\r\n\r\n");
  auto streaming_request = edge.take();
  streaming_request.sink->start_stream(200, {});
  BOOST_TEST(eventually([&] { return edge.edge->counters().connections_open == 3; }));
  edge.edge->stop_accepting();
  BOOST_TEST(!can_connect(edge.port()));
  waiting_request.sink->finish({200, {}, "waited"});
  auto response = waiting.read_response().value();
  BOOST_TEST(response.body == "waited");
  BOOST_TEST(response.header("Connection") == "close");
  BOOST_TEST(waiting.ends());
  BOOST_TEST(streaming_request.sink->send("still"));
  streaming_request.sink->end_stream(true);
  BOOST_TEST(streaming.read_response().value().body == "still");
  BOOST_TEST(streaming.ends());
  idle.send("GET /idle HTTP/1.1\r\nHost: a\r\n\r\n");
  edge.take().sink->finish({200, {}, "idle"});
  response = idle.read_response().value();
  BOOST_TEST(response.body == "idle");
  BOOST_TEST(response.header("Connection") == "close");
  edge.edge->stop_accepting();
}

BOOST_AUTO_TEST_CASE(stopping_breaks_what_is_open_and_tells_its_owner) {
  edge_fixture edge;
  raw_client idle{edge.port()};
  raw_client half{edge.port()};
  half.send("GET / HTTP/1.1\r\n");
  raw_client waiting{edge.port()};
  waiting.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n");
  auto waiting_request = edge.take();
  raw_client streaming{edge.port()};
  streaming.send("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
  auto streaming_request = edge.take();
  streaming_request.sink->start_stream(200, {});
  streaming_request.sink->send("some");
  streaming.read_until("some\r\n");
  std::atomic<int> notices{0};
  waiting_request.sink->on_closed([&] { ++notices; });
  streaming_request.sink->on_closed([&] { ++notices; });
  BOOST_TEST(eventually([&] { return edge.edge->counters().connections_open == 4; }));
  auto begin = std::chrono::steady_clock::now();
  edge.edge->stop();
  BOOST_TEST((std::chrono::steady_clock::now() - begin < 1s));
  BOOST_TEST(notices == 2);
  for (auto* client : {&idle, &half, &waiting})
    BOOST_TEST(client->read_all().value_or("open") == "");
  BOOST_TEST(streaming.read_all().value_or("open").find("0\r\n\r\n") == std::string::npos);
  // Sinks outlive their listener and do nothing any more.
  edge.edge->stop();
  edge.edge.reset();
  waiting_request.sink->finish({200, {}, "late"});
  BOOST_TEST(!streaming_request.sink->send("late"));
  streaming_request.sink->end_stream(true);
  std::atomic<bool> told{false};
  waiting_request.sink->on_closed([&] { told = true; });
  BOOST_TEST(told);
}

BOOST_AUTO_TEST_CASE(stopping_ends_connections_with_as_many_requests_as_may_be_under_way) {
  edge_fixture edge;
  raw_client client{edge.port()};
  std::vector<served_request> requests;
  std::string all;
  for (int i = 0; i < 20; ++i)
    all += "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  client.send(all);
  for (int i = 0; i < 4; ++i)
    requests.push_back(edge.take());
  auto begin = std::chrono::steady_clock::now();
  edge.edge->stop();
  BOOST_TEST((std::chrono::steady_clock::now() - begin < 1s));
  BOOST_TEST(client.ends());
}

BOOST_AUTO_TEST_CASE(sinks_dropped_after_the_stop_do_no_harm) {
  served_request request;
  {
    edge_fixture edge;
    raw_client client{edge.port()};
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    request = edge.take();
  }
  request.sink.reset();
  BOOST_TEST(!request.sink);
}

BOOST_AUTO_TEST_CASE(answers_from_other_threads_race_with_the_stop) {
  for (int round = 0; round < 20; ++round) {
    edge_fixture edge;
    std::vector<std::unique_ptr<raw_client>> clients;
    std::vector<served_request> requests;
    for (int i = 0; i < 10; ++i) {
      clients.push_back(std::make_unique<raw_client>(edge.port()));
      clients.back()->send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
      requests.push_back(edge.take());
    }
    std::thread answerer{[&] {
      for (auto& request : requests) {
        request.sink->start_stream(200, {});
        request.sink->send("x");
        request.sink->end_stream(true);
        request.sink.reset();
      }
    }};
    edge.edge->stop();
    answerer.join();
    for (auto& client : clients)
      BOOST_TEST(client->ends());
  }
}

BOOST_AUTO_TEST_SUITE_END()
