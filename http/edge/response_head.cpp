#include "http/edge/response_head.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

namespace callboard {
namespace {

/// Fields that render_head writes by itself.
constexpr std::array<std::string_view, 4> own_names{"date", "content-length", "transfer-encoding",
                                                    "connection"};

bool is_ours(std::string_view name) {
  return std::any_of(own_names.begin(), own_names.end(),
                     [&](std::string_view ours) { return iequals(name, ours); });
}

/// What would end a field's name: control characters, blanks and colons.
constexpr auto name_ends = [] {
  std::array<bool, 256> table{};
  for (std::size_t c = 0; c <= ' '; ++c)
    table[c] = true;
  table[':'] = true;
  table[0x7f] = true;
  return table;
}();

bool is_name(std::string_view x) {
  return !x.empty() && std::none_of(x.begin(), x.end(), [](char c) {
    return name_ends[static_cast<unsigned char>(c)];
  });
}

/// The Date field, made once a second per thread.
std::string_view date_field() {
  thread_local std::time_t made_at = 0;
  thread_local std::array<char, 48> text{};
  thread_local std::size_t size = 0;
  auto now = std::time(nullptr);
  if (now != made_at) {
    std::tm parts{};
    gmtime_r(&now, &parts);
    size = std::strftime(text.data(), text.size(), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts);
    made_at = now;
  }
  return {text.data(), size};
}

} // namespace

bool has_no_body(int status) { return status < 200 || status == 204 || status == 304; }

std::string_view reason_phrase(int status) {
  struct phrase {
    int status;
    std::string_view text;
  };
  static constexpr std::array phrases{
    phrase{200, "OK"},
    phrase{201, "Created"},
    phrase{202, "Accepted"},
    phrase{204, "No Content"},
    phrase{302, "Found"},
    phrase{303, "See Other"},
    phrase{304, "Not Modified"},
    phrase{400, "Bad Request"},
    phrase{401, "Unauthorized"},
    phrase{402, "Payment Required"},
    phrase{403, "Forbidden"},
    phrase{404, "Not Found"},
    phrase{405, "Method Not Allowed"},
    phrase{406, "Not Acceptable"},
    phrase{408, "Request Timeout"},
    phrase{409, "Conflict"},
    phrase{410, "Gone"},
    phrase{413, "Content Too Large"},
    phrase{414, "URI Too Long"},
    phrase{415, "Unsupported Media Type"},
    phrase{417, "Expectation Failed"},
    phrase{422, "Unprocessable Content"},
    phrase{429, "Too Many Requests"},
    phrase{431, "Request Header Fields Too Large"},
    phrase{500, "Internal Server Error"},
    phrase{501, "Not Implemented"},
    phrase{502, "Bad Gateway"},
    phrase{503, "Service Unavailable"},
    phrase{504, "Gateway Timeout"},
    phrase{505, "HTTP Version Not Supported"},
  };
  for (auto& entry : phrases)
    if (entry.status == status)
      return entry.text;
  return {};
}

std::string render_head(const response_head& head) {
  std::string out;
  out.reserve(256 + 64 * head.headers.size());
  out += "HTTP/1.1 ";
  out += std::to_string(head.status);
  out += ' ';
  out += reason_phrase(head.status);
  out += "\r\n";
  for (auto& [name, value] : head.headers) {
    if (is_ours(name) || !is_name(name) || !is_field_text(value))
      continue;
    out += name;
    out += ": ";
    out += value;
    out += "\r\n";
  }
  out += date_field();
  if (head.form == body_form::chunked) {
    out += "Transfer-Encoding: chunked\r\n";
  } else if (!has_no_body(head.status)) {
    out += "Content-Length: ";
    out += std::to_string(head.body_bytes);
    out += "\r\n";
  }
  if (head.close)
    out += "Connection: close\r\n";
  out += "\r\n";
  return out;
}

void append_chunk(std::string& out, std::string_view piece) {
  if (piece.empty())
    return;
  std::array<char, 16> digits{};
  auto end = std::to_chars(digits.data(), digits.data() + digits.size(), piece.size(), 16).ptr;
  out.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
  out += "\r\n";
  out += piece;
  out += "\r\n";
}

} // namespace callboard
