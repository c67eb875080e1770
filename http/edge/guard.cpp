#include "http/edge/guard.hpp"

#include <algorithm>
#include <array>

#include "core/base/http_message.hpp"

namespace callboard {
namespace {

/// Method, version, blanks and line end beside the target in a request line.
constexpr std::size_t request_line_extra_bytes = 64;
/// Colon, blanks around the value and line end of a header line.
constexpr std::size_t header_line_extra_bytes = 64;
/// A chunk's size line with extensions, which nobody uses.
constexpr std::size_t chunk_line_bytes_max = 256;
/// Hexadecimal digits of a chunk size: 4 GiB, beyond every body limit, far below overflow.
constexpr std::size_t chunk_digits_max = 8;
/// Chunks of one body. Each costs the parser behind about 100 bytes of bookkeeping.
constexpr std::uint32_t chunks_max = 16 * 1024;
/// Trailers of one body; nothing here reads them.
constexpr std::size_t trailer_bytes_max = 8192;
/// Digits of a Content-Length: up to 10^18, below 2^63.
constexpr std::size_t length_digits_max = 18;

/// Methods that some route may have. Others, CONNECT among them, never reach the parser.
constexpr std::array<std::string_view, 7> methods{"GET", "POST",    "DELETE", "PATCH",
                                                  "PUT", "OPTIONS", "HEAD"};

constexpr auto token_characters = [] {
  std::array<bool, 256> table{};
  for (int c = '0'; c <= '9'; ++c)
    table[static_cast<std::size_t>(c)] = true;
  for (int c = 'a'; c <= 'z'; ++c) {
    table[static_cast<std::size_t>(c)] = true;
    table[static_cast<std::size_t>(c - 'a' + 'A')] = true;
  }
  for (char c : std::string_view{"!#$%&'*+-.^_`|~"})
    table[static_cast<unsigned char>(c)] = true;
  return table;
}();

bool is_token_char(char c) { return token_characters[static_cast<unsigned char>(c)]; }

bool is_token(std::string_view x) {
  return !x.empty() && std::all_of(x.begin(), x.end(), [](char c) { return is_token_char(c); });
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

int hex_value(char c) {
  if (is_digit(c))
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/// A host with optional port. A comma would be two hosts joined by somebody on the way.
bool is_host(std::string_view x) {
  constexpr std::string_view others = "-._~%!$&'()*+;=:[]";
  return !x.empty() && std::all_of(x.begin(), x.end(), [&](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || others.find(c) != std::string_view::npos;
  });
}

bool lists_close(std::string_view value) {
  while (!value.empty()) {
    auto comma = value.find(',');
    if (iequals(trim(value.substr(0, comma)), "close"))
      return true;
    value.remove_prefix(comma == std::string_view::npos ? value.size() : comma + 1);
  }
  return false;
}

} // namespace

refusal_text text_of(refusal x) {
  switch (x) {
  case refusal::bad_request_line:
    return {400, "bad_request", "The request line is malformed."};
  case refusal::bad_target:
    return {400, "bad_request", "The request target must be a path and visible ASCII."};
  case refusal::target_too_long:
    return {414, "uri_too_long", "The request target is too long."};
  case refusal::bad_version:
    return {505, "http_version_not_supported", "This server speaks HTTP/1.1 only."};
  case refusal::unknown_method:
    return {501, "method_not_implemented", "The request method is not known here."};
  case refusal::bad_header:
    return {400, "bad_request", "A header field is malformed."};
  case refusal::head_too_large:
    return {431, "headers_too_large", "The header fields are too large or too many."};
  case refusal::bad_host:
    return {400, "bad_request", "Exactly one valid Host header field is needed."};
  case refusal::bad_length:
    return {400, "bad_request", "The length of the body is not given in exactly one valid way."};
  case refusal::bad_transfer_encoding:
    return {400, "bad_request", "The only transfer encoding known here is chunked."};
  case refusal::bad_chunk:
    return {400, "bad_request", "The chunked encoding of the body is malformed."};
  case refusal::body_too_large:
    return {413, "payload_too_large", "The request body is too large."};
  case refusal::bad_expectation:
    return {417, "expectation_failed", "The only expectation known here is 100-continue."};
  case refusal::upgrade_refused:
    return {400, "bad_request", "This server does not upgrade connections."};
  case refusal::too_slow:
    return {408, "request_timeout", "The request did not arrive in time."};
  case refusal::too_many_connections:
    return {503, "overloaded", "Too many connections are open. Try again."};
  }
  return {400, "bad_request", "The request is malformed."};
}

request_guard::verdict request_guard::scan(std::string_view message) {
  while (step(message)) {
  }
  if (phase_ == phase::complete)
    return verdict::complete;
  return phase_ == phase::refused ? verdict::refused : verdict::more;
}

void request_guard::next() { *this = request_guard{limits_}; }

/// One part of the request. False when it is complete, refused, or needs more bytes.
bool request_guard::step(std::string_view message) {
  switch (phase_) {
  case phase::request_line:
    return on_request_line(message);
  case phase::header:
    return on_header(message);
  case phase::fixed_body:
    if (message.size() - position_ < part_bytes_)
      return false;
    position_ += part_bytes_;
    phase_ = phase::complete;
    return false;
  case phase::chunk_line:
    return on_chunk_line(message);
  case phase::chunk_data:
    return on_chunk_data(message);
  case phase::trailer:
    return on_trailer(message);
  case phase::complete:
  case phase::refused:
    break;
  }
  return false;
}

bool request_guard::refuse(refusal reason) {
  reason_ = reason;
  phase_ = phase::refused;
  return false;
}

/// Puts the next line without its end into line_. The length is judged before anything else, so
/// that a line which arrives in pieces gets the verdict that it would get as a whole.
bool request_guard::take_line(std::string_view message, std::size_t bytes_max, refusal too_long,
                              refusal malformed) {
  auto feed = message.find('\n', searched_);
  auto end = feed == std::string_view::npos ? message.size() : feed + 1;
  if (end - position_ > bytes_max)
    return refuse(too_long);
  searched_ = end;
  if (feed == std::string_view::npos)
    return false;
  line_ = message.substr(position_, feed - position_);
  position_ = end;
  if (line_.empty() || line_.back() != '\r')
    return refuse(malformed);
  line_.remove_suffix(1);
  return true;
}

bool request_guard::on_request_line(std::string_view message) {
  // A client of another protocol (TLS, binary) is told at its first byte instead of at a time-out.
  if (message.size() > position_ && message[position_] != '\r'
      && !is_token_char(message[position_]))
    return refuse(refusal::bad_request_line);
  if (!take_line(message, limits_.url_bytes_max + request_line_extra_bytes,
                 refusal::target_too_long, refusal::bad_request_line))
    return false;
  if (line_.empty() && !blank_skipped_) {
    // RFC 9112 section 2.2: one empty line before a request is ignored.
    blank_skipped_ = true;
    return true;
  }
  return check_request_line();
}

bool request_guard::check_request_line() {
  auto first = line_.find(' ');
  auto second = first == std::string_view::npos ? first : line_.find(' ', first + 1);
  if (second == std::string_view::npos || line_.find(' ', second + 1) != std::string_view::npos)
    return refuse(refusal::bad_request_line);
  auto method = line_.substr(0, first);
  auto target = line_.substr(first + 1, second - first - 1);
  auto version = line_.substr(second + 1);
  if (!is_token(method) || target.empty() || !is_field_text(line_))
    return refuse(refusal::bad_request_line);
  if (target.size() > limits_.url_bytes_max)
    return refuse(refusal::target_too_long);
  if (version != "HTTP/1.1") {
    bool well_formed = version.size() == 8 && version.substr(0, 5) == "HTTP/"
                       && is_digit(version[5]) && version[6] == '.' && is_digit(version[7]);
    return refuse(well_formed ? refusal::bad_version : refusal::bad_request_line);
  }
  if (std::find(methods.begin(), methods.end(), method) == methods.end())
    return refuse(refusal::unknown_method);
  // The absolute form names a second host, and only clients of proxies use it.
  bool path = target.front() == '/' || (target == "*" && method == "OPTIONS");
  bool visible = std::all_of(target.begin(), target.end(),
                             [](char c) { return c > 0x20 && c < 0x7f && c != '#'; });
  if (!path || !visible)
    return refuse(refusal::bad_target);
  phase_ = phase::header;
  return true;
}

bool request_guard::on_header(std::string_view message) {
  auto line_bytes_max =
    limits_.header_name_bytes_max + limits_.header_value_bytes_max + header_line_extra_bytes;
  auto head_bytes_left = limits_.head_bytes_max - std::min(position_, limits_.head_bytes_max);
  if (!take_line(message, std::min(line_bytes_max, head_bytes_left), refusal::head_too_large,
                 refusal::bad_header))
    return false;
  if (line_.empty())
    return end_head();
  std::string_view name;
  std::string_view value;
  return check_field(name, value, refusal::bad_header) && check_framing_field(name, value);
}

/// Splits and judges line_ as a header or trailer field. A blank before the colon (request
/// smuggling) and a line that begins with a blank (folding) are no tokens, hence malformed.
bool request_guard::check_field(std::string_view& name, std::string_view& value,
                                refusal malformed) {
  if (++fields_ > limits_.header_count_max)
    return refuse(refusal::head_too_large);
  auto colon = line_.find(':');
  if (colon == std::string_view::npos)
    return refuse(malformed);
  name = line_.substr(0, colon);
  value = trim(line_.substr(colon + 1));
  if (!is_token(name) || !is_field_text(value))
    return refuse(malformed);
  if (name.size() > limits_.header_name_bytes_max || value.size() > limits_.header_value_bytes_max)
    return refuse(refusal::head_too_large);
  return true;
}

bool request_guard::check_framing_field(std::string_view name, std::string_view value) {
  if (iequals(name, "host")) {
    if (++hosts_ > 1 || !is_host(value))
      return refuse(refusal::bad_host);
  } else if (iequals(name, "content-length")) {
    return check_length(value);
  } else if (iequals(name, "transfer-encoding")) {
    if (framing_ == framing::length)
      return refuse(refusal::bad_length);
    if (framing_ == framing::chunked || !iequals(value, "chunked")
        || line_.find('\t') != std::string_view::npos)
      return refuse(refusal::bad_transfer_encoding);
    framing_ = framing::chunked;
  } else if (iequals(name, "expect")) {
    if (iequals(value, "100-continue"))
      expects_ = true;
    else
      bad_expectation_ = true;
  } else if (iequals(name, "connection")) {
    last_ = last_ || lists_close(value);
  } else if (iequals(name, "upgrade")) {
    return refuse(refusal::upgrade_refused);
  }
  return true;
}

bool request_guard::check_length(std::string_view value) {
  // Not every parser takes a tab for a blank here.
  if (framing_ != framing::none || value.empty() || line_.find('\t') != std::string_view::npos
      || value.size() > length_digits_max || !std::all_of(value.begin(), value.end(), is_digit))
    return refuse(refusal::bad_length);
  framing_ = framing::length;
  part_bytes_ = 0;
  for (char c : value)
    part_bytes_ = part_bytes_ * 10 + static_cast<std::size_t>(c - '0');
  return true;
}

bool request_guard::end_head() {
  if (hosts_ != 1)
    return refuse(refusal::bad_host);
  if (bad_expectation_)
    return refuse(refusal::bad_expectation);
  if (framing_ == framing::chunked) {
    phase_ = phase::chunk_line;
    return true;
  }
  if (part_bytes_ > limits_.body_bytes_max)
    return refuse(refusal::body_too_large);
  phase_ = part_bytes_ > 0 ? phase::fixed_body : phase::complete;
  return true;
}

bool request_guard::on_chunk_line(std::string_view message) {
  if (!take_line(message, chunk_line_bytes_max, refusal::bad_chunk, refusal::bad_chunk))
    return false;
  auto digits = std::min(line_.find(';'), line_.size());
  if (digits == 0 || digits > chunk_digits_max || !is_field_text(line_))
    return refuse(refusal::bad_chunk);
  part_bytes_ = 0;
  for (char c : line_.substr(0, digits)) {
    auto value = hex_value(c);
    if (value < 0)
      return refuse(refusal::bad_chunk);
    part_bytes_ = part_bytes_ * 16 + static_cast<std::size_t>(value);
  }
  if (part_bytes_ == 0) {
    phase_ = phase::trailer;
    trailer_begin_ = position_;
    return true;
  }
  body_bytes_ += part_bytes_;
  if (body_bytes_ > limits_.body_bytes_max || ++chunks_ > chunks_max)
    return refuse(refusal::body_too_large);
  phase_ = phase::chunk_data;
  return true;
}

bool request_guard::on_chunk_data(std::string_view message) {
  auto end = position_ + part_bytes_;
  if (message.size() > end && message[end] != '\r')
    return refuse(refusal::bad_chunk);
  if (message.size() < end + 2)
    return false;
  if (message[end + 1] != '\n')
    return refuse(refusal::bad_chunk);
  position_ = searched_ = end + 2;
  phase_ = phase::chunk_line;
  return true;
}

bool request_guard::on_trailer(std::string_view message) {
  auto bytes_left = trailer_bytes_max - std::min(position_ - trailer_begin_, trailer_bytes_max);
  if (!take_line(message, bytes_left, refusal::head_too_large, refusal::bad_chunk))
    return false;
  if (line_.empty()) {
    phase_ = phase::complete;
    return false;
  }
  std::string_view name;
  std::string_view value;
  if (!check_field(name, value, refusal::bad_chunk))
    return false;
  // RFC 9110 section 6.5.1: framing and routing do not belong into trailers.
  for (std::string_view forbidden : {"host", "content-length", "transfer-encoding"})
    if (iequals(name, forbidden))
      return refuse(refusal::bad_chunk);
  return true;
}

} // namespace callboard
