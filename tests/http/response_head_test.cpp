#include "http/edge/response_head.hpp"

#include <boost/test/unit_test.hpp>

using namespace callboard;

BOOST_AUTO_TEST_SUITE(response_head_test)

BOOST_AUTO_TEST_CASE(a_head_carries_the_given_fields_in_their_order) {
  http_headers headers{{"B", "1"}, {"A", "two\tthree"}, {"C", ""}};
  auto head = render_head({200, headers, body_form::sized, 12, false});
  BOOST_TEST(head.starts_with("HTTP/1.1 200 OK\r\nB: 1\r\nA: two\tthree\r\nC: \r\nDate: "));
  BOOST_TEST(head.ends_with(" GMT\r\nContent-Length: 12\r\n\r\n"));
}

BOOST_AUTO_TEST_CASE(a_head_says_how_the_body_and_the_connection_end) {
  BOOST_TEST(render_head({200, {}, body_form::chunked, 0, true})
               .ends_with("GMT\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"));
  BOOST_TEST(render_head({204, {}, body_form::sized, 0, false}).ends_with("GMT\r\n\r\n"));
}

BOOST_AUTO_TEST_CASE(fields_that_would_forge_a_head_are_left_out) {
  http_headers headers{{"date", "x"},
                       {"CONTENT-LENGTH", "x"},
                       {"Transfer-encoding", "x"},
                       {"Connection", "x"},
                       {"", "x"},
                       {"Na:me", "x"},
                       {"Na me", "x"},
                       {"Na\tme", "x"},
                       {"Name\r\nOther", "x"},
                       {"Na\x7fme", "x"},
                       {std::string{"Na\0me", 5}, "x"},
                       {"Name", "x\r\nOther: y"},
                       {"Name", "x\n"},
                       {"Name", std::string{"\0x", 2}},
                       {"Name", "x\x7f"}};
  auto head = render_head({404, headers, body_form::sized, 0, false});
  BOOST_TEST(head.starts_with("HTTP/1.1 404 Not Found\r\nDate: "), head);
  BOOST_TEST(head.ends_with(" GMT\r\nContent-Length: 0\r\n\r\n"), head);
  BOOST_TEST(head.find('x') == std::string::npos, head);
}

BOOST_AUTO_TEST_CASE(chunks_carry_their_size) {
  std::string out;
  append_chunk(out, "abcdefghijklmnop");
  append_chunk(out, "");
  BOOST_TEST(out == "10\r\nabcdefghijklmnop\r\n");
}

BOOST_AUTO_TEST_SUITE_END()
