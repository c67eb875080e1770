# Pure functions; need nothing.
set(unit_sources)
foreach(part base mcp responses billing connectors webhooks)
  include(${CMAKE_CURRENT_LIST_DIR}/${part}/tests.cmake)
endforeach()
callboard_tests(unit ${unit_sources} LIBRARIES callboard_core)
