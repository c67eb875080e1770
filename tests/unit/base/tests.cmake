list(APPEND unit_sources
  unit/base/api_key_test.cpp
  unit/base/array_text_test.cpp
  unit/base/digest_test.cpp
  unit/base/error_body_test.cpp
  unit/base/error_test.cpp
  unit/base/fields_test.cpp
  unit/base/http_message_test.cpp
  unit/base/idempotency_test.cpp
  unit/base/json_test.cpp
  unit/base/json_text_test.cpp
  unit/base/money_test.cpp
  unit/base/network_address_test.cpp
  unit/base/wait_meter_test.cpp)
