#include "http/client/http_client.hpp"

#include <functional>
#include <future>
#include <vector>

#include <boost/test/unit_test.hpp>
#include <caf/all.hpp>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/http/support/client_fixture.hpp"

using namespace callboard;
using namespace std::chrono_literals;

namespace {

/// Takes no connection: its queue is full, so that the system answers no further attempt.
class full_listener {
public:
  full_listener() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* raw = reinterpret_cast<sockaddr*>(&address);
    sockets_.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    BOOST_REQUIRE(::bind(sockets_[0], raw, length) == 0 && ::listen(sockets_[0], 0) == 0);
    BOOST_REQUIRE(::getsockname(sockets_[0], raw, &length) == 0);
    port_ = ntohs(address.sin_port);
    for (int i = 0; i < 4; ++i) {
      sockets_.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      static_cast<void>(!::connect(sockets_.back(), raw, length));
    }
  }
  ~full_listener() {
    for (auto x : sockets_)
      ::close(x);
  }
  full_listener(const full_listener&) = delete;
  full_listener& operator=(const full_listener&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/"; }

private:
  std::vector<int> sockets_;
  std::uint16_t port_ = 0;
};

} // namespace

BOOST_AUTO_TEST_SUITE(http_client_test)

BOOST_FIXTURE_TEST_CASE(a_request_goes_out_as_given_and_its_answer_comes_back, client_fixture) {
  std::promise<raw_request> seen;
  fake_upstream upstream{[&](raw_client& peer, int) {
    seen.set_value(peer.read_request().value());
    peer.send(response_text(201, "made", "X-A: 1\r\nX-A: 2\r\nX-Empty:\r\n"));
  }};
  auto request = get(upstream.url("/x/../a?b=%20c"));
  request.message.method = "POST";
  request.message.body = std::string{"{\"a\":\0}", 7};
  request.message.headers = {{"Content-Type", "application/json"},
                             {"Authorization", "Bearer x"},
                             {"X-Empty", ""},
                             {"Content-Length", "99"},
                             {"Host", "evil"}};
  auto response = unbox_fetch(request);
  BOOST_TEST(response.status == 201);
  BOOST_TEST(response.body == "made");
  BOOST_TEST(response.headers.size() == 4u);
  auto sent = seen.get_future().get();
  BOOST_TEST(sent.method == "POST");
  BOOST_TEST(sent.target == "/x/../a?b=%20c");
  BOOST_TEST(sent.body == request.message.body);
  BOOST_TEST(sent.header("Content-Type") == "application/json");
  BOOST_TEST(sent.header("Authorization") == "Bearer x");
  BOOST_TEST(sent.header("Content-Length") == "7");
  BOOST_TEST(sent.header("Host") == "127.0.0.1:" + std::to_string(upstream.port()));
  BOOST_TEST(find_header(sent.headers, "X-Empty").has_value());
  BOOST_TEST(!find_header(sent.headers, "Expect").has_value());
}

BOOST_FIXTURE_TEST_CASE(fields_that_are_not_given_are_filled_in_and_each_is_sent_once,
                        client_fixture) {
  std::promise<raw_request> seen[2];
  fake_upstream upstream{[&](raw_client& peer, int) {
    for (auto& x : seen) {
      x.set_value(peer.read_request().value());
      peer.send(response_text(200, "ok"));
    }
  }};
  auto names = [](const raw_request& x) {
    std::string text;
    for (auto& header : x.headers)
      text += header.name + "=" + header.value + ";";
    return text;
  };
  auto host = "Host=127.0.0.1:" + std::to_string(upstream.port()) + ";";
  auto request = get(upstream.url());
  unbox_fetch(request);
  auto bare = seen[0].get_future().get();
  BOOST_TEST(bare.header("Accept-Encoding").starts_with("deflate, gzip"));
  BOOST_TEST(names(bare)
             == host + "User-Agent=callboard;Accept=*/*;Accept-Encoding="
                  + bare.header("Accept-Encoding") + ";");
  request.message.method = "POST";
  request.message.headers = {
    {"accept-encoding", "gzip"}, {"accept", "x/y"}, {"user-agent", "me"}, {"content-type", "a/b"}};
  unbox_fetch(request);
  BOOST_TEST(names(seen[1].get_future().get())
             == host
                  + "accept-encoding=gzip;accept=x/y;user-agent=me;content-type=a/b;"
                    "Content-Length=0;");
}

BOOST_FIXTURE_TEST_CASE(every_url_is_asked_for_in_its_own_way_on_one_connection, client_fixture) {
  fake_upstream upstream{[](raw_client& peer, int) {
    while (auto request = peer.read_request())
      peer.send(response_text(200, request->header("Host") + " " + request->target));
  }};
  auto host = "127.0.0.1:" + std::to_string(upstream.port());
  std::pair<std::string, std::string> const table[] = {
    {"http://" + host, "/"},
    {"http://" + host + "/a/./b#c", "/a/./b"},
    // Those that libcurl parses as a whole.
    {"HTTP://" + host + "/upper", "/upper"},
    {"http://" + host + "/\xc3\xa4", "/%c3%a4"},
    {"http://127%2e0.0.1:" + std::to_string(upstream.port()) + "/x?y", "/x?y"},
    {"http://" + host + "?a=b", "/?a=b"},
  };
  for (auto& [url, target] : table)
    BOOST_TEST(unbox_fetch(get(url)).body == host + " " + target);
  BOOST_TEST(upstream.connections() == 1);
}

BOOST_FIXTURE_TEST_CASE(every_method_is_sent_and_none_invents_a_content_type, client_fixture) {
  fake_upstream upstream{[&](raw_client& peer, int) {
    while (auto request = peer.read_request())
      peer.send(response_text(200, request->method == "HEAD" ? "" : request->method + request->body,
                              "X-Type: [" + request->header("Content-Type") + "]\r\nX-Length: ["
                                + request->header("Content-Length") + "]\r\n"));
  }};
  struct {
    const char* method;
    const char* body;
    const char* length;
  } const table[] = {{"GET", "", "[]"},      {"POST", "", "[0]"},   {"POST", "b", "[1]"},
                     {"PUT", "b", "[1]"},    {"PATCH", "b", "[1]"}, {"DELETE", "", "[]"},
                     {"DELETE", "b", "[1]"}, {"HEAD", "", "[]"},    {"OPTIONS", "", "[]"}};
  for (auto& [method, body, length] : table) {
    auto request = get(upstream.url());
    request.message.method = method;
    request.message.body = body;
    auto response = unbox_fetch(request);
    auto expected = std::string{method} == "HEAD" ? "" : std::string{method} + body;
    BOOST_TEST(response.body == expected);
    BOOST_TEST(find_header(response.headers, "X-Type").value() == "[]");
    BOOST_TEST(find_header(response.headers, "X-Length").value() == length, method);
  }
}

BOOST_FIXTURE_TEST_CASE(connections_are_kept_and_used_again, client_fixture) {
  fake_upstream upstream{serve_all("ok")};
  for (int i = 0; i < 50; ++i)
    BOOST_TEST(unbox_fetch(get(upstream.url())).body == "ok");
  BOOST_TEST(upstream.connections() == 1);
  BOOST_TEST(counters->connections_total == 1u);
  BOOST_TEST(counters->answered_total == 50u);
  BOOST_TEST(counters->in_flight == 0u);
}

BOOST_FIXTURE_TEST_CASE(redirects_are_answers_and_not_followed, client_fixture) {
  fake_upstream target{serve_all("secret")};
  fake_upstream upstream{[&](raw_client& peer, int) {
    peer.read_request();
    peer.send(response_text(302, "moved", "Location: " + target.url() + "\r\n"));
  }};
  auto response = unbox_fetch(get(upstream.url()));
  BOOST_TEST(response.status == 302);
  BOOST_TEST(response.body == "moved");
  BOOST_TEST(target.connections() == 0);
}

BOOST_FIXTURE_TEST_CASE(interim_answers_and_trailers_are_skipped, client_fixture) {
  fake_upstream upstream{[&](raw_client& peer, int) {
    peer.read_request();
    peer.send("HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n"
              "HTTP/1.1 200 OK\r\nX-Late: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
              "2\r\nok\r\n0\r\nX-Trailer: 1\r\n\r\n");
  }};
  auto response = unbox_fetch(get(upstream.url()));
  BOOST_TEST(response.status == 200);
  BOOST_TEST(response.body == "ok");
  BOOST_TEST(!find_header(response.headers, "X-Early").has_value());
  BOOST_TEST(!find_header(response.headers, "X-Trailer").has_value());
  BOOST_TEST(find_header(response.headers, "X-Late").has_value());
}

BOOST_FIXTURE_TEST_CASE(a_proxy_of_the_environment_is_not_used, client_fixture) {
  fake_upstream proxy{serve_all("proxy")};
  fake_upstream upstream{serve_all("direct")};
  ::setenv("http_proxy", proxy.url().c_str(), 1);
  BOOST_TEST(unbox_fetch(get(upstream.url())).body == "direct");
  ::unsetenv("http_proxy");
  BOOST_TEST(proxy.connections() == 0);
}

BOOST_FIXTURE_TEST_CASE(a_body_over_its_cap_ends_the_request, client_fixture) {
  fake_upstream upstream{serve_all(std::string(1000, 'x'))};
  auto request = get(upstream.url());
  request.body_bytes_max = 1000;
  BOOST_TEST(unbox_fetch(request).body.size() == 1000u);
  request.body_bytes_max = 999;
  check_error(fetch(request), errc::response_too_large);
}

BOOST_FIXTURE_TEST_CASE(an_endless_body_and_an_endless_head_are_cut_off, client_fixture) {
  fake_upstream upstream{[&](raw_client& peer, int) {
    auto request = peer.read_request();
    if (!request)
      return;
    bool head = request->target == "/head";
    peer.send(head ? "HTTP/1.1 200 OK\r\n" : "HTTP/1.1 200 OK\r\n\r\n");
    while (peer.send("X-Filler: " + std::string(1000, 'x') + "\r\n")) {
    }
  }};
  check_error(fetch(get(upstream.url("/body"))), errc::response_too_large);
  check_error(fetch(get(upstream.url("/head"))), errc::response_too_large);
}

BOOST_FIXTURE_TEST_CASE(compressed_bodies_are_opened_up_to_the_cap, client_fixture) {
  fake_upstream upstream{[&](raw_client& peer, int) {
    while (auto request = peer.read_request()) {
      BOOST_TEST(request->header("Accept-Encoding").find("gzip") != std::string::npos);
      auto size = request->target == "/bomb" ? 64'000'000u : 1000u;
      peer.send(response_text(200, gzip(std::string(size, 'a')), "Content-Encoding: gzip\r\n"));
    }
  }};
  BOOST_TEST(unbox_fetch(get(upstream.url())).body == std::string(1000, 'a'));
  auto request = get(upstream.url("/bomb"));
  request.body_bytes_max = 1'000'000;
  check_error(fetch(request), errc::response_too_large);
  BOOST_TEST(counters->received_bytes_total < 3'000'000u);
}

BOOST_FIXTURE_TEST_CASE(a_dead_upstream_is_unavailable, client_fixture) {
  std::uint16_t port = 0;
  {
    fake_upstream gone{serve_all("")};
    port = gone.port();
  }
  check_error(fetch(get("http://127.0.0.1:" + std::to_string(port) + "/")),
              errc::upstream_unavailable);
  check_error(fetch(get("http://name.invalid/")), errc::upstream_unavailable);
}

BOOST_FIXTURE_TEST_CASE(a_silent_upstream_times_out, client_fixture) {
  fake_upstream upstream{[](raw_client& peer, int) { peer.read_all(); }};
  auto request = get(upstream.url());
  request.timeout = 100ms;
  check_error(fetch(request), errc::upstream_timeout);
  BOOST_TEST(counters->timeouts_total == 1u);
}

BOOST_FIXTURE_TEST_CASE(silence_between_two_pieces_times_out, client_fixture) {
  fake_upstream upstream{[](raw_client& peer, int) {
    peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome");
    peer.read_all();
  }};
  auto request = get(upstream.url());
  request.idle_timeout = 100ms;
  auto begin = std::chrono::steady_clock::now();
  check_error(fetch(request), errc::upstream_timeout);
  auto took = std::chrono::steady_clock::now() - begin;
  BOOST_TEST((took >= 100ms && took < 2s));
}

BOOST_FIXTURE_TEST_CASE(an_upstream_that_breaks_off_has_failed, client_fixture) {
  for (auto text : {"", "HTTP/1.1 200 OK\r\nContent-Le", "nonsense\r\n\r\n",
                    "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome",
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab"}) {
    fake_upstream upstream{[text](raw_client& peer, int) {
      peer.read_request();
      peer.send(text);
    }};
    check_error(fetch(get(upstream.url())), errc::upstream_failed);
  }
}

BOOST_FIXTURE_TEST_CASE(a_post_is_never_sent_twice_by_itself, client_fixture) {
  std::atomic<int> posts{0};
  fake_upstream upstream{[&](raw_client& peer, int) {
    peer.read_request();
    peer.send(response_text(200, "first"));
    // The kept connection takes the second request and ends without an answer.
    if (auto second = peer.read_request(); second && second->method == "POST")
      ++posts;
  }};
  auto request = get(upstream.url());
  BOOST_TEST(unbox_fetch(request).body == "first");
  request.message.method = "POST";
  request.message.body = "x";
  check_error(fetch(request), errc::upstream_failed);
  BOOST_TEST(posts == 1);
}

BOOST_FIXTURE_TEST_CASE(a_get_on_a_connection_that_died_is_repeated, client_fixture) {
  fake_upstream upstream{[&](raw_client& peer, int index) {
    peer.read_request();
    peer.send(response_text(200, std::to_string(index)));
    peer.read_request();
  }};
  BOOST_TEST(unbox_fetch(get(upstream.url())).body == "0");
  BOOST_TEST(unbox_fetch(get(upstream.url())).body == "1");
}

BOOST_FIXTURE_TEST_CASE(a_request_is_cancelled_by_its_id, client_fixture) {
  std::promise<void> arrived;
  fake_upstream upstream{[&](raw_client& peer, int) {
    peer.read_request();
    arrived.set_value();
    peer.read_all();
  }};
  auto request = get(upstream.url());
  request.id = 42;
  auto pending = self->request(client, 10s, atom::fetch_v, request);
  arrived.get_future().wait();
  self->send(client, atom::cancel_v, fetch_id{41});
  self->send(client, atom::cancel_v, fetch_id{42});
  check_error(receive(pending), errc::cancelled);
}

BOOST_FIXTURE_TEST_CASE(malformed_requests_never_leave, client_fixture) {
  fake_upstream upstream{serve_all("no")};
  auto bad = [&](auto change, errc code) {
    auto request = get(upstream.url());
    change(request.message);
    check_error(fetch(request), code);
  };
  bad([](auto& x) { x.headers = {{"X-A", "1\r\nX-B: 2"}}; }, errc::bad_request);
  bad([](auto& x) { x.headers = {{"X-A: 1\r\nX-B", "2"}}; }, errc::bad_request);
  bad([](auto& x) { x.headers = {{"", "2"}}; }, errc::bad_request);
  bad([](auto& x) { x.method = "GET / HTTP/1.1\r\nX: y"; }, errc::bad_request);
  bad([](auto& x) { x.url += "a\r\nX: y"; }, errc::bad_request);
  bad([](auto& x) { x.url = "nonsense"; }, errc::upstream_unavailable);
  bad([](auto& x) { x.url = "http://"; }, errc::address_refused);
  BOOST_TEST(upstream.connections() == 0);
}

BOOST_AUTO_TEST_CASE(too_many_requests_at_once_are_refused) {
  http_client_args args;
  args.allow_private = true;
  args.fetches_max = 2;
  client_fixture test{args};
  fake_upstream upstream{[](raw_client& peer, int) { peer.read_all(); }};
  auto first = test.self->request(test.client, 10s, atom::fetch_v, test.get(upstream.url()));
  auto second = test.self->request(test.client, 10s, atom::fetch_v, test.get(upstream.url()));
  test.check_error(test.fetch(test.get(upstream.url())), errc::over_limit);
  test.stop();
  test.check_error(test.receive(first), errc::shutting_down);
  test.check_error(test.receive(second), errc::shutting_down);
}

// -- connections that end before they are complete ----------------------------------
// libcurl closes their descriptors by itself, and the next connection gets the same numbers.

namespace {

struct incomplete_fixture : client_fixture {
  /// Lets `spoil` fail a request; the next is answered soon all the same. Its server is there
  /// before, lest it take the number that the failed connection leaves.
  void check_next_after(const std::function<void()>& spoil) {
    fake_upstream good{serve_all("good")};
    spoil();
    auto request = get(good.url());
    request.timeout = 3s;
    BOOST_TEST(unbox_fetch(request).body == "good");
  }

  /// A request over TLS to a server that speaks none.
  fetch_request get_tls(const fake_upstream& upstream) {
    auto request = get("https" + upstream.url().substr(4));
    request.timeout = 100ms;
    return request;
  }
};

} // namespace

BOOST_FIXTURE_TEST_CASE(after_a_handshake_without_answer_the_next_request_goes_well,
                        incomplete_fixture) {
  fake_upstream mute{[](raw_client& peer, int) { peer.read_all(); }};
  for (int i = 0; i < 3; ++i)
    check_next_after([&] { BOOST_TEST(!fetch(get_tls(mute))); });
}

BOOST_FIXTURE_TEST_CASE(after_a_handshake_that_fails_the_next_request_goes_well,
                        incomplete_fixture) {
  fake_upstream babbler{[](raw_client& peer, int) {
    peer.send("this is no TLS at all");
    peer.read_all();
  }};
  for (int i = 0; i < 3; ++i)
    check_next_after([&] { BOOST_TEST(!fetch(get_tls(babbler))); });
}

BOOST_FIXTURE_TEST_CASE(after_a_handshake_that_was_cancelled_the_next_request_goes_well,
                        incomplete_fixture) {
  std::promise<void> arrived;
  fake_upstream mute{[&](raw_client& peer, int) {
    arrived.set_value();
    peer.read_all();
  }};
  auto request = get_tls(mute);
  request.id = 7;
  request.timeout = 10s;
  check_next_after([&] {
    auto pending = self->request(client, 10s, atom::fetch_v, request);
    arrived.get_future().wait();
    self->send(client, atom::cancel_v, fetch_id{7});
    check_error(receive(pending), errc::cancelled);
  });
}

BOOST_AUTO_TEST_CASE(after_a_connect_without_answer_the_next_request_goes_well) {
  auto args = client_fixture::open_args();
  args.connect_timeout = 100ms;
  struct hasty_fixture : incomplete_fixture {
    explicit hasty_fixture(http_client_args x) {
      stop();
      x.counters = counters;
      client = system.sys.spawn(http_client, std::move(x));
    }
  } test{args};
  full_listener full;
  for (int i = 0; i < 3; ++i)
    test.check_next_after(
      [&] { test.check_error(test.fetch(test.get(full.url())), errc::upstream_unavailable); });
}

BOOST_AUTO_TEST_SUITE_END()
