#include "core/mcp/sse.hpp"

#include <boost/test/unit_test.hpp>
#include <rapidcheck.h>

using namespace callboard;

namespace {

constexpr std::size_t plenty = 1u << 20;

std::vector<sse_event> parse_whole(std::string_view bytes) {
  sse_parser parser{plenty};
  return parser.feed(bytes).value();
}

std::string data_of(const std::vector<sse_event>& events) {
  std::string out;
  for (auto& event : events)
    out += '[' + event.data + ']';
  return out;
}

} // namespace

BOOST_AUTO_TEST_SUITE(sse_test)

BOOST_AUTO_TEST_CASE(every_line_end_gives_the_same_events) {
  for (std::string end : {"\n", "\r\n", "\r"}) {
    auto bytes = "event: a" + end + "data: 1" + end + "data:2" + end + "id: 7" + end + "retry: 1500"
                 + end + ": comment" + end + end + "data: x" + end + end;
    auto events = parse_whole(bytes);
    BOOST_REQUIRE(events.size() == 2u);
    BOOST_TEST(events[0].type == "a");
    BOOST_TEST(events[0].data == "1\n2");
    BOOST_TEST(events[0].id.value() == "7");
    BOOST_TEST(events[0].retry.value() == 1500);
    BOOST_TEST(events[1].data == "x");
    BOOST_TEST(events[1].type == "");
    BOOST_TEST(!events[1].id);
  }
}

BOOST_AUTO_TEST_CASE(fields_are_read_as_the_standard_says) {
  BOOST_TEST(data_of(parse_whole("data\n\n")) == "[]");
  BOOST_TEST(data_of(parse_whole("data:\n\n")) == "[]");
  BOOST_TEST(data_of(parse_whole("data\ndata\n\n")) == "[\n]");
  BOOST_TEST(data_of(parse_whole("data:  two\n\n")) == "[ two]");
  BOOST_TEST(data_of(parse_whole("event: only\n\n")) == "");
  BOOST_TEST(data_of(parse_whole("\n\n\ndata: a\n\n\n\n")) == "[a]");
  BOOST_TEST(data_of(parse_whole("datax: a\nDATA: b\n\n")) == "");
  BOOST_TEST(data_of(parse_whole("\xef\xbb\xbf"
                                 "data: a\n\n"))
             == "[a]");
  BOOST_TEST(!parse_whole("retry: 1x\ndata: a\n\n")[0].retry);
  BOOST_TEST(!parse_whole("retry: -1\ndata: a\n\n")[0].retry);
  BOOST_TEST(!parse_whole(std::string_view{"id: a\0b\ndata: a\n\n", 17})[0].id);
  BOOST_TEST(data_of(parse_whole(": OPENROUTER PROCESSING\n\n: keep-alive\n\n")) == "");
}

BOOST_AUTO_TEST_CASE(an_unfinished_event_is_only_given_at_the_end) {
  sse_parser parser{plenty};
  BOOST_TEST(parser.feed("data: a\n\ndata: b")->size() == 1u);
  auto last = parser.finish();
  BOOST_REQUIRE(last);
  BOOST_TEST(last->data == "b");
  sse_parser other{plenty};
  BOOST_TEST(other.feed("data: a\n\nevent: x\n")->size() == 1u);
  BOOST_TEST(!other.finish());
}

BOOST_AUTO_TEST_CASE(events_beyond_the_limit_fail_for_good) {
  for (std::string bytes : {"data: 0123456789012345\n\n", "data: 01234567\ndata: 01234567\n\n",
                            "0123456789012345678901"}) {
    sse_parser parser{16};
    auto x = parser.feed(bytes);
    BOOST_REQUIRE(!x);
    BOOST_TEST(to_string(code_of(x.error())) == "response_too_large");
    BOOST_TEST(!parser.feed("\n\ndata: a\n\n"));
    BOOST_TEST(!parser.finish());
  }
  sse_parser parser{16};
  for (int i = 0; i < 100; ++i)
    BOOST_TEST(parser.feed("data: 012345\n\n")->size() == 1u);
}

BOOST_AUTO_TEST_CASE(frames_are_one_piece_with_lf_line_ends) {
  BOOST_TEST(sse_frame("a", "{}") == "event: a\ndata: {}\n\n");
  BOOST_TEST(sse_frame("", "[DONE]") == "data: [DONE]\n\n");
  BOOST_TEST(sse_frame("a", "1", "9") == "event: a\nid: 9\ndata: 1\n\n");
  BOOST_TEST(sse_frame("", "1\n2\r\n3\r4") == "data: 1\ndata: 2\ndata: 3\ndata: 4\n\n");
  BOOST_TEST(sse_frame("a\nb", "", "x\r\ny") == "event: a b\nid: x  y\ndata: \n\n");
  BOOST_TEST(sse_comment("keep\nalive") == ": keep alive\n\n");
}

BOOST_AUTO_TEST_CASE(where_the_bytes_are_cut_does_not_matter) {
  bool ok = rc::check("any cut gives the same events", [] {
    auto lines = *rc::gen::container<std::vector<std::string>>(
      rc::gen::element<std::string>("data: a", "data:b", "data", "event: e", "id: 1", "retry: 5",
                                    ": c", "", "", "x: y", "data: \xc3\xa9"));
    std::string bytes;
    for (auto& line : lines)
      bytes += line + *rc::gen::element<std::string>("\n", "\r\n", "\r");
    sse_parser parser{plenty};
    std::vector<sse_event> pieces;
    for (std::size_t i = 0; i < bytes.size();) {
      auto size = *rc::gen::inRange<std::size_t>(1, 8);
      auto events = parser.feed(std::string_view{bytes}.substr(i, size)).value();
      pieces.insert(pieces.end(), events.begin(), events.end());
      i += size;
    }
    RC_ASSERT(pieces == parse_whole(bytes));
  });
  BOOST_TEST(ok);
}

BOOST_AUTO_TEST_CASE(a_written_frame_reads_back) {
  bool ok = rc::check("frame and parser agree", [] {
    auto data = *rc::gen::string<std::string>();
    for (auto& c : data)
      if (c == '\r')
        c = ' '; // becomes LF on the way, as the format cannot say CR
    auto events = parse_whole(sse_frame("t", data));
    RC_ASSERT(events.size() == 1u);
    RC_ASSERT(events[0].data == data);
    RC_ASSERT(events[0].type == "t");
  });
  BOOST_TEST(ok);
}

BOOST_AUTO_TEST_SUITE_END()
