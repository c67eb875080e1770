#include <boost/test/unit_test.hpp>

#include "core/base/limits.hpp"
#include "tests/http/support/edge_fixture.hpp"

using namespace callboard;
using namespace std::chrono_literals;

namespace {

const http_headers event_stream{{"Content-Type", "text/event-stream"}};

/// Waits for the sink's notice.
struct notice_watch {
  explicit notice_watch(reply_sink& sink) {
    sink.on_closed([this] { ++calls; });
  }
  bool comes() {
    return eventually([this] { return calls > 0; });
  }
  std::atomic<int> calls{0};
};

} // namespace

BOOST_AUTO_TEST_SUITE(stream_test)

BOOST_AUTO_TEST_CASE(pieces_arrive_as_they_are_sent) {
  edge_fixture edge;
  raw_client client{edge.port()};
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  auto request = edge.take();
  request.sink->start_stream(200, event_stream);
  auto head = client.read_until("\r\n\r\n").value();
  BOOST_TEST(head.starts_with("HTTP/1.1 200 OK\r\n"));
  BOOST_TEST(head.find("Transfer-Encoding: chunked\r\n") != std::string::npos);
  BOOST_TEST(head.find("Content-Length") == std::string::npos);
  for (int i = 0; i < 10; ++i) {
    auto event = "data: " + std::to_string(i) + "\n\n";
    BOOST_TEST(request.sink->send(event));
    BOOST_TEST(client.read_until(event + "\r\n").has_value());
  }
  BOOST_TEST(request.sink->send(""));
  request.sink->end_stream(true);
  BOOST_TEST(client.read_until("0\r\n\r\n").has_value());
  BOOST_TEST(!request.sink->send("late"));
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  edge.take().sink->finish({200, {}, "the connection goes on"});
  BOOST_TEST(client.read_response().value().body == "the connection goes on");
}

BOOST_AUTO_TEST_CASE(pieces_from_many_threads_arrive_whole_and_all) {
  edge_fixture edge;
  raw_client client{edge.port()};
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  auto request = edge.take();
  request.sink->start_stream(200, event_stream);
  constexpr int threads_total = 4;
  constexpr int pieces_each = 500;
  std::vector<std::thread> threads;
  for (int t = 0; t < threads_total; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < pieces_each; ++i)
        request.sink->send("<" + std::to_string(t) + ":" + std::to_string(i) + ">");
    });
  for (auto& thread : threads)
    thread.join();
  request.sink->end_stream(true);
  auto body = client.read_response().value().body;
  for (int t = 0; t < threads_total; ++t) {
    std::size_t at = 0;
    for (int i = 0; i < pieces_each; ++i) {
      at = body.find("<" + std::to_string(t) + ":" + std::to_string(i) + ">", at);
      BOOST_REQUIRE(at != std::string::npos);
    }
  }
}

BOOST_AUTO_TEST_CASE(ten_thousand_small_pieces_do_not_stall) {
  edge_fixture edge;
  raw_client client{edge.port()};
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  auto request = edge.take();
  auto begin = std::chrono::steady_clock::now();
  request.sink->start_stream(200, event_stream);
  // One at a time, as a model's tokens come: each is read before the next is sent.
  for (int i = 0; i < 10'000; ++i) {
    BOOST_REQUIRE(request.sink->send("data: x\n\n"));
    BOOST_REQUIRE(client.read_until("data: x\n\n\r\n").has_value());
  }
  request.sink->end_stream(true);
  BOOST_TEST(client.read_until("0\r\n\r\n").has_value());
  auto took = std::chrono::steady_clock::now() - begin;
  // With delayed acknowledgements each would take 40 ms, 400 s in all.
  BOOST_TEST_MESSAGE("10,000 flushes: "
                     << std::chrono::duration_cast<std::chrono::milliseconds>(took).count()
                     << " ms");
  BOOST_TEST((took < 20s));
}

BOOST_AUTO_TEST_CASE(a_client_that_leaves_is_noticed_at_once) {
  for (bool streaming : {false, true})
    for (bool hard : {false, true}) {
      edge_fixture edge;
      raw_client client{edge.port()};
      client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
      auto request = edge.take();
      notice_watch watch{*request.sink};
      if (streaming) {
        request.sink->start_stream(200, event_stream);
        client.read_until("\r\n\r\n");
      }
      auto begin = std::chrono::steady_clock::now();
      if (hard)
        client.reset();
      else
        client.close();
      BOOST_TEST(watch.comes());
      BOOST_TEST((std::chrono::steady_clock::now() - begin < 500ms));
      BOOST_TEST(!request.sink->send("x"));
      request.sink->finish({200, {}, "nobody"});
      request.sink->end_stream(true);
      notice_watch second{*request.sink};
      BOOST_TEST(second.calls == 1);
      BOOST_TEST(watch.calls == 1);
    }
}

BOOST_AUTO_TEST_CASE(every_request_of_a_connection_is_told_that_its_client_left) {
  edge_fixture edge;
  raw_client client{edge.port()};
  client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
  auto first = edge.take();
  auto second = edge.take();
  notice_watch first_watch{*first.sink};
  notice_watch second_watch{*second.sink};
  client.close();
  BOOST_TEST(first_watch.comes());
  BOOST_TEST(second_watch.comes());
}

BOOST_AUTO_TEST_CASE(a_finished_answer_gives_no_notice) {
  edge_fixture edge;
  raw_client client{edge.port()};
  client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\n");
  auto request = edge.take();
  auto token = std::make_shared<int>(0);
  request.sink->on_closed([token] { ++*token; });
  request.sink->finish({200, {}, "ok"});
  BOOST_TEST(client.read_response().value().body == "ok");
  client.close();
  BOOST_TEST(eventually([&] { return edge.edge->counters().connections_open == 0; }));
  BOOST_TEST(*token == 0);
  // The notice is forgotten with the answer: it may hold the sink's owner.
  BOOST_TEST(token.use_count() == 1);
}

BOOST_AUTO_TEST_CASE(an_unclean_end_cannot_be_taken_for_a_complete_answer) {
  edge_fixture edge;
  raw_client client{edge.port()};
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  auto request = edge.take();
  request.sink->start_stream(200, event_stream);
  request.sink->send("data: 1\n\n");
  request.sink->end_stream(false);
  auto all = client.read_all().value();
  BOOST_TEST(all.find("data: 1\n\n\r\n") != std::string::npos);
  BOOST_TEST(all.find("0\r\n\r\n") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_stream_whose_sink_is_dropped_breaks) {
  edge_fixture edge;
  raw_client client{edge.port()};
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  auto request = edge.take();
  request.sink->start_stream(200, event_stream);
  request.sink->send("data: 1\n\n");
  request.sink.reset();
  auto all = client.read_all().value();
  BOOST_TEST(all.find("data: 1\n\n\r\n") != std::string::npos);
  BOOST_TEST(all.find("0\r\n\r\n") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_piece_larger_than_the_queue_reaches_a_client_that_reads) {
  edge_fixture edge;
  raw_client client{edge.port()};
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  auto request = edge.take();
  request.sink->start_stream(200, event_stream);
  std::string large(limits::stream_queue_bytes_max + 1, 'x');
  BOOST_TEST(request.sink->send(large));
  request.sink->end_stream(true);
  auto answer = client.read_until("0\r\n\r\n");
  BOOST_REQUIRE(answer.has_value());
  BOOST_TEST(answer->size() > large.size());
}

BOOST_AUTO_TEST_CASE(a_reader_that_does_not_read_loses_its_stream_and_no_memory_is_piled_up) {
  edge_fixture edge;
  raw_client client{edge.port()};
  client.shrink_receive_buffer();
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  auto request = edge.take();
  notice_watch watch{*request.sink};
  request.sink->start_stream(200, event_stream);
  std::string piece(16 * 1024, 'x');
  std::size_t sent = 0;
  // The system's buffers take some megabytes before ours begins to fill.
  while (request.sink->send(piece) && sent < 1024u * 1024 * 1024)
    sent += piece.size();
  BOOST_TEST(sent < 64u * 1024 * 1024);
  BOOST_TEST(watch.comes());
  BOOST_TEST(edge.edge->counters().slow_readers_total == 1u);
  BOOST_TEST(eventually([&] { return edge.edge->counters().connections_open == 0; }));
  BOOST_TEST(!request.sink->send("x"));
}

BOOST_AUTO_TEST_CASE(a_reader_that_stops_reading_is_dropped_by_the_write_timeout) {
  auto settings = edge_fixture::patient();
  settings.write_timeout = 200ms;
  edge_fixture edge{settings};
  raw_client client{edge.port()};
  client.shrink_receive_buffer();
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  auto request = edge.take();
  notice_watch watch{*request.sink};
  request.sink->finish({200, {}, std::string(32 * 1024 * 1024, 'x')});
  BOOST_TEST(eventually([&] { return edge.edge->counters().connections_open == 0; }));
}

BOOST_AUTO_TEST_CASE(a_silent_stream_ends_at_the_handler_timeout_and_a_talking_one_does_not) {
  auto settings = edge_fixture::patient();
  settings.handler_timeout = 300ms;
  edge_fixture edge{settings};
  raw_client client{edge.port()};
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  auto request = edge.take();
  notice_watch watch{*request.sink};
  request.sink->start_stream(200, event_stream);
  auto begin = std::chrono::steady_clock::now();
  auto next = begin;
  auto talked = eventually([&] {
    auto now = std::chrono::steady_clock::now();
    if (now >= next) {
      next = now + 50ms;
      BOOST_REQUIRE(request.sink->send(": keepalive\n\n"));
    }
    return now - begin > 800ms;
  });
  BOOST_TEST(talked);
  BOOST_TEST(watch.calls == 0);
  BOOST_TEST(watch.comes());
  BOOST_TEST(client.ends());
}

BOOST_AUTO_TEST_CASE(a_stream_for_a_head_request_has_only_a_head) {
  edge_fixture edge;
  raw_client client{edge.port()};
  client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  auto request = edge.take();
  request.sink->start_stream(200, event_stream);
  BOOST_TEST(!request.sink->send("x"));
  request.sink->end_stream(true);
  BOOST_TEST(client.read_response(true).value().header("Content-Type") == "text/event-stream");
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  edge.take().sink->finish({200, {}, "ok"});
  BOOST_TEST(client.read_response().value().body == "ok");
}

BOOST_AUTO_TEST_SUITE_END()
