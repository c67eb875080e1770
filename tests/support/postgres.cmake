# callboard_test_postgres: the throw-away PostgreSQL of tests (tests/support/postgres_fixture.hpp).
if(NOT TARGET callboard_test_postgres)
  add_library(callboard_test_postgres STATIC ${PROJECT_SOURCE_DIR}/tests/support/postgres_fixture.cpp
    ${PROJECT_SOURCE_DIR}/tests/support/wallet_model.cpp)
  target_link_libraries(callboard_test_postgres PUBLIC callboard_storage callboard_flags PostgreSQL::PostgreSQL)
endif()
