# Servers on port 0 of loopback and clients that speak raw bytes to them.
find_package(ZLIB REQUIRED)
add_library(http_test_support STATIC http/support/bad_requests.cpp http/support/client_fixture.cpp
  http/support/fake_upstream.cpp http/support/raw_client.cpp)
target_compile_definitions(http_test_support PRIVATE BOOST_TEST_DYN_LINK)
target_link_libraries(http_test_support PUBLIC callboard_http callboard_flags Boost::unit_test_framework
  PRIVATE ZLIB::ZLIB)
callboard_tests(http http/guard_test.cpp http/response_head_test.cpp http/limits_test.cpp http/stream_test.cpp http/shutdown_test.cpp http/tls_test.cpp http/listener_test.cpp http/routes_test.cpp
  http/http_client_test.cpp http/origin_book_test.cpp http/http_stream_client_test.cpp http/address_policy_test.cpp
  LIBRARIES http_test_support http_parser OpenSSL::SSL)
