#include "tests/http/support/bad_requests.hpp"

#include "core/base/limits.hpp"

namespace callboard {
namespace {

std::string post(const std::string& fields, const std::string& body) {
  return "POST /x HTTP/1.1\r\nHost: a.example\r\n" + fields + "\r\n" + body;
}

std::string get(const std::string& fields) {
  return "GET /x HTTP/1.1\r\nHost: a.example\r\n" + fields + "\r\n";
}

std::string chunked(const std::string& body) {
  return post("Transfer-Encoding: chunked\r\n", body);
}

std::string many_fields(std::size_t count) {
  std::string fields;
  for (std::size_t i = 0; i < count; ++i)
    fields += "X-" + std::to_string(i) + ": 1\r\n";
  return fields;
}

void add_framing(std::vector<wire_case>& cases) {
  for (auto& x : std::vector<wire_case>{
         {"length then encoding",
          post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
         {"encoding then length",
          post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"), 400},
         {"two lengths", post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"), 400},
         {"two different lengths", post("Content-Length: 3\r\nContent-Length: 4\r\n", "abc"), 400},
         {"listed length", post("Content-Length: 3, 3\r\n", "abc"), 400},
         {"signed length", post("Content-Length: +3\r\n", "abc"), 400},
         {"negative length", post("Content-Length: -3\r\n", "abc"), 400},
         {"hexadecimal length", post("Content-Length: 0x3\r\n", "abc"), 400},
         {"empty length", post("Content-Length:\r\n", "abc"), 400},
         {"length with a blank", post("Content-Length: 3 3\r\n", "abc"), 400},
         {"overflowing length", post("Content-Length: 18446744073709551619\r\n", "abc"), 400},
         {"length with a fraction", post("Content-Length: 3.0\r\n", "abc"), 400},
         {"encoding xchunked", post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"), 400},
         {"encoding identity", post("Transfer-Encoding: identity\r\n", ""), 400},
         {"encoding chunked, identity", post("Transfer-Encoding: chunked, identity\r\n", ""), 400},
         {"encoding gzip, chunked", post("Transfer-Encoding: gzip, chunked\r\n", ""), 400},
         {"encoding behind a vertical tab",
          post("Transfer-Encoding: \x0b"
               "chunked\r\n",
               "0\r\n\r\n"),
          400},
         {"empty encoding", post("Transfer-Encoding:\r\n", ""), 400},
         {"blank before the colon", post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"), 400},
         {"tab before the colon", post("Content-Length\t: 3\r\n", "abc"), 400},
         {"two encodings",
          post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
         {"encoding in capitals", post("TRANSFER-ENCODING: Chunked\r\n", "0\r\n\r\n"), 200},
         {"length", post("content-length:3\r\n", "abc"), 200},
         {"length with zeros and blanks", post("Content-Length:   003 \r\n", "abc"), 200},
         {"length with a tab behind", post("Content-Length: 3\t\r\n", "abc"), 400},
         {"encoding with a tab", post("Transfer-Encoding: chunked\t\r\n", "0\r\n\r\n"), 400},
         {"length of nothing", post("Content-Length: 0\r\n", ""), 200},
       })
    cases.push_back(x);
}

void add_chunks(std::vector<wire_case>& cases) {
  for (auto& x : std::vector<wire_case>{
         {"chunks", chunked("3\r\nabc\r\n00a\r\n0123456789\r\n0\r\n\r\n"), 200},
         {"chunk extension", chunked("3;a=b\r\nabc\r\n0\r\n\r\n"), 200},
         {"trailer", chunked("0\r\nX-Sum: 1\r\n\r\n"), 200},
         {"chunk size no number", chunked("xyz\r\nabc\r\n0\r\n\r\n"), 400},
         {"chunk size empty", chunked("\r\nabc\r\n0\r\n\r\n"), 400},
         {"chunk size negative", chunked("-3\r\nabc\r\n0\r\n\r\n"), 400},
         {"chunk size with 0x", chunked("0x3\r\nabc\r\n0\r\n\r\n"), 400},
         {"chunk size with a blank", chunked("3 \r\nabc\r\n0\r\n\r\n"), 400},
         {"chunk size behind a blank", chunked(" 3\r\nabc\r\n0\r\n\r\n"), 400},
         {"chunk size overflowing", chunked("10000000000000003\r\nabc\r\n0\r\n\r\n"), 400},
         {"chunk size endless", chunked(std::string(300, '0') + "3\r\nabc\r\n0\r\n\r\n"), 400},
         {"chunk extension ended by a bare line feed", chunked("3;a\nabc\r\n0\r\n\r\n"), 400},
         {"chunk size ended by a bare line feed", chunked("3\nabc\r\n0\r\n\r\n"), 400},
         {"chunk longer than its size", chunked("3\r\nabcd\r\n0\r\n\r\n"), 400},
         {"chunk ended by a bare line feed", chunked("3\r\nabc\n0\r\n\r\n"), 400},
         {"chunk ended by a bare carriage return", chunked("3\r\nabc\rx0\r\n\r\n"), 400},
         {"trailer with framing", chunked("0\r\nContent-Length: 3\r\n\r\n"), 400},
         {"trailer with an encoding", chunked("0\r\ntransfer-encoding: chunked\r\n\r\n"), 400},
         {"trailer with a host", chunked("0\r\nHost: b\r\n\r\n"), 400},
         {"trailer malformed", chunked("0\r\nX Y\r\n\r\n"), 400},
         {"trailers endless", chunked("0\r\nX: " + std::string(9000, 'x') + "\r\n\r\n"), 431},
         {"chunked body of the largest size",
          chunked("1f4\r\n" + std::string(500, 'x') + "\r\n1f4\r\n" + std::string(500, 'x')
                  + "\r\n0\r\n\r\n"),
          200},
         {"chunked body too large", chunked("1f4\r\n" + std::string(500, 'x') + "\r\n1f5\r\n"),
          413},
         {"chunk too large", chunked("ffffffff\r\n"), 413},
       })
    cases.push_back(x);
}

void add_lines(std::vector<wire_case>& cases) {
  using namespace std::string_literals;
  for (auto& x : std::vector<wire_case>{
         {"plain", get(""), 200},
         {"empty line before", "\r\n" + get(""), 200},
         {"two empty lines before", "\r\n\r\n" + get(""), 400},
         {"bare line feeds", "GET /x HTTP/1.1\nHost: a\n\n", 400},
         {"bare line feed in the head", "GET /x HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", 400},
         {"bare line feed at the end", "GET /x HTTP/1.1\r\nHost: a\r\n\n", 400},
         {"bare carriage return in a value", get("X: a\rb\r\n"), 400},
         {"bare carriage return in a name", get("X\r: b\r\n"), 400},
         {"NUL in a value", get("X: a\0b\r\n"s), 400},
         {"NUL in a name", get("X\0: b\r\n"s), 400},
         {"NUL in the target", "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"s, 400},
         {"delete character in a value", get("X: a\x7f\r\n"), 400},
         {"folded line", get("X: a\r\n b\r\n"), 400},
         {"folded first line", "GET /x HTTP/1.1\r\n Host: a\r\n\r\n", 400},
         {"field without colon", get("X\r\n"), 400},
         {"field without name", get(": x\r\n"), 400},
         {"field with a blank in its name", get("X Y: z\r\n"), 400},
         {"field of other letters", get("X: \xc3\xa9\r\n"), 200},
         {"HTTP/0.9", "GET /x\r\n", 400},
         {"HTTP/1.0", "GET /x HTTP/1.0\r\nHost: a\r\n\r\n", 505},
         {"HTTP/1.0 with an encoding",
          "POST /x HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 505},
         {"HTTP/1.2", "GET /x HTTP/1.2\r\nHost: a\r\n\r\n", 505},
         {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
         {"version in small letters", "GET /x http/1.1\r\nHost: a\r\n\r\n", 400},
         {"version of three digits", "GET /x HTTP/1.10\r\nHost: a\r\n\r\n", 400},
         {"no version", "GET /x \r\nHost: a\r\n\r\n", 400},
         {"three blanks", "GET  /x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
         {"blank behind", "GET /x HTTP/1.1 \r\nHost: a\r\n\r\n", 400},
         {"tab for a blank", "GET\t/x\tHTTP/1.1\r\nHost: a\r\n\r\n", 400},
         {"blank before the method", " GET /x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
         {"TLS on a plain port", "\x16\x03\x01\x02", 400},
         {"unknown method", "BREW /x HTTP/1.1\r\nHost: a\r\n\r\n", 501},
         {"method in small letters", "get /x HTTP/1.1\r\nHost: a\r\n\r\n", 501},
         {"CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 501},
         {"TRACE", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 501},
         {"our own made-up method", "UNLINK /0 HTTP/1.1\r\nHost: a\r\n\r\n", 501},
         {"absolute target", "GET http://b/x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
         {"target without slash", "GET x HTTP/1.1\r\nHost: a\r\n\r\n", 400},
         {"target with a fragment", "GET /x#y HTTP/1.1\r\nHost: a\r\n\r\n", 400},
         {"target of other letters", "GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
         {"asterisk", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400},
         {"asterisk for OPTIONS", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 200},
       })
    cases.push_back(x);
}

void add_fields(std::vector<wire_case>& cases) {
  auto host = [](const std::string& field) { return "GET / HTTP/1.1\r\n" + field + "\r\n"; };
  for (auto& x : std::vector<wire_case>{
         {"no Host", host(""), 400},
         {"two Hosts", host("Host: a\r\nHost: b\r\n"), 400},
         {"the same Host twice", host("Host: a\r\nhost: a\r\n"), 400},
         {"empty Host", host("Host:\r\n"), 400},
         {"Host with a path", host("Host: a/b\r\n"), 400},
         {"Host with a user", host("Host: u@a\r\n"), 400},
         {"joined Hosts", host("Host: a, b\r\n"), 400},
         {"Host with a blank", host("Host: a b\r\n"), 400},
         {"Host with port", host("Host: a.example:8080\r\n"), 200},
         {"Host as address", host("Host: [::1]:8080\r\n"), 200},
         {"unknown expectation", post("Expect: tea\r\nContent-Length: 1\r\n", "a"), 417},
         {"known expectation", post("Expect: 100-Continue\r\nContent-Length: 1\r\n", "a"), 200},
         {"upgrade to HTTP/2",
          get("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n"), 400},
         {"upgrade to WebSocket", get("Connection: Upgrade\r\nUpgrade: websocket\r\n"), 400},
       })
    cases.push_back(x);
}

void add_limits(std::vector<wire_case>& cases) {
  auto url = [](std::size_t bytes) {
    return "GET /" + std::string(bytes - 1, 'u') + " HTTP/1.1\r\nHost: a\r\n\r\n";
  };
  auto value = [](std::size_t bytes) { return get("X: " + std::string(bytes, 'v') + "\r\n"); };
  auto name = [](std::size_t bytes) { return get(std::string(bytes, 'n') + ": 1\r\n"); };
  std::string long_fields;
  for (int i = 0; i < 5; ++i)
    long_fields += "X: " + std::string(8000, 'v') + "\r\n";
  for (auto& x : std::vector<wire_case>{
         {"longest target", url(limits::url_bytes_max), 200},
         {"target too long", url(limits::url_bytes_max + 1), 414},
         {"target of 10 KB", url(10'000), 414},
         {"target of 100 KB without end", "GET /" + std::string(100'000, 'u'), 414},
         {"longest value", value(limits::header_value_bytes_max), 200},
         {"value too long", value(limits::header_value_bytes_max + 1), 431},
         {"value of 20 KB", value(20'000), 431},
         {"value of 100 KB without end", "GET / HTTP/1.1\r\nX: " + std::string(100'000, 'v'), 431},
         {"longest name", name(limits::header_name_bytes_max), 200},
         {"name too long", name(limits::header_name_bytes_max + 1), 431},
         {"most fields", get(many_fields(limits::header_count_max - 1)), 200},
         {"too many fields", get(many_fields(limits::header_count_max)), 431},
         {"500 fields", get(many_fields(500)), 431},
         {"head too large", get(long_fields), 431},
         {"largest body", post("Content-Length: 1000\r\n", std::string(1000, 'b')), 200},
         {"body too large at once", post("Content-Length: 1001\r\n", ""), 413},
         {"body of 2 MB", post("Content-Length: 2000000\r\n", std::string(3000, 'b')), 413},
         {"body too large with an expectation",
          post("Expect: 100-continue\r\nContent-Length: 1001\r\n", ""), 413},
       })
    cases.push_back(x);
}

} // namespace

std::vector<wire_case> wire_cases() {
  std::vector<wire_case> cases;
  add_framing(cases);
  add_chunks(cases);
  add_lines(cases);
  add_fields(cases);
  add_limits(cases);
  return cases;
}

} // namespace callboard
