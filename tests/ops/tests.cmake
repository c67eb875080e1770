# The binary: settings in process, subcommands by running it against an embedded database.
callboard_tests(ops
  ops/embedded_files_test.cpp
  ops/openapi_test.cpp
  ops/operator_key_test.cpp
  ops/setting_options_test.cpp
  ops/settings_test.cpp
  ops/text_table_test.cpp
  LIBRARIES callboard_command_line callboard_http)
add_test(NAME ops.command_line_test
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/command_line_test.py $<TARGET_FILE:callboard>)
set_tests_properties(ops.command_line_test PROPERTIES LABELS ops TIMEOUT 600)
