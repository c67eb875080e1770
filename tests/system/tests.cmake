# The real binary with its embedded PostgreSQL, the sandbox, and real clients. One ctest entry per
# file; they run alone but for one, since they measure times and load the machine.
if(CALLBOARD_SANITIZE)
  return()
endif()
set(system_folder ${PROJECT_SOURCE_DIR}/tests/system)

function(callboard_system_test topic timeout)
  add_test(NAME system.${topic}
    COMMAND ${Python3_EXECUTABLE} -B ${system_folder}/${topic}_test.py $<TARGET_FILE:callboard>)
  set_tests_properties(system.${topic} PROPERTIES LABELS system TIMEOUT ${timeout} RUN_SERIAL ON
    ENVIRONMENT "CALLBOARD_JUNIT=${PROJECT_BINARY_DIR}/junit/system.${topic}.xml")
endfunction()

callboard_system_test(provisioning 180)
callboard_system_test(oauth 180)
callboard_system_test(mcp_session 180)
callboard_system_test(mcp_stateless 180)
callboard_system_test(http_rules 180)
callboard_system_test(responses 180)
callboard_system_test(provider_faults 240)
callboard_system_test(billing 240)
callboard_system_test(explain 180)
callboard_system_test(rate_limit 240)
callboard_system_test(budgets 240)
callboard_system_test(money_race 240)
callboard_system_test(outage 300)
callboard_system_test(idempotency 240)
callboard_system_test(crash 600)
callboard_system_test(operations 300)
callboard_system_test(remote_server 180)
# Includes installing the packages, the first time.
callboard_system_test(clients 600)
callboard_system_test(python_clients 600)
callboard_system_test(session_memory 600)
# Waits for sessions to expire, for two minutes: beside others, and first.
set_tests_properties(system.session_memory PROPERTIES RUN_SERIAL OFF COST 1000)

add_test(NAME system.demo
  COMMAND ${Python3_EXECUTABLE} -B ${PROJECT_SOURCE_DIR}/ops/demo.py $<TARGET_FILE:callboard>)
set_tests_properties(system.demo PROPERTIES LABELS system TIMEOUT 180 RUN_SERIAL ON)
