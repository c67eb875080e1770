# The official conformance suite for MCP: our fixture server alone, and Callboard in front of it.
# Includes installing the packages, the first time.
if(CALLBOARD_SANITIZE)
  return()
endif()

function(callboard_conformance_test name setups timeout)
  add_test(NAME system.${name}
    COMMAND ${Python3_EXECUTABLE} -B ${PROJECT_SOURCE_DIR}/tests/conformance/run.py
      $<TARGET_FILE:callboard> --setups ${setups})
  set_tests_properties(system.${name} PROPERTIES LABELS system TIMEOUT ${timeout} RUN_SERIAL ON)
endfunction()

callboard_conformance_test(conformance_direct direct* 600)
