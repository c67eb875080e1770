target_sources(callboard_core PRIVATE
  billing/allowance_book.cpp
  billing/block_book.cpp
  billing/booking.cpp
  billing/explanation.cpp
  billing/explanation_json.cpp
  billing/minute_window.cpp
  billing/prices.cpp
  billing/request_limits.cpp
  billing/telling.cpp
  billing/tool_charge.cpp
  billing/verification.cpp)
