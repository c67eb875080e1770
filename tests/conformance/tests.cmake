# The official conformance suite for MCP: our fixture server alone, and Callboard in front of it.
# Each includes installing the packages, the first time.
if(CALLBOARD_SANITIZE)
  return()
endif()

function(callboard_conformance_test name script timeout)
  add_test(NAME system.${name}
    COMMAND ${Python3_EXECUTABLE} -B ${PROJECT_SOURCE_DIR}/tests/conformance/${script}
      $<TARGET_FILE:callboard> ${ARGN})
  set_tests_properties(system.${name} PROPERTIES LABELS system TIMEOUT ${timeout} RUN_SERIAL ON
    ENVIRONMENT "CALLBOARD_JUNIT=${PROJECT_BINARY_DIR}/junit/system.${name}.xml")
endfunction()

callboard_conformance_test(conformance_fixture fixture_test.py 600)
callboard_conformance_test(conformance_direct run.py 600 --setups direct*)
callboard_conformance_test(conformance_driver run_clients.py 600 --without-callboard)

# Through Callboard: as the server of the suite's clients, and as the client of its servers.
callboard_conformance_test(conformance run.py 1200 --setups gateway)
callboard_conformance_test(conformance_clients run_clients.py 900)
