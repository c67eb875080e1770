#include "http/edge/guard.hpp"

#include <boost/test/unit_test.hpp>
#include <http_parser.h>
#include <rapidcheck.h>

#include "tests/http/support/bad_requests.hpp"

using namespace callboard;

namespace {

constexpr std::size_t body_bytes_max = 1000;

guard_limits limits_of_the_cases() {
  guard_limits x;
  x.body_bytes_max = body_bytes_max;
  return x;
}

/// What a guard says: the length of an accepted request, a status, or that it waits.
struct judgement {
  request_guard::verdict verdict = request_guard::verdict::more;
  std::size_t bytes = 0;
  int status = 0;

  bool operator==(const judgement&) const = default;
};

judgement judgement_of(const request_guard& guard, request_guard::verdict verdict) {
  if (verdict == request_guard::verdict::complete)
    return {verdict, guard.message_bytes(), 200};
  if (verdict == request_guard::verdict::refused)
    return {verdict, 0, text_of(guard.reason()).status};
  return {verdict, 0, 0};
}

judgement judge(std::string_view bytes) {
  request_guard guard{limits_of_the_cases()};
  return judgement_of(guard, guard.scan(bytes));
}

/// Shows the bytes in growing parts. `next_part` gives the size of the next one.
template <class NextPart>
judgement judge_in_parts(std::string_view bytes, NextPart next_part) {
  request_guard guard{limits_of_the_cases()};
  auto verdict = request_guard::verdict::more;
  for (std::size_t seen = 0; seen < bytes.size() && verdict == request_guard::verdict::more;) {
    seen = std::min(bytes.size(), seen + next_part());
    verdict = guard.scan(bytes.substr(0, seen));
  }
  return judgement_of(guard, verdict);
}

/// What RESTinio's parser makes of the bytes: the length of the first request, or 0 when it finds
/// none.
std::size_t parse(std::string_view bytes) {
  http_parser parser;
  http_parser_init(&parser, HTTP_REQUEST);
  http_parser_settings settings;
  http_parser_settings_init(&settings);
  bool complete = false;
  parser.data = &complete;
  settings.on_message_complete = [](http_parser* x) {
    *static_cast<bool*>(x->data) = true;
    http_parser_pause(x, 1);
    return 0;
  };
  auto used = http_parser_execute(&parser, &settings, bytes.data(), bytes.size());
  if (!complete || parser.upgrade)
    return 0;
  // Paused in front of the last line feed.
  return used;
}

/// Requests made of pieces that matter to framing, in any order, more wrong than right.
rc::Gen<std::string> pieces() {
  return rc::gen::container<std::string>(rc::gen::element('a', '\r', '\n', ' ', ':', '0', '\t'));
}

rc::Gen<std::string> requests() {
  auto piece = rc::gen::oneOf(
    rc::gen::elementOf(std::vector<std::string>{"GET / HTTP/1.1\r\n",
                                                "POST /x HTTP/1.1\r\n",
                                                "Host: a\r\n",
                                                "Content-Length: 3\r\n",
                                                "Transfer-Encoding: chunked\r\n",
                                                "transfer-encoding:chunked\r\n",
                                                "Connection: close\r\n",
                                                "Connection: keep-alive, upgrade\r\n",
                                                "X: y\r\n",
                                                "\r\n",
                                                "\r\n",
                                                "abc",
                                                "3\r\nabc\r\n",
                                                "0\r\n",
                                                "0\r\n\r\n",
                                                "a;b=c\r\n0123456789\r\n",
                                                " ",
                                                "\t",
                                                "\n",
                                                "\r",
                                                "5",
                                                ":",
                                                ";",
                                                "Expect: 100-continue\r\n",
                                                "Proxy-Connection: x\r\n"}),
    pieces());
  return rc::gen::map(rc::gen::container<std::vector<std::string>>(piece),
                      [](const std::vector<std::string>& x) {
                        std::string all;
                        for (auto& part : x)
                          all += part;
                        return all;
                      });
}

/// The same, but likely to have a good head.
rc::Gen<std::string> likely_requests() {
  return rc::gen::map(
    rc::gen::pair(rc::gen::elementOf(std::vector<std::string>{
                    "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET /?a#b HTTP/1.1\r\nHost: a\r\n\r\n",
                    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n",
                    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
                    "POST / HTTP/1.1\r\nHost: a\r\n"}),
                  requests()),
    [](const std::pair<std::string, std::string>& x) { return x.first + x.second; });
}

} // namespace

BOOST_AUTO_TEST_SUITE(guard_test)

BOOST_AUTO_TEST_CASE(every_case_gets_its_verdict) {
  for (auto& x : wire_cases()) {
    auto found = judge(x.bytes);
    BOOST_TEST(found.status == x.status, x.name);
    if (x.status == 200)
      BOOST_TEST(found.bytes == x.bytes.size(), x.name);
  }
}

BOOST_AUTO_TEST_CASE(verdicts_do_not_depend_on_how_the_bytes_are_split) {
  for (auto& x : wire_cases()) {
    BOOST_TEST((judge_in_parts(x.bytes, [] { return 1; }) == judge(x.bytes)), x.name);
    // Every cut into two parts, for cases of a usual size.
    for (std::size_t cut = 1; x.bytes.size() < 1000 && cut < x.bytes.size(); ++cut) {
      request_guard guard{limits_of_the_cases()};
      auto verdict = guard.scan(std::string_view{x.bytes}.substr(0, cut));
      if (verdict == request_guard::verdict::more)
        verdict = guard.scan(x.bytes);
      BOOST_TEST((judgement_of(guard, verdict) == judge(x.bytes)), x.name << " at " << cut);
    }
  }
}

BOOST_AUTO_TEST_CASE(verdicts_do_not_depend_on_splits_of_anything) {
  BOOST_TEST(rc::check("splits", [](std::uint32_t seed) {
    auto bytes = *rc::gen::oneOf(requests(), likely_requests());
    auto state = seed;
    auto parts = [&state] {
      state = state * 1664525u + 1013904223u;
      return 1 + (state >> 24) % 9;
    };
    RC_ASSERT(judge_in_parts(bytes, parts) == judge(bytes));
  }));
}

BOOST_AUTO_TEST_CASE(the_parser_behind_sees_exactly_the_accepted_request) {
  auto agrees = [](const std::string& bytes) {
    auto found = judge(bytes);
    if (found.verdict != request_guard::verdict::complete)
      return true;
    return parse(bytes.substr(0, found.bytes)) == found.bytes
           && parse(bytes.substr(0, found.bytes - 1)) == 0;
  };
  for (auto& x : wire_cases())
    BOOST_TEST(agrees(x.bytes), x.name);
  BOOST_TEST(rc::check("parsers agree", [&] {
    auto bytes = *likely_requests();
    RC_CLASSIFY(judge(bytes).verdict == request_guard::verdict::complete, "accepted");
    RC_ASSERT(agrees(bytes));
  }));
}

BOOST_AUTO_TEST_CASE(requests_follow_each_other) {
  std::string first = "POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                      "3\r\nabc\r\n0\r\n\r\n";
  std::string second = "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n";
  std::string third = "GET /3 HTTP/1.1\r\nHost : a\r\n\r\n";
  auto all = first + second + third;
  request_guard guard;
  std::string_view rest{all};
  BOOST_TEST((guard.scan(rest) == request_guard::verdict::complete));
  BOOST_TEST(guard.message_bytes() == first.size());
  rest.remove_prefix(guard.message_bytes());
  guard.next();
  BOOST_TEST((guard.scan(rest) == request_guard::verdict::complete));
  BOOST_TEST(guard.message_bytes() == second.size());
  rest.remove_prefix(guard.message_bytes());
  guard.next();
  BOOST_TEST((guard.scan(rest) == request_guard::verdict::refused));
  BOOST_TEST((guard.reason() == refusal::bad_header));
}

BOOST_AUTO_TEST_CASE(a_refusal_stays) {
  request_guard guard;
  BOOST_TEST((guard.scan("BAD\r\n") == request_guard::verdict::refused));
  BOOST_TEST((guard.scan("BAD\r\nGET / HTTP/1.1\r\n") == request_guard::verdict::refused));
}

BOOST_AUTO_TEST_CASE(a_client_waits_for_continue_only_behind_an_accepted_head) {
  std::string head = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n";
  request_guard guard;
  guard.scan(head);
  BOOST_TEST(!guard.wants_continue());
  guard.scan(head + "\r\n");
  BOOST_TEST(guard.wants_continue());
  BOOST_TEST((guard.scan(head + "\r\nabc") == request_guard::verdict::complete));
  guard.next();
  BOOST_TEST(!guard.wants_continue());
}

BOOST_AUTO_TEST_CASE(the_last_request_is_known) {
  auto last = [](std::string fields) {
    request_guard guard;
    guard.scan("GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n");
    return guard.last();
  };
  BOOST_TEST(last("Connection: close\r\n"));
  BOOST_TEST(last("connection: x, CLOSE , y\r\n"));
  BOOST_TEST(last("Connection: keep-alive\r\nConnection: close\r\n"));
  BOOST_TEST(!last("Connection: keep-alive\r\n"));
  BOOST_TEST(!last("Connection: closed\r\n"));
  BOOST_TEST(!last(""));
}

BOOST_AUTO_TEST_CASE(every_refusal_has_a_text) {
  for (int i = 0; i <= static_cast<int>(refusal_last); ++i) {
    auto text = text_of(static_cast<refusal>(i));
    BOOST_TEST(text.status >= 400);
    BOOST_TEST(!text.code.empty());
    BOOST_TEST(!text.message.empty());
  }
}

BOOST_AUTO_TEST_SUITE_END()
