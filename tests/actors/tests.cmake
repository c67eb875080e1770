# Actors on CAF's test scheduler: no threads, no sleeps; fakes stand in for PostgreSQL and the outside
# world. Only the lane needs a real PostgreSQL.
include(${CMAKE_CURRENT_LIST_DIR}/../support/postgres.cmake)
add_library(actor_test_support STATIC support/http_script.cpp support/mcp_server_script.cpp
  support/node_fixture.cpp support/relay_script.cpp support/store_script.cpp)
target_link_libraries(actor_test_support PUBLIC callboard_actors callboard_source_tree callboard_flags spdlog::spdlog)
callboard_tests(actors
  actors/address_book_test.cpp
  actors/answer_headers_test.cpp
  actors/authenticator_test.cpp
  actors/budget_calls_test.cpp
  actors/calls_test.cpp
  actors/chat_loop_test.cpp
  actors/connection_test.cpp
  actors/directory_test.cpp
  actors/exchange_test.cpp
  actors/dispatcher_test.cpp
  actors/group_commit_test.cpp
  actors/idempotency_test.cpp
  actors/lane_test.cpp
  actors/mcp_test.cpp
  actors/messages_test.cpp
  actors/money_race_test.cpp
  actors/oauth_test.cpp
  actors/rate_limit_test.cpp
  actors/request_clock_test.cpp
  actors/response_loop_test.cpp
  actors/server_oauth_test.cpp
  actors/session_streams_test.cpp
  actors/session_test.cpp
  actors/shortcut_test.cpp
  actors/sweeper_test.cpp
  actors/tenant_block_test.cpp
  actors/tenant_test.cpp
  actors/tool_call_test.cpp
  actors/upstream_test.cpp
  actors/upstream_tokens_test.cpp
  LIBRARIES actor_test_support callboard_test_postgres)
target_precompile_headers(actors_tests PRIVATE ${PROJECT_SOURCE_DIR}/tests/support/node_fixture.hpp)
set_source_files_properties(${PROJECT_SOURCE_DIR}/tests/support/test_main.cpp PROPERTIES
  SKIP_PRECOMPILE_HEADERS ON)
