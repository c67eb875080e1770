target_sources(callboard_core PRIVATE
  base/api_key.cpp
  base/array_text.cpp
  base/digest.cpp
  base/error.cpp
  base/error_body.cpp
  base/fields.cpp
  base/http_message.cpp
  base/idempotency.cpp
  base/json.cpp
  base/json_text.cpp
  base/money.cpp
  base/network_address.cpp)
