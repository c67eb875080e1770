#include "http/client/transfer.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/network_address.hpp"

namespace callboard {
namespace {

/// All header fields of an answer; more is no API's answer.
constexpr std::size_t header_bytes_max = 64 * 1024;
/// Idle connections older than that are not used again: many servers close them after 60 s, and a
/// request that meets the closing may have to be given up.
constexpr long connection_idle_seconds_max = 50;
/// Most requests' fields are shorter.
constexpr std::size_t field_bytes_expected = 512;
constexpr long dns_cache_seconds = 60;
constexpr const char* user_agent = "callboard";

/// Header fields that belong to libcurl.
constexpr std::array<std::string_view, 4> framing_fields{"host", "content-length", "connection",
                                                         "transfer-encoding"};

bool is_framing(std::string_view name) {
  return std::any_of(framing_fields.begin(), framing_fields.end(),
                     [&](std::string_view x) { return iequals(x, name); });
}

/// What libcurl unpacks, in its own order.
std::string known_encodings() {
  constexpr std::array<std::pair<int, const char*>, 4> table{{{CURL_VERSION_LIBZ, "deflate"},
                                                              {CURL_VERSION_LIBZ, "gzip"},
                                                              {CURL_VERSION_BROTLI, "br"},
                                                              {CURL_VERSION_ZSTD, "zstd"}}};
  std::string names;
  for (auto& [feature, name] : table)
    if ((curl_version_info(CURLVERSION_NOW)->features & feature) != 0)
      names += (names.empty() ? "" : ", ") + std::string{name};
  return names;
}

template <class T>
void set(CURL* easy, CURLoption option, T value) {
  curl_easy_setopt(easy, option, value);
}

bool is_token(std::string_view x) {
  constexpr std::string_view others = "!#$%&'*+-.^_`|~";
  return !x.empty() && std::all_of(x.begin(), x.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || others.find(c) != std::string_view::npos;
  });
}

bool is_clean(std::string_view x) {
  return std::none_of(x.begin(), x.end(), [](char c) {
    auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && byte != '\t') || byte == 0x7f;
  });
}

std::optional<ip_address> address_of(const curl_sockaddr& x, std::uint16_t& port) {
  ip_address address;
  if (x.family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, &x.addr, sizeof(in));
    std::memcpy(address.bytes.data(), &in.sin_addr, 4);
    port = ntohs(in.sin_port);
    return address;
  }
  if (x.family == AF_INET6) {
    // libcurl's member is a plain sockaddr with the real one behind it.
    sockaddr_in6 in{};
    std::memcpy(&in, static_cast<const void*>(&x.addr),
                std::min<std::size_t>(x.addrlen, sizeof(in)));
    address.v6 = true;
    std::memcpy(address.bytes.data(), &in.sin6_addr, 16);
    port = ntohs(in.sin6_port);
    return address;
  }
  return std::nullopt;
}

} // namespace

transfer::transfer(fetch_request request, fetch_callbacks callbacks, easy_ptr easy,
                   const http_client_args& args, origin_book& origins, socket_watch& watch,
                   std::vector<CURL*>& fresh)
    : request_(std::move(request)), callbacks_(std::move(callbacks)), easy_(std::move(easy)),
      url_(origins.split(request_.message.url)), allow_private_(args.allow_private),
      counters_(*args.counters), watch_(watch), fresh_(fresh) {
  auto& message = request_.message;
  if (!is_token(message.method) || !is_clean(message.url))
    problem_ = make_problem(errc::bad_request, "The outbound request is malformed.");
  else if (!take_fields())
    problem_ = make_problem(errc::bad_request, "An outbound header field is malformed.");
  else
    set_up();
}

easy_ptr transfer::make_handle(const http_client_args& args, socket_watch& watch) {
  easy_ptr x{curl_easy_init()};
  auto* easy = x.get();
  set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  set(easy, CURLOPT_FOLLOWLOCATION, 0L);
  set(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  set(easy, CURLOPT_PROXY, "");
  // Spares libcurl the look into the environment for hosts without proxy.
  set(easy, CURLOPT_NOPROXY, "*");
  // Whoever made the URL has decided on its path; libcurl takes dots out of it byte by byte.
  set(easy, CURLOPT_PATH_AS_IS, 1L);
  set(easy, CURLOPT_NOSIGNAL, 1L);
  // Ending a request whose name is still being resolved must not wait for the resolver.
  set(easy, CURLOPT_QUICK_EXIT, 1L);
  set(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(easy, CURLOPT_HTTP09_ALLOWED, 0L);
  set(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  set(easy, CURLOPT_MAXAGE_CONN, connection_idle_seconds_max);
  set(easy, CURLOPT_DNS_CACHE_TIMEOUT, dns_cache_seconds);
  set(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(args.connect_timeout.count()));
  set(easy, CURLOPT_ACCEPT_ENCODING, "");
  if (!args.ca_file.empty()) {
    set(easy, CURLOPT_CAINFO, args.ca_file.c_str());
    set(easy, CURLOPT_CAPATH, static_cast<const char*>(nullptr));
  }
  set(easy, CURLOPT_HEADERFUNCTION, &transfer::on_header);
  set(easy, CURLOPT_WRITEFUNCTION, &transfer::on_body);
  set(easy, CURLOPT_OPENSOCKETFUNCTION, &transfer::on_socket);
  set(easy, CURLOPT_CLOSESOCKETFUNCTION, &transfer::on_close);
  set(easy, CURLOPT_CLOSESOCKETDATA, static_cast<void*>(&watch));
  set(easy, CURLOPT_PREREQFUNCTION, &transfer::on_send);
  return x;
}

void transfer::set_up() {
  auto* easy = easy_.get();
  auto* self = static_cast<void*>(this);
  set_url();
  set(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(request_.timeout.count()));
  // Nobody asked for a compressed stream (see take_fields()); what comes is passed on as it is.
  if (callbacks_.streamed())
    set(easy, CURLOPT_ACCEPT_ENCODING, static_cast<const char*>(nullptr));
  set_method();
  set_fields();
  set(easy, CURLOPT_PRIVATE, self);
  set(easy, CURLOPT_HEADERDATA, self);
  set(easy, CURLOPT_WRITEDATA, self);
  set(easy, CURLOPT_OPENSOCKETDATA, self);
  set(easy, CURLOPT_PREREQDATA, self);
}

void transfer::set_url() {
  auto* easy = easy_.get();
  auto known = url_.origin != nullptr;
  set(easy, CURLOPT_CURLU, known ? url_.origin->url.get() : nullptr);
  set(easy, CURLOPT_REQUEST_TARGET, known ? url_.target.c_str() : nullptr);
  // With an origin, what libcurl goes back to when it repeats a request.
  set(easy, CURLOPT_URL, (known ? url_.origin->text : request_.message.url).c_str());
}

void transfer::set_method() {
  auto* easy = easy_.get();
  auto& method = request_.message.method;
  // Whatever the handle did before.
  set(easy, CURLOPT_HTTPGET, 1L);
  set(easy, CURLOPT_CUSTOMREQUEST, static_cast<const char*>(nullptr));
  if (method == "HEAD") {
    set(easy, CURLOPT_NOBODY, 1L);
    return;
  }
  if (sends_body()) {
    set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.message.body.size()));
    // Not copied: the body lives as long as the transfer.
    set(easy, CURLOPT_POSTFIELDS, request_.message.body.c_str());
  }
  if (method != (sends_body() ? "POST" : "GET"))
    set(easy, CURLOPT_CUSTOMREQUEST, method.c_str());
}

bool transfer::sends_body() const {
  auto& method = request_.message.method;
  return method != "HEAD"
         && (!request_.message.body.empty() || method == "POST" || method == "PUT"
             || method == "PATCH");
}

/// Writes the request's fields as one text. False when one could break out of its line.
bool transfer::take_fields() {
  auto& given = request_.message.headers;
  auto add = [this](std::string_view name, std::string_view value) {
    fields_.append(fields_.empty() ? "" : "\r\n").append(name).append(": ").append(value);
  };
  fields_.reserve(field_bytes_expected);
  if (url_.origin)
    add("Host", url_.origin->host);
  for (auto& [name, value] : given) {
    if (!is_token(name) || !is_clean(value))
      return false;
    if (!is_framing(name))
      add(name, value);
  }
  if (!find_header(given, "User-Agent"))
    add("User-Agent", user_agent);
  if (!find_header(given, "Accept"))
    add("Accept", "*/*");
  static const auto encodings = known_encodings();
  // A compressed stream would wait in the sender's compressor.
  if (!callbacks_.streamed() && !find_header(given, "Accept-Encoding"))
    add("Accept-Encoding", encodings);
  return true;
}

/// Gives libcurl all fields as one line: it goes through the list for every field that it knows,
/// and writes its own fields twice, byte by byte.
void transfer::set_fields() {
  curl_slist* lines = nullptr;
  std::size_t count = 0;
  auto prepend = [&](const char* line) {
    // libcurl only reads it.
    lines_[count] = {const_cast<char*>(line), lines};
    lines = &lines_[count++];
  };
  prepend(fields_.c_str());
  // libcurl takes "Name:" for "leave it out".
  if (sends_body()) {
    prepend("Content-Type:");
    // Waiting for 100 Continue costs a second with servers that do not know it.
    prepend("Expect:");
  }
  prepend("Accept-Encoding:");
  prepend("Accept:");
  if (url_.origin)
    prepend("Host:");
  set(easy_.get(), CURLOPT_HTTPHEADER, lines);
}

std::size_t transfer::on_header(char* data, std::size_t size, std::size_t count, void* self) {
  auto& x = *static_cast<transfer*>(self);
  x.last_news_ = clock::now();
  x.header_bytes_ += size * count;
  if (x.header_bytes_ > header_bytes_max) {
    x.too_large_ = true;
    return 0;
  }
  x.take_header({data, size * count});
  return size * count;
}

void transfer::take_header(std::string_view line) {
  if (head_complete_)
    return; // A trailer.
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r'))
    line.remove_suffix(1);
  if (line.empty()) {
    long status = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
    response_.status = static_cast<int>(status);
    // Behind an interim answer (1xx) comes another.
    head_complete_ = status >= 200;
    if (head_complete_)
      mark_fresh();
    return;
  }
  auto colon = line.find(':');
  if (line.starts_with("HTTP/"))
    response_.headers.clear();
  else if (colon != std::string_view::npos)
    response_.headers.push_back(
      {std::string{line.substr(0, colon)}, std::string{trim(line.substr(colon + 1))}});
}

std::size_t transfer::on_body(char* data, std::size_t size, std::size_t count, void* self) {
  auto& x = *static_cast<transfer*>(self);
  return x.take_body({data, size * count}) ? size * count : CURL_WRITEFUNC_ERROR;
}

bool transfer::take_body(std::string_view piece) {
  last_news_ = clock::now();
  counters_.received_bytes_total += piece.size();
  body_bytes_ += piece.size();
  if (body_bytes_ > request_.body_bytes_max) {
    too_large_ = true;
    return false;
  }
  (callbacks_.streamed() ? unflushed_ : response_.body) += piece;
  mark_fresh();
  return true;
}

void transfer::mark_fresh() {
  if (callbacks_.streamed() && !std::exchange(marked_fresh_, true))
    fresh_.push_back(easy_.get());
}

curl_socket_t transfer::on_socket(void* self, curlsocktype, curl_sockaddr* address) {
  auto& x = *static_cast<transfer*>(self);
  if (!x.may_connect(*address))
    return CURL_SOCKET_BAD;
  ++x.counters_.connections_total;
  auto opened = ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  if (opened >= 0) {
    x.watch_.opened(opened);
    ++x.opened_;
    x.newest_socket_ = opened;
  }
  return opened;
}

int transfer::on_close(void* watch, curl_socket_t socket) {
  static_cast<socket_watch*>(watch)->release(socket);
  return 0;
}

/// The last word on where a request goes: what the name resolved to in this moment (F2).
bool transfer::may_connect(const curl_sockaddr& address) {
  if (allow_private_)
    return true;
  std::uint16_t port = 0;
  auto ip = address_of(address, port);
  auto kind = ip ? kind_of_address(*ip) : address_kind::reserved;
  if (kind == address_kind::global && !is_foreign_port(port))
    return true;
  refused_address_ = kind == address_kind::global
                       ? "port " + std::to_string(port) + " belongs to another service"
                       : "the address is " + std::string{to_string(kind)};
  return false;
}

/// Called before the request is written to a connection. libcurl repeats a request by itself when a
/// kept-alive connection ends without an answer, although the server may have acted on it.
int transfer::on_send(void* self, char*, char*, int, int) {
  auto& x = *static_cast<transfer*>(self);
  // Of several sockets it is not known which one connected.
  if (std::exchange(x.opened_, 0) == 1)
    x.watch_.keep(x.newest_socket_);
  if (x.sends_++ == 0 || x.idempotent() || !x.anything_sent())
    return CURL_PREREQFUNC_OK;
  x.repeat_refused_ = true;
  return CURL_PREREQFUNC_ABORT;
}

bool transfer::idempotent() const {
  auto& method = request_.message.method;
  return method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE"
         || method == "OPTIONS";
}

bool transfer::anything_sent() const {
  long bytes = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_REQUEST_SIZE, &bytes);
  return bytes > 0;
}

void transfer::flush() {
  if (!callbacks_.streamed())
    return;
  marked_fresh_ = false;
  if (head_complete_ && !head_passed_) {
    head_passed_ = true;
    callbacks_.head(response_);
  }
  if (!unflushed_.empty())
    callbacks_.chunk(std::exchange(unflushed_, {}));
}

easy_ptr transfer::finish(CURLcode code) {
  flush();
  // libcurl is content with a head that breaks off.
  if (code == CURLE_OK && !head_complete_)
    code = CURLE_RECV_ERROR;
  if (code == CURLE_OK) {
    ++counters_.answered_total;
    callbacks_.done(std::move(response_));
  } else {
    ++counters_.failed_total;
    callbacks_.done(error_of(code));
  }
  return release();
}

easy_ptr transfer::finish(errc code, const char* why) {
  flush();
  ++counters_.failed_total;
  if (code == errc::cancelled)
    ++counters_.cancelled_total;
  if (code == errc::upstream_timeout)
    ++counters_.timeouts_total;
  callbacks_.done(make_problem(code, why));
  return release();
}

/// What points into this transfer is set anew by the next one.
easy_ptr transfer::release() {
  if (callbacks_.streamed())
    set(easy_.get(), CURLOPT_ACCEPT_ENCODING, "");
  return std::move(easy_);
}

caf::error transfer::error_of(CURLcode code) {
  if (too_large_)
    return make_problem(errc::response_too_large, "The upstream's answer is too large.");
  switch (code) {
  case CURLE_UNSUPPORTED_PROTOCOL:
  case CURLE_URL_MALFORMAT:
  case CURLE_LOGIN_DENIED:
    // An answer without status line is called an unsupported protocol, too.
    if (anything_sent())
      break;
    ++counters_.refused_addresses_total;
    return make_problem(errc::address_refused, "The URL must be http or https, without user name.");
  case CURLE_OPERATION_TIMEDOUT:
    ++counters_.timeouts_total;
    if (anything_sent())
      return make_problem(errc::upstream_timeout, "The upstream did not answer in time.");
    return make_problem(errc::upstream_unavailable, "The upstream could not be reached in time.");
  default:
    break;
  }
  if (anything_sent() || repeat_refused_)
    return make_problem(errc::upstream_failed, "The upstream broke off or sent no valid answer.");
  if (!refused_address_.empty()) {
    ++counters_.refused_addresses_total;
    return make_problem(errc::address_refused,
                        "Requests to this address are not allowed: " + refused_address_ + ".");
  }
  return make_problem(errc::upstream_unavailable, "The upstream could not be reached.");
}

transfer::clock::time_point transfer::silent_at() const {
  if (request_.idle_timeout.count() <= 0)
    return clock::time_point::max();
  return last_news_ + request_.idle_timeout;
}

} // namespace callboard
