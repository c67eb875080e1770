# Paths are relative to tests/.
list(APPEND unit_sources
  unit/responses/chat_completion_test.cpp
  unit/responses/chat_request_test.cpp
  unit/responses/chat_stream_test.cpp
  unit/responses/event_checker_test.cpp
  unit/responses/item_test.cpp
  unit/responses/loop_property_test.cpp
  unit/responses/loop_test.cpp
  unit/responses/request_test.cpp
  unit/responses/stored_conversation_test.cpp
  unit/responses/wire_test.cpp)
# These hold no suite of their own, so they join the target after its tests are registered.
cmake_language(DEFER CALL target_sources unit_tests PRIVATE
  unit/responses/event_checker.cpp
  unit/responses/loop_driver.cpp)
