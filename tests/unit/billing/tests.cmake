list(APPEND unit_sources
  unit/billing/allowance_book_test.cpp
  unit/billing/block_book_test.cpp
  unit/billing/explanation_test.cpp
  unit/billing/minute_window_test.cpp
  unit/billing/prices_test.cpp
  unit/billing/request_limits_property_test.cpp
  unit/billing/request_limits_test.cpp
  unit/billing/tool_charge_test.cpp
  unit/billing/verification_test.cpp)
