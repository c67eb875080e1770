list(APPEND unit_sources unit/webhooks/events_test.cpp unit/webhooks/schedule_test.cpp
  unit/webhooks/signature_test.cpp)
