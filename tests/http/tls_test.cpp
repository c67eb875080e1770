#include <cstdio>
#include <filesystem>

#include <boost/test/unit_test.hpp>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "tests/http/support/client_fixture.hpp"
#include "tests/http/support/edge_fixture.hpp"

using namespace callboard;
using namespace std::chrono_literals;

namespace {

/// A self-signed certificate for 127.0.0.1 in two files of a folder that lives as long as this.
class certificate {
public:
  certificate() {
    auto pattern = (std::filesystem::temp_directory_path() / "callboard-tls-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    auto* key = EVP_EC_gen("P-256");
    auto* x509 = X509_new();
    X509_set_version(x509, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509), -60);
    X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
    X509_set_pubkey(x509, key);
    auto* name = X509_get_subject_name(x509);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("127.0.0.1"), -1, -1, 0);
    X509_set_issuer_name(x509, name);
    auto* alternative = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "IP:127.0.0.1");
    X509_add_ext(x509, alternative, -1);
    X509_EXTENSION_free(alternative);
    X509_sign(x509, key, EVP_sha256());
    auto* file = std::fopen(cert_file().c_str(), "w");
    PEM_write_X509(file, x509);
    std::fclose(file);
    file = std::fopen(key_file().c_str(), "w");
    PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
    X509_free(x509);
    EVP_PKEY_free(key);
  }
  ~certificate() { std::filesystem::remove_all(folder_); }
  certificate(const certificate&) = delete;
  certificate& operator=(const certificate&) = delete;

  std::string cert_file() const { return folder_ + "/cert.pem"; }
  std::string key_file() const { return folder_ + "/key.pem"; }

private:
  std::string folder_;
};

listener_settings with_tls(const certificate& cert) {
  auto settings = edge_fixture::patient();
  settings.tls_cert_file = cert.cert_file();
  settings.tls_key_file = cert.key_file();
  settings.body_bytes_max = 300'000;
  return settings;
}

/// A TLS client that sends whatever bytes the test likes.
class tls_client {
public:
  explicit tls_client(std::uint16_t port, int version_max = TLS1_3_VERSION)
      : tcp_(port), context_(SSL_CTX_new(TLS_client_method())), ssl_(SSL_new(context_)) {
    SSL_set_max_proto_version(ssl_, version_max);
    SSL_set_fd(ssl_, tcp_.native_socket());
    connected_ = SSL_connect(ssl_) == 1;
  }
  ~tls_client() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
  }
  tls_client(const tls_client&) = delete;
  tls_client& operator=(const tls_client&) = delete;

  bool connected() const { return connected_; }
  bool send(std::string_view bytes) {
    return SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) > 0;
  }
  /// Reads to the end; `clean` tells whether the server said goodbye.
  std::string read_all(bool& clean) {
    std::string all;
    char bytes[4096];
    while (true) {
      auto count = SSL_read(ssl_, bytes, sizeof(bytes));
      if (count <= 0) {
        clean = SSL_get_error(ssl_, count) == SSL_ERROR_ZERO_RETURN;
        return all;
      }
      all.append(bytes, static_cast<std::size_t>(count));
    }
  }
  std::string read_until(std::string_view text) {
    std::string all;
    char c = 0;
    while (all.find(text) == std::string::npos && SSL_read(ssl_, &c, 1) == 1)
      all += c;
    return all;
  }
  raw_client& tcp() { return tcp_; }

private:
  raw_client tcp_;
  SSL_CTX* context_;
  SSL* ssl_;
  bool connected_ = false;
};

} // namespace

BOOST_AUTO_TEST_SUITE(tls_test)

BOOST_AUTO_TEST_CASE(our_client_speaks_to_our_listener) {
  certificate cert;
  edge_fixture edge{with_tls(cert)};
  edge.start_echoing();
  auto args = client_fixture::open_args();
  args.ca_file = cert.cert_file();
  client_fixture client{args};
  auto request = client.get("https://127.0.0.1:" + std::to_string(edge.port()) + "/x");
  request.message.method = "POST";
  request.message.body = std::string(250'000, 'b');
  for (int i = 0; i < 3; ++i)
    BOOST_TEST((client.unbox_fetch(request).body == "POST /x " + request.message.body));
  BOOST_TEST(client.counters->connections_total == 1u);
}

BOOST_AUTO_TEST_CASE(our_client_trusts_no_unknown_authority) {
  certificate cert;
  edge_fixture edge{with_tls(cert)};
  edge.start_echoing();
  client_fixture client;
  auto url = "https://127.0.0.1:" + std::to_string(edge.port()) + "/";
  client.check_error(client.fetch(client.get(url)), errc::upstream_unavailable);
  auto args = client_fixture::open_args();
  args.ca_file = cert.cert_file();
  client_fixture trusting{args};
  // The certificate is for the address, not for the name.
  url = "https://localhost:" + std::to_string(edge.port()) + "/";
  trusting.check_error(trusting.fetch(trusting.get(url)), errc::upstream_unavailable);
  BOOST_TEST(edge.edge->counters().requests_total == 0u);
}

BOOST_AUTO_TEST_CASE(refusals_are_answered_within_tls_and_end_in_good_order) {
  certificate cert;
  edge_fixture edge{with_tls(cert)};
  tls_client client{edge.port()};
  BOOST_REQUIRE(client.connected());
  client.send("GET / HTTP/1.1\r\nHost : a\r\n\r\n");
  bool clean = false;
  BOOST_TEST(client.read_all(clean).starts_with("HTTP/1.1 400 "));
  BOOST_TEST(clean);
}

BOOST_AUTO_TEST_CASE(slow_requests_are_answered_408_within_tls) {
  certificate cert;
  auto settings = with_tls(cert);
  settings.read_timeout = 100ms;
  edge_fixture edge{settings};
  tls_client client{edge.port()};
  client.send("GET / HTTP/1.1\r\nHo");
  bool clean = false;
  BOOST_TEST(client.read_all(clean).starts_with("HTTP/1.1 408 "));
  BOOST_TEST(clean);
}

BOOST_AUTO_TEST_CASE(a_handshake_that_never_comes_is_not_waited_for) {
  certificate cert;
  auto settings = with_tls(cert);
  settings.read_timeout = 100ms;
  edge_fixture edge{settings};
  raw_client silent{edge.port()};
  raw_client half{edge.port()};
  half.send("\x16\x03\x01");
  raw_client plain{edge.port()};
  plain.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  BOOST_TEST(silent.ends());
  BOOST_TEST(half.ends());
  BOOST_TEST(plain.ends());
  BOOST_TEST(eventually([&] { return edge.edge->counters().connections_open == 0; }));
  BOOST_TEST(edge.edge->counters().requests_total == 0u);
}

BOOST_AUTO_TEST_CASE(old_versions_are_refused) {
  certificate cert;
  edge_fixture edge{with_tls(cert)};
  BOOST_TEST(!(tls_client{edge.port(), TLS1_1_VERSION}.connected()));
  BOOST_TEST((tls_client{edge.port(), TLS1_2_VERSION}.connected()));
}

BOOST_AUTO_TEST_CASE(streams_flow_and_departures_are_noticed_within_tls) {
  certificate cert;
  edge_fixture edge{with_tls(cert)};
  tls_client client{edge.port()};
  client.send("GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  BOOST_TEST(client.read_until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("ab");
  auto request = edge.take();
  BOOST_TEST(request.message.body == "ab");
  std::atomic<bool> left{false};
  request.sink->on_closed([&] { left = true; });
  request.sink->start_stream(200, {});
  for (int i = 0; i < 100; ++i) {
    request.sink->send("data: 1\n\n");
    BOOST_TEST(client.read_until("data: 1\n\n\r\n").ends_with("data: 1\n\n\r\n"));
  }
  client.tcp().interrupt();
  BOOST_TEST(eventually([&] { return left.load(); }));
}

BOOST_AUTO_TEST_CASE(a_stream_that_is_broken_off_gives_no_goodbye_behind_a_whole_body) {
  certificate cert;
  edge_fixture edge{with_tls(cert)};
  tls_client client{edge.port()};
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  auto request = edge.take();
  request.sink->start_stream(200, {});
  request.sink->send("some");
  request.sink->end_stream(false);
  bool clean = false;
  BOOST_TEST(client.read_all(clean).ends_with("4\r\nsome\r\n"));
}

BOOST_AUTO_TEST_CASE(missing_certificates_are_bad_settings) {
  certificate cert;
  auto check = [&](auto change) {
    auto settings = with_tls(cert);
    change(settings);
    auto started = listener::start(settings, [](auto&&...) {});
    BOOST_TEST(!started);
    BOOST_TEST((code_of(started.error()) == errc::bad_setting));
  };
  check([](auto& s) { s.tls_cert_file = "/nonexistent"; });
  check([](auto& s) { s.tls_key_file = "/nonexistent"; });
  check([](auto& s) { s.tls_key_file.clear(); });
  check([](auto& s) { s.tls_cert_file.clear(); });
  check([](auto& s) { s.tls_key_file = s.tls_cert_file; });
}

BOOST_AUTO_TEST_CASE(stopping_ends_tls_connections_too) {
  certificate cert;
  edge_fixture edge{with_tls(cert)};
  tls_client idle{edge.port()};
  tls_client waiting{edge.port()};
  waiting.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  auto request = edge.take();
  raw_client unfinished{edge.port()};
  BOOST_TEST(eventually([&] { return edge.edge->counters().connections_open == 3; }));
  auto begin = std::chrono::steady_clock::now();
  edge.edge->stop();
  BOOST_TEST((std::chrono::steady_clock::now() - begin < 1s));
}

BOOST_AUTO_TEST_SUITE_END()
