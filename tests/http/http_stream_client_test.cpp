#include <condition_variable>
#include <future>
#include <mutex>

#include <boost/test/unit_test.hpp>
#include <caf/all.hpp>

#include "http/client/http_client.hpp"
#include "tests/http/support/client_fixture.hpp"

using namespace callboard;
using namespace std::chrono_literals;

namespace {

/// What a listener has received, for the test's thread.
struct stream_log {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> events;
  std::string body;
  http_response head;
  caf::error error;
  bool over = false;

  template <class Change>
  void note(std::string event, Change change) {
    std::lock_guard lock{mutex};
    if (events.empty() || events.back() != event)
      events.push_back(std::move(event));
    change();
    changed.notify_all();
  }

  template <class Predicate>
  bool wait(Predicate holds) {
    std::unique_lock lock{mutex};
    return changed.wait_for(lock, 5s, holds);
  }

  bool wait_over() {
    return wait([this] { return over; });
  }
};

fetch_listener_actor::behavior_type listen_to(fetch_listener_actor::pointer, stream_log* log) {
  return {
    [log](atom::head, fetch_id, const http_response& head) {
      log->note("head", [&] { log->head = head; });
    },
    [log](atom::chunk, fetch_id, const std::string& piece) {
      log->note("chunk", [&] { log->body += piece; });
    },
    [log](atom::done, fetch_id, const caf::error& error) {
      log->note("done", [&] {
        log->error = error;
        log->over = true;
      });
    },
  };
}

struct stream_fixture : client_fixture {
  stream_fixture() : listener(system.sys.spawn(listen_to, &log)) {}
  ~stream_fixture() { caf::anon_send_exit(listener, caf::exit_reason::user_shutdown); }

  void start(fetch_request request) {
    self->send(client, atom::stream_v, std::move(request), listener);
  }

  stream_log log;
  fetch_listener_actor listener;
};

} // namespace

BOOST_AUTO_TEST_SUITE(http_stream_client_test)

BOOST_FIXTURE_TEST_CASE(pieces_are_passed_on_while_the_answer_goes_on, stream_fixture) {
  std::promise<void> go_on;
  fake_upstream upstream{[&](raw_client& peer, int) {
    auto request = peer.read_request().value();
    BOOST_TEST(request.header("Accept-Encoding") == "");
    peer.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
              "Transfer-Encoding: chunked\r\n\r\n6\r\ndata: \r\n");
    go_on.get_future().wait();
    peer.send("3\r\n1\n\n\r\n0\r\n\r\n");
  }};
  start(get(upstream.url()));
  BOOST_TEST(log.wait([&] { return log.body == "data: "; }));
  BOOST_TEST(log.head.status == 200);
  BOOST_TEST(find_header(log.head.headers, "content-type").value() == "text/event-stream");
  BOOST_TEST(log.head.body.empty());
  go_on.set_value();
  BOOST_TEST(log.wait_over());
  BOOST_TEST(log.body == "data: 1\n\n");
  BOOST_TEST(!log.error);
  BOOST_TEST((log.events == std::vector<std::string>{"head", "chunk", "done"}));
}

BOOST_FIXTURE_TEST_CASE(an_answer_cut_into_single_bytes_arrives_whole, stream_fixture) {
  std::string text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  std::string body;
  for (int i = 0; i < 100; ++i) {
    auto event = "data: " + std::to_string(i) + "\n\n";
    body += event;
    text += (event.size() < 16 ? std::string{"0123456789abcdef"[event.size()]} : "10") + "\r\n"
            + event + "\r\n";
  }
  text += "0\r\n\r\n";
  fake_upstream upstream{[&](raw_client& peer, int) {
    peer.read_request();
    for (char c : text)
      peer.send({&c, 1});
  }};
  start(get(upstream.url()));
  BOOST_TEST(log.wait_over());
  BOOST_TEST(!log.error);
  BOOST_TEST(log.body == body);
}

BOOST_FIXTURE_TEST_CASE(an_answer_without_body_has_a_head_and_an_end, stream_fixture) {
  fake_upstream upstream{[](raw_client& peer, int) {
    peer.read_request();
    peer.send(response_text(429, "", "Retry-After: 3\r\n"));
  }};
  start(get(upstream.url()));
  BOOST_TEST(log.wait_over());
  BOOST_TEST(!log.error);
  BOOST_TEST(log.head.status == 429);
  BOOST_TEST((log.events == std::vector<std::string>{"head", "done"}));
}

BOOST_FIXTURE_TEST_CASE(a_stream_that_breaks_off_ends_with_an_error, stream_fixture) {
  fake_upstream upstream{[](raw_client& peer, int) {
    peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\n");
  }};
  start(get(upstream.url()));
  BOOST_TEST(log.wait_over());
  BOOST_TEST(log.body == "some");
  BOOST_TEST((code_of(log.error) == errc::upstream_failed));
}

BOOST_FIXTURE_TEST_CASE(a_stream_that_cannot_begin_only_ends, stream_fixture) {
  start(get("http://127.0.0.1:1/"));
  BOOST_TEST(log.wait_over());
  BOOST_TEST((code_of(log.error) == errc::upstream_unavailable));
  BOOST_TEST((log.events == std::vector<std::string>{"done"}));
}

BOOST_FIXTURE_TEST_CASE(a_stream_over_its_cap_and_a_silent_one_end, stream_fixture) {
  fake_upstream upstream{[](raw_client& peer, int) {
    auto request = peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\n\r\n" + std::string(1000, 'x'));
    peer.read_all();
  }};
  auto request = get(upstream.url());
  request.body_bytes_max = 999;
  start(request);
  BOOST_TEST(log.wait_over());
  BOOST_TEST((code_of(log.error) == errc::response_too_large));
  log.over = false;
  request.body_bytes_max = 10'000;
  request.idle_timeout = 100ms;
  start(request);
  BOOST_TEST(log.wait_over());
  BOOST_TEST((code_of(log.error) == errc::upstream_timeout));
}

BOOST_FIXTURE_TEST_CASE(a_stream_is_cancelled_by_its_id_and_by_the_death_of_its_listener,
                        stream_fixture) {
  std::atomic<int> left{0};
  fake_upstream upstream{[&](raw_client& peer, int) {
    peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\n\r\n");
    peer.read_all();
    ++left;
  }};
  auto request = get(upstream.url());
  request.id = 7;
  start(request);
  BOOST_TEST(log.wait([&] { return log.head.status == 200; }));
  self->send(client, atom::cancel_v, fetch_id{7});
  BOOST_TEST(log.wait_over());
  BOOST_TEST((code_of(log.error) == errc::cancelled));
  BOOST_TEST(eventually([&] { return left == 1; }));
  stream_log second_log;
  auto second = system.sys.spawn(listen_to, &second_log);
  request.id = 8;
  self->send(client, atom::stream_v, request, second);
  BOOST_TEST(second_log.wait([&] { return second_log.head.status == 200; }));
  caf::anon_send_exit(second, caf::exit_reason::kill);
  BOOST_TEST(eventually([&] { return left == 2; }));
  BOOST_TEST(eventually([&] { return counters->in_flight == 0u; }));
}

BOOST_FIXTURE_TEST_CASE(streams_end_with_the_client, stream_fixture) {
  fake_upstream upstream{[](raw_client& peer, int) {
    peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\n\r\n");
    peer.read_all();
  }};
  start(get(upstream.url()));
  BOOST_TEST(log.wait([&] { return log.head.status == 200; }));
  stop();
  BOOST_TEST(log.wait_over());
  BOOST_TEST((code_of(log.error) == errc::shutting_down));
}

BOOST_AUTO_TEST_SUITE_END()
