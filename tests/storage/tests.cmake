include(${CMAKE_CURRENT_LIST_DIR}/../support/postgres.cmake)
callboard_tests(storage
  storage/block_test.cpp
  storage/budget_ledger_test.cpp
  storage/budget_test.cpp
  storage/embedded_cluster_test.cpp
  storage/idempotency_test.cpp
  storage/explain_test.cpp
  storage/journal_test.cpp
  storage/key_ring_test.cpp
  storage/made_once_test.cpp
  storage/mcp_server_test.cpp
  storage/migrator_test.cpp
  storage/rate_limit_test.cpp
  storage/records_test.cpp
  storage/rls_test.cpp
  storage/sealing_test.cpp
  storage/statement_test.cpp
  storage/store_test.cpp
  storage/wallet_model_test.cpp
  storage/wallet_race_test.cpp
  storage/wallet_test.cpp
  storage/webhook_test.cpp
  LIBRARIES callboard_test_postgres callboard_storage TIMEOUT 180)
# Every broken money rule is noticed by the test that is named for it. Its subject is SQL, which sanitizers do not see.
if(NOT CALLBOARD_SANITIZE)
  add_test(NAME storage.mutations COMMAND ${Python3_EXECUTABLE} -B ${PROJECT_SOURCE_DIR}/tests/mutations.py
    $<TARGET_FILE:storage_tests>)
  set_tests_properties(storage.mutations PROPERTIES LABELS storage TIMEOUT 1800)
endif()
