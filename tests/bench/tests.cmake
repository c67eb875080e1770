# Ratios to references of the same run; never a failure because of a time. ctest only looks whether
# everything still runs; ops/bench measures.
include(${CMAKE_CURRENT_LIST_DIR}/../support/postgres.cmake)
find_package(restinio REQUIRED)
# In a library of its own, because RESTinio costs so much to compile.
add_library(bench_bare_restinio STATIC bench/bare_restinio.cpp)
target_link_libraries(bench_bare_restinio PRIVATE callboard_flags restinio::restinio)
add_executable(callboard_bench
  bench/bench_node.cpp
  bench/bench_table.cpp
  bench/callboard_bench.cpp
  bench/debit_bench.cpp
  bench/echo_server.cpp
  bench/edge_bench.cpp
  bench/fetch_bench.cpp
  bench/first_token_bench.cpp
  bench/gateway_bench.cpp
  bench/instant_upstream.cpp
  bench/load_generator.cpp
  bench/loopback.cpp
  bench/loopback_server.cpp
  bench/memory_bench.cpp
  bench/nginx_proxy.cpp
  bench/request_window.cpp
  bench/start_bench.cpp
  bench/tool_call_bench.cpp)
target_compile_definitions(callboard_bench PRIVATE CALLBOARD_BINARY="$<TARGET_FILE:callboard>"
  CALLBOARD_BENCH_FOLDER="${CMAKE_CURRENT_LIST_DIR}")
target_link_libraries(callboard_bench PRIVATE bench_bare_restinio callboard_node callboard_test_postgres
  callboard_flags spdlog::spdlog CLI11::CLI11)
callboard_use_allocator(callboard_bench)
add_dependencies(callboard_bench callboard)
add_test(NAME bench.smoke COMMAND callboard_bench --smoke)
# A measurement that cannot be made is a failure.
set_tests_properties(bench.smoke PROPERTIES LABELS bench TIMEOUT 300
  PASS_REGULAR_EXPRESSION "what +measured +reference" FAIL_REGULAR_EXPRESSION "not measured;FAILED")
